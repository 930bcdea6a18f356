"""Calendars that people look at besides our book.

The book decides who has a time; a calendar says what else is taken, and gets a copy of what is booked.  So
all of them need only three things, and each of the three may be done twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from offhook.appointments.slots import Busy
from offhook.errors import OffhookError


class CalendarError(OffhookError, ConnectionError):
    """A calendar does not answer, or refuses; one line.  ``sent`` False: certainly nothing was changed."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Event:
    """An appointment as a calendar shows it; times are in UTC."""

    uid: str
    """Ours, the same for all that becomes of the appointment."""
    start: datetime
    end: datetime
    summary: str
    description: str = ""


class Calendar(Protocol):
    """One calendar of one resource.  Lives on the event loop, never blocks it.  Raises CalendarError."""

    async def busy(self, start: datetime, end: datetime) -> Sequence[Busy]:
        """What is taken of ``start`` to ``end``, our own copies included, as far as they can be told by
        their uid.
        """
        ...

    async def put(self, event: Event) -> None:
        """Enter it, or change what was entered under its uid."""
        ...

    async def remove(self, uid: str) -> None:
        """Take it out, if it is there."""
        ...

    async def close(self) -> None:
        """Any number of times."""
        ...
