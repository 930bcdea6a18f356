"""What callers dictate in ``bench_dictation.py``: numbers, e-mail addresses, spelt names, postal addresses.

Each is a list of groups, said with a pause between them.  The entries with an even index are for looking at
while something is changed, the others for judging it (``half``).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

WORDS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGIT_GROUPS = (3, 3, 4)
GIVEN = [
    "sarah",
    "tom",
    "priya",
    "marek",
    "helen",
    "owen",
    "fatima",
    "george",
    "nina",
    "luke",
    "aisha",
    "peter",
    "ruth",
    "samir",
    "clara",
    "hugh",
    "megan",
    "ivan",
    "joan",
    "derek",
]
SURNAMES = [
    "whitfield",
    "okafor",
    "bergstrom",
    "delaney",
    "hussain",
    "pemberton",
    "kowalski",
    "mcbride",
    "tanaka",
    "ferreira",
    "lindqvist",
    "abernathy",
    "novak",
    "gallagher",
    "sinclair",
    "mbeki",
    "thornton",
    "vasquez",
    "ellwood",
    "jankowski",
]
HOSTS = ["kestrelmail", "northpost", "bluefern", "inboxly", "tidewater", "maplenet"]
ENDINGS = ("dot com", "dot co dot uk", "dot org", "dot net")
STREETS = [
    "maple grove",
    "station road",
    "harbour street",
    "mill lane",
    "queens avenue",
    "church hill",
    "orchard close",
    "victoria terrace",
    "canal walk",
    "park crescent",
]
TOWNS = ["leeds", "bristol", "carlisle", "norwich", "exeter", "dundee", "swansea", "lincoln"]
NUMBERS = ("forty two", "seventeen", "one hundred and eight", "six", "eighty one", "twenty nine")


@dataclass(frozen=True, slots=True)
class Dictation:
    """One thing that is said in groups."""

    groups: tuple[str, ...]
    wanted: str
    """What a recogniser that hears every letter writes, without spaces: digits, letters, "@" and "."."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing, and the question that asks for it."""

    question: str
    make: Callable[[int], list[Dictation]]


def numbers(count: int) -> list[Dictation]:
    """The same ones each time; no group is a word of its own to a recogniser."""
    chance = random.Random(10)
    made = []
    for _ in range(count):
        digits = "".join(chance.choice("0123456789") for _ in range(sum(DIGIT_GROUPS)))
        groups, begin = [], 0
        for size in DIGIT_GROUPS:
            groups.append(" ".join(WORDS[int(digit)] for digit in digits[begin : begin + size]))
            begin += size
        made.append(Dictation(tuple(groups), digits))
    return made


def emails(count: int) -> list[Dictation]:
    chance, made = random.Random(11), []
    for _ in range(count):
        given, surname = chance.choice(GIVEN), chance.choice(SURNAMES)
        host, ending = chance.choice(HOSTS), chance.choice(ENDINGS)
        name = f"{given}.{surname}"
        groups = (name.replace(".", " dot "), f"at {host}", ending)
        made.append(Dictation(groups, f"{name}@{host}{ending.replace('dot ', '.').replace(' ', '')}"))
    return made


def names(count: int) -> list[Dictation]:
    chance, made = random.Random(12), []
    for surname in chance.sample(SURNAMES, min(count, len(SURNAMES))):
        middle = (len(surname) + 1) // 2
        groups = tuple(" ".join(part) for part in (surname[:middle], surname[middle:]))
        made.append(Dictation(groups, surname))
    return made


def addresses(count: int) -> list[Dictation]:
    chance, made = random.Random(13), []
    for _ in range(count):
        groups = (f"{chance.choice(NUMBERS)} {chance.choice(STREETS)}", chance.choice(TOWNS))
        made.append(Dictation(groups, "".join(groups).replace(" ", "")))
    return made


KINDS = {
    "number": Kind("What is your telephone number?", numbers),
    "email": Kind("What is your e-mail address?", emails),
    "name": Kind("Could you spell your surname for me?", names),
    "address": Kind("What is your address?", addresses),
}


def half(made: list[Dictation], which: str) -> list[Dictation]:
    """``which``: "looked-at", "untouched" or "all"."""
    begin = {"looked-at": 0, "untouched": 1}.get(which)
    return made if begin is None else made[begin::2]
