"""What was said of days and times, before anybody asks which day today is.  Pure values, no language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from enum import StrEnum


class Half(StrEnum):
    """Which half of the day an hour from one to twelve belongs to."""

    AM = "am"
    PM = "pm"


class Bound(StrEnum):
    """How a time is meant: as a point, or as an end of a stretch."""

    AT = "at"
    AROUND = "around"
    AFTER = "after"
    BEFORE = "before"


class Which(StrEnum):
    """What stood before a weekday."""

    BARE = "bare"
    THIS = "this"
    """Also "coming": the first one from today on."""
    NEXT = "next"
    """The first one from tomorrow on for some, the one of next week for others."""
    WEEK_LATER = "week later"
    """ "Thursday week": a week behind the first one."""
    NEXT_WEEK = "next week"


_BESIDE = 120
"""Minutes: parts of the day have no sharp ends."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day; ``half`` is None where it was not said and the hour does not tell (1 to 12)."""

    hour: int
    minute: int = 0
    half: Half | None = None

    def times(self) -> tuple[time, ...]:
        """All readings, the earlier first: one, or two where the half is not known."""
        if self.hour == 0 or self.hour > 12:
            return (time(self.hour % 24, self.minute),)
        early, late = time(self.hour % 12, self.minute), time(self.hour % 12 + 12, self.minute)
        if self.half is None:
            return early, late
        return (early,) if self.half is Half.AM else (late,)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the day, by its wall clock; ``last`` is not within it, midnight there is the day's end."""

    first: time
    last: time

    def half_of(self, clock: Clock) -> Half | None:
        """In which half of the day ``clock`` lies in this part, or just beside it ("quarter to six in the
        morning"); None: in neither, or in both.
        """
        by_half = {half: replace(clock, half=half).times() for half in Half}
        fitting = [half for half, times in by_half.items() if any(map(self.holds, times))]
        if not fitting:
            fitting = [half for half, times in by_half.items() if any(map(self._is_near, times))]
        return fitting[0] if len(fitting) == 1 else None

    def _is_near(self, moment: time) -> bool:
        minute, first = moment.hour * 60 + moment.minute, self.first.hour * 60 + self.first.minute
        last = (self.last.hour * 60 + self.last.minute) or 24 * 60
        return first - _BESIDE <= minute < last + _BESIDE

    def holds(self, moment: time) -> bool:
        return self.first <= moment and (self.last == time(0) or moment < self.last)


@dataclass(frozen=True, slots=True)
class TimeSaid:
    """One time, or a stretch: ``last`` is its end.  ``part`` alone: a part of the day and no hour."""

    clock: Clock | None = None
    bound: Bound = Bound.AT
    last: Clock | None = None
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class RelativeDay:
    """So many days from today."""

    days: int


@dataclass(frozen=True, slots=True)
class RelativeMonth:
    """The same day of a later month."""

    months: int


@dataclass(frozen=True, slots=True)
class Weekday:
    """``weekday`` counts from Monday, 0; ``day`` and ``month`` are what was said with it."""

    weekday: int
    which: Which = Which.BARE
    day: int | None = None
    month: int | None = None


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day of a month; a month or a year that was not said is None."""

    day: int
    month: int | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True)
class NumericDate:
    """ "3/4": which of the two is the day depends on the country."""

    first: int
    second: int
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """All of a week, so many weeks from this one; of its days only the weekend where ``weekend``."""

    weeks: int
    weekend: bool = False


@dataclass(frozen=True, slots=True)
class Month:
    """All of a month: ``month`` by number, or ``months`` from this one."""

    month: int | None = None
    months: int = 0


@dataclass(frozen=True, slots=True)
class DayRange:
    """From one day to another, both within it."""

    first: DaySaid
    last: DaySaid


DaySaid = RelativeDay | RelativeMonth | Weekday | MonthDay | NumericDate | Week | Month | DayRange


@dataclass(frozen=True, slots=True)
class Said:
    """What one utterance says of days and times.

    ``days`` are alternatives; ``either``: the caller named them so ("Monday or Tuesday"), otherwise which of
    them is meant is open.  ``offset`` is a time from now ("in an hour and a half").
    """

    days: tuple[DaySaid, ...] = ()
    times: tuple[TimeSaid, ...] = ()
    either: bool = False
    soonest: bool = False
    """The earliest that there is, within what else was said."""
    offset: timedelta | None = None
    but: tuple[DaySaid, ...] = ()
    """Days that do not suit."""

    def over(self, earlier: Said | None) -> Said:
        """This as a correction of, or an addition to, ``earlier``: what it does not mention stays."""
        if earlier is None or self.offset is not None:
            return self
        if self.days and self.times:
            return self
        times = self.times
        if times and earlier.times and len(times) == 1 and times[0].clock is None:
            # "In the afternoon", after "at three": which half was meant, not another time.
            times = tuple(_in_part(one, times[0].part) for one in earlier.times)
        return Said(
            days=self.days or earlier.days,
            times=times or earlier.times,
            either=self.either if self.days else earlier.either,
            soonest=self.soonest or (earlier.soonest and not (self.days or self.times)),
            offset=None if self.days or self.times else earlier.offset,
            but=self.but or earlier.but,
        )


def _in_part(said: TimeSaid, part: Part | None) -> TimeSaid:
    if part is None:
        return said
    if said.clock is None:
        return TimeSaid(part=part)
    half = said.clock.half or part.half_of(said.clock)
    last = said.last and replace(said.last, half=said.last.half or part.half_of(said.last))
    return replace(said, clock=replace(said.clock, half=half), last=last)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from ``first`` to ``last``, both within it."""

    first: date
    last: date

    def days(self) -> Iterator[date]:
        day = self.first
        while day <= self.last:
            yield day
            day += timedelta(days=1)
