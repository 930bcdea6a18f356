"""What a caller has told us about themselves: numbers, addresses, names, times, to be read back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.languages import Language
from offhook.languages.wording import COUNTING, TENS, TIMES

_MIN_DIGITS = 4
"""Fewer are an amount or a time."""
_TOKEN = re.compile(
    r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])"  # an amount: it ends a number and is none
    r"|\+?\d[\d().\- ]*\d|\d|[^\W\d_]+|[^\w\s]"
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SPOKEN_EMAIL = re.compile(
    r"\b[\w-]+(?: (?:dot|underscore|dash|hyphen) [\w-]+)* at [\w-]+(?: (?:dot|dash|hyphen) [\w-]+)+",
    re.IGNORECASE,
)
_SPELT = re.compile(r"\b(?:[A-Za-z][-. ]+){2,}[A-Za-z]\b")
_DAY = re.compile(
    r"\b(?:(?:next |this |on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day(?: (?:the )?\d+(?:st|nd|rd"
    r"|th)?)?(?: (?:morning|afternoon|evening"
    r"|night))?|today|tomorrow(?: (?:morning|afternoon|evening|night))?|tonight"
    r"|(?:january|february|march|april|may|june|july|august|september|october|november|december) \d+(?:st"
    r"|nd|rd|th)?"
    r"|the \w+ of (?:january|february|march|april|may|june|july|august|september|october|november"
    r"|december))\b",
    re.IGNORECASE,
)
_HOUR = r"(?:\d{1,2}(?:[:.]\d\d)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_CLOCK = re.compile(
    rf"\b(?:half past {_HOUR}|(?:a )?quarter (?:past|to) {_HOUR}|(?:at|by|around|about|from|make it"
    rf"|say)(?: about| around)? {_HOUR}"
    rf"(?:[ -](?:thirty|fifteen|forty-?five|o'clock))?(?: ?(?:am|pm|a\.m\.|p\.m\.|in the (?:morning"
    rf"|afternoon|evening)))?"
    rf"|{_HOUR}(?:[ -](?:thirty|fifteen|forty-?five))? ?(?:am|pm|a\.m\.|p\.m\.|o'clock|in the (?:morning"
    rf"|afternoon|evening))|noon|midnight)(?!\w|\s+(?:of|to|people|loaves))",
    re.IGNORECASE,
)
_NUMBER_WORD = "(?:" + "|".join((*COUNTING, *_TENS, "oh")) + ")"
_HOUSE = rf"\d{{1,5}}[a-z]?|{_NUMBER_WORD}(?:[ -]{_NUMBER_WORD}){{0,4}}"
_ADDRESS = re.compile(
    rf"\b(?P<house>{_HOUSE}) "
    r"(?P<street>(?:(?!(?:to|the|of|on|in|at|from|hours?|minutes?|days?|people)\b)[a-z][\w'\u2019-]* ){1,3}"
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct"
    r"|place|pl|way|close|terrace|square|boulevard|blvd|row|hill|gardens?|crescent|park|yard|grove|mews"
    r"|alley|highway|parkway|circle)\b)\.?"
    r"(?P<place>,? (?:in )?(?-i:[A-Z][\w'\u2019-]*(?: [A-Z][\w'\u2019-]*)?))?",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^(?:at|by|around|about|from|make it|say|on)(?: about| around)? ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Detail:
    """One thing that the caller has told."""

    kind: str
    """number, email, name, time or address."""
    value: str


def details(caller_text: str, language: Language) -> list[Detail]:
    """Everything of the kind in one turn, in no order; of a correction the last."""
    found = [Detail("email", match.group()) for match in _EMAIL.finditer(caller_text)]
    found += [Detail("email", match.group()) for match in _SPOKEN_EMAIL.finditer(caller_text)]
    found += [Detail("number", number) for number in numbers(_EMAIL.sub(" ", caller_text))]
    found += [Detail("address", _address(match)) for match in _ADDRESS.finditer(caller_text)]
    name = _name(caller_text, language)
    if name:
        found.append(Detail("name", name))
    when = _when(caller_text)
    if when:
        found.append(Detail("time", when))
    return found


def numbers(text: str) -> list[str]:
    """Telephone numbers and their like, said or written: "five five five, oh one two" too."""
    found: list[str] = []
    digits, written = "", ""
    repeat, tens = 1, False
    for token in [*_TOKEN.findall(text.lower()), "."]:
        if (token[0].isdigit() or token[0] == "+") and "," not in token:
            digits += re.sub(r"\D", "", token)
            written, tens = f"{written} {token}".strip(), False
            continue
        value = _digit(token)
        if value is not None:
            if tens and len(value) == 1 and value != "0":
                digits = digits[:-1]  # "twenty three" are two digits
            digits += value * repeat
            repeat, tens, written = 1, token in TENS, ""
            continue
        if token in TIMES:
            repeat = TIMES[token]
            continue
        if token in (",", "-"):
            tens = tens and token == "-"
            continue
        if len(digits) >= _MIN_DIGITS:
            found.append(written if written and re.sub(r"\D", "", written) == digits else _grouped(digits))
        digits, written, repeat, tens = "", "", 1, False
    return found


def _address(match: re.Match[str]) -> str:
    """As it is written: with the house number in figures."""
    house = match["house"]
    if not house[0].isdigit():
        words = re.split("[ -]", house.lower())
        figures = [_digit(word) or "" for word in words]
        for at, word in enumerate(words[:-1]):
            if word in TENS and len(figures[at + 1]) == 1:
                figures[at] = figures[at][:1]  # "twenty three" are two digits
        house = "".join(figures)
    return f"{house} {match['street']}{match['place'] or ''}"


def _digit(word: str) -> str | None:
    """The digits that a word stands for."""
    if word in ("oh", "o"):
        return "0"
    if word in TENS:
        return str(10 * _TENS.index(word) + 20)
    return str(COUNTING.index(word)) if word in COUNTING else None


def _grouped(digits: str) -> str:
    """As a telephone number is written, so that it is read out in groups."""
    if len(digits) == 10:
        return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    if len(digits) == 7:
        return f"{digits[:3]}-{digits[3:]}"
    return "-".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _name(text: str, language: Language) -> str:
    matches = list(language.names.finditer(text))
    for match in matches:
        lead = match.group()[: match.start("name") - match.start()].lower()
        if "name" in lead or lead.startswith(("this is", "under")):
            return match["name"]
    return matches[0]["name"] if matches else ""


def _when(text: str) -> str:
    days = [match.group() for match in _DAY.finditer(text)]
    clocks = [match.group() for match in _CLOCK.finditer(text)]
    day = _LEAD.sub("", days[-1]) if days else ""
    clock = _LEAD.sub("", clocks[-1]) if clocks else ""
    return f"{day} at {clock}" if day and clock else day or clock
