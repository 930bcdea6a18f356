"""Speech from text, off the event loop, and ready audio for what is said again and again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from offhook.speech import spoken
from offhook.tts.base import Synthesizer
from offhook.tts.slin import to_slin

LEAD_THRESHOLD = 100
"""-50 dBFS: what a voice puts out below this before its first word is silence on a telephone."""
CACHE_S = 600
"""Seconds of audio kept: 10 MB at 8 kHz."""
CACHED_CLAUSE_S = 12
"""A clause longer than this is not said twice."""


class Voice:
    """One synthesizer for all calls.  Blocking engines run on one worker thread.

    Texts are given as they are written, and remembered so; the synthesizer gets them as
    ``language`` speaks them.
    Clauses that recur ("How can I help you?") are kept by text and rate, least recently used
    out first, so that they cost nothing the next time.
    """

    def __init__(self, synthesizer: Synthesizer, worker: ThreadPoolExecutor, *, language: str = "en") -> None:
        """``language``: a tag such as "en" or "en-GB"."""
        self._synthesizer = synthesizer
        self._language = language
        self._worker = worker
        self._cache: OrderedDict[tuple[str, int], NDArray[np.int16]] = OrderedDict()
        self._cached_s = 0.0
        self.hits = 0
        """Clauses that were found ready."""
        self.misses = 0

    async def say(self, text: str, rate_hz: int) -> NDArray[np.int16]:
        """The whole of ``text``: ``[samples]`` int16 at ``rate_hz``."""
        blocks = [block async for block in self.stream(text, rate_hz)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    async def stream(self, text: str, rate_hz: int) -> AsyncGenerator[NDArray[np.int16], None]:
        """``text`` as ``[samples]`` int16 blocks at ``rate_hz``, each as soon as it exists.

        Closing the iterator stops the synthesis between two blocks.  Raises ModelError.
        """
        key = (text, rate_hz)
        ready = self._cache.get(key)
        if ready is not None:
            self._cache.move_to_end(key)
            self.hits += 1
            yield ready
            return
        self.misses += 1
        blocks: list[NDArray[np.int16]] = []
        async for block in self._synthesize(text, rate_hz):
            blocks.append(block)
            yield block
        if blocks:
            self._keep(key, np.concatenate(blocks))

    async def _synthesize(self, text: str, rate_hz: int) -> AsyncGenerator[NDArray[np.int16], None]:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[NDArray[np.int16] | None] = asyncio.Queue()
        abandoned = False

        def work() -> None:
            try:
                words = spoken(text, self._language)
                blocks = self._synthesizer.synthesize(words, cancelled=lambda: abandoned)
                slin = to_slin(blocks, self._synthesizer.sample_rate_hz, rate_hz)
                for block in without_lead(slin, rate_hz):
                    loop.call_soon_threadsafe(queue.put_nowait, block)
            finally:
                loop.call_soon_threadsafe(queue.put_nowait, None)

        working = loop.run_in_executor(self._worker, work)
        try:
            while (block := await queue.get()) is not None:
                yield block
            await working
        finally:
            abandoned = True

    def _keep(self, key: tuple[str, int], audio: NDArray[np.int16]) -> None:
        seconds = len(audio) / key[1]
        if seconds > CACHED_CLAUSE_S or key in self._cache:
            return
        audio.setflags(write=False)
        self._cache[key] = audio
        self._cached_s += seconds
        while self._cached_s > CACHE_S:
            (_, rate_hz), old = self._cache.popitem(last=False)
            self._cached_s -= len(old) / rate_hz


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
