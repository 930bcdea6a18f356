"""What becomes of a caller's turn where an agent can do things: the form that goes on, or one that begins.

Used by both policies: the grounded one lets forms ask for every value; with the other the model proposes
them, and only the yes is heard here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offhook.agents.loader import Agent
from offhook.conversation.forms.form import Step
from offhook.conversation.forms.values import Hearing
from offhook.conversation.forms.words import form_words
from offhook.conversation.history import History
from offhook.knowledge.acts import ActGuess
from offhook.knowledge.wishes import Wishes, WishFinder
from offhook.languages import language
from offhook.tools.base import ToolResult
from offhook.tools.executor import Executor
from offhook.tools.templates import filled
from offhook.workers import Workers

LIKELY = 0.6
INSISTS = 3
"""So often a caller has to ask for a person until nothing else is tried."""


@dataclass(frozen=True, slots=True)
class Request:
    """A tool that is to be run for a turn, and what is said before and after."""

    tool: str
    arguments: Mapping[str, Any]
    writes: bool
    working: str
    """Said while it works, where it is not done at once."""


class Acting:
    """One agent's.  What differs between calls is the :class:`Executor`, and the form in the history."""

    def __init__(self, agent: Agent, finder: WishFinder, worker: Workers | None = None) -> None:
        self._agent = agent
        self._finder = finder
        self._worker = worker
        self._language = language(agent.language)
        self.words = form_words(agent.language)

    async def wishes(self, text: str) -> Wishes:
        if self._worker is None:
            return self._finder.rank(text)
        return await self._worker.run(lambda job: self._finder.rank(text))

    async def hearing(self, text: str, executor: Executor) -> Hearing:
        return Hearing(
            text, self._language, self.words, executor.context.now, self._agent.language, self._finder.nearest
        )

    def request(self, step: Step, executor: Executor) -> Request:
        """What a step that runs a tool has it do."""
        assert step.form is not None
        spec = executor.tools[step.form.tool].spec
        return Request(
            spec.name,
            dict(step.arguments or {}),
            spec.effect == "writes",
            spec.phrases.working or self.words.working,
        )

    def told(self, request: Request, result: ToolResult, executor: Executor) -> str:
        """What is said of a result."""
        spec = executor.tools[request.tool].spec
        spoken = {**request.arguments, "result": result.value}
        if result.ok:
            if result.action is not None:
                to = str(request.arguments.get("to") or "")
                return filled(spec.phrases.done, spoken) or self.words.handing_over.format(
                    name=to or self._agent.name
                )
            return result.say or filled(spec.phrases.done, spoken) or self.words.done
        if result.unsure:
            return self.words.unsure
        return result.say or filled(spec.phrases.failed, spoken) or self.words.failed


def wants_person(text: str, act: ActGuess) -> bool:
    """The caller asks for a person."""
    return act.act == "person" and act.probability >= LIKELY


def insists(history: History) -> int:
    """How often a person was asked for in this call."""
    return sum(each.act == "person" for each in history.exchanges)


def score(wishes: Wishes, values: int, fact: float, *, asks: bool) -> float:
    """How much speaks for a wish, against a question: above 0 a form is begun.

    ``values``: how many of the tool's values were said.  ``fact``: the best fact's log-odds.
    """
    best = wishes.ranked[0].likeness if wishes.ranked else 0.0
    request = max(-2.5, min(2.0, wishes.request))
    return (
        request
        + (0.0 if asks else _STATES)
        + _LIKENESS * (best - _NEAR)
        + _VALUE * min(values, 3)
        - _FACT * max(0.0, fact)
        - _AGAINST
    )


_STATES = 1.0
_LIKENESS, _NEAR = 10.0, 0.5
_VALUE = 0.8
_FACT = 0.25
_AGAINST = 0.5
