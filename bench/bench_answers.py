"""How many of the receptionist's answers are right: with the help that a call gives, and without.

With help: the policy for models that cannot converse, whose answers are the words of the facts that fit.
Without: the same model converses, with the persona, all facts and the agent's examples in its prompt.
Both are asked in writing, the way of a call without its audio.  Each question has a conversation of its own
and is answered greedily, so a score is exact and repeatable.  The questions and what counts as right are in
answers.toml; "held_out" ones were never looked at while the agent was made.  The time measured is that of
all questions of the set.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from offhook.agents.loader import load_agent
from offhook.conversation.base import Policy
from offhook.conversation.policies.choice import make_policy
from offhook.conversation.session import TextSession
from offhook.engines.llm.base import Limits
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.native import NativeModel
from offhook.engines.pool import load_knowledge_models
from offhook.knowledge.store import Knowledge

WITH_HELP = 0.85
"""Share of right answers below which a change of the policy, the agent or what finds facts is a step back."""
LIMITS = Limits(max_tokens=60)
KNOWLEDGE_TOKENS = 1500
NAMES: tuple[Literal["grounded", "chat"], ...] = ("grounded", "chat")

Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and how its right answer is recognised."""

    text: str
    set: str
    kind: str
    required: tuple[str, ...]
    forbidden: tuple[str, ...]

    def is_right(self, answer: str) -> bool:
        return all(re.search(part, answer, re.IGNORECASE) for part in self.required) and not any(
            re.search(part, answer, re.IGNORECASE) for part in self.forbidden
        )


def questions() -> list[Question]:
    table = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))
    found = []
    for entry in table["questions"]:
        kind = entry.get("kind", "fact")
        required = table["unknown_required"] if kind == "unknown" else entry["required"]
        forbidden = [*table["always_forbidden"], *entry.get("forbidden", [])]
        found.append(Question(entry["text"], entry["set"], kind, tuple(required), tuple(forbidden)))
    return found


class Desk:
    """The receptionist, asked with help or without."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.model = NativeModel(embedded_model(), n_ctx=4096, n_ctx_call=4096, max_conversations=1)
        networks = load_knowledge_models()
        self.by_meaning = networks is not None
        agent = load_agent("receptionist")
        knowledge = Knowledge(agent, networks)
        knowledge.prepare()
        self.helped, self.alone = (
            make_policy(name, agent, self.model.template, knowledge, knowledge_tokens=KNOWLEDGE_TOKENS)
            for name in NAMES
        )
        self.loop.run_until_complete(self.model.preload(self.alone.prefix()))

    def ask_all(self, asked: list[Question], *, helped: bool) -> list[str]:
        async def ask() -> list[str]:
            return [await self._ask(self.helped if helped else self.alone, each.text) for each in asked]

        return self.loop.run_until_complete(ask())

    async def _ask(self, policy: Policy, words: str) -> str:
        session = TextSession(policy, self.model, LIMITS)
        await session.open()
        try:
            return (await session.say(words)).text
        finally:
            await session.close()

    def close(self) -> None:
        self.model.close()
        self.loop.close()


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def score(benchmark: Benchmark, desk: Desk, which: str, kind: str, *, helped: bool) -> float:
    asked = [question for question in questions() if (question.set, question.kind) == (which, kind)]
    benchmark.group = f"answers {which} {kind}"
    answers = benchmark.pedantic(desk.ask_all, args=(asked,), kwargs={"helped": helped}, rounds=1)
    right = [question.is_right(answer) for question, answer in zip(asked, answers, strict=True)]
    benchmark.extra_info["right"] = sum(right)
    benchmark.extra_info["asked"] = len(asked)
    benchmark.extra_info["by_meaning"] = desk.by_meaning
    assert len(answers) == len(asked)
    assert all(re.search(r"\w", answer) for answer in answers), "every question is answered with words"
    if helped and which == "tune":  # held-out answers stay unread
        benchmark.extra_info["wrong"] = [
            f"{question.text} -> {answer}"
            for question, answer, good in zip(asked, answers, right, strict=True)
            if not good
        ]
    return sum(right) / len(asked)


@pytest.mark.parametrize("kind", ["fact", "unknown"])
@pytest.mark.parametrize("which", ["tune", "held_out"])
def test_with_help(benchmark: Benchmark, desk: Desk, which: str, kind: str) -> None:
    assert score(benchmark, desk, which, kind, helped=True) >= WITH_HELP


@pytest.mark.parametrize("kind", ["fact", "unknown"])
@pytest.mark.parametrize("which", ["tune", "held_out"])
def test_without_help(benchmark: Benchmark, desk: Desk, which: str, kind: str) -> None:
    """Counted, and answered at all: the score shows what the help is worth."""
    score(benchmark, desk, which, kind, helped=False)
