"""A call that we have placed: first it is heard who has answered, and only a person gets a conversation.

Nothing is said before that is known.  A machine gets the agent's message, behind its beep; a fax and a line
that only rings get nothing.  What is decided is left in ``OFFHOOK_ANSWERED_BY``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.call.output import CallOutput
from offhook.call.profile import CallProfile
from offhook.core import Stream
from offhook.doors.base import HANGUP, CallOffer, Line, Listening, OnEvent, OnKey, Player, unless_ended
from offhook.engines.stt.base import Recognition, RecognitionSession
from offhook.errors import HangupError, OffhookError
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted
from offhook.who_answered import Heard, Settings, ToneDetector, Verdict, may_speak, verdict

_log = logging.getLogger("offhook.call.placed")

ANSWERED_BY = "OFFHOOK_ANSWERED_BY"
STEP_S = 0.02
FIRST_LOOK_MS = 400
"""Speech before which its words are not looked for, unless it pauses."""
LOOK_MS = 200
"""So much more speech before the next look: machines are known by their words, and say them soon."""
RING_LONGEST_MS = 45_000
"""A line that is Up and rings is listened to for so long; then nobody has answered."""
_BEFORE_MS = 200
"""Audio before the onset that a recogniser gets."""


class PlacedLine:
    """A line whose audio is heard before its call begins; see :class:`offhook.doors.base.Line`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._stream: Stream | None = None
        self._sink: OnEvent | None = None

    def listen(self, on_event: OnEvent, listening: Listening) -> Stream:
        """Hear it from now on, until the call does."""
        self._sink = on_event
        self._stream = self._line.hear(self._noticed, listening)
        return self._stream

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        assert self._stream is not None, "the placed call listens first"
        self._sink = on_event
        self._stream.set_endpointing_ms(listening.endpointing_ms)
        return self._stream

    def _noticed(self, event: SpeechEvent) -> None:
        if self._sink is not None:
            self._sink(event)

    # --- the line's own -----------------------------------------------------------------------

    @property
    def offer(self) -> CallOffer:
        return self._line.offer

    @property
    def ended(self) -> asyncio.Event:
        return self._line.ended

    def accept(self) -> None:
        self._line.accept()

    async def answer(self) -> None:
        await self._line.answer()

    def player(self, on_key: OnKey) -> Player:
        return self._line.player(on_key)

    async def gone(self) -> None:
        await self._line.gone()

    async def get_variable(self, name: str) -> str | None:
        return await self._line.get_variable(name)

    async def set_variable(self, name: str, value: str) -> None:
        await self._line.set_variable(name, value)

    async def finish(self, result: str, variables: Mapping[str, str] | None = None) -> None:
        await self._line.finish(result, variables)

    def close(self) -> None:
        self._line.close()


async def answered(line: Line, profile: CallProfile) -> tuple[Line, CallProfile, str]:
    """Wait until it is known who has answered.

    The line and the profile to hold the conversation with; and a result, where there will be none: a machine
    has its message, if the agent has one.
    """
    wants = profile.agent.outbound
    opening = wants.opening or profile.agent.greeting
    profile = replace(profile, phrases=profile.phrases.opening_with(opening))
    call = line.offer.call_id
    placed = PlacedLine(line)
    settings = turn_taking.configured(profile.turn, language=profile.agent.language)
    listening = Listening(
        profile.turn.pause_ms, settings.endpointing.longest_ms, ring_s=profile.turn.max_utterance_s
    )
    ears = _Ears(profile.models.recognizer, profile.agent.language)
    ready = asyncio.ensure_future(profile.phrases.phrase("greeting", line.offer.rate_hz))
    try:
        ears.stream = placed.listen(ears.noticed, listening)
        found = await unless_ended(line.ended, ears.verdict())
        _log.info("call=%s answered by %s after %d ms", call, found, ears.now_ms)
        _log.debug("call=%s %s", call, ears.lengths)
        await placed.set_variable(ANSWERED_BY, found)
        if found in (Verdict.HUMAN, Verdict.SILENCE):
            with contextlib.suppress(OffhookError):
                await ready  # else the call says by itself what is wrong
            return placed, profile, ""
        if found is Verdict.MACHINE and wants.message:
            await unless_ended(line.ended, ears.may_speak())
            await _say(placed, profile, wants.message)
            result = "ok"
        else:
            result = "nobody"
    except HangupError:
        result = HANGUP
    except OffhookError as error:
        _log.error("call=%s failed: %s", call, error)
        result = "failed"
    finally:
        ears.close()
        if not ready.done():
            ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
    await placed.finish(result)
    return placed, profile, result


