"""One call, from the moment it is taken to its end.

The call feeds every fact it learns (speech, words, playback, keys, hang-up, time) to
:func:`offhook.turn_taking.step` and carries out the actions that come back.  It owns the
line, what is said on it and the conversation, and gives all of them back whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from offhook import turn_taking
from offhook.barge_in import JudgeSettings, LineEcho
from offhook.call.answering import Answering
from offhook.call.caller_audio import CallerAudio
from offhook.call.doing import briefed
from offhook.call.ears import Ears
from offhook.call.greeting import known_greeting
from offhook.call.profile import CallProfile
from offhook.call.prompts import Kind, Phrase
from offhook.call.recognition import CallerWords
from offhook.call.responses import Responses
from offhook.call.resumption import Kept
from offhook.call.services import Services
from offhook.call.tap import Tap
from offhook.call.tasks import Tasks
from offhook.call.timing import limit_ns, overdue, patience_s
from offhook.call.wire import Wire
from offhook.conversation.history import History
from offhook.doors.base import HANGUP, Line, Listening, unless_ended
from offhook.errors import BusyError, DeadlineError, HangupError, ModelError, OffhookError
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted
from offhook.observe.bill import Bill, billed
from offhook.observe.load import Speculation
from offhook.tools.base import Action

_log = logging.getLogger("offhook.call.call")

EVENTS_WAITING = 256


class Call:
    """One caller in our hands, whichever door they came through."""

    def __init__(
        self, line: Line | Wire, profile: CallProfile, services: Services, back: Kept | None = None
    ) -> None:
        """``line`` is accepted, and the call's from now on.  ``back``: it has been with us before."""
        self.wire = wire = line if isinstance(line, Wire) else Wire(line)
        self._line = wire.line
        self.id = wire.line.offer.call_id
        self.history = History(list(back.exchanges) if back is not None else [])
        self._profile = profile
        self._agent = profile.agent
        self._back = back
        self._services = services
        self._settings = _settings(profile)
        self._state = turn_taking.TurnState()
        self._events: asyncio.Queue[turn_taking.TurnEvent] = asyncio.Queue(EVENTS_WAITING)
        self._nobody = False
        """The call was ended because nobody talked with us, though there were sounds."""
        self._failure: OffhookError | None = None
        self._tasks = Tasks(self._failed)
        self._output = wire.output
        self._responses = Responses(
            self.id,
            profile,
            services,
            self._output,
            self._tasks,
            self._post,
            self.history,
            lambda: self._state.voice.speaking_since_ns is not None,
        )
        self._responses.turns = wire.turns
        wire.attach(self._post, self._key_pressed)
        self.bill = Bill()
        """What it costs at others' servers, so far."""
        self._left: dict[str, str] = {}  # word for the dialplan, besides the result
        talk = (self._line.offer, self.history, self._output, self._responses)
        self._answering = Answering(*talk, self._post, self._became, services.transcript)
        self._ears: Ears | None = None
        self._echo = LineEcho()
        self._audio: CallerAudio | None = None
        self._words: CallerWords | None = None
        self._stays = self.stayed = False  # the line is somebody else's then
        self.successor: CallProfile | None = None
        """The agent who goes on with the caller on the same wire, once :meth:`run` has returned ``agent``."""

    # --- life ------------------------------------------------------------------------------

    async def run(self) -> str:
        """Hold the conversation; returns how it ended: ``ok``, ``nobody`` (music, a television, an
        announcement), ``hangup``, ``busy``, ``failed``, or an ``ActionKind``: where the line goes."""
        with billed(self.bill) as bill:
            result = await self._run()
            self._services.ledger.add(self._profile.tenant, bill.cost)
            if bill.units:
                self._services.metrics.billed(bill)
                _log.info("call=%s billed %s", self.id, bill)
        return result

    async def _run(self) -> str:
        started_ns = time.monotonic_ns()
        result = "failed"
        try:
            self._tasks.spawn(self._watch_line())
            await unless_ended(self._line.ended, self._open())
            await self._converse(started_ns)
            if self._failure is not None:
                raise self._failure
            result = HANGUP if self._line.ended.is_set() else "nobody" if self._nobody else "ok"
            if result == "ok" and (action := self._responses.action) is not None:
                self._left = await briefed(action, self.history, self._profile, self._line.offer)
                result = action.kind
                if action.kind == "agent" and self._profile.find_agent is not None:
                    finding = self._profile.find_agent(action.target)
                    self.successor = await unless_ended(self._line.ended, finding)
        except HangupError:
            result = HANGUP
        except OffhookError as error:
            # Before the conversation has begun, the machine has no place for it; afterwards, it has failed.
            if isinstance(error, BusyError) and self._answering.pipeline is None:
                _log.warning("call=%s declined: %s", self.id, error)
                result = "busy"
            else:
                _log.error("call=%s failed: %s", self.id, error)
            with contextlib.suppress(OffhookError):  # the dialplan's fallback comes next
                await self._responses.apologise()
        finally:
            await self._close(result)
            seconds = (time.monotonic_ns() - started_ns) / 1e9
            self._services.metrics.call_ended(result)
            turns = self._responses.turns
            _log.info("call=%s ended result=%s turns=%d seconds=%.1f", self.id, result, turns, seconds)
        return result

    async def _open(self) -> None:
        services, profile, config = self._services, self._profile, self._profile.turn
        endpointing_ms = self._settings.endpointing.longest_ms
        first = not self.wire.opened
        stream, tap = self.wire.hear(Listening(config.pause_ms, endpointing_ms, config.max_utterance_s))
        named = (self._agent.name, profile.tenant or "-", self._output.rate_hz, self._line.offer.door)
        _log.info("call=%s started agent=%s tenant=%s rate_hz=%d door=%s", self.id, *named)
        if services.recorder is not None and profile.recorded is not None and first:
            tap.add(services.recorder.begin(self.id, profile.recorded, self._output.rate_hz))
        self._answering.have_tools(profile)
        kind = "greeting" if self._back is None else self._back.opening(self._agent.name)
        known = (self._agent, profile.voice, self.history.tools, self._output.rate_hz, self.id)
        await self._say_phrase(kind, await known_greeting(*known) if kind == "greeting" else None)
        pipeline = await self._answering.begin(profile)
        if self._back is not None:
            self._tasks.spawn(pipeline.recall(), "recall")
        self._audio = CallerAudio(stream, self._output, self._echo)
        self._words = CallerWords(
            profile.models.recognizer,
            self._audio,
            ring_s=config.max_utterance_s,
            anticipate=self._answering.anticipate,
            post=self._post,
            prosody=services.prosody,
            asked=lambda: self._state.asked_again,
            language=self._agent.language,
        )
        settings = JudgeSettings(rate_hz=self._output.rate_hz, min_speech_ms=config.barge_in_ms)
        self._ears = Ears(
            stream,
            self._output,
            settings,
            worker=services.judging,
            spawn=self._tasks.spawn,
            wake=lambda: self._post(turn_taking.Tick()),
            line=self._echo,
        )

    def _became(self, profile: CallProfile) -> None:
        """``profile`` answers from now on."""
        self._profile, self._agent, self._settings = profile, profile.agent, _settings(profile)

    async def _converse(self, started_ns: int) -> None:
        end_ns = limit_ns(started_ns, self._profile.turn.max_call_s)
        while not isinstance(self._state.floor, turn_taking.Ended):
            event: turn_taking.TurnEvent
            try:
                wait_s = patience_s(self._state, time.monotonic_ns(), both_speak=self._both_speak())
                async with asyncio.timeout(wait_s):  # wait_for() of Python 3.11 may lose a cancellation
                    event = await self._events.get()
            except TimeoutError:
                event = turn_taking.Tick()
            self._take(event)
            self._attend()
            end = overdue(self._state, time.monotonic_ns(), end_ns)
            if end is not None:
                self._take(end)
            if not self._events.empty():
                await asyncio.sleep(0)  # other calls first

    async def _close(self, result: str) -> None:
        if self._words is not None:
            self._words.close()
        await self._tasks.close()
        await self._answering.close()
        if self.history.tools is not None:
            await self.history.tools.close()
        self.stayed = stays = self._stays or self.successor is not None
        await self.wire.leave(result, self._left, turns=self._responses.turns, stays=stays)
        await self._answering.let_go()
        self._responses.close()
        if not stays:
            self._line.close()

    def end(self, action: Action | None = None, *, goodbye: bool = False, stays: bool = False) -> None:
        """Somebody else ends it: now, or with a goodbye; ``action``: where the line goes, unless it stays."""
        self._responses.action, self._stays = action, stays
        self._post(turn_taking.CallOverdue() if goodbye else turn_taking.CallEnded())

    @property
    def tap(self) -> Tap | None:
        """What both sides hear, for who may hear it; None before the caller is heard."""
        return self.wire.tap

    # --- facts in, actions out -------------------------------------------------------------

    def _post(self, event: turn_taking.TurnEvent | SpeechEvent) -> None:
        """A fact has arrived."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            # A few events a second, and a loop that has taken none for a minute: give the call up.
            self._failure = self._failure or BusyError("the call's events are not being taken")
            self._state = turn_taking.TurnState(turn_taking.Ended())

    def _take(self, event: turn_taking.TurnEvent) -> None:
        busy = self._services.load.level is Speculation.OFF
        if busy is not self._state.busy:
            self._step(turn_taking.MachineBusy(busy))
        if self._audio is not None and isinstance(event, SpeechEvent):
            self._audio.noticed(event)
        if self._profile.doubt is not None and isinstance(event, turn_taking.WordsHeard):
            self._profile.doubt.heard(event.text)
        if isinstance(event, SpeechStarted | SpeechResumed | turn_taking.PlaybackFinished):
            self._tell_our_end()
        ears, holds = self._ears, isinstance(self._state.floor, turn_taking.Preparing)
        if ears is not None:
            if isinstance(event, SpeechStarted | SpeechResumed):
                ears.began(event.position_samples, event.at_ns, self._state.voice.paused_over_us_ns)
            elif isinstance(event, SpeechPaused | turn_taking.PlaybackFinished) and self._both_speak():
                # Our echo makes words of its own; who speaks when we have ended is heard, though.
                echo = ears.too_little and isinstance(event, SpeechPaused)
                dismissed = ears.ours if self._state.said_at_our_end else ears.not_for_us
                if dismissed or echo:
                    self._take(turn_taking.CallerDismissed())
            elif holds and isinstance(event, turn_taking.Tick | turn_taking.WordsHeard) and ears.sound_now():
                self._step(turn_taking.LineLoud())
        actions = self._step(event)
        if self._words is not None:
            pause = self._state.voice.pause
            if isinstance(event, SpeechPaused) and pause is not None:
                self._words.paused(pause.position_samples, pause.voiced_ms)
            elif isinstance(event, SpeechStarted | SpeechResumed):
                self._words.went_on(event.position_samples)
        if actions:
            # By name only: what was said is in them, and no business of a log's.
            names = " ".join(type(each).__name__ for each in (event, *actions))
            _log.debug("call=%s floor=%s: %s", self.id, type(self._state.floor).__name__, names)
        for action in actions:
            self._act(action)

    def _step(self, event: turn_taking.TurnEvent) -> tuple[turn_taking.Action, ...]:
        self._state, actions = turn_taking.step(self._state, event, time.monotonic_ns(), self._settings)
        if self._profile.watcher is not None:
            self._profile.watcher.has_floor(type(self._state.floor).__name__.lower())
        return actions

    def _tell_our_end(self) -> None:
        """Turn-taking has to know whether the caller speaks into our last word, or behind it."""
        if not isinstance(self._state.floor, turn_taking.Speaking):
            return
        if self._ears is not None and self._ears.echoes:
            return  # there our last word comes back behind it
        ends_ns = self._output.own_voice_ends_ns(time.monotonic_ns())
        if ends_ns is not None:
            self._take(turn_taking.OwnVoiceEnds(ends_ns))

    def _act(self, action: turn_taking.Action) -> None:
        responses, pipeline = self._responses, self._answering.pipeline
        match action:
            case turn_taking.Prepare() if pipeline is not None and self._words is not None:
                said = self._words.said(action.start_samples, action.stop_samples, action.voiced_ms)
                responses.prepare(action, pipeline, said, voiced_ms=said.voiced_ms, line=self._echo)
            case turn_taking.PrepareDigits() if pipeline is not None:
                responses.prepare_digits(action, pipeline)
            case turn_taking.PrepareCorrected() if pipeline is not None:
                responses.prepare_corrected(action, pipeline)
            case turn_taking.Cancel():
                responses.cancel(action.revision)
            case turn_taking.Commit() if pipeline is not None:
                responses.commit(action.revision, pipeline, action.due_ns)
            case turn_taking.StopPlayback():
                if not isinstance(self._state.floor, turn_taking.Ended):
                    self._services.metrics.stops.inc()
                responses.stop(action, self._state.voice.speaking_since_ns)
            case turn_taking.ResumePlayback():
                responses.resume(action.revision)
            case turn_taking.Settle():
                responses.settle(action.revision)
            case turn_taking.SayHolding():
                self._tasks.spawn(responses.hold(action.revision))
            case turn_taking.AskAgain():
                self._tasks.spawn(self._say_phrase("unclear"))
            case turn_taking.AskStillThere():
                self._tasks.spawn(self._say_phrase("still_there"))
            case turn_taking.SayGoodbye():
                responses.ending = True
                self._tasks.spawn(self._say_phrase("goodbye"))
            case turn_taking.Leave():
                self._nobody = action.nobody
                self._tasks.spawn(responses.leave())

    def _attend(self) -> None:
        """What has to be looked at again and again, as long as the floor is as it is."""
        state, now_ns = self._state, time.monotonic_ns()
        if self._words is not None:
            follows = self._settings.speculate and self._services.load.level is Speculation.FULL
            speaks = isinstance(state.floor, turn_taking.Hearing)
            follows = follows and not state.is_long(now_ns)
            self._words.attend(state.voice.start_samples, speaks=speaks, follow=follows)
        if self._ears is not None and self._ears.wants_the_floor(self._both_speak()):
            self._take(turn_taking.CallerJudged())
        self._listen_again()
        entries, speaking = self._responses.entries, state.voice.speaking_since_ns is not None
        if self.tap is not None:
            (self.tap.pause if entries.masked else self.tap.resume)()
        entered = entries.tick(time.monotonic_ns(), speaking=speaking)
        if entered is not None:
            self._take(turn_taking.DigitsEntered(entered))

    def _listen_again(self) -> None:
        state, words = self._state, self._words
        if words is None or not words.again_is_due(state, time.monotonic_ns()):
            return
        revision = self._responses.get(state.revision)
        start, pause = state.voice.start_samples, state.voice.pause
        if revision is None or start is None or pause is None:
            return
        if self._services.load.level is Speculation.FULL:
            self._tasks.spawn(words.look_again(revision, start, pause.position_samples))

    def _both_speak(self) -> bool:
        """The caller's line carries sound while we are heard, and we may be interrupted."""
        floor, voice = self._state.floor, self._state.voice
        open_ = isinstance(floor, turn_taking.Speaking) and floor.interruptible and self._settings.barge_in
        return open_ and voice.speaking_since_ns is not None and voice.start_samples is not None

    async def _say_phrase(self, kind: Kind, phrase: Phrase | None = None) -> None:
        """A prompt, unless the caller has begun to speak meanwhile: theirs is the floor."""
        try:
            answer = await self._responses.phrase(kind, phrase)
        except (ModelError, DeadlineError) as error:
            if kind in ("greeting", "goodbye", "returned", "resumed"):
                raise  # nobody would know that there is a call, or that there is none any more
            _log.warning("call=%s nothing is said instead of %s: %s", self.id, kind, error)
            return
        if not isinstance(self._state.floor, turn_taking.Listening):
            answer.drop()
            if kind == "goodbye":
                self._responses.ending = False  # one that is not said ends nothing
            return
        for event in self._responses.prompt(kind, answer):
            self._take(event)

    # --- keys ------------------------------------------------------------------------------

    def _key_pressed(self, key: str) -> None:
        self._post(turn_taking.DigitPressed())
        entered = self._responses.entries.press(key, time.monotonic_ns(), self._state.expected.digits)
        if entered is not None:
            self._post(turn_taking.DigitsEntered(entered))

    # --- watching --------------------------------------------------------------------------

    async def _watch_line(self) -> None:
        await self._line.gone()
        self._post(turn_taking.CallEnded())

    def _failed(self, error: BaseException, name: str) -> None:
        """Work beside the call has failed, and with it the call."""
        if not isinstance(error, OffhookError):
            _log.error("call=%s: unexpected error", self.id, exc_info=error)
            error = OffhookError(f"{type(error).__name__} in {name}")
        self._failure = self._failure or error
        self._post(turn_taking.CallEnded())


def _settings(profile: CallProfile) -> turn_taking.TurnSettings:
    agent = profile.agent
    return turn_taking.configured(profile.turn, language=agent.language, barge_in=agent.barge_in)
