"""A suite: a business, and what callers ask it with what a right answer holds.

A JSON file, checked as a whole when it is loaded.  Questions are counted from 0, as ``after`` counts them.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from offhook.agents.loader import Agent
from offhook.config import Section, clipped
from offhook.errors import ConfigError
from offhook.evaluation.wants import Wants
from offhook.files import read_text

UNKNOWN = "unknown"
"""The kind of a question that nothing the agent knows answers: right is to say so."""


def _pattern(text: str) -> str:
    try:
        re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}: {clipped(text)}") from error
    return text


_Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Pattern = Annotated[str, StringConstraints(min_length=1), AfterValidator(_pattern)]


class Question(Section):
    """What a caller says, and how the answer is judged."""

    say: _Filled
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    right: _Pattern
    """A regular expression that a right answer holds; upper and lower case are the same."""
    wrong: _Pattern | None = None
    """One that it does not hold."""
    after: int | None = Field(None, ge=0)
    """The question asked just before in the same conversation."""
    expect: str = ""
    """A right answer, for people."""
    ends: bool = False
    """The caller takes leave: the agent ends the call.  ``right`` may be left out then."""
    must_not_end: bool = False
    """Sounds like a farewell and is none."""
    wants: dict[str, Any] | None = None
    """What the caller wants done (:mod:`.wants`); judged where the agent has tools."""

    @model_validator(mode="before")
    @classmethod
    def _any_farewell(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("ends") is True and "right" not in data:
            return {**data, "right": ".*"}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Question:
        if self.ends and self.must_not_end:
            raise ValueError("ends and must_not_end contradict each other: keep one")
        return self


class Suite(Section):
    """A whole suite file."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    language: str = "en"
    name: str
    greeting: str
    persona: str = ""
    facts: tuple[str, ...] = ()
    timezone: str | None = None
    tools: dict[str, Any] = Field({})
    """What the business can do, as ``[tools.NAME]`` of an agent's file."""
    questions: tuple[Question, ...] = Field(min_length=1)

    def agent(self) -> Agent:
        """The business as an agent.  Raises pydantic's ValidationError."""
        fields = {"name", "language", "greeting", "persona", "facts", "timezone", "tools"}
        return Agent.model_validate(self.model_dump(include=fields))


@dataclass(frozen=True, slots=True)
class Step:
    """One question of a conversation."""

    number: int
    question: Question
    counted: bool
    """False: asked only because a later one follows it."""


Chain = tuple[Step, ...]
"""The questions of one conversation, in order."""


def load_suite(path: Path, agent: Agent | None = None) -> Suite:
    """Read a suite.  Raises ConfigError with one line: file, question, field, what is wrong.

    ``agent`` is asked instead of the suite's own business, which need not be described then.
    """
    text = read_text(path)
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{path}: not valid JSON: brackets are nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a suite is a JSON object with {', '.join(Suite.model_fields)}")
    if agent is not None:
        data = {"name": agent.name, "greeting": agent.greeting, "language": agent.language} | data
    try:
        suite = Suite.model_validate(data)
        suite.agent()
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error.errors())}") from error
    for number, question in enumerate(suite.questions):
        wanted(path, number, question)
        if question.after is not None and question.after >= number:
            raise ConfigError(
                f"{path}: question {number}: after: {question.after} does not stand before it"
                " (questions are counted from 0)"
            )
    return suite


def wanted(path: Path | str, number: int, question: Question) -> Wants | None:
    """What is to be done, checked.  Raises ConfigError."""
    try:
        return None if question.wants is None else Wants.model_validate(question.wants)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: question {number}: wants.{where}: {first['msg']}") from error


def chains(questions: Sequence[Question], kinds: Collection[str] = ()) -> list[Chain]:
    """The conversations in which the questions of these kinds are asked; no kinds: all questions.

    A question goes on the conversation that ends with the one it follows.  Where there is none any more,
    what it follows is asked once more, uncounted.
    """
    found: list[list[Step]] = []
    for number, question in enumerate(questions):
        if kinds and question.kind not in kinds:
            continue
        own = Step(number, question, counted=True)
        before = question.after
        open_one = next((chain for chain in found if chain[-1].number == before), None)
        if open_one is not None:
            open_one.append(own)
            continue
        chain = [own]
        while before is not None:
            chain.insert(0, Step(before, questions[before], counted=False))
            before = questions[before].after
        found.append(chain)
    return [tuple(chain) for chain in found]


# --- what is wrong, in words ---------------------------------------------------------------------


def _first_problem(errors: list[ErrorDetails]) -> str:
    # A misspelt key explains why another one is missing, so it comes first.
    problem = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place, more = _place(problem["loc"]), len(errors) - 1
    match problem["type"]:
        case "extra_forbidden":
            line = _unknown_key(problem["loc"])
        case "missing":
            loc = problem["loc"]
            missing = [
                str(one["loc"][-1])
                for one in errors
                if one["type"] == "missing" and one["loc"][:-1] == loc[:-1]
            ]
            more = len(errors) - len(missing)
            if len(missing) > 1:
                place = f"{_place(loc[:-1])}{', '.join(missing)}: "
            line = f"{place}{'is' if len(missing) == 1 else 'are'} missing"
            if loc == ("name",) or loc == ("greeting",):
                line += "; they may be where --agent names the agent that is asked"
        case "value_error":
            line = f"{place}{problem['ctx']['error']}"
        case "string_too_short":
            line = f"{place}is empty"
        case _:
            line = f"{place}{problem['msg']}, got {clipped(problem['input'])}"
    return line + (f" (and {more} more)" if more else "")


def _place(loc: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in loc]
    if parts[:1] == ["questions"] and len(parts) > 1:
        parts = [f"question {parts[1]}", *parts[2:]]
    return "".join(f"{part}: " for part in parts)


def _unknown_key(loc: tuple[int | str, ...]) -> str:
    kind: type[Section] = Question if len(loc) > 1 else Suite
    key, known = str(loc[-1]), list(kind.model_fields)
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return f"{_place(loc[:-1])}unknown key {clipped(key)}; {hint}"
