"""How an agent's file says what can be booked, with whom and when."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from offhook.config import Section, clipped
from offhook.errors import ConfigError
from offhook.moments.zones import zone

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MAX_RESOURCES = 200
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
_HOURS = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")
Interval = tuple[time, time]
"""From, and until; midnight as the second is the day's end."""


def _interval(entry: Any) -> Any:
    if not isinstance(entry, str):
        return entry
    found = _HOURS.fullmatch(entry.strip())
    try:
        if found is None:
            raise ValueError
        first = time(int(found[1]), int(found[2]))
        last = time(int(found[3]) % 24 if found[4] == "00" else int(found[3]), int(found[4]))
    except ValueError:
        raise ValueError(f'{clipped(entry)} is not like "9:00-12:30"') from None
    if last != time(0) and last <= first:
        raise ValueError(f"{clipped(entry)} ends before it begins; what goes past midnight is two entries")
    return first, last


def _week(entry: Any) -> Any:
    """ "mon-fri" is five days."""
    if not isinstance(entry, dict):
        return entry
    week: dict[str, Any] = {}
    for key, value in entry.items():
        first, _, last = str(key).partition("-")
        if first not in WEEKDAYS or (last and last not in WEEKDAYS):
            raise ValueError(f"{clipped(key)} is no day: {', '.join(WEEKDAYS)}, or mon-fri")
        days = WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last or first) + 1]
        for day in days:
            if day in week:
                raise ValueError(f"{day} has hours twice")
            week[day] = [value] if isinstance(value, str) else value
    return week


Week = Annotated[
    dict[str, tuple[Annotated[Interval, BeforeValidator(_interval)], ...]], BeforeValidator(_week)
]
"""Opening hours by weekday; a day that is not there is closed."""


def _days(entry: Any) -> Any:
    """ "2026-12-24" or "2026-12-24..2026-12-26"."""
    if not isinstance(entry, str):
        return entry
    first, _, last = entry.partition("..")
    try:
        days = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    except ValueError:
        raise ValueError(f'{clipped(entry)} is not like "2026-12-24" or "2026-12-24..2026-12-26"') from None
    if days[1] < days[0]:
        raise ValueError(f"{clipped(entry)} ends before it begins")
    return days


Days = Annotated[tuple[date, date], BeforeValidator(_days)]


class ServiceSettings(Section):
    """Something that is booked."""

    name: _Name
    """As it is said: "a haircut"."""
    also: tuple[_Name, ...] = ()
    """Other names: "a trim"."""
    minutes: int = Field(ge=5, le=24 * 60)
    buffer_minutes: int = Field(0, ge=0, le=8 * 60)
    """What has to stay free behind it, also when it is already closed then."""
    resources: tuple[_Name, ...] = ()
    """Who does it, or where; none: any."""


class ResourceSettings(Section):
    """Who or what is taken while an appointment lasts: a person, a room, a table."""

    name: _Name
    also: tuple[_Name, ...] = ()
    count: int = Field(1, ge=1, le=100)
    """So many of the same: five tables for four."""
    hours: Week | None = None
    """None: as the business is open."""
    calendar: str = ""
    """What the calendar calls it: an address at Google or Microsoft, the URL of a CalDAV collection, a
    file."""


class CalendarSettings(Section):
    """A calendar that people look at besides: what stands in it is not free, what is booked is entered."""

    kind: Literal["caldav", "google", "microsoft", "icalendar"]
    url: str = ""
    """caldav: the server.  google, microsoft: another than their own."""
    user: str = ""
    secret_env: str | None = None
    secret_file: str | None = None
    """Password (caldav) or access token, or for google and microsoft the JSON of a refresh token."""


class AppointmentSettings(Section):
    """Everything about appointments in one agent's file."""

    time_zone: str
    """ "Europe/Vienna": what callers say is meant in it."""
    hours: Week = Field(validate_default=True)
    closed: tuple[Days, ...] = ()
    services: tuple[ServiceSettings, ...] = Field(min_length=1, max_length=100)
    resources: tuple[ResourceSettings, ...] = Field((), max_length=_MAX_RESOURCES)
    """None: the business as such, one appointment at a time."""
    step_minutes: int = Field(15, ge=5, le=240)
    """Appointments begin so often, counted from the opening."""
    notice_minutes: int = Field(60, ge=0, le=14 * 24 * 60)
    """How long before nobody may book any more."""
    ahead_days: int = Field(60, ge=1, le=366)
    """How far ahead."""
    calendar: CalendarSettings | None = None
    file: str | None = None
    """Where the book is, for an agent that is no tenant's: another SQLite file than the box's own."""
    ask_phone: bool = False
    """The number is asked for; otherwise the line's is taken."""
    changes: bool = True
    """Callers may move and cancel what is booked under the number that they call from."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            zone(name)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [one.name.casefold() for one in self.resources]
        if len(set(names)) != len(names):
            raise ValueError("two resources have the same name")
        services = [name.casefold() for one in self.services for name in (one.name, *one.also)]
        if len(set(services)) != len(services):
            raise ValueError("two services have the same name")
        for service in self.services:
            for name in service.resources:
                if name.casefold() not in names:
                    known = ", ".join(one.name for one in self.resources) or "none"
                    raise ValueError(
                        f"service {service.name!r}: there is no resource {name!r}; known: {known}"
                    )
        if sum(one.count for one in self.resources) > _MAX_RESOURCES:
            raise ValueError(f"more than {_MAX_RESOURCES} resources, counting each of several")
        if self.calendar is not None:
            bare = [one.name for one in self.resources if not one.calendar]
            if bare or not self.resources:
                named = ", ".join(bare) or "a resource for it"
                raise ValueError(f"a calendar is set: give each resource its calendar ({named})")
        return self

    def is_closed(self, day: date) -> bool:
        return any(first <= day <= last for first, last in self.closed)

    def hours_on(self, day: date, resource: ResourceSettings | None = None) -> tuple[Interval, ...]:
        """When it is open on ``day``, the closed days left out."""
        if self.is_closed(day):
            return ()
        week = self.hours if resource is None or resource.hours is None else resource.hours
        return week.get(WEEKDAYS[day.weekday()], ())

    def span(self) -> Interval | None:
        """From when to when it is ever open, on any day and with whomever; None: never."""
        weeks = [self.hours, *(one.hours for one in self.resources if one.hours is not None)]
        open_ = [interval for week in weeks for day in week.values() for interval in day]
        if not open_:
            return None
        return min(first for first, _ in open_), max(last for _, last in open_)

    def service(self, name: str) -> ServiceSettings | None:
        """By any of its names, in any case."""
        wanted = name.casefold().strip()
        for one in self.services:
            if wanted in (one.name.casefold(), *(other.casefold() for other in one.also)):
                return one
        return None

    def last_day(self, today: date) -> date:
        return today + timedelta(days=self.ahead_days)
