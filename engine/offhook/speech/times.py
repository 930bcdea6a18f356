"""Times of day.  Pure."""

from __future__ import annotations

import re

from offhook.speech.numbers import cardinal
from offhook.speech.rules import Rule, rule

_HALF = r"(?:\s?(?:[aApP]\.\s?[mM]\.?|[aApP][mM]\b))"


def _clock(name: str) -> str:
    """One time, or an hour alone, with groups named after ``name``."""
    minutes = rf"(?::(?P<m{name}>[0-5]\d)(?::(?P<s{name}>[0-5]\d))?|\.(?P<d{name}>[0-5]\d)(?={_HALF}))"
    return rf"(?P<h{name}>[01]?\d|2[0-4]){minutes}?(?P<p{name}>{_HALF})?"


_BEGIN = r"(?<![\w$£€])(?<!\d[.,:/-])(?<![-+]\d)"
_END = r"(?![\w%]|[:/]\d|-\d|,\d{3}|\.\d)"
_NO_HOUR_ALONE = rf"(?=\d{{1,2}}(?::[0-5]\d|(?:\.[0-5]\d)?{_HALF}))"
_TO = r"(?P<to>\s?-\s?|\s(?:to|until|till|and|through)\s)"


_OF_24 = re.compile(rf"(?<![\d:.,])(?:0\d|1[3-9]|2[0-4]):[0-5]\d(?!{_HALF})")


class _Time:
    """What was written of one time of day."""

    def __init__(self, match: re.Match[str], name: str) -> None:
        self.hour = int(match[f"h{name}"])
        self.minute = int(match[f"m{name}"] or match[f"d{name}"] or 0)
        self.second = int(match[f"s{name}"] or 0)
        self.has_minutes = bool(match[f"m{name}"] or match[f"d{name}"])
        self.half = (match[f"p{name}"] or "").replace(".", "").replace(" ", "").upper()

    def words(self, *, of_24: bool, alone: bool) -> str:
        hour, half = self.hour, self.half
        if of_24 and not half:
            if self.minute == 0 and hour in (0, 12, 24):
                return "noon" if hour == 12 else "midnight"
            half = "PM" if 12 <= hour < 24 else "AM"
        if hour > 12 or (hour == 0 and of_24):
            hour = (hour - 1) % 12 + 1
        words = [cardinal(hour)]
        if self.minute:
            words.append(f"oh {cardinal(self.minute)}" if self.minute < 10 else cardinal(self.minute))
        elif not half and alone and self.has_minutes:
            words.append("o'clock")
        if half:
            words.append(half)
        if self.second:
            words.append(f"and {cardinal(self.second)} seconds")
        return " ".join(words)


def _is_of_24(match: re.Match[str]) -> bool:
    """True when a time in this clause can only be of a 24-hour clock: then they all are."""
    return _OF_24.search(match.string) is not None


def _one(match: re.Match[str]) -> str:
    time = _Time(match, "1")
    return time.words(of_24=_is_of_24(match), alone=True) + _last_stop(match)


def _two(match: re.Match[str]) -> str:
    first, last = _Time(match, "1"), _Time(match, "2")
    if not (first.has_minutes or last.has_minutes or first.half or last.half):
        return match.group()  # plain numbers, which say the same
    of_24 = _is_of_24(match)
    joint = match["to"].strip()
    return (
        f"{first.words(of_24=of_24, alone=False)} {'to' if joint == '-' else joint}"
        f" {last.words(of_24=of_24, alone=False)}{_last_stop(match)}"
    )


def _last_stop(match: re.Match[str]) -> str:
    """ "a.m." at the end of a text ends its sentence too."""
    ends = match.group().endswith(".") and not match.string[match.end() :].strip()
    return "." if ends else ""


_QUARTERS = r"[0-5][05]"
_NO_MEASURE = r"(?!\s?(?:[$€£%]|[ckm]?[mgl]\b|oz\b|lbs?\b|ft\b|in\b|mi\b|dollars|euros|pounds|stars))"

TIMES: tuple[Rule, ...] = (
    # Hours with a point, as they are written in Britain: only in pairs, one alone may be anything.
    rule(
        rf"{_BEGIN}(?P<h1>[01]?\d|2[0-4])\.(?P<m1>{_QUARTERS})(?P<to>\s?-\s?|\s(?:to|until|till)\s)"
        rf"(?P<h2>[01]?\d|2[0-4])\.(?P<m2>{_QUARTERS})(?![\w.,:/]\d|\w){_NO_MEASURE}",
        r"\g<h1>:\g<m1>\g<to>\g<h2>:\g<m2>",
    ),
    rule(
        rf"(?P<one>\b(?:noon|midnight|midday)|\d{_HALF}|:[0-5]\d)\s?-\s?(?=noon\b|midnight\b|midday\b"
        rf"|(?:[01]?\d|2[0-4])(?::[0-5]\d|{_HALF}))",
        r"\g<one> to ",
        re.IGNORECASE,
    ),
    rule(r"\b(noon|midnight|midday)\s?-\s?(?=\d{1,2}\b)", r"\1 to ", re.IGNORECASE),
    rule(rf"{_BEGIN}{_clock('1')}{_TO}{_clock('2')}{_END}", _two),
    rule(rf"{_BEGIN}{_NO_HOUR_ALONE}{_clock('1')}{_END}", _one),
)
