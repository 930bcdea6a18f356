"""Speech from text, off the event loop, and ready audio for what is said again and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextvars import copy_context

import numpy as np
from numpy.typing import NDArray

from offhook.core import core_place
from offhook.engines.tts.base import ORIGIN, Concurrent, Multilingual, Origin, Repeatable, Synthesizer
from offhook.engines.tts.ready import ReadyAudio
from offhook.engines.tts.slin import to_slin
from offhook.errors import BusyError
from offhook.speech import spoken
from offhook.workers import LATEST_NS, Claim, Job, Urgency, Workers

LEAD_THRESHOLD = 100
"""-50 dBFS: what a voice puts out below this before its first word is silence on a telephone."""
CACHE_S = 600
"""Seconds of audio kept for all calls: 10 MB at 8 kHz."""
_FORM = 1
"""Of what is kept on disk; another one when audio is cut or resampled otherwise."""
READY_S = 240
"""Seconds that are made for one agent before anybody asks: some fifty facts."""
AGAIN_S = 0.5
"""After what was made ahead had to make way."""
CALL_CACHE_S = 60
"""Seconds of audio kept for one call, until its end."""
CACHED_CLAUSE_S = 12
"""A clause longer than this is not said twice."""


class Clauses:
    """Ready audio by text and rate, least recently used out first.

    What callers have told may be in a clause: only what is known beforehand may be kept in one that
    outlives the call.
    """

    def __init__(self, seconds: float = CALL_CACHE_S) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[tuple[str, int], NDArray[np.int16]] = OrderedDict()
        self._kept_s = 0.0

    def get(self, text: str, rate_hz: int) -> NDArray[np.int16] | None:
        """``[samples]`` int16, read-only; None when it is not there."""
        audio = self._kept.get((text, rate_hz))
        if audio is not None:
            self._kept.move_to_end((text, rate_hz))
        return audio

    def keep(self, text: str, rate_hz: int, audio: NDArray[np.int16]) -> None:
        """Remember ``audio`` (``[samples]`` int16), which is made read-only."""
        seconds = len(audio) / rate_hz
        if seconds > CACHED_CLAUSE_S or (text, rate_hz) in self._kept:
            return
        audio.setflags(write=False)
        self._kept[text, rate_hz] = audio
        self._kept_s += seconds
        while self._kept_s > self._seconds:
            (_, rate_hz), old = self._kept.popitem(last=False)
            self._kept_s -= len(old) / rate_hz


class Voice:
    """One synthesizer for all calls, on as many threads as it can work on at once; one, if it does not say.

    Texts are given as they are written, and remembered so; the synthesizer gets them as
    ``language`` speaks them.
    Clauses that recur ("How can I help you?") cost nothing the next time: those that are known
    beforehand are kept for all calls, the others in what the call brings along.

    What callers wait for is made before what is only prepared: waiting clauses by their claims, and a
    clause that is being prepared makes way between two blocks, where the engine allows that.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        *,
        language: str = "en",
        timeout_s: float = 10.0,
        ready: ReadyAudio | None = None,
        computes: bool = True,
    ) -> None:
        """``language``: a tag such as "en" or "en-GB".  ``timeout_s`` from one block of audio to the next.

        ``ready``: where what is known beforehand lies from one start to the next, for a voice that always
        says the same alike.  ``computes``: on this machine's cores, and not a server's.
        """
        self._identity = synthesizer.identity if isinstance(synthesizer, Repeatable) else None
        self._ready = ready if self._identity is not None else None
        self._synthesizer = synthesizer
        self._language = language
        self._makes_way = isinstance(synthesizer, Concurrent)
        self._workers = Workers(
            "offhook-voice",
            "the voice",
            count=synthesizer.concurrency if isinstance(synthesizer, Concurrent) else 1,
            limit_s=timeout_s,
            setting="tts.timeout_s",
            place=core_place if computes else None,
        )
        self._known = Clauses(CACHE_S)
        self.hits = 0
        """Clauses that were found ready."""
        self.misses = 0

    async def say(
        self, text: str, rate_hz: int, *, known: bool = False, language: str | None = None
    ) -> NDArray[np.int16]:
        """The whole of ``text``: ``[samples]`` int16 at ``rate_hz``; see :meth:`stream`."""
        stream = self.stream(text, rate_hz, known=known, language=language)
        blocks = [block async for block in stream]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    async def stream(
        self,
        text: str,
        rate_hz: int,
        *,
        known: bool = False,
        clauses: Clauses | None = None,
        language: str | None = None,
        claim: Claim | None = None,
    ) -> AsyncGenerator[NDArray[np.int16], None]:
        """``text`` as ``[samples]`` int16 blocks at ``rate_hz``, each as soon as it exists.

        ``known``: it was written before the call began, and may be kept longer than it; otherwise it is
        kept in the call's own ``clauses``.  ``language``: the agent's, where it names one; None: the
        voice's.  ``claim``: how soon it is needed; None: somebody waits.  Closing the iterator stops the
        synthesis between two blocks.  Raises ModelError or DeadlineError.
        """
        language = language or self._language
        # The same words sound otherwise in another language.
        key = text if language == self._language else f"{language}\0{text}"
        kept = self._known if known else clauses
        ready = self._known.get(key, rate_hz)
        if ready is None and clauses is not None:
            ready = clauses.get(key, rate_hz)
        if ready is not None:
            self.hits += 1
            yield ready
            return
        if known and self._ready is not None:
            kept_audio = await asyncio.to_thread(self._kept_ready, text, rate_hz, language)
            if kept_audio is not None:
                self.hits += 1
                self._known.keep(key, rate_hz, kept_audio)
                yield kept_audio
                return
        self.misses += 1
        blocks: list[NDArray[np.int16]] = []
        origin = ORIGIN.get() or Origin()
        async for block in self._synthesize(text, rate_hz, language, claim, origin):
            blocks.append(block)
            yield block
        if blocks and kept is not None and not origin.stand_in:
            audio = np.concatenate(blocks)
            kept.keep(key, rate_hz, audio)
            if known:
                await asyncio.to_thread(self._keep_ready, audio, text, rate_hz, language)

    async def make_ready(
        self,
        texts: Iterable[str],
        rate_hz: int,
        *,
        language: str | None = None,
        idle: Callable[[], bool] = lambda: True,
    ) -> float:
        """Make clauses that were written before any call, the likeliest first; seconds of audio now ready.

        Nobody waits for it: it makes way for everything else, begins nothing while the machine is not
        ``idle``, and ends at :data:`READY_S`.  Nothing is done
        by a voice that need not say the same alike, as those of services, which are paid by the word.
        Raises ModelError or DeadlineError.
        """
        seconds = 0.0
        if self._ready is None:
            return seconds
        language = language or self._language
        for text in texts:
            key = text if language == self._language else f"{language}\0{text}"
            audio = self._known.get(key, rate_hz)
            if audio is None:
                audio = await asyncio.to_thread(self._kept_ready, text, rate_hz, language)
                if audio is None:
                    audio = await self._made_ahead(text, rate_hz, language, idle)
                    await asyncio.to_thread(self._keep_ready, audio, text, rate_hz, language)
                self._known.keep(key, rate_hz, audio)
            seconds += len(audio) / rate_hz
            if seconds >= READY_S:
                break
        return seconds

    async def _made_ahead(
        self, text: str, rate_hz: int, language: str, idle: Callable[[], bool]
    ) -> NDArray[np.int16]:
        while True:
            if idle():
                ahead = self._synthesize(text, rate_hz, language, Claim(Urgency.AHEAD, LATEST_NS))
                with contextlib.suppress(BusyError):  # it had to make way
                    blocks = [block async for block in ahead]
                    return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
            await asyncio.sleep(AGAIN_S)

    def _kept_ready(self, text: str, rate_hz: int, language: str) -> NDArray[np.int16] | None:
        if self._ready is None:
            return None
        return self._ready.get(_FORM, self._identity, language, rate_hz, spoken(text, language))

    def _keep_ready(self, audio: NDArray[np.int16], text: str, rate_hz: int, language: str) -> None:
        if self._ready is not None:
            self._ready.keep(audio, _FORM, self._identity, language, rate_hz, spoken(text, language))

    def problem(self) -> str | None:
        """Why no call should be begun now, in one line; None while it is well.  Never waits."""
        return self._workers.problem()

    def close(self) -> bool:
        """Let the worker end; False when it hangs, and the synthesizer must not be freed."""
        return self._workers.close()

    def _speaking(self, language: str) -> Synthesizer:
        """The synthesizer for ``language``; the configured one for its own."""
        if language != self._language and isinstance(self._synthesizer, Multilingual):
            return self._synthesizer.speaking(language)
        return self._synthesizer

    async def _synthesize(
        self, text: str, rate_hz: int, language: str, claim: Claim | None, origin: Origin | None = None
    ) -> AsyncGenerator[NDArray[np.int16], None]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[NDArray[np.int16] | None] = asyncio.Queue()
        context = copy_context()  # it is on the bill of whoever asks
        context.run(ORIGIN.set, origin)

        def work(job: Job[None]) -> None:
            words = spoken(text, language)
            speaker = self._speaking(language)
            blocks = context.run(speaker.synthesize, words, cancelled=lambda: job.cancelled)
            slin = to_slin(blocks, self._synthesizer.sample_rate_hz, rate_hz)
            for block in without_lead(slin, rate_hz):
                job.beat()
                loop.call_soon_threadsafe(queue.put_nowait, block)
                if self._makes_way:
                    self._workers.give_way(job)
                self._workers.give_core(job)

        job = self._workers.submit(work, claim)
        job.result.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while True:
                try:
                    async with asyncio.timeout(self._workers.patience_s(job)):
                        block = await queue.get()
                except TimeoutError:
                    if self._workers.is_hopeless(job):
                        raise self._workers.late() from None
                    continue
                if block is None:
                    break
                yield block
            job.result.result()
        finally:
            job.cancelled = True


def without_lead(blocks: Iterable[NDArray[np.int16]], rate_hz: int) -> Iterator[NDArray[np.int16]]:
    """``blocks`` without the silence that voices put in front: the caller would wait for its end.

    10 ms are kept before the first sample above the threshold, so that no soft onset is cut.
    Blocks of silence only are held back until something follows them.
    """
    kept_samples = rate_hz // 100
    lead = np.zeros(0, np.int16)
    begun = False
    for block in blocks:
        if begun:
            yield block
            continue
        lead = np.concatenate([lead, block])
        loud = np.flatnonzero(np.abs(lead.astype(np.int32)) > LEAD_THRESHOLD)
        if len(loud):
            begun = True
            yield lead[max(0, int(loud[0]) - kept_samples) :]
    if not begun and len(lead):
        yield lead
