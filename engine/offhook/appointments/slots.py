"""What is free.  Pure: what is taken, and the moment, are arguments.

All arithmetic is in UTC.  Within one zone Python subtracts and compares what the clocks on the wall show, and
those are put back an hour once a year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from offhook.appointments.settings import AppointmentSettings, ResourceSettings, ServiceSettings
from offhook.moments.wish import Window
from offhook.moments.zones import at_or_after, end_of, zone

WHOLE_HOUSE = "house"
"""The one resource of a business that names none."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Taken, in UTC; ``uid`` is the appointment's, where it is known."""

    start: datetime
    end: datetime
    uid: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """Could be booked; times are in UTC."""

    resource: str
    start: datetime
    end: datetime
    blocked_until: datetime
    """The end, and what has to stay free behind it."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of what a resource has ``count`` of, by its name in the book."""

    name: str
    of: ResourceSettings | None

    def is_called(self, name: str) -> bool:
        """By its own name or that of the resource it is one of; any name fits a house."""
        known = {self.name.casefold()} | ({self.of.name.casefold()} if self.of else set())
        return self.of is None or name.casefold() in known


def places(settings: AppointmentSettings, service: ServiceSettings) -> tuple[Place, ...]:
    """Where ``service`` can take place, in the file's order."""
    if not settings.resources:
        return (Place(WHOLE_HOUSE, None),)
    wanted = {name.casefold() for name in service.resources}
    found = []
    for resource in settings.resources:
        if wanted and resource.name.casefold() not in wanted:
            continue
        if resource.count == 1:
            found.append(Place(resource.name, resource))
        else:
            found += [Place(f"{resource.name} {n}", resource) for n in range(1, resource.count + 1)]
    return tuple(found)


def free_slots(
    settings: AppointmentSettings,
    service: ServiceSettings,
    windows: Sequence[Window],
    busy: Mapping[str, Sequence[Busy]],
    now: datetime,
    only: str | None = None,
) -> Iterator[Slot]:
    """Slots that begin within one of ``windows``, the earliest first, one for each beginning.

    ``busy`` is by place; ``only``: with this resource.
    """
    tz = zone(settings.time_zone)
    earliest = now.astimezone(UTC) + timedelta(minutes=settings.notice_minutes)
    found = [place for place in places(settings, service) if only is None or place.is_called(only)]
    for day in _days(settings, windows, now, tz):
        starts: dict[datetime, Slot] = {}
        for place in found:
            for slot in _on_day(settings, service, place, day, tz):
                if slot.start < earliest or slot.start in starts or not _begins_in(slot, windows):
                    continue
                if not any(_overlaps(slot, one) for one in busy.get(place.name, ())):
                    starts[slot.start] = slot
        yield from (starts[start] for start in sorted(starts))


def _days(
    settings: AppointmentSettings, windows: Sequence[Window], now: datetime, tz: ZoneInfo
) -> list[date]:
    today = now.astimezone(tz).date()
    days = set()
    for window in windows:
        day = max(window.start.astimezone(tz).date(), today)
        last = min(window.end.astimezone(tz).date(), settings.last_day(today))
        while day <= last:
            days.add(day)
            day += timedelta(days=1)
    return sorted(days)


def _on_day(
    settings: AppointmentSettings, service: ServiceSettings, place: Place, day: date, tz: ZoneInfo
) -> Iterator[Slot]:
    length = timedelta(minutes=service.minutes)
    buffer = timedelta(minutes=service.buffer_minutes)
    for first, last in settings.hours_on(day, place.of):
        start = at_or_after(day, first, tz).astimezone(UTC)
        closing = end_of(day, last, tz).astimezone(UTC)
        while start + length <= closing:
            yield Slot(place.name, start, start + length, start + length + buffer)
            start += timedelta(minutes=settings.step_minutes)


def _begins_in(slot: Slot, windows: Sequence[Window]) -> bool:
    return any(window.start.astimezone(UTC) <= slot.start < window.end.astimezone(UTC) for window in windows)


def _overlaps(slot: Slot, one: Busy) -> bool:
    return one.start < slot.blocked_until and one.end > slot.start
