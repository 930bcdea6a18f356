"""Weekdays, months, dates and years.  Pure."""

from __future__ import annotations

import re

from offhook.speech.numbers import decade, is_year, ordinal, year
from offhook.speech.rules import Rule, full_stop, rule

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_FULL = {name[:3].lower(): name for name in (*_DAYS, *MONTHS)}
_DAY = "|".join(_DAYS)
_MONTH = "|".join(MONTHS)
_SURE = r"Mon(?!\s(?:Ami|Amour|Cher|Dieu|Petit))|Tues?|Weds?|Thu(?:rs?)?|Fri|Feb|Apr|Aug|Sept?|Oct|Nov"
"""Abbreviations that are no words or names of their own."""
_UNSURE = (
    "Sat|Sun|Jan|Mar|Jun|Jul|Dec|MON|TUES?|WED|THU(?:RS?)?|FRI|SAT|SUN"
    "|JAN|FEB|MAR|APR|JUN|JUL|AUG|SEPT?|OCT|NOV|DEC"
)
_LETTERS = {
    **{day[:2]: day for day in _DAYS},
    "M": "Monday",
    "W": "Wednesday",
    "F": "Friday",
}
"""Days as their shortest forms, which are known in ranges only: "M-F", "Mo-Fr"."""
_NAME = rf"(?:(?:{_DAY}|{_MONTH}|{_SURE}|{_UNSURE})\b)"
_JOINT = r"(?:\s?[-/&,]\s?|\s(?:and|or|to|through|thru|until)\s)"
_DATED_BEFORE = re.compile(
    rf"(?:\b{_NAME}\.?{_JOINT}|\d(?:st|nd|rd|th)? |\b(?:first|second|third|fourth) "
    r"|\b(?:in|since|early|late|mid|until|till|every|next|last|this|each) )$"
)
_DAY_BEFORE = re.compile(r"\b(?:[oO]n|[bB]y|[fF]rom|through|thru) $")
_DATED_AFTER = re.compile(
    rf"\.?(?:{_JOINT}{_NAME}|:?\s?\d|\s(?:morning|afternoon|evening|night|noon)\b|:?\s(?:closed|open)\b)"
)
_DAY_AFTER = re.compile(r",\s\d")
_DATE_BEFORE = (
    r"(?:(?<=\b[oO]n )|(?<=\b[bB]y )|(?<=\b[fF]rom )|(?<=\buntil )|(?<=\bbefore )|(?<=\bafter )"
    r"|(?<=\bsince )|(?<=\bdue )|(?<=\bdated )|(?<=day )|(?<=day, ))"
)
_TH = "(?:st|nd|rd|th)?"
_STREET = "(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Way|Court)\\b"
_MEASURES = "sq|cu|[kmc]?g|[kmc]m|ft|lbs?|oz|ml|mi|mph|[GM]B|k?Wh?|rpm"
_TIME_FOLLOWS = r"(?!\d|:\d|[.,]\d{3}|\s?(?:[ap]\.?m\b|%))"


def _full_name(match: re.Match[str]) -> str:
    return _FULL[match["name"][:3].lower()] + (full_stop(match) if match["name"] != match.group() else "")


def _full_name_here(match: re.Match[str]) -> str:
    """Of "Sat", "Sun", "Jan" and their like, where what stands around them says that they are dates."""
    before = match.string[max(0, match.start() - 24) : match.start()]
    after = match.end("name")
    is_day = match["name"][:2].lower() in ("sa", "su")
    if (
        _DATED_BEFORE.search(before)
        or _DATED_AFTER.match(match.string, after)
        or (is_day and (_DAY_BEFORE.search(before) or _DAY_AFTER.match(match.string, after)))
    ):
        return _full_name(match)
    return match.group()


def _date(month: int, day: int, written_year: str | None) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    words = f"{MONTHS[month - 1]} {ordinal(day)}"
    if not written_year:
        return words
    full = written_year if len(written_year) == 4 else f"20{written_year}"
    return f"{words}, {year(full)}"


def _iso(match: re.Match[str]) -> str:
    return _date(int(match["month"]), int(match["day"]), match["year"]) or match.group()


def _numeric(match: re.Match[str], *, day_first: bool) -> str:
    """ "03/04/2027": the month first, unless ``day_first`` or there is no such month."""
    one, two = int(match["one"]), int(match["two"])
    if day_first or match["sign"] == ".":
        one, two = two, one
    written_year = match.groupdict().get("year")
    return _date(one, two, written_year) or _date(two, one, written_year) or match.group()


def _month_day(match: re.Match[str]) -> str:
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if not (1 <= first <= 31 and 1 <= last <= 31):
        return match.group()
    words = f"{match['month']} {ordinal(first)}"
    if match["last"]:
        words += f" {'and' if match['joint'] in ('&', 'and') else 'to'} {ordinal(last)}"
    return f"{words}, {year(match['year'])}" if match["year"] else words


def _day_month(match: re.Match[str]) -> str:
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if not (1 <= first <= 31 and 1 <= last <= 31):
        return match.group()
    the = "" if match["the"] else "the "
    words = f"{match['the'] or ''}{the}{ordinal(first)}"
    if match["last"]:
        words += f" to the {ordinal(last)}"
    words += f" of {match['month']}"
    return f"{words}, {year(match['year'])}" if match["year"] else words


