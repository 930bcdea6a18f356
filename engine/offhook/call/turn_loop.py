"""The loop of one call in which facts become actions.

Every fact that the call learns (speech, words, playback, keys, hang-up, time) goes to
:func:`offhook.turn_taking.step`, and the actions that come back are carried out here: this room's ears,
recognition and responses do them.
"""

from __future__ import annotations

import asyncio
import logging
import time

from offhook import turn_taking
from offhook.barge_in import JudgeSettings, LineEcho
from offhook.call.answering import Answering
from offhook.call.caller_audio import CallerAudio
from offhook.call.ears import Ears
from offhook.call.output import CallOutput
from offhook.call.profile import CallProfile
from offhook.call.prompts import Kind, Phrase
from offhook.call.recognition import CallerWords
from offhook.call.responses import Responses
from offhook.call.services import Services
from offhook.call.tap import Tap
from offhook.call.tasks import Tasks
from offhook.call.timing import limit_ns, overdue, patience_s
from offhook.core import Stream
from offhook.errors import BusyError, DeadlineError, ModelError, OffhookError
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted
from offhook.observe.load import Speculation

_log = logging.getLogger("offhook.call.turn_loop")

EVENTS_WAITING = 256


class TurnLoop:
    """One call's.  Lives on the event loop."""

    def __init__(
        self, call_id: str, profile: CallProfile, services: Services, output: CallOutput, tasks: Tasks
    ) -> None:
        self._id = call_id
        self._profile = profile
        self._services = services
        self._output = output
        self._tasks = tasks
        self.settings = _settings(profile)
        self.state = turn_taking.TurnState()
        self._events: asyncio.Queue[turn_taking.TurnEvent] = asyncio.Queue(EVENTS_WAITING)
        self.nobody = False
        """The call was ended because nobody talked with us, though there were sounds."""
        self.failure: OffhookError | None = None
        self._responses: Responses
        self._answering: Answering
        self._echo = LineEcho()
        self._ears: Ears | None = None
        self._audio: CallerAudio | None = None
        self._words: CallerWords | None = None
        self._tap: Tap | None = None

    def speak_with(self, responses: Responses, answering: Answering) -> None:
        """What is said by whom; both post their facts here, and so are made after this."""
        self._responses, self._answering = responses, answering

    def listen_to(self, stream: Stream, tap: Tap) -> None:
        """The caller can be heard."""
        config = self._profile.turn
        self._tap = tap
        self._audio = CallerAudio(stream, self._output, self._echo)
        self._words = CallerWords(
            self._profile.models.recognizer,
            self._audio,
            ring_s=config.max_utterance_s,
            anticipate=self._answering.anticipate,
            post=self.post,
            prosody=self._services.prosody,
            tone=self._profile.agent.tone_of_voice,
            asked=lambda: self.state.asked_again,
            language=self._profile.agent.language,
            own_words=lambda: self._profile.own_words(),
        )
        settings = JudgeSettings(rate_hz=self._output.rate_hz, min_speech_ms=config.barge_in_ms)
        self._ears = Ears(
            stream,
            self._output,
            settings,
            worker=self._services.judging,
            spawn=self._tasks.spawn,
            wake=lambda: self.post(turn_taking.Tick()),
            line=self._echo,
        )

    def became(self, profile: CallProfile) -> None:
        """``profile`` answers from now on."""
        self._profile, self.settings = profile, _settings(profile)

    @property
    def caller_speaks(self) -> bool:
        return self.state.voice.speaking_since_ns is not None

    async def run(self, started_ns: int) -> None:
        """Until the call is over, or lasts longer than it may."""
        end_ns = limit_ns(started_ns, self._profile.turn.max_call_s)
        while not isinstance(self.state.floor, turn_taking.Ended):
            event: turn_taking.TurnEvent
            try:
                wait_s = patience_s(self.state, time.monotonic_ns(), both_speak=self._both_speak())
                async with asyncio.timeout(wait_s):  # wait_for() of Python 3.11 may lose a cancellation
                    event = await self._events.get()
            except TimeoutError:
                event = turn_taking.Tick()
            self._take(event)
            self._attend()
            end = overdue(self.state, time.monotonic_ns(), end_ns)
            if end is not None:
                self._take(end)
            if not self._events.empty():
                await asyncio.sleep(0)  # other calls first

    def close(self) -> None:
        """No more words are looked for."""
        if self._words is not None:
            self._words.close()

    # --- facts in, actions out -------------------------------------------------------------

    def post(self, event: turn_taking.TurnEvent | SpeechEvent) -> None:
        """A fact has arrived."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            # A few events a second, and a loop that has taken none for a minute: give the call up.
            self.failure = self.failure or BusyError("the call's events are not being taken")
            self.state = turn_taking.TurnState(turn_taking.Ended())

    def _take(self, event: turn_taking.TurnEvent) -> None:
        self._tell_load()
        if self._audio is not None and isinstance(event, SpeechEvent):
            self._audio.noticed(event)
        if self._profile.doubt is not None and isinstance(event, turn_taking.WordsHeard):
            self._profile.doubt.heard(event.text)
        if isinstance(event, SpeechStarted | SpeechResumed | turn_taking.PlaybackFinished):
            self._tell_our_end()
        ears, holds = self._ears, isinstance(self.state.floor, turn_taking.Preparing)
        if ears is not None:
            if isinstance(event, SpeechStarted | SpeechResumed):
                ears.began(event.position_samples, event.at_ns, self.state.voice.paused_over_us_ns)
            elif isinstance(event, SpeechPaused | turn_taking.PlaybackFinished) and self._both_speak():
                # Our echo makes words of its own; who speaks when we have ended is heard, though.
                echo = ears.too_little and isinstance(event, SpeechPaused)
                dismissed = ears.ours if self.state.said_at_our_end else ears.not_for_us
                if dismissed or echo:
                    self._take(turn_taking.CallerDismissed())
            elif holds and isinstance(event, turn_taking.Tick | turn_taking.WordsHeard) and ears.sound_now():
                self._step(turn_taking.LineLoud())
        actions = self._step(event)
        if self._words is not None:
            pause = self.state.voice.pause
            if isinstance(event, SpeechPaused) and pause is not None:
                self._words.paused(pause.position_samples, pause.voiced_ms)
            elif isinstance(event, SpeechStarted | SpeechResumed):
                self._words.went_on(event.position_samples)
        if actions:
            # By name only: what was said is in them, and no business of a log's.
            names = " ".join(type(each).__name__ for each in (event, *actions))
            _log.debug("call=%s floor=%s: %s", self._id, type(self.state.floor).__name__, names)
        for action in actions:
            self._act(action)

    def _step(self, event: turn_taking.TurnEvent) -> tuple[turn_taking.Action, ...]:
        self.state, actions = turn_taking.step(self.state, event, time.monotonic_ns(), self.settings)
        if self._profile.watcher is not None:
            self._profile.watcher.has_floor(type(self.state.floor).__name__.lower())
        return actions

    def _tell_load(self) -> None:
        """Turn-taking has to know what may be guessed, when that has changed."""
        level, recognizer = self._services.load.level, self._profile.models.recognizer
        # Words that another machine recognises as they come are there in each pause.
        crowded = level is Speculation.PAUSES and not recognizer.streams
        power = turn_taking.MachineBusy(level is Speculation.OFF, crowded)
        if (power.busy, power.crowded) != (self.state.busy, self.state.crowded):
            self._step(power)

    def _tell_our_end(self) -> None:
        """Turn-taking has to know whether the caller speaks into our last word, or behind it."""
        if not isinstance(self.state.floor, turn_taking.Speaking):
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
                if not isinstance(self.state.floor, turn_taking.Ended):
                    self._services.metrics.stops.inc()
                responses.stop(action, self.state.voice.speaking_since_ns)
            case turn_taking.ResumePlayback():
                responses.resume(action.revision)
            case turn_taking.Settle():
                responses.settle(action.revision)
            case turn_taking.SayHolding():
                self._tasks.spawn(responses.hold(action.revision))
            case turn_taking.AskAgain():
                self._tasks.spawn(self.say_phrase("unclear"))
            case turn_taking.AskStillThere():
                self._tasks.spawn(self.say_phrase("still_there"))
            case turn_taking.SayGoodbye():
                responses.ending = True
                self._tasks.spawn(self.say_phrase("goodbye"))
            case turn_taking.Leave():
                self.nobody = action.nobody
                self._tasks.spawn(responses.leave())

    # --- again and again -------------------------------------------------------------------

    def _attend(self) -> None:
        """What has to be looked at again and again, as long as the floor is as it is."""
        state, now_ns = self.state, time.monotonic_ns()
        if self._words is not None:
            follows = self.settings.speculate and self._services.load.level is Speculation.FULL
            speaks = isinstance(state.floor, turn_taking.Hearing)
            follows = follows and not state.is_long(now_ns)
            self._words.attend(state.voice.start_samples, speaks=speaks, follow=follows)
        if self._ears is not None and self._ears.wants_the_floor(self._both_speak()):
            self._take(turn_taking.CallerJudged())
        self._listen_again()
        entries, speaking = self._responses.entries, state.voice.speaking_since_ns is not None
        if self._tap is not None:
            (self._tap.pause if entries.masked else self._tap.resume)()
        entered = entries.tick(time.monotonic_ns(), speaking=speaking)
        if entered is not None:
            self._take(turn_taking.DigitsEntered(entered))

    def _listen_again(self) -> None:
        state, words = self.state, self._words
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
        floor, voice = self.state.floor, self.state.voice
        open_ = isinstance(floor, turn_taking.Speaking) and floor.interruptible and self.settings.barge_in
        return open_ and voice.speaking_since_ns is not None and voice.start_samples is not None

    # --- what the call itself says, and keys -----------------------------------------------

    async def say_phrase(self, kind: Kind, phrase: Phrase | None = None) -> None:
        """A prompt, unless the caller has begun to speak meanwhile: theirs is the floor."""
        try:
            answer = await self._responses.phrase(kind, phrase)
        except (ModelError, DeadlineError) as error:
            if kind in ("greeting", "goodbye", "returned", "resumed"):
                raise  # nobody would know that there is a call, or that there is none any more
            _log.warning("call=%s nothing is said instead of %s: %s", self._id, kind, error)
            return
        if not isinstance(self.state.floor, turn_taking.Listening):
            answer.drop()
            if kind == "goodbye":
                self._responses.ending = False  # one that is not said ends nothing
            return
        for event in self._responses.prompt(kind, answer):
            self._take(event)

    def key_pressed(self, key: str) -> None:
        self.post(turn_taking.DigitPressed())
        entered = self._responses.entries.press(key, time.monotonic_ns(), self.state.expected.digits)
        if entered is not None:
            self.post(turn_taking.DigitsEntered(entered))


def _settings(profile: CallProfile) -> turn_taking.TurnSettings:
    agent = profile.agent
    return turn_taking.configured(profile.turn, language=agent.language, barge_in=agent.barge_in)
