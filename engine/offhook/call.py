"""One call, from handoff to hang-up.

The call feeds every fact it learns (speech, playback, hang-up, time) to
:func:`offhook.turn.step` and carries out the actions that come back.  It owns the
AGI channel, the audio stream, the conversation and the playback shelf, and gives
all of them back whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from offhook import turn
from offhook.config import Config
from offhook.core import Stream
from offhook.dialog import STOP, Dialog
from offhook.errors import BusyError, ConfigError, HangupError, OffhookError
from offhook.events import SpeechEvent
from offhook.hearing import Hearing
from offhook.llm.base import Conversation, Limits
from offhook.models import Models
from offhook.pipeline import Outcome, Pipeline, Revision, Voice
from offhook.playout import Clip, PlaybackFolder, Shelf
from offhook.protocol.agi import AgiChannel
from offhook.protocol.handoff import Reason
from offhook.protocol.lifeline import Handoff
from offhook.ready import Kind, ReadyClips
from offhook.trace import TraceWriter, TurnTrace, now_ms
from offhook.transcript import TranscriptWriter

_log = logging.getLogger("offhook.call")

PRE_ROLL_MS = 200
"""Audio taken before the detected onset: soft first consonants begin earlier."""
POST_ROLL_MS = 100
"""Audio taken after the detected end; more than this changes recognised words in 2 of 27 utterances."""
TICK_S = 0.05
EVENTS_WAITING = 256
RESULT_VARIABLE = "OFFHOOK_RESULT"
RATES_HZ = {"": 8_000, "slin": 8_000, "slin16": 16_000}


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share."""

    config: Config
    models: Models
    voice: Voice
    hearing: Hearing
    folder: PlaybackFolder
    ready: ReadyClips
    trace: TraceWriter | None
    transcript: TranscriptWriter | None
    history_turns: int | None
    """Turns that the language model remembers; None: as many as fit."""


