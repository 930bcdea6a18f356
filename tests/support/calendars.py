"""A calendar in memory, which can be away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from offhook.appointments.calendar import CalendarError, Event
from offhook.appointments.slots import Busy


class MemoryCalendar:
    """What stands in it, by uid."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.away = False
        self.closed = False

    async def busy(self, start: datetime, end: datetime) -> Sequence[Busy]:
        self._answer()
        return [
            Busy(one.start, one.end, one.uid)
            for one in self.events.values()
            if one.start < end and one.end > start
        ]

    async def put(self, event: Event) -> None:
        self._answer()
        self.events[event.uid] = event

    async def remove(self, uid: str) -> None:
        self._answer()
        self.events.pop(uid, None)

    async def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        if self.away:
            raise CalendarError("calendar.example is away", sent=False)
