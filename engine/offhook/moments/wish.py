"""What a caller wants, as stretches of time: settled where it can be, and where not, what is open.

Nothing is guessed.  What the calendar and the opening hours rule out is left out; if more than one reading
is left, that is a :class:`Doubt`, and the readings are there to be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from offhook.languages.codes import base_language
from offhook.moments.days import days_of
from offhook.moments.said import Bound, Said, Span, TimeSaid, Weekday
from offhook.moments.words import words_of
from offhook.moments.zones import at_or_after, end_of, moments

Hours = Callable[[date], Iterable[tuple[time, time]]]
"""When it is open on a day; an end of midnight is the end of the day."""
MAX_DAYS = 62
"""The longest stretch that is looked at day by day: a month that was named, and some."""
_AROUND = timedelta(minutes=60)
"""How far "around three" reaches to each side: far enough for the next offer, near enough to be one."""


class Doubt(StrEnum):
    """What has to be asked."""

    DAY = "day"
    """Which of several days: "next Thursday", "Thursday the 9th" where the ninth is a Friday."""
    TIME = "time"
    """Which of several times: three at night or in the afternoon, or two times were named."""
    PAST = "past"
    """All of it lies in the past."""
    NONE = "none"
    """There is no such day or time: the 30th of February, the hour that summer time leaves out."""


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` on, and before ``end``; both know their zone."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        assert self.start.tzinfo is not None
        assert self.end.tzinfo is not None


@dataclass(frozen=True, slots=True)
class Wish:
    """``windows`` suit the caller: any of them, or, with a ``doubt``, the one that is meant is among them."""

    windows: tuple[Window, ...]
    exact: bool
    """Each window's start is the very moment; its end is the next minute."""
    has_day: bool
    has_time: bool
    soonest: bool
    doubt: Doubt | None


def settle(
    said: Said, now: datetime, language: str = "en", hours: Hours | None = None, horizon_days: int = 28
) -> Wish:
    """``said`` at the moment ``now``, in the time zone of ``now``.

    Without a day, every day of the next ``horizon_days`` is meant; without a time, all of a day.
    """
    tz = now.tzinfo
    assert isinstance(tz, ZoneInfo)
    if said.offset is not None:
        start = (now.astimezone(UTC) + said.offset).astimezone(tz)
        return Wish((_minute(start),), True, True, True, False, None)
    today = now.date()
    month_first = _month_first(language)
    refused = _refused(said, today, month_first)
    readings = [span for one in said.days for span in days_of(one, today, month_first).spans]
    if said.days and not readings:
        return Wish((), False, True, bool(said.times), said.soonest, Doubt.NONE)
    spans = readings or [Span(today, today + timedelta(days=horizon_days))]
    alternatives = [_windows(span, said, now, refused, hours) for span in spans]
    left = [windows for windows in alternatives if windows]
    exact = _is_exact(said)
    if not left:
        why = _why_none(spans, said, now)
        return Wish((), exact, bool(said.days), bool(said.times), said.soonest, why)
    doubt: Doubt | None = None
    if len(left) > 1 and not said.either:
        doubt = Doubt.DAY
    elif exact and any(_count_a_day(windows) > 1 for windows in left):
        doubt = Doubt.TIME
    merged = sorted({window for windows in left for window in windows}, key=lambda one: one.start)
    return Wish(tuple(merged), exact, bool(said.days), bool(said.times), said.soonest, doubt)


def narrow(wish: Wish, answer: Said | None) -> Wish:
    """The readings of a doubtful ``wish`` that ``answer`` allows; it is unchanged if that is none of them.

    "The afternoon", "the tenth", "the one next week".
    """
    if answer is None or not wish.windows:
        return wish
    now = wish.windows[0].start
    fitting = list(wish.windows)
    if answer.days:
        days = {
            day for one in answer.days for span in days_of(one, now.date(), None).spans for day in span.days()
        }
        fitting = [window for window in fitting if window.start.date() in days]
    if answer.times:
        fitting = [
            window for window in fitting if any(_allows(one, window.start.time()) for one in answer.times)
        ]
    if not fitting:
        return wish
    doubt = wish.doubt if len(fitting) > 1 else None
    return Wish(tuple(fitting), wish.exact, wish.has_day, wish.has_time, wish.soonest, doubt)


def _allows(said: TimeSaid, moment: time) -> bool:
    if said.clock is not None:
        return moment in said.clock.times()
    return said.part is not None and said.part.holds(moment)


def _refused(said: Said, today: date, month_first: bool | None) -> Callable[[date], bool]:
    """What does not suit; "not on Friday" means every Friday."""
    weekdays = {one.weekday for one in said.but if isinstance(one, Weekday) and one.day is None}
    days = {
        day
        for one in said.but
        if not isinstance(one, Weekday)
        for span in days_of(one, today, month_first).spans
        for day in span.days()
    }
    return lambda day: day in days or day.weekday() in weekdays


