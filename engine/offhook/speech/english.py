"""English text as it is spoken.  Pure."""

from __future__ import annotations

import re
from functools import cache

from offhook.speech.abbreviations import ABBREVIATIONS, CAPITALS
from offhook.speech.addresses import STREET_ADDRESSES
from offhook.speech.contacts import ADDRESSES, NUMBERS
from offhook.speech.dates import NAMES, dates
from offhook.speech.money import MONEY, RAND
from offhook.speech.numbers import (
    AMOUNT,
    BEGIN,
    NUMBER,
    amount,
    digits,
    fraction,
    house,
    is_year,
    number,
    ordinal,
    year,
)
from offhook.speech.rules import Rule, apply, rule
from offhook.speech.signs import BEFORE, KEYS, fold, words_for_signs
from offhook.speech.times import TIMES
from offhook.speech.units import FEET_AND_INCHES, UNITS

_YEARS_OF_OURS = range(1950, 2050)
"""A bare number of these is taken for a year, unless it counts something."""
_HAS_DIGIT = re.compile(r"\d")
_MILLIONS = re.compile(r"(?<![\d,.+-])(?<!\d )[1-9]\d{0,2}(?: 000){2,}(?! ?\d)")
"""Thousands set apart by spaces, where it cannot be a telephone number: "1 000 000"."""
_PASSES = 4
"""Words in the place of digits may complete what an earlier rule looks for; then it goes round again."""


def english(text: str, *, day_first: bool = False, in_rand: bool = False) -> str:
    """``text`` in English words; ``day_first``: "03/04/2027" is in April; ``in_rand``: "R45" is a price."""
    if in_rand:
        text = apply([RAND], text)
    for _ in range(_PASSES):
        before, text = text, _pass(text, day_first=day_first)
        if text == before:
            break
    return text


def _pass(text: str, *, day_first: bool) -> str:
    text = fold(text)
    if _HAS_DIGIT.search(text):
        text = _MILLIONS.sub(lambda match: match.group().replace(" ", ""), apply(FEET_AND_INCHES, text))
    text = apply(_WORDS, text)
    if _HAS_DIGIT.search(text):
        text = apply(_numbers(day_first), text)
    return words_for_signs(apply(CAPITALS, text))


def _plain(written: str) -> str:
    if is_year(written) and int(written) in _YEARS_OF_OURS:
        return year(written)
    return number(written)


def _range(match: re.Match[str]) -> str:
    return f"{amount(match['first'])} to {amount(match['last'])}"


def _beside(match: re.Match[str]) -> str:
    """ "buses 43/44", "the 2025/26 season": two that follow each other are no fraction."""
    low, high = match["low"], match["high"]
    if is_year(low) and int(high) == int(low[-len(high) :]) + 1:
        return f"{year(low)} to {year(high) if len(high) == 4 else number(high)}"
    if len(low) == len(high) and int(high) == int(low) + 1 and int(low) > 12 and high not in ("16", "32"):
        return f"{number(low)} and {number(high)}"
    return match.group()


def _several(words: str) -> str:
    """ "sixteens", "twenties"."""
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}{'es' if words.endswith('x') else 's'}"


def _rating(match: re.Match[str]) -> str:
    return f"{number(match[1] or match[3])} out of {number(match[2] or match[4])}"


def _code(match: re.Match[str]) -> str:
    """Letters and digits in one word: "slowlane eight eight", "twelve A", "M twenty-five"."""
    parts = re.findall(r"\d+|[^\W\d]+", match.group())
    short = len(parts) == 2 and (len(parts[0]) == 1 or len(parts[1]) == 1)
    return " ".join(_code_part(part, short=short) for part in parts)


def _code_part(part: str, *, short: bool) -> str:
    if not part.isdigit():
        return part
    if short and len(part) == 3:
        return house(part)
    return number(part) if short and len(part) <= 2 else digits(part)


@cache
def _numbers(day_first: bool) -> tuple[Rule, ...]:
    return (
        *dates(day_first=day_first),
        *TIMES,
        *MONEY,
        *NUMBERS,
        *STREET_ADDRESSES[:1],
        *UNITS,
        *_REST,
    )


_WORDS: tuple[Rule, ...] = (
    *BEFORE,
    *ADDRESSES,
    *NAMES,
    *KEYS,
    *STREET_ADDRESSES,
    *ABBREVIATIONS,
)
_REST: tuple[Rule, ...] = (
    rule(r"(?<![\w/])24/7(?![\w/])", "twenty-four seven"),
    rule(r"(?<![\w/])24/7/365(?![\w/])", "twenty-four seven, three sixty-five"),
    rule(
        r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d{1,15})(?:st|nd|rd|th)\b",
        lambda match: ordinal(int(match[1].replace(",", ""))),
    ),
    rule(
        r"(?<![\w.,])\d+(?:\.\d+){2,}",
        lambda match: " dot ".join(digits(part) for part in match.group().split(".")),
    ),
    rule(rf"{BEGIN}({NUMBER})/(\d+)(?=\sstars?\b)|{BEGIN}(\d+\.\d+)/(\d+)(?![/\d])", _rating),
    rule(r"(?<=\d)-(to|for|on)-(?=\d)", r" \1 "),
    rule(r"(?<![\w/.'])(\d{1,3})'?s\b", lambda match: f"{_several(number(match[1]))}"),
    rule(r"(?<![\w/.,])(?P<low>\d{2,4})/(?P<high>\d{2,4})(?![/\w]|[.,]\d)", _beside),
    rule(r"\b([A-Z])(\d{1,4})-(?=\1\d)", r"\1\2 to "),
    rule(rf"{BEGIN}(?P<first>{AMOUNT})\s?-\s?(?P<last>{AMOUNT})(?!\w)", _range),
    rule(r"(?<![\w/.])(?:\d+[ -])?\d+/\d+(?![/\d])", lambda match: fraction(match.group())),
    rule(r"(?<=\d):(?=\d)", " to "),
    rule(r"(?<![\w)])-(?=\.?\d)", "minus "),
    rule(r"(?<!\w)(\d+[.,-]\d+)(?=[^\W\d_])", r"\1 "),
    rule(r"\b(?=[^\W_]*\d)(?=\d*[^\W\d_])[^\W_]+\b", _code),
    rule(r"(?<=[^\W\d_])-(?=\d)|(?<=\d)-(?=[A-Z])", " "),
    rule(r"(?<![\d,.])\d{4}(?![\w-]|[,.]\d)(?!\s[a-z]{2,}s\b)", lambda match: _plain(match.group())),
    rule(r"(?<=[^\W\d])(?=\.?\d)|(?<=\d)(?=[^\W\d])", " "),
    rule(NUMBER, lambda match: number(match.group())),
)
