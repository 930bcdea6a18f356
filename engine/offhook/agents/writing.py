"""An agent as the text that people edit: written from what a database keeps, and found again by line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 100
"""A list that is longer has a line for each entry."""


def as_toml(body: Mapping[str, Any]) -> str:
    """An agent's JSON as TOML; what is null is left out, which TOML does not have.

    Facts without keywords are plain texts, as people write them.
    """
    return "".join(_table(_plain(body), ()))


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(body)
    if isinstance(body.get("facts"), list):
        bare = [fact["text"] if _is_bare(fact) else fact for fact in body["facts"]]
        shown["facts"] = bare
    return shown


def _is_bare(fact: Any) -> bool:
    return isinstance(fact, dict) and bool(fact.get("text")) and not fact.get("keywords")


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Its keys, then the tables in it, each under its header."""
    inner = [(key, value) for key, value in table.items() if value and isinstance(value, dict)]
    for key, value in table.items():
        if value is not None and not (value and isinstance(value, dict)):
            yield f"{_key(key)} = {_value(value, wide=True)}\n"
    for key, value in inner:
        here = (*path, key)
        if any(not (each and isinstance(each, dict)) for each in value.values()):
            yield f"\n[{'.'.join(map(_key, here))}]\n"
        yield from _table(value, here)


def _value(value: Any, *, wide: bool = False) -> str:
    if isinstance(value, str):
        return _string(value, wide=wide)
    if isinstance(value, dict):
        pairs = [f"{_key(key)} = {_value(each)}" for key, each in value.items() if each is not None]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, list):
        entries = [_value(each) for each in value if each is not None]
        if wide and sum(len(each) + 2 for each in entries) > _WIDTH:
            return "[\n" + "".join(f"  {each},\n" for each in entries) + "]"
        return f"[{', '.join(entries)}]"
    return json.dumps(value)  # numbers and truth are written alike


def _string(text: str, *, wide: bool) -> str:
    """JSON's escapes are TOML's, but for two; what has lines keeps them where it stands alone."""
    escaped = json.dumps(text, ensure_ascii=False)[1:-1].replace("\x7f", "\\u007f")
    if wide and "\\n" in escaped and "\\r" not in escaped:
        lines = text.split("\n")
        shown = [json.dumps(line, ensure_ascii=False)[1:-1].replace("\x7f", "\\u007f") for line in lines]
        return '"""\n' + "\n".join(shown) + '"""'
    return f'"{escaped}"'


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key, wide=False)


# --- where something stands ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Statement:
    """One key with its value, or one header in brackets."""

    first: int
    """Its line, from 1."""
    path: tuple[str | int, ...]
    lines: list[str]


def line_of(text: str, where: str) -> int | None:
    """The line (from 1) at which ``where`` stands in a TOML file, such as ``facts.3.keywords``, or the table
    that it would be in; None: nowhere.

    What the parser says of a line, "at line 3", is taken as it is.
    """
    told = re.search(r"\(at line (\d+)", where)
    if told is not None:
        return int(told[1])
    wanted = tuple(int(part) if part.isdecimal() else part for part in where.split(".") if part)
    best: tuple[int, _Statement] | None = None
    for statement in _statements(text):
        shared = _shared(statement.path, wanted)
        if shared == len(statement.path) and (best is None or shared > best[0]):
            best = (shared, statement)
    if best is None or best[0] == 0:
        return None
    depth, statement = best
    if depth < len(wanted) and isinstance(index := wanted[depth], int):
        return statement.first + _entry(statement.lines, index)
    return statement.first


def _shared(path: tuple[str | int, ...], wanted: tuple[str | int, ...]) -> int:
    pairs = zip(path, wanted, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(path), len(wanted)))


def _statements(text: str) -> Iterator[_Statement]:
    """All of them; the text parses, but for what is not TOML at the end of it."""
    prefix: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        lines.append(line)
        try:
            found = tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError:
            continue
        first, whole, lines = number - len(lines) + 1, lines, []
        if not found:
            continue
        keys, _ = _keys(found)
        head = whole[0].lstrip()
        if head.startswith("[["):
            prefix = (*keys, counts.get(keys, 0))
            counts[keys] = counts.get(keys, 0) + 1
            yield _Statement(first, prefix, whole)
        elif head.startswith("["):
            prefix = keys
            yield _Statement(first, prefix, whole)
        else:
            yield _Statement(first, (*prefix, *keys), whole)


def _keys(found: Mapping[str, Any]) -> tuple[tuple[str | int, ...], Any]:
    """The key of a text with one statement, and its value; an inline table counts as more of the key."""
    keys: list[str | int] = []
    value: Any = found
    while isinstance(value, dict) and len(value) == 1:
        ((key, value),) = value.items()
        keys.append(key)
    return tuple(keys), value


def _entry(lines: list[str], index: int) -> int:
    """The line of a list's entry, counted from the list's own first one."""
    for at in range(len(lines)):
        try:
            _, value = _keys(tomllib.loads("\n".join(lines[: at + 1]).rstrip().rstrip(",") + "\n]"))
        except tomllib.TOMLDecodeError:
            continue
        if isinstance(value, list) and len(value) > index:
            return at
    return 0