def _month_first(language: str) -> bool | None:
    words = words_of(language)
    if words is None or not words.month_first:
        return False
    _, _, country = language.partition("-")
    if not country:
        return None
    return country.upper() in words.month_first if base_language(language) == words.code else None


def _is_exact(said: Said) -> bool:
    return bool(said.times) and all(
        one.clock is not None and one.last is None and one.bound is Bound.AT for one in said.times
    )


def _count_a_day(windows: list[Window]) -> int:
    by_day: dict[date, int] = {}
    for window in windows:
        by_day[window.start.date()] = by_day.get(window.start.date(), 0) + 1
    return max(by_day.values())


def _windows(
    span: Span, said: Said, now: datetime, refused: Callable[[date], bool], hours: Hours | None
) -> list[Window]:
    """What of one reading lies ahead, on each of its days."""
    found: list[Window] = []
    tz = now.tzinfo
    assert isinstance(tz, ZoneInfo)
    last = min(span.last, span.first + timedelta(days=MAX_DAYS))
    for day in Span(span.first, last).days():
        if refused(day) or day < now.date():
            continue
        windows = _of_day(day, said.times, tz)
        # In UTC: within one zone Python compares the walls' clocks, which show an hour twice in autumn.
        moment = now.astimezone(UTC)
        if _is_exact(said):
            ahead = [window for window in windows if window.start.astimezone(UTC) >= moment]
        else:
            ahead = [
                window if window.start.astimezone(UTC) >= moment else Window(now, window.end)
                for window in windows
                if window.end.astimezone(UTC) > moment
            ]
        found += _open(ahead, day, hours, tz)
    return found


def _of_day(day: date, times: tuple[TimeSaid, ...], tz: ZoneInfo) -> list[Window]:
    if not times:
        return [Window(at_or_after(day, time(0), tz), end_of(day, time(0), tz))]
    return [window for one in times for window in _of_time(day, one, tz)]


def _of_time(day: date, said: TimeSaid, tz: ZoneInfo) -> list[Window]:
    if said.clock is None:
        part = said.part
        if part is None:
            return []
        return [Window(at_or_after(day, part.first, tz), end_of(day, part.last, tz))]
    if said.last is not None:
        return _stretches(day, said, tz)
    windows = []
    for clock in said.clock.times():
        if said.bound is Bound.AFTER:
            windows.append(Window(at_or_after(day, clock, tz), end_of(day, time(0), tz)))
        elif said.bound is Bound.BEFORE:
            windows.append(Window(at_or_after(day, time(0), tz), end_of(day, clock, tz)))
        elif said.bound is Bound.AROUND:
            middle = at_or_after(day, clock, tz)
            windows.append(Window(middle - _AROUND, middle + _AROUND))
        else:
            windows += [_minute(moment) for moment in moments(day, clock, tz)]
    return windows


def _stretches(day: date, said: TimeSaid, tz: ZoneInfo) -> list[Window]:
    """ "From eleven to one": each start with the first end behind it."""
    assert said.clock is not None
    assert said.last is not None
    windows = []
    for first in said.clock.times():
        ends = [last for last in said.last.times() if last > first or last == time(0)]
        if ends:
            last = min(ends, key=lambda one: (one == time(0), one))
            windows.append(Window(at_or_after(day, first, tz), end_of(day, last, tz)))
    # Of two stretches with the same end the shorter one is meant: nobody stays from eleven at night to one.
    shortest: dict[datetime, Window] = {}
    for window in windows:
        shortest[window.end] = window
    return list(shortest.values())


def _minute(start: datetime) -> Window:
    return Window(start, (start.astimezone(UTC) + timedelta(minutes=1)).astimezone(start.tzinfo))


def _open(windows: list[Window], day: date, hours: Hours | None, tz: ZoneInfo) -> list[Window]:
    """Windows that touch an hour when it is open; all, where none does: then the hours tell nothing."""
    if hours is None or not windows:
        return windows
    opened = [(at_or_after(day, first, tz), end_of(day, last, tz)) for first, last in hours(day)]
    touching = [one for one in windows if any(one.start < last and one.end > first for first, last in opened)]
    return touching or windows


def _why_none(spans: list[Span], said: Said, now: datetime) -> Doubt:
    tz = now.tzinfo
    assert isinstance(tz, ZoneInfo)
    ahead = [span for span in spans if span.last >= now.date()]
    exists = any(_of_day(day, said.times, tz) for span in spans for day in (span.first, span.last))
    return Doubt.PAST if exists or not ahead else Doubt.NONE
