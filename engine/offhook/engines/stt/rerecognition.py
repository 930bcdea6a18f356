"""A session over a recogniser that takes whole utterances: what there is by now is recognised again.

What was recognised once is not recognised a second time: asked again without new audio, the words are
known, and a look that is still going on is waited for instead of beginning another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from offhook.core import resample
from offhook.engines.stt.base import SESSION_S, STT_RATE_HZ, Transcript
from offhook.errors import BusyError, ModelError
from offhook.workers import LATEST_NS, Claim, Urgency

Recognize = Callable[[NDArray[np.int16], int, Claim, Transcript | None], Awaitable[Transcript]]
"""Words of ``[samples]`` int16 at 16 kHz; how many ms are voiced; how soon it is needed; what was found in
the beginning of it."""
Clean = Callable[[str, int], str]
"""A text when it can be what was said in so many ms of voice, else the empty one."""


@dataclass(slots=True)
class _Look:
    """One recognition of everything that had been pushed by then."""

    samples: int
    voiced_ms: int
    claim: Claim
    """As urgent as the most urgent of those who wait."""
    task: asyncio.Task[Transcript]


class Rerecognition:
    """See :class:`~offhook.engines.stt.base.RecognitionSession`."""

    turn_over: float | None = None

    def __init__(self, rate_hz: int, recognize: Recognize, clean: Clean) -> None:
        self._rate_hz = rate_hz
        self._recognize = recognize
        self._clean = clean
        self._blocks: list[NDArray[np.int16]] = []
        self._samples = 0
        self._look: _Look | None = None
        """The latest one, going on or done."""
        self._before: Transcript | None = None
        """What the latest look that was not given up has found."""
        self._used_samples = 0
        self._cancelled = False

    @property
    def audio_s(self) -> float:
        return self._samples / self._rate_hz

    @property
    def usage_s(self) -> float:
        return self._used_samples / self._rate_hz

    def push(self, audio: NDArray[np.int16]) -> None:
        if self._samples + len(audio) > SESSION_S * self._rate_hz:
            raise BusyError(f"more than {SESSION_S} s of speech in one recognition")
        if len(audio):
            self._blocks.append(audio.copy())
            self._samples += len(audio)

    async def interim(self) -> str:
        whole_ms = self._samples * 1000 // self._rate_hz
        return (await self._words(whole_ms, Claim(Urgency.AHEAD))).text

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        transcript = await self._words(voiced_ms, claim or Claim())
        return replace(transcript, text=self._clean(transcript.text, voiced_ms))

    def cancel(self) -> None:
        self._cancelled = True
        if self._look is not None:
            self._look.task.cancel()
        self._look, self._blocks = None, []

    async def _words(self, voiced_ms: int, claim: Claim) -> Transcript:
        if self._cancelled:
            raise ModelError("the recognition was given up")
        look = self._look
        # A look at as much audio will do, unless it was thought to hold too little voice to be looked at.
        again = look is None or look.samples != self._samples or _failed(look)
        if look is None or again or (look.voiced_ms < voiced_ms and claim.urgency < Urgency.AHEAD):
            look = self._look = self._begin(voiced_ms, claim)
        else:
            look.claim.join(claim)
        try:
            return await asyncio.shield(look.task)
        except BusyError:
            if again or claim.rank[0] is Urgency.AHEAD:
                raise
            # It had to make way for others just before it was wanted: then it is begun anew, urgent by now.
            return await self._words(voiced_ms, claim)
        finally:
            look.claim.leave(claim)
            # Not at once: whoever takes it over may be just about to ask.
            asyncio.get_running_loop().call_soon(_drop_unwanted, look)

    def _begin(self, voiced_ms: int, claim: Claim) -> _Look:
        self._blocks = [np.concatenate(self._blocks)] if self._blocks else [np.zeros(0, np.int16)]
        (audio,) = self._blocks
        self._used_samples += len(audio)
        if self._rate_hz != STT_RATE_HZ and len(audio):
            audio = resample(audio, self._rate_hz, STT_RATE_HZ)
        shared = Claim(Urgency.AHEAD, since_ns=LATEST_NS, others=[claim])
        words = self._recognize(audio, voiced_ms, shared, self._before)
        task = asyncio.ensure_future(_as_coroutine(words))
        task.add_done_callback(self._seen)
        return _Look(self._samples, voiced_ms, shared, task)

    def _seen(self, task: asyncio.Task[Transcript]) -> None:
        """Its error is raised where the words are wanted, if they are."""
        if not task.cancelled() and task.exception() is None:
            self._before = task.result()


async def _as_coroutine(words: Awaitable[Transcript]) -> Transcript:
    return await words


def _drop_unwanted(look: _Look) -> None:
    if not look.claim.others:
        look.task.cancel()  # nothing when it is done


def _failed(look: _Look) -> bool:
    task = look.task
    return task.done() and (task.cancelled() or task.exception() is not None)
