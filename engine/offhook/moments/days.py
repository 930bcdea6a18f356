"""What days were meant: candidates, by today's date.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from offhook.moments.said import (
    DayRange,
    DaySaid,
    Month,
    MonthDay,
    NumericDate,
    RelativeDay,
    RelativeMonth,
    Span,
    Week,
    Weekday,
    Which,
)

_WEEK = timedelta(days=7)
_MONTHS_AHEAD = 13
"""How far a day of a month is looked for: to the same month of next year."""


@dataclass(frozen=True, slots=True)
class Days:
    """The readings of one mention, the earliest first; none: there is no such day ("30th of February").

    More than one, and it is open which was meant.
    """

    spans: tuple[Span, ...]


def days_of(said: DaySaid, today: date, month_first: bool | None) -> Days:
    """Every reading of ``said`` on the day ``today``.

    ``month_first``: how the country writes "3/4"; None: not known, and both are readings.
    """
    match said:
        case RelativeDay():
            return _one(today + timedelta(days=said.days))
        case RelativeMonth():
            return _days([_of_month(today, said.months, today.day)])
        case Weekday():
            return _weekday(said, today)
        case MonthDay():
            return _days([_month_day(said, today)])
        case NumericDate():
            return _numeric(said, today, month_first)
        case Week():
            monday = today - timedelta(days=today.weekday()) + said.weeks * _WEEK
            first = monday + timedelta(days=5) if said.weekend else monday
            return Days((Span(max(first, today), monday + timedelta(days=6)),))
        case Month():
            return _month(said, today)
        case DayRange():
            return _range(said, today, month_first)


def _one(day: date) -> Days:
    return Days((Span(day, day),))


def _days(days: Iterable[date | None]) -> Days:
    found = sorted({day for day in days if day is not None})
    return Days(tuple(Span(day, day) for day in found))


def _weekday(said: Weekday, today: date) -> Days:
    until = (said.weekday - today.weekday()) % 7
    first = today + timedelta(days=until)
    if said.day is not None:
        return _weekday_and_day(said, today)
    monday = today - timedelta(days=today.weekday())
    in_next_week = monday + _WEEK + timedelta(days=said.weekday)
    match said.which:
        case Which.THIS:
            return _one(first)
        case Which.NEXT_WEEK:
            return _one(in_next_week)
        case Which.WEEK_LATER:
            return _one(first + _WEEK)
        case Which.NEXT:
            # For some the first one that comes, for others the one of next week; often that is the same.
            return _days([first if until else first + _WEEK, in_next_week])
        case Which.BARE:
            return _days([first] if until else [first, first + _WEEK])


def _weekday_and_day(said: Weekday, today: date) -> Days:
    """ "Thursday the ninth": both, or, where they do not agree, each of them."""
    assert said.day is not None
    day = _month_day(MonthDay(said.day, said.month), today)
    if day is None or day.weekday() == said.weekday:
        return _days([day])
    return _days([today + timedelta(days=(said.weekday - today.weekday()) % 7), day])


def _month_day(said: MonthDay, today: date) -> date | None:
    """The next such day from today on."""
    if said.year is not None:
        return _date(said.year, said.month or today.month, said.day)
    for ahead in range(_MONTHS_AHEAD + 1 if said.month is None else 12 * 4 + 1):  # four years: 29 February
        day = _of_month(today, ahead, said.day)
        if day is not None and day >= today and said.month in (None, day.month):
            return day
    return None


def _of_month(today: date, ahead: int, day: int) -> date | None:
    years, month = divmod(today.month - 1 + ahead, 12)
    return _date(today.year + years, month + 1, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _numeric(said: NumericDate, today: date, month_first: bool | None) -> Days:
    orders = [(said.first, said.second), (said.second, said.first)]  # (day, month)
    if month_first is not None:
        orders = [orders[1 if month_first else 0]]
    readings = [
        _month_day(MonthDay(day, month, said.year), today) for day, month in orders if 1 <= month <= 12
    ]
    return _days(readings)


def _month(said: Month, today: date) -> Days:
    ahead = said.months if said.month is None else (said.month - today.month) % 12
    first = _of_month(today, ahead, 1)
    after = _of_month(today, ahead + 1, 1)
    assert first is not None
    assert after is not None
    return Days((Span(max(first, today), after - timedelta(days=1)),))


def _range(said: DayRange, today: date, month_first: bool | None) -> Days:
    """From each reading of the first day to the first reading of the last one behind it."""
    spans = []
    for first in days_of(said.first, today, month_first).spans:
        ends = [span.last for span in days_of(said.last, first.first, month_first).spans]
        later = [end for end in ends if end >= first.first]
        if later:
            spans.append(Span(first.first, min(later)))
    return Days(tuple(spans))
