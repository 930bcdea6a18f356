"""How many of the receptionist's answers are right, with the help that a call gives the model and without.

With help: example exchanges in the prefix, the best fact beside the caller's words, the checks of an
answer: all as in a call.  Without: the same model, the persona and all facts in the system prompt.
Each question is asked in a conversation of its own, greedily, so a score is exact and repeatable.
The questions and what counts as right are in answers.toml; "held_out" ones were never looked at
while the prompt was made.  The time measured is that of all questions of the set.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from offhook.agents.loader import load_agent
from offhook.dialog import STOP, Dialog
from offhook.llm.base import Limits
from offhook.llm.embedded import embedded_model
from offhook.llm.native import NativeModel
from offhook.sentence import ClauseSplitter

WITH_HELP = 0.85
"""Share of right answers below which a change of prompt, agent or model is a step back."""
LIMITS = Limits(max_tokens=60, stop=STOP)

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
        self.model = NativeModel(embedded_model(), n_ctx=4096, n_ctx_call=2048, max_conversations=1)
        self.agent = load_agent("receptionist")
        self.dialog = Dialog(self.agent, self.model.template)

    def ask_all(self, asked: list[Question], *, helped: bool) -> list[str]:
        async def ask() -> list[str]:
            return [await (self._with_help(q.text) if helped else self._without(q.text)) for q in asked]

        return self.loop.run_until_complete(ask())

    async def _with_help(self, words: str) -> str:
        turn = self.dialog.turn(words)
        if turn.goodbye:
            return self.agent.goodbye
        talk = await self.model.conversation(self.dialog.prefix())
        await talk.append(*turn.pieces)
        generation = talk.generate(LIMITS)
        splitter, guard, said = ClauseSplitter(), self.dialog.guard(turn), []
        async for piece in generation:
            said += [guard.accept(clause) for clause in splitter.push(piece)]
            if guard.finished:
                generation.cancel()
        said += [guard.accept(clause) for clause in splitter.flush()]
        await talk.close()
        return " ".join(clause for clause in said if clause)

    async def _without(self, words: str) -> str:
        facts = "\n".join(fact.text for fact in self.agent.facts)
        unknown = f"When you do not know, say: {self.agent.unknown}"
        persona = (
            "You are the receptionist of Harbour Street Dental. Answer the caller in one short sentence."
        )
        talk = await self.model.conversation(self.model.template.prefix(f"{persona}\n{facts}\n{unknown}"))
        await talk.append(*self.model.template.user(words))
        answer = "".join([piece async for piece in talk.generate(LIMITS)])
        await talk.close()
        return answer

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
    """Only counted: it shows what the help is worth."""
    assert 0 <= score(benchmark, desk, which, kind, helped=False) <= 1