async def _say(line: Line, profile: CallProfile, text: str) -> None:
    """To the end, whatever is on the line."""
    rate_hz = line.offer.rate_hz
    audio = await profile.voice.say(text, rate_hz, language=profile.agent.voice_language)
    output = CallOutput(line.player(lambda key: None), rate_hz)
    utterance = output.utterance()
    try:
        utterance.say(text, audio)
        utterance.finish()
        await output.say(utterance, keys_cut=False, audible=lambda: None)
    finally:
        utterance.drop()
        await output.close()


class _Ears:
    """What has been heard so far.  Its clock is the line's audio."""

    def __init__(self, recognition: Recognition, language: str, settings: Settings | None = None) -> None:
        self.stream: Stream | None = None
        self.now_ms = 0
        self._recognition = recognition
        self._session: RecognitionSession | None = None
        self._pushed = 0
        self._language = language
        self._settings = settings or Settings()
        self._speech: list[tuple[int, int | None]] = []
        self._voiced_ms = 0
        self._tones: ToneDetector | None = None
        self._toned = 0
        self._words: str | None = ""
        self._until_ms = 0
        self._looking: asyncio.Task[None] | None = None
        self._look_at_ms = FIRST_LOOK_MS
        self._paused = False

    def noticed(self, event: SpeechEvent) -> None:
        assert self.stream is not None
        at_ms = event.position_samples * 1_000 // self.stream.rate_hz
        if isinstance(event, SpeechStarted | SpeechResumed):
            self._speech.append((at_ms, None))
        elif isinstance(event, SpeechPaused) and self._speech:
            self._speech[-1] = (self._speech[-1][0], at_ms)
            self._voiced_ms = event.voiced_ms
            self._paused = True

    async def verdict(self) -> Verdict:
        """As soon as it is known; a network's tone is waited for to end."""
        while True:
            found = verdict(self._heard(), self.now_ms, self._settings)
            if found is not None and (found is not Verdict.NETWORK or self.now_ms >= RING_LONGEST_MS):
                return found
            await asyncio.sleep(STEP_S)

    @property
    def lengths(self) -> str:
        """What was heard, without its words: for a log."""
        known = "none" if self._words is None else f"{len(self._words.split())} until {self._until_ms}"
        return f"speech={self._speech} words={known} tones={self._tones.tones if self._tones else []}"

    async def may_speak(self) -> None:
        """Wait for the beep, or for what stands in its place."""
        while True:
            if may_speak(self._heard(), self.now_ms, self._settings):
                return
            await asyncio.sleep(STEP_S)

    def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        if self._session is not None:
            self._session.cancel()

    def _heard(self) -> Heard:
        stream = self.stream
        assert stream is not None
        written = stream.written_samples
        self.now_ms = written * 1_000 // stream.rate_hz
        if self._tones is None:
            self._tones = ToneDetector(stream.rate_hz)
        if written > self._toned:
            first, audio = stream.read(self._toned, written)
            self._toned = first + len(audio)
            self._tones.process(audio)
        self._look(stream)
        tones = tuple(self._tones.tones)
        return Heard(tuple(self._speech), tones, self._words, self._until_ms, self._language)

    def _look(self, stream: Stream) -> None:
        """Have what was said until now recognised, when there is more of it."""
        if not self._speech or (self._looking is not None and not self._looking.done()):
            return
        end_ms = self._speech[-1][1]
        spoken_ms = sum((self.now_ms if end is None else end) - begin for begin, end in self._speech)
        if not self._paused and spoken_ms < self._look_at_ms:
            return
        paused, self._paused = self._paused and end_ms is not None, False
        self._look_at_ms = spoken_ms + LOOK_MS
        if self._session is None:
            self._session = self._recognition.session(stream.rate_hz)
            self._pushed = max(0, (self._speech[0][0] - _BEFORE_MS) * stream.rate_hz // 1_000)
        first, audio = stream.read(self._pushed, stream.written_samples)
        self._pushed = first + len(audio)
        self._looking = asyncio.ensure_future(self._read(self._session, audio, paused, self.now_ms))

    async def _read(
        self, session: RecognitionSession, audio: NDArray[np.int16], paused: bool, until_ms: int
    ) -> None:
        try:
            session.push(audio)
            if paused:
                self._words = (await session.final(max(self._voiced_ms, 1))).text
            else:
                self._words = await session.interim()
            self._until_ms = until_ms
        except OffhookError as error:
            if self._words == "":
                _log.debug("no words of who has answered: %s", error)


__all__ = ["ANSWERED_BY", "PlacedLine", "answered"]