def _years(match: re.Match[str]) -> str:
    if not (is_year(match["first"]) and is_year(match["last"])) or match["first"] >= match["last"]:
        return match.group()
    return f"{year(match['first'])} to {year(match['last'])}"


NAMES: tuple[Rule, ...] = (
    rule(rf"\b(?P<name>{_UNSURE})\b\.?", _full_name_here),
    rule(rf"\b(?P<name>{_SURE})\b\.?(?!\w)", _full_name),
    rule(rf"\b({_DAY})/(?={_DAY})", r"\1, "),
    rule(
        rf"\b((?:{_DAY}|{_MONTH})(?:\s\d{{1,2}}(?:st|nd|rd|th)?)?)\s?-\s?(?=(?:{_DAY}|{_MONTH})\b)", r"\1 to "
    ),
    # A pause between the days and the hours: "Monday to Friday, nine to five".
    rule(
        rf"\b(?P<first>M|Mo|Tu|W|We|Th|F|Fr)-(?P<last>Tu|W|We|Th|F|Fr|Sa|Su|Fri|Sat|Sun|(?:{_DAY}))\b",
        lambda match: f"{_LETTERS[match['first'][:2]]} to {_LETTERS.get(match['last'][:2], match['last'])}",
    ),
    rule(r"\b(?:MWF|M/W/F)\b", "Monday, Wednesday, Friday"),
    rule(
        r"\b(?=[A-Z, &/]*(?:Tu|Th|Sa|Su)\b)(?:M|Mo|Tu|W|We|Th|F|Fr|Sa|Su)"
        r"(?:(?:, ?| ?& ?|/)(?:M|Mo|Tu|W|We|Th|F|Fr|Sa|Su)\b)+",
        lambda match: re.sub(
            r"[A-Z][a-z]?", lambda day: _LETTERS[day.group()], match.group().replace("/", ", ")
        ),
    ),
    rule(
        rf"\b((?:{_DAY})s?)[:,]?\s(?=\d{{1,2}}(?::\d\d|\s?[apAP]\.?[mM]\b|(?:\.\d\d)?\s?-\s?\d)"
        r"|(?:noon|midnight)\s?(?:-|to\b))",
        r"\1, ",
    ),
)
"""Abbreviated names in full: what follows sees only those."""


def dates(*, day_first: bool) -> tuple[Rule, ...]:
    """The rules for dates; ``day_first``: "03/04/2027" is in April."""
    numeric = r"(?<![\d/.-])(?P<one>\d{1,2})(?P<sign>[/.-])(?P<two>\d{1,2})"
    return (
        rule(
            r"(?<![\d/.-])(?P<year>[12]\d{3})(?P<sign>[-/])(?P<month>\d\d)(?P=sign)(?P<day>\d\d)(?![\d/-])",
            _iso,
        ),
        rule(
            rf"{numeric}(?P=sign)(?P<year>(?:19|20)\d\d)(?![\d/-])",
            lambda match: _numeric(match, day_first=day_first),
        ),
        rule(
            r"(?<![\d/.-])(?P<one>\d{1,2})(?P<sign>/)(?P<two>\d{1,2})/(?P<year>\d\d)(?![\d/-])",
            lambda match: _numeric(match, day_first=day_first),
        ),
        rule(
            rf"{_DATE_BEFORE}(?P<one>\d{{1,2}})(?P<sign>/)(?P<two>\d{{1,2}})(?![\d/-])",
            lambda match: _numeric(match, day_first=day_first),
        ),
        rule(
            rf"(?P<the>\b[tT]he )?\b(?P<first>\d{{1,2}}){_TH}(?:\s?(?:-|to)\s?(?P<last>\d{{1,2}}){_TH})?"
            rf"(?: of)? (?P<month>{_MONTH})\b(?! \d{{1,2}}\b| {_STREET})(?:,?\s(?P<year>[12]\d{{3}})\b)?",
            _day_month,
        ),
        rule(
            rf"\b(?P<month>{_MONTH})\s(?P<first>\d{{1,2}}){_TH}{_TIME_FOLLOWS}"
            r"(?:\s?(?P<joint>-|to\b|through\b|&(?!\s\d+\s[a-z])|and\b(?!\s\d+\s[a-z]))"
            rf"\s?(?P<last>\d{{1,2}}){_TH}{_TIME_FOLLOWS})?"
            rf"(?:,?\s(?P<year>[12]\d{{3}})\b(?!:))?",
            _month_day,
        ),
        rule(rf"\b({_MONTH}),?\s([12]\d{{3}})\b(?![,:]\d)", lambda match: f"{match[1]} {year(match[2])}"),
        rule(
            r"\b(?P<cue>(?:in|since|year|established|founded) )(?P<year>1[1-9]\d\d|20\d\d)\b"
            rf"(?![,.:/-]\d|\s[a-z]{{2,}}s\b|\s?(?:{_MEASURES})\b)",
            lambda match: match["cue"] + year(match["year"]),
            re.IGNORECASE,
        ),
        rule(r"(?<![\w.,:/-])(?P<first>\d{4})\s?(?:-|to)\s?(?P<last>\d{4})(?![\w-]|[.,:/]\d)", _years),
        rule(r"(?<!\w)'?((?:1\d|20)\d0|[2-9]0)s\b", lambda match: decade(match[1])),
    )
