"""The embedded model in the batching engine, for tests: small contexts, a question in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offhook.engines.llm.base import Limits
from offhook.engines.llm.native import NativeConversation, NativeModel

CALLS = 8
CALL_TOKENS = 512
SYSTEM = "You are the receptionist of a bakery. Answer in one short sentence."
QUESTIONS = (
    "When do you open on Sunday?",
    "Do you have rye bread?",
    "Can I order a cake for tomorrow?",
    "What does a croissant cost?",
    "Where are you?",
    "Is there parking?",
    "I want to speak to the manager.",
    "Do you deliver to the harbour?",
)


@contextmanager
def engine(
    path: Path, *, calls: int = CALLS, n_ctx: int = 4096, n_ctx_call: int = CALL_TOKENS
) -> Iterator[NativeModel]:
    """An engine with room for ``calls``; closed afterwards."""
    model = NativeModel(
        path, n_ctx=n_ctx, n_ctx_call=n_ctx_call, max_conversations=calls, threads=2, threads_batch=2
    )
    try:
        yield model
    finally:
        model.close()


async def begin(model: NativeModel, system: str = SYSTEM) -> NativeConversation:
    """A conversation that has only its system prompt."""
    return await model.conversation(model.template.prefix(system))


async def answer(talk: NativeConversation, limits: Limits | None = None) -> str:
    """What the model says next, whole."""
    return "".join([piece async for piece in talk.generate(limits or Limits(max_tokens=20))])


def middle_word(text: str) -> str:
    """A word from the middle of an answer: which words it has, and how many, is the processor's affair."""
    words = text.split()
    assert words, "an answer"
    return words[len(words) // 2]


async def ask(model: NativeModel, talk: NativeConversation, words: str, limits: Limits | None = None) -> str:
    """The whole answer to ``words``."""
    await talk.append(*model.template.user(words))
    return await answer(talk, limits)
