"""Engines that do what a test tells them: for the logic around engines, never for proof that speech works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.engines.llm.base import GenerationStats, Grammar, Limits, Mark, Told, ToolCall, ToolOffer
from offhook.engines.stt.base import Transcript
from offhook.engines.stt.rerecognition import Rerecognition
from offhook.engines.tts.base import never
from offhook.workers import Claim


@dataclass
class ScriptedRecognizer:
    """Recognises one text after the other, whatever is heard."""

    texts: list[Any]
    """An exception among them is raised."""
    name: str = "scripted"
    gate: asyncio.Event | None = None
    """When given, recognition waits for it."""

    streams = False

    def session(self, rate_hz: int) -> Rerecognition:
        return Rerecognition(rate_hz, self.recognize, lambda text, voiced_ms: text)

    async def recognize(
        self, audio: NDArray[np.int16], voiced_ms: int, claim: Claim | None = None, *more: object
    ) -> Transcript:
        if self.gate is not None:
            await self.gate.wait()
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        return Transcript(text, len(audio) // 16, 0.0)

    def close(self) -> None:
        """Nothing to free."""


HANG = object()
"""Among the pieces of an answer: here nothing more comes, for ever."""


@dataclass
class ScriptedGeneration:
    """Writes prepared pieces into its conversation; a :class:`ToolCall` among them is called."""

    conversation: ScriptedConversation
    pieces: list[Any]
    stats: GenerationStats = field(default_factory=GenerationStats)
    cancelled: bool = False

    async def __aiter__(self) -> AsyncIterator[str]:
        for piece in self.pieces:
            await asyncio.sleep(0)
            if self.cancelled:
                return
            if isinstance(piece, Exception):
                raise piece
            if piece is HANG:
                await asyncio.Event().wait()
            if isinstance(piece, ToolCall):
                self.stats.tool_calls.append(piece)
                continue
            self.conversation.text.append(piece)
            yield piece

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class ScriptedConversation:
    """Text as a list of pieces; a mark is a length."""

    answers: list[list[Any]]
    text: list[str] = field(default_factory=list)
    generation: ScriptedGeneration | None = None
    start: Mark = field(default_factory=lambda: Mark(0))
    tokens_limit: int = 1_000_000
    speculative: bool = False
    since_ns: int = 0
    ends: list[float | None] = field(default_factory=list)
    """What :meth:`end_probability` says, one after the other; then None."""
    drafts: list[str] = field(default_factory=list)
    """The drafts given so far."""
    asked: list[tuple[tuple[str, ...], Grammar | None]] = field(default_factory=list)
    """The names of the tools offered, and the grammar, for each answer so far."""

    @property
    def tokens_used(self) -> int:
        return len(self.text)

    async def append(self, *pieces: str) -> None:
        self.text += pieces

    async def mark(self) -> Mark:
        return Mark(len(self.text))

    async def rollback(self, mark: Mark) -> None:
        if self.generation is not None:
            self.generation.cancel()
        del self.text[mark.tokens :]

    def end_probability(self) -> Told:
        return Told(self.ends.pop(0) if self.ends else None)

    def generate(
        self,
        limits: Limits,
        *,
        draft: str = "",
        tools: Sequence[ToolOffer] = (),
        grammar: Grammar | None = None,
    ) -> ScriptedGeneration:
        self.drafts.append(draft)
        self.asked.append((tuple(tool.name for tool in tools), grammar))
        self.generation = ScriptedGeneration(self, self.answers.pop(0))
        return self.generation

    async def close(self) -> None:
        """Nothing to free."""


class ScriptedVoice:
    """10 ms of constant audio per character, or an error."""

    name = "scripted"
    sample_rate_hz = 8_000

    def __init__(self, fail: Callable[[str], Exception | None] = lambda text: None) -> None:
        self._fail = fail

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        error = self._fail(text)
        if error is not None:
            raise error
        yield np.full(80 * len(text), 1000, np.int16)

    def close(self) -> None:
        """Nothing to free."""


class PlainTemplate:
    """Markup that a person can read in a failed test."""

    assistant_close = "<end>"

    def prefix(self, system: str, examples: Sequence[tuple[str, str]] = ()) -> tuple[str, ...]:
        return (f"<system>{system}",)

    def user(self, text: str) -> tuple[str, ...]:
        return ("<user>", text, "<agent>")

    def results(self, texts: Sequence[str]) -> tuple[str, ...]:
        return (*(f"<result>{text}" for text in texts), "<agent>")
