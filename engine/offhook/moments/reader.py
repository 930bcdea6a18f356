"""From tokens to what was said: one grammar for all languages.

Days are looked for first and become ``D0``, ``D1``; then clocks, ``T0`` where the words leave no doubt that a
time is meant and ``t0`` where only what stands around can tell ("three").  What binds them ("between", "not",
a correction) is read last, over those marks alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from typing import Literal, TypeVar

from offhook.moments.said import (
    Bound,
    Clock,
    DayRange,
    DaySaid,
    Half,
    Month,
    MonthDay,
    NumericDate,
    Part,
    RelativeDay,
    RelativeMonth,
    Said,
    TimeSaid,
    Week,
    Weekday,
    Which,
)
from offhook.moments.words import Words, tokens, words_of

Expected = Literal["day", "time"]
_MAX_MENTIONS = 9
Kind = TypeVar("Kind")


def listen(text: str, language: str, expected: Expected | None = None) -> Said | None:
    """The days and times in ``text``; None: there are none, or offhook reads none in ``language``.

    ``expected`` is what was asked for: "three" answers "what time?".
    """
    words = words_of(language)
    if words is None:
        return None
    reading = _Reading(tokens(text, words), words, expected)
    return reading.said()


def _which(before: str | None, behind: str | None) -> Which:
    if behind == "WEEKLATER":
        return Which.WEEK_LATER
    return {"NEXT": Which.NEXT, "THIS": Which.THIS, "COMING": Which.THIS}.get(
        before or behind or "", Which.BARE
    )


_Grammar = tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Kind | None]], ...]


def _grammar(*rules: tuple[str, Callable[[re.Match[str]], Kind | None]]) -> _Grammar[Kind]:
    """Patterns over whole tokens, compiled; the first ones take their tokens first."""
    return tuple((re.compile(rf"(?<= )(?:{pattern})(?= |(?<= ))"), make) for pattern, make in rules)


_DAY = r"(?:O|N)(\d{1,2})"
_YEAR = r"(?: N(20\d\d))?"
_LINK = r"(?: (?:ON|THE|OF|AT|,))*"


def _weekday(found: re.Match[str]) -> DaySaid | None:
    day = found["o"] or found["n"] or found["last"]
    month = found["month"] or found["first"]
    if day is not None and not 1 <= int(day) <= 31:
        return None
    return Weekday(
        int(found["wd"]),
        _which(found["before"], found["behind"]),
        int(day) if day else None,
        int(month) if month else None,
    )


def _month_day(day: str, month: str | None, year: str | None) -> DaySaid | None:
    if not 1 <= int(day) <= 31:
        return None
    return MonthDay(int(day), int(month) if month else None, int(year) if year else None)


def _later(found: re.Match[str]) -> DaySaid | None:
    count, unit = int(found[1]), found[2]
    if unit == "month":
        return RelativeMonth(count)
    return RelativeDay(count * (7 if unit == "week" else 1))


_DAYS: _Grammar[DaySaid] = _grammar(
    (r"ISO(\d{4})-(\d\d)-(\d\d)", lambda f: MonthDay(int(f[3]), int(f[2]), int(f[1]))),
    (
        r"DATE(\d+)/(\d+)(?:/(\d+))?",
        lambda f: NumericDate(int(f[1]), int(f[2]), None if f[3] is None else int(f[3]) % 100 + 2000),
    ),
    # "Thursday of next week", "next week on Thursday"
    (rf"WD(\d){_LINK} (?:NEXT Uweek|Uweek NEXT)", lambda f: Weekday(int(f[1]), Which.NEXT_WEEK)),
    (rf"(?:NEXT Uweek|Uweek NEXT){_LINK} WD(\d)", lambda f: Weekday(int(f[1]), Which.NEXT_WEEK)),
    (r"N1 Uweek (?:ON|FROM|THE|AFTER) WD(\d)", lambda f: Weekday(int(f[1]), Which.WEEK_LATER)),
    (
        rf"(?:(?P<before>NEXT|THIS|COMING) )?WD(?P<wd>\d)(?: (?P<behind>NEXT|WEEKLATER))?"
        rf"(?:{_LINK} (?:O(?P<o>\d{{1,2}})|N(?P<n>\d{{1,2}})(?={_LINK} MONTH))"
        rf"(?:{_LINK} MONTH(?P<month>\d+))?|{_LINK} MONTH(?P<first>\d+)(?: THE)? [ON](?P<last>\d{{1,2}}))?",
        _weekday,
    ),
    (rf"{_DAY}{_LINK} MONTH(\d+)(?: OF)?{_YEAR}", lambda f: _month_day(f[1], f[2], f[3])),
    (rf"MONTH(\d+)(?: THE)? {_DAY}(?! (?:OCLOCK|AM|PM|N\d)){_YEAR}", lambda f: _month_day(f[2], f[1], f[3])),
    (r"(?:IN )?N(\d+) U(day|week|month) NOW", _later),
    (r"IN N(\d+) U(day|week|month)", _later),
    (r"DAY([+-]\d+) WEEKLATER", lambda f: RelativeDay(int(f[1]) + 7)),
    (r"N1 Uweek (?:FROM |AFTER |ON )?DAY([+-]\d+)", lambda f: RelativeDay(int(f[1]) + 7)),
    (r"DAY([+-]\d+)", lambda f: RelativeDay(int(f[1]))),
    (r"(?:NEXT WEEKEND|WEEKEND NEXT)", lambda _: Week(1, weekend=True)),
    (r"(?:THIS |COMING |ON |THE |IN )?WEEKEND", lambda _: Week(0, weekend=True)),
    (r"(?:NEXT|COMING) Uweek|Uweek NEXT", lambda _: Week(1)),
    (r"THIS Uweek", lambda _: Week(0)),
    (r"(?:NEXT|COMING) Umonth|Umonth NEXT", lambda _: Month(months=1)),
    (r"THIS Umonth", lambda _: Month(months=0)),
    (r"(?:IN|THIS|NEXT|THE|OF) (?:THE )?MONTH(\d+)", lambda f: Month(int(f[1]))),
    (r"(?:ON |THE )+O(\d{1,2})(?! [a-z])", lambda f: _month_day(f[1], None, None)),
)
_DAY_BY_NUMBER: _Grammar[DaySaid] = _grammar(
    (r"THE N(\d{1,2})(?! (?:U|OCLOCK|AM|PM|[a-z]))", lambda f: _month_day(f[1], None, None))
)
_ORDINAL_ALONE: _Grammar[DaySaid] = _grammar((r"O(\d{1,2})", lambda f: _month_day(f[1], None, None)))

_HOUR = r"N(\d{1,2})"
_MINUTES = r"N(\d{1,2})"


def _clock(hour: str | int, minute: str | int = 0, ahead: int = 0) -> Clock | None:
    """``ahead`` minutes on, or back where it is negative; None: there is no such time."""
    hour, minute = int(hour), int(minute)
    if not (0 <= hour <= 24 and 0 <= minute <= 59) or (hour == 24 and minute):
        return None
    if not ahead:
        return Clock(hour, minute)
    total = hour * 60 + minute + ahead
    hour, minute = divmod(total, 60)
    if hour == 0 and not 0 < total < 60:
        hour = 12
    # "Quarter to one" is a quarter to thirteen as well: the hour stays one of the twelve.
    return Clock(12 if hour == 0 else hour, minute)


_QUARTERS = {"HALFPAST": 30, "HALFTO": -30, "QPAST": 15, "QTO": -15, "Q3TO": -15}


def _from_words(found: re.Match[str]) -> Clock | None:
    return _clock(found[2], ahead=_QUARTERS[found[1]])


def _minutes_and_hour(found: re.Match[str]) -> Clock | None:
    minutes = int(found[1])
    sign = 1 if found[2] in ("PAST", "AFTER") else -1
    hour_ahead = _QUARTERS.get(found[3] or "", 0)
    if not 1 <= minutes <= 29:
        return None
    return _clock(found[4], ahead=hour_ahead + sign * minutes)


def _hour_and_minutes(found: re.Match[str]) -> Clock | None:
    minutes = {"HALF": 30, "QUARTER": 15}.get(found[3]) or int(found[4])
    return _clock(found[1], ahead=minutes if found[2] in ("AND", "PLUS") else -minutes)


def _two_numbers(found: re.Match[str]) -> Clock | None:
    if found[2] is not None:
        return _clock(found[1], found[2])
    return _clock(found[1], found[3])


_BOUNDS = {
    "AT": Bound.AT,
    "AROUND": Bound.AROUND,
    "AFTER": Bound.AFTER,
    "FROM": Bound.AFTER,
    "BEFORE": Bound.BEFORE,
    "UNTIL": Bound.BEFORE,
}
_NO_NUMBER = r"(?! N\d)"
_SURE: _Grammar[Clock] = _grammar(
    (r"C(\d+):(\d+)(?: OCLOCK)?", lambda f: _clock(f[1], f[2])),
    (r"NOON", lambda _: Clock(12, 0, Half.PM)),
    (r"MIDNIGHT", lambda _: Clock(0)),
    (
        rf"(?<!FROM )(?<!BETWEEN ){_MINUTES}(?: Uminute)? (PAST|TO|AFTER|BEFORE)"
        rf"(?: (HALFTO|HALFPAST))? {_HOUR}(?! (?:U|N\d))",
        _minutes_and_hour,
    ),
    (rf"(HALFPAST|HALFTO|QPAST|QTO|Q3TO) {_HOUR}(?: OCLOCK)?", _from_words),
    (rf"(?<!BETWEEN ){_HOUR} (AND|PLUS|MINUS) (HALF|QUARTER|N(\d{{1,2}}))(?! U)", _hour_and_minutes),
    (rf"{_HOUR} OCLOCK {_MINUTES}{_NO_NUMBER}", lambda f: _clock(f[1], f[2])),
    (rf"{_HOUR} OCLOCK", lambda f: _clock(f[1])),
    (rf"{_HOUR} (?:N([1-5]\d)|N0 N(\d)) (?=AM|PM|PART)", _two_numbers),
    (r"N(\d{1,2})([0-5]\d) (?=AM |PM )", lambda f: _clock(f[1], f[2])),
    (rf"{_HOUR} (?=AM|PM|PART)", lambda f: _clock(f[1])),
)
_UNSURE: _Grammar[Clock] = _grammar(
    (rf"(?<!N\d )(?<!N\d\d ){_HOUR} (?:N([1-5]\d)|N0 N(\d)){_NO_NUMBER}(?! U)", _two_numbers),
    (r"(?<=AT )N(\d{1,2})([0-5]\d)(?! )", lambda f: _clock(f[1], f[2])),
    (rf"(?<!N\d )(?<!N\d\d ){_HOUR}{_NO_NUMBER}(?! U)", lambda f: _clock(f[1])),
)


class _Reading:
    """One utterance being read; made for one call of :func:`listen`."""

    def __init__(self, text: str, words: Words, expected: Expected | None) -> None:
        self.text = text
        self.words = words
        self.expected = expected
        self.days: list[DaySaid] = []
        self.clocks: list[Clock] = []
        self.parts: list[Part] = []
        self.offset: timedelta | None = None

    def said(self) -> Said | None:
        soonest = " SOON " in self.text
        self._find_offset()
        self._find_days()
        self._find_clocks()
        self._accept_unsure()
        days, but, either = self._settle_days()
        times = self._settle_times()
        if not (days or times or soonest or but or self.offset is not None):
            return None
        return Said(days, times, either, soonest, self.offset, but)

    # --- finding -----------------------------------------------------------------------------------------

    def _find_offset(self) -> None:
        found = re.search(
            r" (?:IN )?N(\d+) U(hour|minute)(?: AND (?:N(\d+) Uminute|HALF))?(?P<now> NOW)? ", self.text
        )
        if found is None or (not found[0].startswith(" IN ") and not found["now"]):
            return
        minutes = int(found[1]) * (60 if found[2] == "hour" else 1)
        if "AND" in found[0]:
            minutes += int(found[3]) if found[3] else 30
        self.offset = timedelta(minutes=minutes)
        self.text = self.text.replace(found[0], " ", 1)

    def _find_days(self) -> None:
        self._mark(_DAYS, self.days, "D")
        if self.words.day_by_number:
            self._mark(_DAY_BY_NUMBER, self.days, "D")
        if self.expected == "day" and not self.days:
            self._mark(_ORDINAL_ALONE, self.days, "D")

    def _find_clocks(self) -> None:
        self.text = re.sub(r"PART:(\d\d)(\d\d)-(\d\d)(\d\d)", self._keep_part, self.text)
        self._mark(_SURE, self.clocks, "T")
        self.text = re.sub(r" T(\d) (AM|PM)(?= )", self._with_half, self.text)
        self._mark(_UNSURE, self.clocks, "t")

    def _keep_part(self, found: re.Match[str]) -> str:
        if len(self.parts) == _MAX_MENTIONS:
            return ""
        first, last = (time(int(found[n]), int(found[n + 1])) for n in (1, 3))
        self.parts.append(Part(first, last))
        return f"PART{len(self.parts) - 1}"

    def _with_half(self, found: re.Match[str]) -> str:
        clock = self.clocks[int(found[1])]
        if 1 <= clock.hour <= 12:
            self.clocks[int(found[1])] = replace(clock, half=Half(found[2].lower()))
        return f" T{found[1]}"

    def _mark(self, grammar: _Grammar[Kind], kept: list[Kind], letter: str) -> None:
        for pattern, make in grammar:

            def put(found: re.Match[str], make: Callable[[re.Match[str]], Kind | None] = make) -> str:
                value = make(found) if len(kept) < _MAX_MENTIONS else None
                if value is None:
                    return found[0]
                kept.append(value)
                return f"{letter}{len(kept) - 1}{' ' if found[0].endswith(' ') else ''}"

            self.text = pattern.sub(put, self.text)

    def _accept_unsure(self) -> None:
        """A bare number is a time behind "at", beside a day, in a stretch, or where a time was asked for."""
        text = self.text
        lead = r"(?:AT|AFTER|BEFORE|AROUND|UNTIL|FROM)"
        text = re.sub(rf" {lead} t(\d)(?= )", lambda f: f[0].replace("t", "T"), text)
        text = re.sub(r" (?:BETWEEN|FROM) [tT]\d (?:AND|TO|UNTIL|OR) [tT]\d(?= )", _as_sure, text)
        text = re.sub(r" (?:T\d) (?:AND|TO|UNTIL|OR|FIX) t\d(?= )", _as_sure, text)
        text = re.sub(r" t\d (?:TO|UNTIL|OR) T\d(?= )", _as_sure, text)
        text = re.sub(r" (?:D\d|PART\d)(?: ,)? t\d(?= )", _as_sure, text)
        left = [word for word in text.split() if word.islower() and not re.fullmatch(r"t\d", word)]
        if self.expected == "time" or all(word in self.words.fillers for word in left):
            text = re.sub(r" t\d(?= )", _as_sure, text)
        self.text = text

    # --- settling ----------------------------------------------------------------------------------------

    def _settle_days(self) -> tuple[tuple[DaySaid, ...], tuple[DaySaid, ...], bool]:
        text = self.text
        refused: list[int] = [int(found) for found in re.findall(r" NOT (?:ON |THE )?D(\d)", text)]
        # "Thursday doesn't work"; only where no day stands before it "I can't on Thursday".
        for found in re.finditer(
            r"(?:D(\d)(?: (?!D\d|T\d)\S+){0,3} )?CANNOT(?:(?: (?:ON|THE|IN))* D(\d))?(?= )", text
        ):
            refused += [int(number) for number in (found[1] or found[2],) if number]
        order = [int(found) for found in re.findall(r" D(\d)(?= )", text)]
        kept: list[int] = []
        dropped: list[DaySaid] = [self.days[number] for number in refused]
        either = False
        for position, number in enumerate(order):
            if number in refused:
                continue
            between = text[text.find(f" D{order[position - 1]} ") : text.find(f" D{number} ")]
            if position and " FIX" in between and kept:
                dropped += [self.days[one] for one in kept]
                kept, either = [], False
            # "Wednesday, no, Wednesday I'm away, Thursday": what was taken back is mentioned again.
            if _same(self.days[number], dropped) and number != order[-1]:
                continue
            if kept and re.search(rf"D{kept[-1]}(?: ON| THE)* (?:TO|UNTIL)(?: THE| ON)* D{number} ", text):
                first = self.days[kept.pop()]
                self.days.append(DayRange(first, self.days[number]))
                kept.append(len(self.days) - 1)
                continue
            if kept and re.search(
                rf"D{kept[-1]}(?: ON| THE| T\d| PART\d)* (?:OR|AND)(?: ON| THE)* D{number} ", text
            ):
                either = True
            if not _same(self.days[number], [self.days[one] for one in kept]):
                kept.append(number)
        but = tuple(self.days[number] for number in refused)
        return tuple(self.days[number] for number in kept), but, either

    def _settle_times(self) -> tuple[TimeSaid, ...]:
        text, parts = self.text, self.parts
        stretches = {}
        for found in re.finditer(r" (?:BETWEEN |FROM )?T(\d)(?: PART\d)? (AND|TO|UNTIL) T(\d)(?= )", text):
            if found[2] != "AND" or "BETWEEN" in found[0]:
                stretches[int(found[1])] = int(found[3])
        latest: list[TimeSaid] = []
        last_end = 0
        for found in re.finditer(r" (?:(AFTER|FROM|BEFORE|AROUND|UNTIL) )?(?:THE )?T(\d)(?= )", text):
            number = int(found[2])
            if number in stretches.values():
                continue
            if latest and " FIX" in text[last_end : found.start() + 1]:
                latest = []
            bound = _BOUNDS[found[1] or "AT"] if number not in stretches else Bound.AT
            last = self.clocks[stretches[number]] if number in stretches else None
            said = TimeSaid(self.clocks[number], bound, last)
            said = self._in_its_part(said, text, found.start(), found.end())
            if said not in latest:
                latest.append(said)
            last_end = found.end()
        if latest or not parts:
            return tuple(latest)
        corrected = text.rsplit(" FIX ", 1)[-1]
        named = re.findall(r"PART(\d)", corrected) or re.findall(r"PART(\d)", text)
        return tuple(TimeSaid(part=part) for part in dict.fromkeys(parts[int(number)] for number in named))

    def _in_its_part(self, said: TimeSaid, text: str, start: int, end: int) -> TimeSaid:
        """Of "three in the afternoon" and "Thursday afternoon at three"; the nearest part counts."""
        if said.clock is None or not self.parts:
            return said
        behind = re.match(r"(?: (?:TO|AND|UNTIL) T\d)?(?: D\d| ON| THE)* PART(\d)", text[end:])
        before = re.findall(r"PART(\d)(?! T\d PART)", text[:start])
        nearest = behind[1] if behind else (before[-1] if before else None)
        if nearest is None:
            return said
        part = self.parts[int(nearest)]
        clock = replace(said.clock, half=said.clock.half or part.half_of(said.clock))
        last = said.last and replace(said.last, half=said.last.half or part.half_of(said.last))
        return replace(said, clock=clock, last=last)


def _as_sure(found: re.Match[str]) -> str:
    return re.sub(r"t(?=\d)", "T", found[0])


def _same(day: DaySaid, others: list[DaySaid]) -> bool:
    """Whether ``day`` was named among ``others``, perhaps with other words around it."""
    for other in others:
        if day == other:
            return True
        if isinstance(day, Weekday) and isinstance(other, Weekday) and day.weekday == other.weekday:
            return day.which is other.which or Which.BARE in (day.which, other.which)
    return False
