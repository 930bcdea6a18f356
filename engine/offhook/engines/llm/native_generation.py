"""What the batching engine is asked for and answers in pieces: an answer, and how probably a message ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from typing import Any, cast

from offhook import core
from offhook.engines.llm.base import FinishReason, GenerationStats
from offhook.engines.llm.native_news import News
from offhook.errors import DeadlineError, ModelError

HUNG_S = 10.0
"""A batch that takes longer hangs: the largest one takes a second or two on the slowest machine."""


class EndQuestion:
    """A question for an end probability, asked when it is made.

    Await it any number of times, or not at all: a task that waits and is cancelled leaves nothing.
    """

    def __init__(self, news: News, native: core.LlmConversation) -> None:
        self._news = news
        self._native = native
        self._number = native.ask_end_probability()

    def __await__(self) -> Generator[Any, None, float | None]:
        return self._told().__await__()

    async def _told(self) -> float | None:
        probability: float | None = None

        def done() -> bool:
            nonlocal probability
            known, probability = self._native.end_answer(self._number)
            return known

        await self._news.wait(self._native.id, done)
        return probability


class NativeGeneration:
    """An answer being written; see :class:`~offhook.engines.llm.base.Generation`."""

    def __init__(self, news: News, native: core.LlmGeneration) -> None:
        self._news = news
        self._native = native
        self._ready = news.listen(native.id)
        self._held = ""
        self._error = ""
        self.stats = GenerationStats(submitted_ns=native.stats()[4])

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            while True:
                self._ready.clear()
                self._take()
                if self._held:
                    text, self._held = self._held, ""
                    yield text
                elif self.stats.finish_reason:
                    break
                else:
                    await self._news_of_it()
            if self.stats.finish_reason == "failed":
                raise ModelError(self._error)
        finally:
            self.cancel()  # nobody reads any more; nothing when it has ended by itself

    async def _news_of_it(self) -> None:
        """Wait for more; once it has begun, no longer than a batch can take."""
        limit_s = None if self.stats.first_token_ns is None else HUNG_S
        try:
            async with asyncio.timeout(limit_s):
                await self._ready.wait()
        except TimeoutError:
            raise DeadlineError(f"the language model has written nothing more for {HUNG_S:g} s") from None

    def cancel(self) -> None:
        """Stop before the next token; the iteration ends."""
        if not self.stats.finish_reason:
            self._native.cancel()
            self._take()
            self._ready.set()

    def _take(self) -> None:
        if self.stats.finish_reason:
            return
        text, finish, self._error = self._native.take()
        self._held += text
        reused, computed, generated, _, _, first_token_ns, drafted, accepted = self._native.stats()
        self.stats.prompt_tokens_reused = reused
        self.stats.prompt_tokens_computed = computed
        self.stats.generated_tokens = generated
        self.stats.drafted_tokens = drafted
        self.stats.accepted_tokens = accepted
        self.stats.first_token_ns = first_token_ns or None
        self.stats.finish_reason = cast("FinishReason", finish)
