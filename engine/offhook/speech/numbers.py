"""Numbers as English words, as they are said in the United States.  Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words  # cardinals and ordinals in words, in English and in languages to come

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
"""A number as it is written: "12", "12,000", "3.25", ".5"."""
AMOUNT = rf"(?:(?:\d+[ -])?\d+/\d+(?![/\d])|{NUMBER})"
"""A number or a fraction: "3 1/2"."""
BEGIN = r"(?<!\w)(?<!\d[.,:/-])"
"""Where a number may begin: not inside a word or a longer number."""
LAST_YEAR = 2099
_EVERYDAY = 1_000
"""Numbers below this are kept in words for all calls: they tell of no caller."""
_LONGEST = 15
"""Numbers of more digits are no quantities; they are read digit by digit."""
_PARTS = re.compile(r"(?:(?P<whole>\d+)[ -])?(?P<over>\d+)/(?P<under>\d+)")


def cardinal(number: int) -> str:
    """ "two hundred eighteen"; ``number`` below 10**15."""
    return _everyday(number, "cardinal") if number < _EVERYDAY else _in_words(number, "cardinal")


def ordinal(number: int) -> str:
    """ "two hundred eighteenth"; ``number`` below 10**15."""
    return _everyday(number, "ordinal") if number < _EVERYDAY else _in_words(number, "ordinal")


def _in_words(number: int, kind: str) -> str:
    return str(num2words(number, to=kind)).replace(" and ", " ").replace(",", "")


@lru_cache(maxsize=2 * _EVERYDAY)
def _everyday(number: int, kind: str) -> str:
    return _in_words(number, kind)


def digits(written: str, zero: str = "zero") -> str:
    """Digit by digit; what is no digit is left out."""
    return " ".join(zero if char == "0" else DIGIT_WORDS[int(char)] for char in written if char.isdigit())


def grouped(written: str, zero: str = "zero") -> str:
    """A long run of digits, digit by digit, with a pause after every three or four."""
    if len(written) < 7:
        return digits(written, zero)
    size = 4 if len(written) % 4 == 0 else 3
    groups = [written[at : at + size] for at in range(0, len(written), size)]
    if len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return ", ".join(digits(group, zero) for group in groups)


def number(written: str) -> str:
    """What matches :data:`NUMBER`: "three point two five"; with a zero in front, digit by digit."""
    whole, point, decimals = written.replace(",", "").partition(".")
    if len(whole) > _LONGEST or (len(whole) > 1 and whole.startswith("0")):
        words = grouped(whole)
    else:
        words = cardinal(int(whole)) if whole else ""
    return f"{words} point {digits(decimals)}".strip() if point else words


def is_year(written: str, first: int = 1900) -> bool:
    """True for four digits from ``first`` to 2099."""
    return len(written) == 4 and written.isdigit() and first <= int(written) <= LAST_YEAR


def year(written: str) -> str:
    """Four digits or fewer as a year: "nineteen oh five", "two thousand seven", "twenty twenty-seven"."""
    value = int(written)
    if value < 1000 or value % 1000 < 10:
        return cardinal(value)
    return pair(written)


def pair(written: str) -> str:
    """Three or four digits as house and room numbers are said: "two eighteen", "forty-four oh five"."""
    value = int(written)
    front, back = divmod(value, 100)
    if written.startswith("0") or not 1 <= front <= 99:
        return digits(written)
    if value % 1000 == 0:
        return cardinal(value)
    if back == 0:
        return f"{cardinal(front)} hundred"
    return f"{cardinal(front)} {'oh ' if back < 10 else ''}{cardinal(back)}"


def house(written: str) -> str:
    """The number of a house, a room, a flight or a road."""
    if 3 <= len(written) <= 4:
        return pair(written)
    return number(written) if len(written) < 3 else digits(written)


def decade(written: str) -> str:
    """ "1990" or "90", the "s" left off: "nineteen nineties"."""
    if len(written) == 4 and written[2] == "0":
        return f"{year(written)}s"
    tens = cardinal(int(written[-2:]))
    plural = f"{tens[:-1]}ies" if tens.endswith("y") else f"{tens}s"
    return f"{cardinal(int(written[:2]))} {plural}" if len(written) == 4 else plural


def fraction(written: str) -> str:
    """ "one half", "three and a half", "nine out of ten", "one twenty over eighty"."""
    parts = _PARTS.fullmatch(written)
    assert parts is not None, "the callers have matched it"
    over, under = int(parts["over"][:_LONGEST]), int(parts["under"][:_LONGEST])
    if over and over == under:
        words = f"{cardinal(over)} {cardinal(under)}"
    elif under in (10, 100):
        words = f"{cardinal(over)} out of {cardinal(under)}"
    elif over <= 12 and over < under <= 31 and under not in _DENOMINATORS:
        words = f"{cardinal(over)} {cardinal(under)}"  # "nine eleven": a date, or a name
    elif not 0 < over < under or under not in _DENOMINATORS:
        over_words = pair(parts["over"]) if len(parts["over"]) in (3, 4) else number(parts["over"])
        words = f"{over_words} over {number(parts['under'])}"
    else:
        name = _DENOMINATORS[under]
        several = "halves" if name == "half" else f"{name}s"
        words = f"{cardinal(over)} {name if over == 1 else several}"
    if parts["whole"] is None:
        return words
    return f"{number(parts['whole'])} and {'a' + words[3:] if words.startswith('one ') else words}"


_DENOMINATORS = {2: "half", 3: "third", 4: "quarter"} | {
    under: ordinal(under) for under in (5, 6, 7, 8, 9, 16, 32, 64)
}


def amount(written: str) -> str:
    """What matches :data:`AMOUNT`."""
    return fraction(written) if "/" in written else number(written)


def is_one(written: str) -> bool:
    """True when ``written`` (an amount) is followed by a singular: one, or a part of one."""
    return written == "1" or ("/" in written and " " not in written and "-" not in written)
