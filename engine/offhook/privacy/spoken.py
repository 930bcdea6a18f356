"""Runs of digits in what was said, in figures, in words, or both mixed: "oh 7 7 double 0, nine hundred".

A run is a stretch of numbers with nothing but pauses between them.  Times, dates, prices and quantities end
one, as far as they can be told: a number with "thousand" in it is a quantity when it stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from num2words import num2words

from offhook.languages.codes import base_language
from offhook.languages.turns import turn_language
from offhook.languages.turns.base import Numbers
from offhook.languages.turns.numbers import Table, spoken_numbers

_SHAPES = (
    r"(?<![\d./-])(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{4}-\d{2}-\d{2})(?![./-]?\d)",  # dates
    r"\d{1,2}[:h]\d{2}(?!\d)",  # times
    r"[$\u00a3\u20ac]\s?\d{1,6}(?:[.,]\d{1,3})*(?![.,-]?\d)",  # amounts of money
    r"(?<![\d.,-])\d{1,6}(?:[.,]\d{1,3})*\s?(?:[$\u00a3\u20ac%]|(?:euros?|dollars?|pounds?)\b)",
    r"(?<![\d.,])[1-9]\d{0,2}[.,]\d{3}(?![.,-]?\d)",  # thousands
    r"(?<![\d.,])\d+[.,]\d{1,2}(?![.,-]?\d)",  # decimals
)
_TOKEN = re.compile(
    rf"(?P<shape>{'|'.join(_SHAPES)})|(?P<figures>\d+)|(?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)?)"
    r"|(?P<pause>[\s().,/+\u2010-\u2015-]+)|(?P<other>[\s\S])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """One number in a run: "seven", "twenty two", "4711"."""

    start: int
    stop: int
    digits: str
    written: bool
    one: bool = False
    """One digit, said once or as "double"."""
    quantity: bool = False
    """It has a "thousand" in it, or more."""


@dataclass(slots=True)
class Run:
    """Numbers that follow each other."""

    units: list[Unit] = field(default_factory=list)
    misheard: bool = False
    """Words stand between its digits that a recogniser may have made of digits: "to", "for"."""

    @property
    def start(self) -> int:
        return self.units[0].start

    @property
    def stop(self) -> int:
        return self.units[-1].stop

    @property
    def digits(self) -> str:
        return "".join(unit.digits for unit in self.units)

    @property
    def single(self) -> bool:
        """Digit by digit, as nothing but a code is said."""
        return all(unit.one for unit in self.units)


@dataclass(frozen=True, slots=True)
class _Words:
    table: Mapping[tuple[str, ...], str]
    longest: int
    scales: Mapping[str, str]
    """Zeros by the word: "thousand"."""
    times: Mapping[str, int]
    between: frozenset[str]
    heard_as: Mapping[str, str]


def runs(text: str, language: str) -> list[Run]:
    """All runs in ``text``, in order; single numbers, too."""
    known = _words(base_language(language))
    tokens = list(_TOKEN.finditer(text))
    found: list[Run] = []
    run, times, at = Run(), 1, 0
    while at < len(tokens):
        token = tokens[at]
        said = token.group().lower()
        if token["figures"]:
            run.units.append(Unit(token.start(), token.end(), said * times, written=True, one=len(said) == 1))
            times, at = 1, at + 1
        elif token["word"]:
            length, digits = _number_at(tokens, at, known)
            if length:
                stop = tokens[at + length - 1].end()
                one = len(digits) == 1
                run.units.append(Unit(token.start(), stop, digits * times if one else digits, False, one))
                times, at = 1, at + length
                continue
            at += 1
            if said in known.scales and run.units:
                run.units[-1:] = [_scaled(run.units[-1], token.end(), known.scales[said])]
            elif said in known.times:
                times = known.times[said]
            elif (
                said in known.heard_as and run.units and run.units[-1].one and _one_follows(tokens, at, known)
            ):
                run.misheard = True
            elif said not in known.between or not run.units:
                found, run, times = _closed(found, run), Run(), 1
        elif token["pause"]:
            at += 1
        else:
            found, run, times, at = _closed(found, run), Run(), 1, at + 1
    return _closed(found, run)


def _closed(found: list[Run], run: Run) -> list[Run]:
    return [*found, run] if run.units else found


def _scaled(unit: Unit, stop: int, zeros: str) -> Unit:
    return Unit(unit.start, stop, unit.digits + zeros, unit.written, quantity=True)


def _number_at(tokens: list[re.Match[str]], at: int, known: _Words) -> tuple[int, str]:
    """The most tokens from ``at`` on that are one number, and its digits; hyphens may be inside."""
    words: list[str] = []
    best = (0, "")
    for place in range(at, len(tokens)):
        token = tokens[place]
        if token["word"]:
            words.append(token.group().lower())
            digits = known.table.get(tuple(words))
            if digits is not None:
                best = (place - at + 1, digits)
            if len(words) == known.longest:
                break
        elif not (token["pause"] and token.group().strip() in ("", "-", "\u2010", "\u2011")):
            break
    return best


def _one_follows(tokens: list[re.Match[str]], at: int, known: _Words) -> bool:
    """The next word is one digit, or one that was misheard."""
    following = next((place for place in range(at, len(tokens)) if not tokens[place]["pause"]), len(tokens))
    if following == len(tokens):
        return False
    said = tokens[following].group()
    _, digits = _number_at(tokens, following, known)
    return len(digits) == 1 or (said.isdigit() and len(said) == 1) or said.lower() in known.heard_as


@cache
def _words(code: str) -> _Words:
    numbers = turn_language(code).numbers
    table = _table(code, numbers)
    return _Words(
        table,
        max((len(said) for said in table), default=0),
        _scales(code),
        numbers.times,
        numbers.between,
        numbers.heard_as,
    )


def _table(code: str, numbers: Numbers) -> Table:
    """From the language's own data, and else from num2words, as far as that speaks the language."""
    if numbers.phrases:
        return {said: digits for said, digits in numbers.phrases.items() if digits.isdigit()}
    try:
        if code != "en":
            return spoken_numbers(code, hundreds=(), joint=" ")
    except NotImplementedError:
        return {}
    table: Table = {}
    hundreds = tuple(f"{num2words(value)} hundred" for value in range(1, 10))
    for joint in (" and ", " "):
        table |= spoken_numbers("en", hundreds=("a hundred|one hundred", *hundreds[1:]), joint=joint)
    return table | {(word,): digits for word, digits in {**numbers.values, "o": "0", "nought": "0"}.items()}


@cache
def _scales(code: str) -> Mapping[str, str]:
    """The words for a thousand and a million, alone and in the plural."""
    found: dict[str, str] = {}
    for value, zeros in ((1_000, "000"), (2_000, "000"), (1_000_000, "000000"), (2_000_000, "000000")):
        try:
            found[str(num2words(value, lang=code)).lower().split()[-1]] = zeros
        except NotImplementedError:
            return {}
    return found
