"""From a caller's words to tokens that are the same for all languages.

A language is a list of patterns over lower-case text; what one matches becomes a token in capitals, which
no later pattern can match again.  The vocabulary:

``DAY+1``  days from today                  ``WD3``  a weekday, Monday is 0   ``MONTH3``  ``O21``  an ordinal
``N30``  a number   ``C14:30``  a clock in digits   ``DATE3/4``, ``DATE3/4/2027``, ``ISO2027-03-04``
``NEXT THIS COMING WEEKLATER WEEKEND IN NOW``  ``Uday Uweek Umonth Uhour Uminute``  what days are made of
``HALFPAST HALFTO QPAST QTO Q3TO``  before an hour: half past two, *halb drei*, a quarter, *dreiviertel*
``PAST TO PLUS MINUS HALF QUARTER OCLOCK``  minutes and hours     ``AM PM NOON MIDNIGHT``
``PART:0600-1200``  a part of the day      ``AT AFTER BEFORE AROUND FROM BETWEEN AND UNTIL``  how it is meant
``ON THE OF OR NOT CANNOT FIX SOON``  what stands between; FIX is a correction ("no, make it")

All else stays as it is, in lower case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from num2words import num2words

from offhook.languages.codes import base_language
from offhook.languages.figures import below_hundred

MAX_CHARACTERS = 600
"""Longer than anybody says a time; the rest is not read."""

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words for days and times."""

    code: str
    before_numbers: tuple[Rule, ...]
    """What contains words that are also numbers ("an hour and a half")."""
    after_numbers: tuple[Rule, ...]
    numbers: Mapping[str, str]
    """Digits by words, 0 to 99."""
    ordinals: Mapping[str, str]
    """Digits by words, 1 to 31."""
    month_first: frozenset[str]
    """Countries where "3/4" is in March.  A language without any names the day first everywhere."""
    day_by_number: bool = False
    """ "El tres" is a day: times have an article of their own."""
    full_stop_ordinals: bool = False
    """ "3." is the third."""
    fillers: frozenset[str] = frozenset()
    """What may stand beside a bare number that is a time."""


def rule(pattern: str, token: str | Callable[[re.Match[str]], str]) -> Rule:
    """``pattern``, as whole words, becomes ``token``, which may name groups (``\\g<n>``)."""
    return re.compile(rf"(?<![\w'])(?:{pattern})(?![\w'])"), token


def named(names: Iterable[str], token: str, start: int) -> list[Rule]:
    """Patterns that are numbered tokens, in order."""
    return [rule(f"(?:{name})", f"{token}{number}") for number, name in enumerate(names, start)]


def part(first: str, last: str) -> str:
    """The token of a part of the day."""
    return f"PART:{first}-{last}"


def numbers(code: str, also: Mapping[str, str]) -> dict[str, str]:
    """0 to 99 as ``code`` says them, and ``also``."""
    return below_hundred(code, also)


def ordinals(code: str, endings: Iterable[str] = ("",)) -> dict[str, str]:
    """1 to 31 in words as num2words has them, with each of ``endings``."""
    said: dict[str, str] = {}
    for value in range(1, 32):
        word = str(num2words(value, lang=code, to="ordinal")).replace("-", " ")
        said |= {f"{word}{ending}": str(value) for ending in endings}
    return said


_DIGITS: tuple[Rule, ...] = (
    (re.compile(r"\b([ap])\. ?m\b\.?|(?<=\d)( ?)([ap]) ?m\b\.?"), lambda found: f" {found[1] or found[3]}m "),
    (re.compile(r"(?<![\w/.-])(\d{4})-(\d\d)-(\d\d)(?![\w-])"), r" ISO\1-\2-\3 "),
    (
        re.compile(r"(?<![\w/.-])(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d\d))?(?![\w/])"),
        lambda found: f" DATE{found[1]}/{found[2]}" + (f"/{found[3]} " if found[3] else " "),
    ),
    (re.compile(r"(?<![\w.:/-])([01]?\d|2[0-4])[:h]([0-5]\d)(?![\d:/-]|\.\d)"), r" C\1:\2 "),
    # A full stop is also a decimal point, and a price has one.
    (
        re.compile(
            r"(?<![\w.:/-])([01]?\d|2[0-4])\.([0-5]\d)(?= ?(?:am|pm|uhr|h|horas)\b)"
            r"|(?<=\b(?:at|um|by|ab) )([01]?\d|2[0-4])\.([0-5]\d)(?![\d.:/-])"
        ),
        lambda found: f" C{found[1] or found[3]}:{found[2] or found[4]} ",
    ),
    (re.compile(r"(?<![\w/])\+?\d(?:[\d-]|[ /](?=\d{3})){5,}"), " number "),  # a telephone number
    (
        re.compile(r"(?<![\w.:/-])([0-3]?\d)\. ?(1[0-2]|0?[1-9])\.(?: ?(\d{4}|\d\d)(?!\w))?(?![\d:])"),
        lambda found: f" DATE{found[1]}/{found[2]}" + (f"/{found[3]} " if found[3] else " "),
    ),
    (re.compile(r"(?<![\w.:/-])(\d{1,2})(?:st|nd|rd|th)(?!\w)"), r" O\1 "),
)
_FULL_STOP_ORDINAL = re.compile(r"(?<![\w.:/-])(\d{1,2})\.(?= ?[^\W\d])")
_PIECE = re.compile(r"(?:ISO|DATE)[\d/-]+|C\d+:\d\d|O\d+|[^\W_]+(?:'[^\W_]+)*")


def tokens(text: str, words: Words) -> str:
    """``text`` as tokens with single spaces, and one at each end."""
    plain = unicodedata.normalize("NFC", text[:MAX_CHARACTERS]).lower().replace("\u2019", "'")
    for pattern, token in _DIGITS:
        plain = pattern.sub(token, plain)
    if words.full_stop_ordinals:
        plain = _FULL_STOP_ORDINAL.sub(r" O\1 ", plain)
    plain = " ".join(_PIECE.findall(plain))
    for pattern, token in words.before_numbers:
        plain = pattern.sub(token, plain)
    for table, letter in ((words.ordinals, "O"), (words.numbers, "N")):
        plain = _spelt(words.code, letter).sub(partial(_figures, table, letter), plain)
    plain = re.sub(r"(?<![\w:/+-])(\d{1,4})(?![\w:/-])", r"N\1", plain)
    for pattern, token in words.after_numbers:
        plain = pattern.sub(token, plain)
    return f" {' '.join(plain.split())} "


def _figures(table: Mapping[str, str], letter: str, found: re.Match[str]) -> str:
    return letter + table[found[0]]


@cache
def _spelt(code: str, letter: str) -> re.Pattern[str]:
    words = words_of(code)
    assert words is not None  # asked for by what has them
    table = words.ordinals if letter == "O" else words.numbers
    longest_first = "|".join(sorted(map(re.escape, table), key=len, reverse=True))
    return re.compile(rf"(?<![\w'])(?:{longest_first})(?![\w'])")


@cache
def words_of(language: str) -> Words | None:
    """The words of ``language`` ("en", "de-AT"); None: offhook reads no times in it."""
    code = base_language(language)
    if code == "en":
        from offhook.moments.english import ENGLISH

        return ENGLISH
    if code == "de":
        from offhook.moments.german import GERMAN

        return GERMAN
    if code == "es":
        from offhook.moments.spanish import SPANISH

        return SPANISH
    if code == "fr":
        from offhook.moments.french import FRENCH

        return FRENCH
    return None