class Call:
    """One Asterisk channel in our hands."""

    def __init__(self, handoff: Handoff, dialog: Dialog, services: Services) -> None:
        self.id = f"pid-{handoff.peer.pid}"
        """The channel's unique id, once the AGI header is read."""
        self._handoff = handoff
        self._dialog = dialog
        self._agent = dialog.agent
        self._services = services
        self._settings = turn.TurnSettings(
            barge_in=services.config.turn.barge_in,
            barge_in_ms=services.config.turn.barge_in_ms,
            max_silence_ms=round(services.config.turn.max_silence_s * 1000),
        )
        self._state = turn.TurnState()
        self._events: asyncio.Queue[turn.TurnEvent] = asyncio.Queue(EVENTS_WAITING)
        self._revision: Revision | None = None
        self._wasted_revisions = 0
        self._turns = 0
        self._ending = False
        self._failure: OffhookError | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._clearing: set[asyncio.Task[None]] = set()
        """Those of the tasks that clear up behind a cancelled revision: they are never cancelled."""
        self._player: asyncio.Task[None] | None = None
        self._agi: AgiChannel | None = None
        self._stream: Stream | None = None
        self._shelf: Shelf | None = None
        self._conversation: Conversation | None = None
        self._pipeline: Pipeline | None = None
        self._rate_hz = 8_000

    # --- life ------------------------------------------------------------------------------

    async def run(self) -> str:
        """Hold the conversation; returns how it ended: ``ok``, ``hangup``, ``busy`` or ``failed``."""
        started_ns = time.monotonic_ns()
        result = "failed"
        try:
            self._spawn(self._watch_lifeline())
            await self._open()
            await self._converse(started_ns)
            if self._failure is not None:
                raise self._failure
            result = "hangup" if self._handoff.closed.is_set() else "ok"
        except HangupError:
            result = "hangup"
        except BusyError as error:
            _log.warning("call=%s declined: %s", self.id, error)
            result = "busy"
        except OffhookError as error:
            _log.error("call=%s failed: %s", self.id, error)
            await self._apologise()
        finally:
            await self._close(result)
            seconds = (time.monotonic_ns() - started_ns) / 1e9
            _log.info("call=%s ended result=%s turns=%d seconds=%.1f", self.id, result, self._turns, seconds)
        return result

    async def _open(self) -> None:
        services, descriptors = self._services, self._handoff.descriptors
        self._agi = AgiChannel(*descriptors.take_agi())
        environment = await self._agi.read_header()
        self.id = environment.uniqueid
        audio_format = await self._agi.get_variable("EAGI_AUDIO_FORMAT") or ""
        if audio_format not in RATES_HZ:
            raise ConfigError(f"EAGI_AUDIO_FORMAT={audio_format} is not supported: use slin or slin16")
        self._rate_hz = RATES_HZ[audio_format]
        if descriptors.audio is None:
            raise ConfigError("no caller's audio: the dialplan has to run EAGI(), not AGI()")
        config = services.config.turn
        self._stream = services.hearing.add(
            descriptors.audio,
            self._rate_hz,
            self._post,
            pause_ms=config.pause_ms,
            endpointing_ms=config.endpointing_ms,
            ring_s=config.max_utterance_s,
        )
        descriptors.take_audio()  # the media thread's from now on
        _log.info("call=%s started agent=%s rate_hz=%d", self.id, self._agent.name, self._rate_hz)
        self._shelf = services.folder.shelf("call")
        self._prompt(await services.ready.clip(self._agent, "greeting", self._rate_hz))
        self._conversation = await services.models.language_model.conversation(self._dialog.prefix())
        self._pipeline = Pipeline(
            services.models,
            services.voice,
            self._dialog,
            self._conversation,
            self._shelf,
            self._rate_hz,
            Limits(
                max_tokens=services.config.llm.max_tokens,
                temperature=services.config.llm.temperature,
                stop=STOP,
            ),
            services.history_turns,
        )

    async def _converse(self, started_ns: int) -> None:
        limit_ns = started_ns + round(self._services.config.turn.max_call_s * 1e9)
        while self._state.floor is not turn.Floor.ENDED:
            event: turn.TurnEvent
            try:
                event = await asyncio.wait_for(self._events.get(), TICK_S)
            except TimeoutError:
                event = turn.Tick()
            self._take(event)
            overdue = time.monotonic_ns() > limit_ns and self._state.floor is turn.Floor.LISTENING
            if overdue and not self._ending:
                self._act(turn.SayGoodbye())

    async def _close(self, result: str) -> None:
        for task in self._tasks - self._clearing:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._pipeline is not None:
            await self._pipeline.close()
        if self._agi is not None:
            if result != "hangup":
                try:
                    await self._agi.set_variable(RESULT_VARIABLE, result)
                except OffhookError:
                    self._handoff.refuse(Reason.INTERNAL)  # then the launcher sets it
            self._agi.close()
        if self._stream is not None:
            self._services.hearing.remove(self._stream)
        if self._conversation is not None:
            await self._conversation.close()
        if self._shelf is not None:
            self._shelf.close()
        self._handoff.done()

    async def _apologise(self) -> None:
        """Say sorry, if anything can still be said; the dialplan's fallback comes next."""
        if self._player is not None:
            self._player.cancel()
            await asyncio.wait([self._player])
        with contextlib.suppress(OffhookError):
            if self._agi is not None:
                clip = await self._services.ready.clip(self._agent, "apology", self._rate_hz)
                await self._agi.stop_playback()
                await self._agi.stream_file(clip.name)

    # --- facts in, actions out -------------------------------------------------------------

    def _post(self, event: turn.TurnEvent | SpeechEvent) -> None:
        """A fact has arrived."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            # A few events a second, and a loop that has taken none for a minute: give the call up.
            self._failure = self._failure or BusyError("the call's events are not being taken")
            self._state = turn.TurnState(floor=turn.Floor.ENDED)

    def _take(self, event: turn.TurnEvent) -> None:
        self._state, actions = turn.step(self._state, event, time.monotonic_ns(), self._settings)
        for action in actions:
            self._act(action)

    def _act(self, action: turn.Action) -> None:
        match action:
            case turn.Prepare():
                self._prepare(action)
            case turn.Cancel():
                self._wasted_revisions += 1
                self._forget_revision()
            case turn.Commit():
                assert self._revision is not None
                self._revision.trace.committed_ns = time.monotonic_ns()
                self._player = self._spawn(self._play_revision(self._revision))
            case turn.StopPlayback():
                if self._revision is not None and self._revision.number == action.revision:
                    self._revision.stop()
                self._spawn(self._stop_playback())
            case turn.AskStillThere():
                self._spawn(self._prompt_ready("still_there"))
            case turn.SayGoodbye():
                self._ending = True
                self._spawn(self._prompt_ready("goodbye"))

    def _prepare(self, action: turn.Prepare) -> None:
        assert self._stream is not None
        assert self._pipeline is not None, "events are taken only once the call is open"
        rate = self._rate_hz
        start = max(0, action.start_samples - PRE_ROLL_MS * rate // 1000)
        _, audio = self._stream.read(start, action.stop_samples + POST_ROLL_MS * rate // 1000)
        trace = TurnTrace(self.id, self._turns + 1, at_ms=now_ms(), revision=action.revision)
        trace.voiced_ms = action.voiced_ms
        trace.wasted_revisions = self._wasted_revisions
        trace.speech_end_ns = action.speech_end_ns
        trace.maybe_done_ns = time.monotonic_ns()
        revision = self._pipeline.prepare(action.revision, audio, trace)
        self._revision = revision
        self._spawn(self._watch_empty(revision))

    def _forget_revision(self) -> None:
        if self._revision is not None:
            revision, self._revision = self._revision, None
            self._clearing.add(self._spawn(revision.cancel()))

    # --- speaking --------------------------------------------------------------------------

    def _prompt(self, clip: Clip) -> None:
        if self._state.floor is not turn.Floor.LISTENING:
            return  # the caller has begun to speak meanwhile: theirs is the floor
        self._take(turn.PromptStarted())
        self._player = self._spawn(self._play_prompt(clip))

    async def _prompt_ready(self, kind: Kind) -> None:
        self._prompt(await self._services.ready.clip(self._agent, kind, self._rate_hz))

    async def _play_prompt(self, clip: Clip) -> None:
        if await self._play(clip):
            self._finished(0)

    async def _play_revision(self, revision: Revision) -> None:
        """Play a committed revision clause by clause; whatever ends it, what was heard is kept."""
        heard = Outcome("", complete=False)
        try:
            await self._play_clauses(revision, heard)
        finally:
            if revision.trace.playback_started_ns is not None:
                revision.trace.playback_ended_ns = time.monotonic_ns()
                revision.trace.interrupted = not heard.complete
                self._remember(revision, heard.heard_text)
        if revision.trace.playback_started_ns is None and heard.complete:
            return  # committed before the recogniser found no words in it
        await revision.settle(heard)
        if heard.complete:
            self._ending = self._ending or revision.ends_call
            self._finished(revision.number)

    async def _play_clauses(self, revision: Revision, heard: Outcome) -> None:
        """Play until the end or an interruption; ``heard`` is true at every moment."""
        async for clause in revision.clauses():
            begun_ns = time.monotonic_ns()
            if revision.trace.playback_started_ns is None:
                revision.trace.playback_started_ns = begun_ns
                self._turns += 1
            whole = False
            try:
                whole = await self._play(clause.clip)
            finally:
                played_ms = (time.monotonic_ns() - begun_ns) / 1e6
                share = 1.0 if whole else played_ms / max(1.0, clause.clip.duration_ms)
                words = clause.text.split()
                heard.heard_text = " ".join([heard.heard_text, *words[: round(share * len(words))]]).strip()
                assert self._shelf is not None
                self._shelf.drop(clause.clip)
            if not whole:
                return
        heard.complete = not revision.stopped

    def _remember(self, revision: Revision, heard_text: str) -> None:
        self._wasted_revisions = 0
        if self._revision is revision:
            self._revision = None
        if self._services.trace is not None:
            self._services.trace.write(revision.trace)
        if self._services.transcript is not None:
            self._services.transcript.write(self.id, revision.trace.turn, revision.heard, heard_text)

    def _finished(self, revision: int) -> None:
        self._post(turn.CallEnded() if self._ending else turn.PlaybackFinished(revision))

    async def _play(self, clip: Clip) -> bool:
        """Play one clip; False when it was interrupted."""
        assert self._agi is not None
        result = await self._agi.stream_file(clip.name)
        return not result.interrupted

    async def _stop_playback(self) -> None:
        if self._agi is not None:
            await self._agi.stop_playback()

    # --- watching --------------------------------------------------------------------------

    async def _watch_lifeline(self) -> None:
        await self._handoff.closed.wait()
        self._post(turn.CallEnded())

    async def _watch_empty(self, revision: Revision) -> None:
        await revision.empty.wait()
        self._post(turn.NothingHeard(revision.number))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` beside the call; its failure is the call's."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._clearing.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, OffhookError):
            _log.error("call=%s: unexpected error", self.id, exc_info=error)
            error = OffhookError(f"{type(error).__name__} in {task.get_name()}")
        self._failure = self._failure or error
        self._post(turn.CallEnded())
