"""The desk: offers what is free, books, moves and cancels, over the book and the calendars besides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ParamSpec, TypeVar

from offhook.appointments.book import Appointment, Book, Person
from offhook.appointments.calendar import Calendar, CalendarError, Event
from offhook.appointments.settings import AppointmentSettings, ServiceSettings
from offhook.appointments.slots import Busy, Place, Slot, free_slots, places
from offhook.errors import TakenError
from offhook.moments.wish import Window

_log = logging.getLogger("offhook.appointments")

T = TypeVar("T")
P = ParamSpec("P")
MAX_OFFERS = 3
"""So many times can be kept in mind."""
_THREADS = 4
"""For the book; each has one connection at a time."""
Later = Callable[[str, str], Awaitable[None]]
"""Bring the calendar of a resource up to date, when it answers again, as to the appointment of this id."""


class Desk:
    """One agent's appointments.  Lives on the event loop; the book is asked in threads of its own."""

    def __init__(
        self,
        settings: AppointmentSettings,
        book: Book,
        calendars: Mapping[str, Calendar] | None = None,
        later: Later | None = None,
    ) -> None:
        """``calendars`` are by the resource's name."""
        self.settings = settings
        self._book = book
        self._calendars = dict(calendars or {})
        self._later = later
        self._threads = ThreadPoolExecutor(_THREADS, "offhook-appointments")

    async def offers(
        self,
        service: ServiceSettings,
        windows: Sequence[Window],
        now: datetime,
        only: str | None = None,
        limit: int = MAX_OFFERS,
        moving: str | None = None,
    ) -> list[Slot]:
        """The first free slots in ``windows``; ``moving``: an appointment that gives its own time back.

        Raises DatabaseError, CalendarError.
        """
        if not windows:
            return []
        busy = await self._busy(service, windows, moving)
        found = []
        for slot in free_slots(self.settings, service, windows, busy, now, only):
            found.append(slot)
            if len(found) == limit:
                break
        return found

    async def near(
        self, service: ServiceSettings, start: datetime, now: datetime, only: str | None = None
    ) -> list[Slot]:
        """What is free instead of ``start``: on its day as near as can be, else the next ones."""
        tz = start.tzinfo
        assert tz is not None
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        day = Window(midnight, midnight + timedelta(days=1))
        found = await self.offers(service, [day], now, only, limit=500)
        if found:
            wanted = start.astimezone(UTC)
            found.sort(key=lambda slot: abs(slot.start - wanted))
            return sorted(found[:MAX_OFFERS], key=lambda slot: slot.start)
        rest = Window(midnight, midnight + timedelta(days=self.settings.ahead_days))
        return await self.offers(service, [rest], now, only)

    async def book(
        self,
        service: ServiceSettings,
        start: datetime,
        person: Person,
        key: str,
        now: datetime,
        only: str | None = None,
    ) -> Appointment:
        """Give ``start`` to ``person``.  The same ``key`` gives the same appointment.

        Raises TakenError when it is not free (any more); DatabaseError and CalendarError, and nothing was
        booked.
        """
        for slot in await self._at(service, start, now, only):
            try:
                appointment = await self._in_thread(self._book.add, slot, service.name, person, key)
            except TakenError:
                continue  # somebody was quicker here; perhaps another place is free
            await self._show(appointment)
            return appointment
        # Asked twice, the first time may have taken it.
        earlier = await self._in_thread(self._book.of_request, key)
        if earlier is not None:
            return earlier
        raise TakenError("that time is not free")

    async def move(
        self, appointment_id: str, service: ServiceSettings, start: datetime, now: datetime
    ) -> Appointment:
        """Give an appointment another time, on the same resource where that is free.  Raises as :meth:`book`
        does.
        """
        before = await self._in_thread(self._book.get, appointment_id)
        slots = await self._at(service, start, now, None, appointment_id)
        slots.sort(key=lambda slot: slot.resource != before.resource)
        for slot in slots:
            try:
                moved = await self._in_thread(self._book.move, appointment_id, slot)
            except TakenError:
                continue
            if moved.resource != before.resource:
                await self._hide(before)
            await self._show(moved)
            return moved
        raise TakenError("that time is not free")

    async def cancel(self, appointment_id: str) -> Appointment:
        """Give its time back.  Raises TakenError when there is none, DatabaseError."""
        cancelled = await self._in_thread(self._book.cancel, appointment_id)
        await self._hide(cancelled)
        return cancelled

    async def of_caller(self, phone: str, now: datetime) -> list[Appointment]:
        """What a caller has booked and still has before them.  Raises DatabaseError."""
        return await self._in_thread(self._book.of_caller, phone, now)

    async def close(self) -> None:
        """Any number of times."""
        self._threads.shutdown(wait=False)
        for calendar in self._calendars.values():
            await calendar.close()

    # --- within ------------------------------------------------------------------------------------------

    async def _at(
        self,
        service: ServiceSettings,
        start: datetime,
        now: datetime,
        only: str | None,
        moving: str | None = None,
    ) -> list[Slot]:
        """The free slots that begin at ``start``, one for each place."""
        window = Window(start, (start.astimezone(UTC) + timedelta(minutes=1)).astimezone(start.tzinfo))
        busy = await self._busy(service, [window], moving)
        found = []
        for place in places(self.settings, service):
            if only is None or place.is_called(only):
                found += list(free_slots(self.settings, service, [window], busy, now, place.name))
        return found

    async def _busy(
        self, service: ServiceSettings, windows: Sequence[Window], moving: str | None
    ) -> dict[str, list[Busy]]:
        margin = timedelta(minutes=service.minutes + service.buffer_minutes)
        start = min(window.start.astimezone(UTC) for window in windows)
        end = max(window.end.astimezone(UTC) for window in windows) + margin
        busy = await self._in_thread(self._book.busy, start, end)
        asked = [place for place in places(self.settings, service) if self._calendar(place) is not None]
        answers = await asyncio.gather(*(self._besides(place, start, end) for place in asked))
        for place, besides in zip(asked, answers, strict=True):
            ours = {one.uid for one in busy.get(place.name, ())}
            busy.setdefault(place.name, []).extend(one for one in besides if one.uid not in ours)
        if moving is not None:
            return {name: [one for one in taken if one.uid != moving] for name, taken in busy.items()}
        return busy

    def _calendar(self, place: Place) -> Calendar | None:
        return None if place.of is None else self._calendars.get(place.of.name)

    async def _besides(self, place: Place, start: datetime, end: datetime) -> Sequence[Busy]:
        calendar = self._calendar(place)
        return () if calendar is None else await calendar.busy(start, end)

    async def _show(self, appointment: Appointment) -> None:
        """Copy it to its calendar; the time is the caller's already, so that may come later."""
        await self._copy(appointment.resource, appointment.id, event_of(appointment))

    async def _hide(self, appointment: Appointment) -> None:
        await self._copy(appointment.resource, appointment.id, None)

    async def _copy(self, resource: str, uid: str, event: Event | None) -> None:
        calendar = self._of_resource(resource)
        if calendar is None:
            return
        try:
            await (calendar.remove(uid) if event is None else calendar.put(event))
        except CalendarError as error:
            _log.warning("calendar of %s: %s; it is tried again later", resource, error)
            if self._later is not None:
                await self._later(resource, uid)

    def _of_resource(self, place: str) -> Calendar | None:
        return calendar_of(place, self._calendars)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *args, **kwargs))


def event_of(appointment: Appointment) -> Event:
    """An appointment as calendars show it."""
    summary = f"{appointment.service}: {appointment.name}" if appointment.name else appointment.service
    lines = [line for line in (appointment.phone, appointment.notes) if line]
    return Event(appointment.id, appointment.start, appointment.end, summary, "\n".join(lines))


def calendar_of(place: str, calendars: Mapping[str, Calendar]) -> Calendar | None:
    """Of a resource, or of the one that a place is one of: "table 3" of five tables."""
    return calendars.get(place) or calendars.get(place.rsplit(" ", 1)[0])
