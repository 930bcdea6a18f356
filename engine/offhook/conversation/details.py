"""What a caller has told us about themselves: numbers, addresses, names, times, to be read back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from offhook.languages import ENGLISH, Language
from offhook.languages.base import Telling

_MIN_DIGITS = 4
"""Fewer are an amount or a time."""
_TOKEN = (
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])"  # an amount: it ends a number and is none
    r"|\+?\d[\d().\- ]*\d|\d|[^\W\d_]+|[^\w\s]"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that the caller has told."""

    kind: str
    """number, email, name, time or address."""
    value: str


def details(caller_text: str, language: Language) -> list[Detail]:
    """Everything of the kind in one turn, in no order; of a correction the last."""
    telling = language.telling
    found = [Detail("email", match.group()) for match in _EMAIL.finditer(caller_text)]
    found += [Detail("email", match.group()) for match in telling.email.finditer(caller_text)]
    found += [Detail("number", number) for number in numbers(_EMAIL.sub(" ", caller_text), language)]
    found += [Detail("address", _address(match, telling)) for match in telling.address.finditer(caller_text)]
    name = _name(caller_text, language)
    if name:
        found.append(Detail("name", name))
    when = _when(caller_text, telling)
    if when:
        found.append(Detail("time", when))
    return found


def numbers(text: str, language: Language = ENGLISH) -> list[str]:
    """Telephone numbers and their like, said or written: "five five five, oh one two" too."""
    telling = language.telling
    found: list[str] = []
    digits, written = "", ""
    repeat, tens = 1, False
    for token in [*_tokens(telling).findall(text.lower()), "."]:
        if (token[0].isdigit() or token[0] == "+") and "," not in token:
            digits += re.sub(r"\D", "", token)
            written, tens = f"{written} {token}".strip(), False
            continue
        value = _figures(token, telling)
        if value is not None:
            if tens and len(value) == 1 and value != "0":
                digits = digits[:-1]  # "twenty three" are two digits
            digits += value * repeat
            repeat, tens, written = 1, token in telling.tens, ""
            continue
        if token in telling.times:
            repeat = telling.times[token]
            continue
        if token in (",", "-"):
            tens = tens and token == "-"
            continue
        if len(digits) >= _MIN_DIGITS:
            found.append(
                written
                if written and re.sub(r"\D", "", written) == digits
                else _grouped(digits, telling.group_size)
            )
        digits, written, repeat, tens = "", "", 1, False
    return found


@cache
def _tokens_of(several: tuple[str, ...]) -> re.Pattern[str]:
    """Numbers, words and marks; ``several`` are numbers of more than one word, which are one token."""
    phrases = "".join(
        rf"\b{re.escape(one).replace(chr(92) + ' ', '[ -]')}\b|"
        for one in sorted(several, key=len, reverse=True)
    )
    return re.compile(phrases + _TOKEN)


def _tokens(telling: Telling) -> re.Pattern[str]:
    return _tokens_of(tuple(word for word in telling.figures if " " in word))


def _figures(token: str, telling: Telling) -> str | None:
    """The digits that a word, or several that are one number, stand for."""
    return telling.figures.get(token.replace("-", " "))


def _address(match: re.Match[str], telling: Telling) -> str:
    """As it is written: with the house number in figures."""
    house = match["house"]
    if not house[0].isdigit():
        words = _tokens(telling).findall(house.lower())
        figures = [_figures(word, telling) or "" for word in words]
        for at, word in enumerate(words[:-1]):
            if word in telling.tens and len(figures[at + 1]) == 1:
                figures[at] = figures[at][:1]  # "twenty three" are two digits
        house = "".join(figures)
    return telling.address_order.format(
        house=house, street=match["street"].strip(), place=match["place"] or ""
    )


def _grouped(digits: str, size: int | None) -> str:
    """As a telephone number is written, so that it is read out in groups."""
    if size is not None:
        return " ".join(digits[start : start + size] for start in range(0, len(digits), size))
    if len(digits) == 10:
        return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    if len(digits) == 7:
        return f"{digits[:3]}-{digits[3:]}"
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _name(text: str, language: Language) -> str:
    matches = list(language.names.finditer(text))
    for match in matches:
        lead = match.group()[: match.start("name") - match.start()].lower()
        if language.telling.named.search(lead):
            return match["name"]
    return matches[0]["name"] if matches else ""


def _when(text: str, telling: Telling) -> str:
    days = [match.group() for match in telling.day.finditer(text)]
    clocks = [match.group() for match in telling.clock.finditer(text)]
    day = telling.lead.sub("", days[-1]) if days else ""
    clock = telling.lead.sub("", clocks[-1]) if clocks else ""
    return telling.day_and_clock.format(day=day, clock=clock) if day and clock else day or clock
