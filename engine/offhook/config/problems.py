"""What is wrong with a file, in one line that says what to do."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_SHOWN = 80
"""So many characters of a wrong value are shown; a line for people stays a line."""


def problem_in_words(error: ValidationError, kind: type[BaseModel]) -> str:
    """The first thing that keeps something from being a ``kind``: where, and what is wrong."""
    errors = error.errors()
    line, told = _first_problem(errors, kind)
    return line + (f" (and {len(errors) - told} more)" if len(errors) > told else "")


def problems_in_words(error: ValidationError, kind: type[BaseModel]) -> list[str]:
    """All of them, a line each, the one of :func:`problem_in_words` first."""
    errors, lines = error.errors(), []
    while errors:
        line, told = _first_problem(errors, kind)
        lines.append(line)
        errors = _without_first(errors, told)
    return lines


def _first(errors: list[ErrorDetails]) -> ErrorDetails:
    # A key in the wrong place or misspelt explains why another one is missing, so it comes first.
    return next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])


def _without_first(errors: list[ErrorDetails], told: int) -> list[ErrorDetails]:
    """Without those that the line about the first one told."""
    problem = _first(errors)
    if told == 1:
        return [one for one in errors if one is not problem]
    place = problem["loc"][:-1]
    return [one for one in errors if one["type"] != "missing" or one["loc"][:-1] != place]


def _first_problem(errors: list[ErrorDetails], kind: type[BaseModel]) -> tuple[str, int]:
    """A line, and about how many of ``errors`` it is."""
    problem = _first(errors)
    loc, where, told = problem["loc"], _dotted(problem["loc"]), 1
    if problem["type"] == "extra_forbidden":
        line = _unknown_key(kind, loc)
    elif problem["type"] == "missing":
        missing = [str(e["loc"][-1]) for e in errors if e["type"] == "missing" and e["loc"][:-1] == loc[:-1]]
        told = len(missing)
        example = _tables(kind, loc[:-1]).model_fields[missing[0]].examples
        place = f"{_dotted(loc[:-1])}: " if loc[:-1] else ""
        line = f"{place}missing: {', '.join(missing)}" + (f"; for example: {example[0]}" if example else "")
    else:
        line = f"{where}: {_in_words(problem)}" if where else _in_words(problem)
    return line, told


def _in_words(problem: ErrorDetails) -> str:
    value, limits = problem["input"], problem.get("ctx", {})
    match problem["type"]:
        case "value_error":  # our own words; they say what the value is where that helps
            return str(limits["error"])
        case "string_too_short" if not value.strip():
            return "is empty"
        case "string_too_long":
            return f"{len(value):,} characters; at most {limits['max_length']:,}: it begins {clipped(value)}"
        case "too_long":
            return f"{len(value):,} entries; at most {limits['max_length']:,}"
        case "tuple_type":
            return f"a list is wanted, in square brackets, not {clipped(value)}"
        case _:
            return f"{problem['msg']}, got {clipped(value)}"


def clipped(value: object) -> str:
    """``value`` as Python writes it, on one short line."""
    text = repr(value[: 2 * _SHOWN]) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _unknown_key(kind: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    known, key = list(_tables(kind, loc[:-1]).model_fields), str(loc[-1])
    what = f"unknown key {clipped(_dotted(loc))}"
    if len(loc) > 1 and key in kind.model_fields:
        return f"{what}; {key!r} belongs to the whole file: move it above the first line in [brackets]"
    near = difflib.get_close_matches(key, known, n=1)
    return f"{what}; " + (f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}")


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)


def _tables(kind: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The table at ``loc``."""
    for part in loc:
        # An index into an array, or a name among tables: the element's type was taken with the name of all.
        if isinstance(part, str) and part in kind.model_fields:
            kind = next(_models_in(kind.model_fields[part].annotation), kind)
    return kind


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
