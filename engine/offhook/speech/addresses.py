"""Street addresses: house numbers, directions, kinds of street.  Pure."""

from __future__ import annotations

import re

from offhook.speech.numbers import house, ordinal
from offhook.speech.rules import Rule, full_stop, rule

STREETS = {
    "St": "Street", "Ave": "Avenue", "Av": "Avenue", "Rd": "Road", "Blvd": "Boulevard", "Ln": "Lane",
    "Dr": "Drive", "Ct": "Court", "Pl": "Place", "Sq": "Square", "Ter": "Terrace", "Hwy": "Highway",
    "Pkwy": "Parkway", "Cir": "Circle", "Cres": "Crescent", "Pk": "Pike", "Trl": "Trail", "Plz": "Plaza",
}  # fmt: skip
_SHORT = "|".join(STREETS)
_KINDS = (
    "|".join(STREETS.values())
    + "|Way|Close|Row|Walk|Quay|Alley|Broadway|Hill|Gardens|Mews|Parade|Wharf|Loop|Turnpike|Expressway"
)
_DIRECTIONS = {
    "N": "North",
    "S": "South",
    "E": "East",
    "W": "West",
    "NE": "Northeast",
    "NW": "Northwest",
    "SE": "Southeast",
    "SW": "Southwest",
}
_DIRECTION = "|".join(sorted(_DIRECTIONS, key=len, reverse=True))
_WORD = r"(?!(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b)(?:[A-Z][\w'\u2019-]*|\d{1,3}(?:st|nd|rd|th))"


def _house(number: str) -> str:
    """ "12A" as "twelve A"."""
    parts = re.fullmatch(r"(\d+)([A-Za-z]?)", number)
    assert parts is not None, "the callers have matched it"
    return f"{house(parts[1])} {parts[2].upper()}".strip()


def _address(match: re.Match[str]) -> str:
    numbers = " to ".join(_house(part) for part in re.split(r"\s?-\s?", match["house"]))
    direction = f"{_DIRECTIONS[match['direction']]} " if match["direction"] else ""
    names = re.sub(r"\d+(?=st|nd|rd|th)\w\w", lambda name: ordinal(int(name.group()[:-2])), match["names"])
    kind = STREETS.get(match["kind"], match["kind"])
    return f"{numbers} {direction}{names}{kind}{full_stop(match)}"


def _street(match: re.Match[str]) -> str:
    return f"{match['name']} {STREETS[match['kind']]}{full_stop(match)}"


STREET_ADDRESSES: tuple[Rule, ...] = (
    rule(
        rf"(?<![\w$£€#])(?<!\d[.,:/-])(?P<house>\d{{1,5}}[A-Za-z]?(?:-\d{{1,5}}[A-Za-z]?)?)\s(?:(?P<direction>{_DIRECTION})\b\.?\s)?"
        rf"(?P<names>(?:{_WORD}\.?\s){{1,4}}?)(?P<kind>{_KINDS}|(?:{_SHORT}))\b(?!(?<=Dr)\.?\s[A-Z])(?:(?<!Way)\.(?!\w))?",
        _address,
    ),
    # "Main St. is closed"; a capital letter after "St." or "Dr." makes it a saint or a doctor.
    rule(
        rf"(?P<name>\b[A-Z][a-z'\u2019]+|\d(?:st|nd|rd|th))\s(?P<kind>{_SHORT})\b(?!(?<=Dr)\.?\s[A-Z])(?!(?<=St)\.?\s[A-Z])(?!\w|'|\.\w)\.?",
        _street,
    ),
    rule(r"\bP\.?\s?O\.?\sBox\b", "P O Box"),
)
