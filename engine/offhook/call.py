"""One call, from handoff to hang-up.

The call feeds every fact it learns (speech, words, playback, keys, hang-up, time) to
:func:`offhook.turn.step` and carries out the actions that come back.  It owns the
AGI channel, the audio stream, the conversation and the playback shelf, and gives
all of them back whatever happens.

The first comment's reason for its length: this is where every part of a call meets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from offhook import turn
from offhook.answer import Answer
from offhook.barge_in import JudgeSettings
from offhook.config import Config
from offhook.core import PlayoutThread, Stream
from offhook.dialog import STOP, Dialog
from offhook.digits import DigitCollector
from offhook.ears import Ears
from offhook.endpointing import ProsodyModel, expectation
from offhook.errors import BusyError, ConfigError, HangupError, OffhookError
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted
from offhook.hearing import Hearing
from offhook.llm.base import Conversation, Limits
from offhook.load import LoadGauge, Speculation
from offhook.metrics import Metrics
from offhook.models import Models
from offhook.pipeline import Outcome, Pipeline, Revision
from offhook.playout import PlaybackFolder, Shelf
from offhook.protocol.agi import AgiChannel
from offhook.protocol.handoff import Reason
from offhook.protocol.lifeline import Handoff
from offhook.ready import Kind, ReadyPhrases
from offhook.speaker import Speaker
from offhook.trace import TraceWriter, TurnTrace, now_ms
from offhook.transcript import TranscriptWriter
from offhook.voice import Voice

_log = logging.getLogger("offhook.call")

PRE_ROLL_MS = 200
"""Audio taken before the detected onset: soft first consonants begin earlier."""
ECHO_MS = 500
"""Of our own voice, from before what the caller said: it may come back so much later."""
POST_ROLL_MS = 100
"""Audio taken after the detected end; more than this changes recognised words in 2 of 27 utterances."""
TICK_S = 0.05
PUT_OFF_S = 0.01
JUDGE_TICK_S = 0.02
"""While the caller and we speak at once."""
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
    playout: PlayoutThread
    folder: PlaybackFolder
    ready: ReadyPhrases
    load: LoadGauge
    metrics: Metrics
    trace: TraceWriter | None
    transcript: TranscriptWriter | None
    history_turns: int | None
    """Turns that the language model remembers; None: as many as fit."""
    prosody: ProsodyModel | None = None


class Call:
    """One Asterisk channel in our hands."""

    def __init__(self, handoff: Handoff, dialog: Dialog, services: Services) -> None:
        self.id = f"pid-{handoff.peer.pid}"
        """The channel's unique id, once the AGI header is read."""
        self._handoff = handoff
        self._dialog = dialog
        self._agent = dialog.agent
        self._services = services
        self._settings = turn.configured(services.config.turn, barge_in=dialog.agent.barge_in)
        self._state = turn.TurnState()
        self._events: asyncio.Queue[turn.TurnEvent] = asyncio.Queue(EVENTS_WAITING)
        self._revisions: dict[int, Revision] = {}
        """Those that are neither cancelled nor settled."""
        self._prompt: Answer | None = None
        """What the call itself says: turn-taking's revision 0."""
        self._digits = DigitCollector(services.config.turn.digits_timeout_ms)
        self._last_said = ""
        """The answer before the present one."""
        self._wasted_revisions = 0
        self._turns = 0
        self._ending = False
        self._failure: OffhookError | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._clearing: set[asyncio.Task[None]] = set()
        """Those of the tasks that clear up behind a revision: they are never cancelled."""
        self._player: asyncio.Task[None] | None = None
        self._agi: AgiChannel | None = None
        self._stream: Stream | None = None
        self._shelf: Shelf | None = None
        self._conversation: Conversation | None = None
        self._pipeline: Pipeline | None = None
        self._speaker: Speaker | None = None
        self._ears: Ears | None = None
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
            self._services.metrics.call_ended(result)
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
            endpointing_ms=self._settings.endpointing.longest_ms,
            ring_s=config.max_utterance_s,
        )
        descriptors.take_audio()  # the media thread's from now on
        _log.info("call=%s started agent=%s rate_hz=%d", self.id, self._agent.name, self._rate_hz)
        self._shelf = services.folder.shelf("call")
        self._speaker = Speaker(self._agi, services.folder.silence(self._rate_hz), self._key_pressed)
        await self._say_phrase("greeting")
        self._conversation = await services.models.language_model.conversation(self._dialog.prefix())
        self._pipeline = Pipeline(
            services.models,
            services.voice,
            self._dialog,
            self._conversation,
            self._new_answer,
            self._rate_hz,
            Limits(
                max_tokens=services.config.llm.max_tokens,
                temperature=services.config.llm.temperature,
                stop=STOP,
            ),
            services.history_turns,
            post=self._post,
            prosody=services.prosody,
        )
        settings = JudgeSettings(rate_hz=self._rate_hz, min_speech_ms=config.barge_in_ms)
        self._ears = Ears(self._stream, self._pipeline, self._speaker, settings)

    async def _converse(self, started_ns: int) -> None:
        limit_ns = started_ns + round(self._services.config.turn.max_call_s * 1e9)
        while self._state.floor is not turn.Floor.ENDED:
            event: turn.TurnEvent
            try:
                event = await asyncio.wait_for(self._events.get(), self._patience_s())
            except TimeoutError:
                event = turn.Tick()
            self._take(event)
            self._attend()
            overdue = time.monotonic_ns() > limit_ns and self._state.floor is turn.Floor.LISTENING
            if overdue and not self._ending:
                self._act(turn.SayGoodbye())

    def _patience_s(self) -> float:
        """How long nothing may happen until turn-taking has to look at the clock again."""
        state = self._state
        waits = state.floor is turn.Floor.WAITING
        waits = waits or (state.floor is turn.Floor.PREPARING and state.words is not None)
        if waits and state.commit_at_ns is not None:
            # Once it is due, something loud on the line has put it off.
            due_s = (state.commit_at_ns - time.monotonic_ns()) / 1e9
            return min(due_s if due_s > 0 else PUT_OFF_S, TICK_S)
        return JUDGE_TICK_S if self._both_speak() else TICK_S

    async def _close(self, result: str) -> None:
        if self._ears is not None:
            self._ears.leave()
        for task in self._tasks - self._clearing:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._pipeline is not None:
            await self._pipeline.close()
        if self._speaker is not None:
            await self._speaker.close()
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
        for revision in self._revisions.values():
            revision.answer.drop()
        if self._prompt is not None:
            self._prompt.drop()
        if self._shelf is not None:
            self._shelf.close()
        self._handoff.done()

    async def _apologise(self) -> None:
        """Say sorry, if anything can still be said; the dialplan's fallback comes next."""
        if self._player is not None:
            self._player.cancel()
            await asyncio.wait([self._player])
        with contextlib.suppress(OffhookError):
            if self._speaker is not None:
                await self._speaker.stop()
                answer = await self._phrase("apology")
                try:
                    await self._speaker.say(answer, keys=False, heard=lambda: None)
                finally:
                    answer.drop()

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
        settings = self._settings
        if settings.speculate and self._services.load.level is Speculation.OFF:
            settings = replace(settings, speculate=False)
        ears, holds = self._ears, self._state.floor is turn.Floor.PREPARING
        if ears is not None:
            if isinstance(event, SpeechStarted | SpeechResumed):
                ears.began(event.position_samples, event.at_ns)
            elif isinstance(event, SpeechPaused | turn.PlaybackFinished) and self._both_speak():
                if ears.not_for_us:
                    self._take(turn.CallerDismissed())
            elif holds and isinstance(event, turn.Tick | turn.WordsHeard) and ears.sound_now():
                settings = replace(settings, sound=True)
        self._state, actions = turn.step(self._state, event, time.monotonic_ns(), settings)
        for action in actions:
            self._act(action)

    def _act(self, action: turn.Action) -> None:
        match action:
            case turn.Prepare():
                self._prepare(action)
            case turn.PrepareDigits():
                self._prepare_digits(action)
            case turn.Cancel():
                self._cancel(action.revision)
            case turn.Commit():
                self._commit(action.revision)
            case turn.StopPlayback():
                self._stop_playback(action)
            case turn.ResumePlayback():
                self._services.metrics.false_alarms.inc()
                self._play_again(action.revision)
            case turn.Settle():
                self._settle(action.revision)
            case turn.SayHolding():
                self._spawn(self._hold())
            case turn.AskAgain():
                self._spawn(self._say_phrase("unclear"))
            case turn.AskStillThere():
                self._spawn(self._say_phrase("still_there"))
            case turn.SayGoodbye():
                self._ending = True
                self._spawn(self._say_phrase("goodbye"))

    def _attend(self) -> None:
        """What has to be looked at again and again, as long as the floor is as it is."""
        state = self._state
        if self._ears is not None:
            follows = state.floor is turn.Floor.HEARING and self._services.load.level is Speculation.FULL
            if follows and self._settings.speculate and state.utterance_start_samples is not None:
                self._ears.follow(max(0, state.utterance_start_samples - self._samples(PRE_ROLL_MS)))
            else:
                self._ears.leave()
            if self._both_speak() and self._ears.wants_the_floor():
                self._take(turn.CallerJudged())
        entered = self._digits.tick(time.monotonic_ns())
        if entered is not None:
            self._take(turn.DigitsEntered(entered))

    def _both_speak(self) -> bool:
        """The caller's line carries sound while we are heard, and we may be interrupted."""
        state = self._state
        speaking = state.speaking_since_ns is not None and state.utterance_start_samples is not None
        open_ = state.interruptible and self._settings.barge_in
        return state.floor is turn.Floor.ANSWERING and state.heard and speaking and open_

    def _samples(self, duration_ms: int) -> int:
        return duration_ms * self._rate_hz // 1000

    # --- revisions -------------------------------------------------------------------------

    def _prepare(self, action: turn.Prepare) -> None:
        assert self._stream is not None
        assert self._pipeline is not None, "events are taken only once the call is open"
        rate = self._rate_hz
        start = max(0, action.start_samples - self._samples(PRE_ROLL_MS))
        trace = self._new_trace(action.revision)
        trace.voiced_ms = action.voiced_ms
        trace.speech_end_ns = action.speech_end_ns
        first, audio = self._stream.read(start, action.stop_samples + self._samples(POST_ROLL_MS))
        end_ns = action.speech_end_ns + (first + len(audio) - action.stop_samples) * 10**9 // rate
        start_ns = end_ns - len(audio) * 10**9 // rate - ECHO_MS * 10**6
        played = None if self._speaker is None else self._speaker.played(start_ns, end_ns, rate)
        self._revisions[action.revision] = self._pipeline.prepare(
            action.revision, audio, trace, played=played, saying=self._said
        )
        self._services.metrics.revisions.inc()

    def _prepare_digits(self, action: turn.PrepareDigits) -> None:
        assert self._pipeline is not None
        trace = self._new_trace(action.revision)
        trace.speech_end_ns = trace.stt_done_ns = trace.maybe_done_ns
        words = " ".join(action.digits)
        self._revisions[action.revision] = self._pipeline.prepare_text(action.revision, words, trace)
        self._services.metrics.revisions.inc()

    def _new_trace(self, revision: int) -> TurnTrace:
        trace = TurnTrace(self.id, self._turns + 1, at_ms=now_ms(), revision=revision)
        trace.wasted_revisions = self._wasted_revisions
        trace.maybe_done_ns = time.monotonic_ns()
        return trace

    def _new_answer(self) -> Answer:
        assert self._shelf is not None
        return Answer(self._shelf, self._services.playout, self._rate_hz)

    def _cancel(self, number: int) -> None:
        revision = self._revisions.pop(number, None)
        if revision is None:
            return
        self._wasted_revisions += 1
        self._services.metrics.wasted(revision.trace)
        if self._player is not None and self._player.get_name() == _player_name(number):
            self._player.cancel()  # committed, but nobody has heard anything of it
            assert self._speaker is not None
            self._spawn(self._speaker.stop())  # and what announced it
        self._clear(revision.cancel())

    def _commit(self, number: int) -> None:
        revision, state = self._revisions[number], self._state
        assert self._pipeline is not None
        now_ns = time.monotonic_ns()
        trace = revision.trace
        trace.committed_ns = now_ns
        if state.commit_at_ns is not None and trace.speech_end_ns is not None:
            trace.wait_ms = max(0, (min(state.commit_at_ns, now_ns) - trace.speech_end_ns) // 1_000_000)
        self._pipeline.commit(revision)
        self._player = self._spawn(self._play(revision), _player_name(number))

    def _stop_playback(self, action: turn.StopPlayback) -> None:
        assert self._speaker is not None
        if self._state.floor is not turn.Floor.ENDED:
            self._services.metrics.stops.inc()
        self._spawn(self._speaker.stop())
        revision = self._revisions.get(action.revision)
        if revision is not None:
            revision.trace.interrupted = True
            if action.premature:
                self._services.metrics.premature.inc()
                self._remember(revision, revision.answer.heard_text(time.monotonic_ns()))
                self._cancel(action.revision)

    def _settle(self, number: int) -> None:
        revision = self._revisions.pop(number, None)
        if revision is None:  # a prompt of the call's own
            return
        heard = revision.answer.heard_text(time.monotonic_ns())
        self._remember(revision, heard)
        self._clear(revision.settle(Outcome(heard, complete=False)))

    def _clear(self, work: Coroutine[Any, Any, None]) -> None:
        self._clearing.add(self._spawn(work))

    def _remember(self, revision: Revision, heard_text: str) -> None:
        """The turn is over: what is known of it is written down."""
        self._wasted_revisions = 0
        self._last_said = heard_text
        trace = revision.trace
        trace.playback_ended_ns = time.monotonic_ns()
        trace.underruns = revision.answer.underruns
        if trace.playback_started_ns is None:
            return
        self._services.metrics.turn_ended(trace, self._services.config.budgets)
        if self._services.trace is not None:
            self._services.trace.write(trace)
        if self._services.transcript is not None:
            self._services.transcript.write(self.id, trace.turn, revision.heard, heard_text)

    # --- speaking --------------------------------------------------------------------------

    @property
    def _said(self) -> str:
        """Our latest words, which may come back as an echo."""
        playing = self._revisions.get(self._state.playing or 0)
        answer = self._prompt if playing is None else playing.answer
        return "" if answer is None else f"{self._last_said} {answer.text}".strip()

    async def _play(self, revision: Revision) -> None:
        """Play a committed revision, from where it was stopped if it was; its end is a fact."""
        assert self._speaker is not None

        def heard() -> None:
            trace = revision.trace
            if trace.playback_started_ns is None:
                trace.playback_started_ns = time.monotonic_ns()
                self._turns += 1
            self._post(turn.PlaybackStarted(revision.number))

        whole = await self._speaker.say(revision.answer, heard=heard)
        if not whole:
            return  # whoever stopped it says what becomes of it
        if revision.error is not None:
            raise revision.error
        if revision.trace.playback_started_ns is None and not revision.heard:
            return  # committed before the recogniser found no words in it
        self._revisions.pop(revision.number, None)
        self._remember(revision, revision.answer.text)
        await revision.settle(Outcome(revision.answer.text, complete=True))
        self._ending = self._ending or revision.ends_call
        self._finished(revision.number)

    async def _phrase(self, kind: Kind) -> Answer:
        """One of the agent's fixed phrases, ready to be played."""
        phrase = await self._services.ready.phrase(self._agent, kind, self._rate_hz)
        answer = self._new_answer()
        answer.clause(phrase.text)
        answer.write(phrase.audio)
        answer.finish()
        return answer

    async def _say_phrase(self, kind: Kind) -> None:
        """A prompt, unless the caller has begun to speak meanwhile: theirs is the floor."""
        answer = await self._phrase(kind)
        if self._state.floor is not turn.Floor.LISTENING:
            answer.drop()
            return
        old, self._prompt = self._prompt, answer
        if old is not None:
            old.drop()
        interruptible = kind not in self._agent.heard_in_full
        self._take(turn.PromptStarted(interruptible))
        self._take(turn.Expecting(expectation(answer.text)))
        self._player = self._spawn(self._play_prompt(answer), _player_name(0))

    async def _play_prompt(self, answer: Answer) -> None:
        assert self._speaker is not None
        if await self._speaker.say(answer, keys=self._state.interruptible, heard=lambda: None):
            self._finished(0)

    async def _hold(self) -> None:
        """The answer is late: say so while it is made."""
        assert self._speaker is not None
        revision = self._revisions.get(self._state.playing or 0)
        if revision is None or revision.answer.ready.is_set():
            return  # it has just become ready
        answer = await self._phrase("holding")
        self._services.metrics.holding.inc()
        try:
            await self._speaker.say(answer, keys=False, heard=lambda: None)
        finally:
            answer.drop()

    def _play_again(self, number: int) -> None:
        if number == 0 and self._prompt is not None:
            self._player = self._spawn(self._play_prompt(self._prompt), _player_name(0))
        elif number in self._revisions:
            revision = self._revisions[number]
            revision.trace.interrupted = False
            self._player = self._spawn(self._play(revision), _player_name(number))

    def _finished(self, revision: int) -> None:
        self._post(turn.CallEnded() if self._ending else turn.PlaybackFinished(revision))

    # --- keys ------------------------------------------------------------------------------

    def _key_pressed(self, key: str) -> None:
        expected = self._state.expected
        self._post(turn.DigitPressed())
        entered = self._digits.press(key, time.monotonic_ns(), expected.digits)
        if entered is not None:
            self._post(turn.DigitsEntered(entered))

    # --- watching --------------------------------------------------------------------------

    async def _watch_lifeline(self) -> None:
        await self._handoff.closed.wait()
        self._post(turn.CallEnded())

    def _spawn(self, work: Coroutine[Any, Any, None], name: str | None = None) -> asyncio.Task[None]:
        """Run ``work`` beside the call; its failure is the call's."""
        task = asyncio.create_task(work, name=name)
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


def _player_name(revision: int) -> str:
    return f"play-{revision}"
