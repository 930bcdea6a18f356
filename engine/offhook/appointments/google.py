"""Google Calendar, API version 3.

An event's id is ours to choose there (digits and a to v, 5 to 1024): the same appointment entered twice is
refused with 409, which is how it is told that it stands there already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx

from offhook.appointments.calendar import CalendarError, Event
from offhook.appointments.remote import MAX_PAGES, Remote
from offhook.appointments.slots import Busy

BASE = "https://www.googleapis.com/calendar/v3"
_FIELDS = "nextPageToken,items(id,status,transparency,start,end,attendees(self,responseStatus))"


class GoogleCalendar:
    """One calendar, by its id (mostly an address)."""

    def __init__(
        self, http: httpx.AsyncClient, calendar: str, auth: httpx.Auth, tz: ZoneInfo, base: str = BASE
    ) -> None:
        self._remote = Remote(http, base or BASE, auth)
        self._events = f"/calendars/{quote(calendar, safe='')}/events"
        self._tz = tz

    async def busy(self, start: datetime, end: datetime) -> Sequence[Busy]:
        query = {
            "timeMin": _stamp(start),
            "timeMax": _stamp(end),
            "singleEvents": "true",
            "maxResults": "250",
            "fields": _FIELDS,
        }
        found: list[Busy] = []
        for _ in range(MAX_PAGES):
            page = (await self._remote.ask("GET", self._events, query=query)).json()
            items = page.get("items") or []
            found += [self._busy(item) for item in items if not _is_free(item)]
            token = page.get("nextPageToken")
            if not token:
                return found
            query["pageToken"] = str(token)
        raise CalendarError("the calendar has more events than are read")

    async def put(self, event: Event) -> None:
        body = _body(event)
        made = await self._remote.ask("POST", self._events, allowed=(200, 201, 409), body=body)
        if made.status == 409:  # it stands there: perhaps at another time, perhaps cancelled
            await self._remote.ask("PUT", f"{self._events}/{body['id']}", body=body)

    async def remove(self, uid: str) -> None:
        await self._remote.ask("DELETE", f"{self._events}/{_id(uid)}", allowed=(200, 204, 404, 410))

    async def close(self) -> None:
        """The client is somebody else's."""

    def _busy(self, item: dict[str, Any]) -> Busy:
        try:
            start, end = (self._moment(item[key]) for key in ("start", "end"))
        except (KeyError, ValueError, TypeError) as error:
            raise CalendarError("the calendar has an event without a time that can be read") from error
        return Busy(start, end, _uid(str(item.get("id", ""))))

    def _moment(self, written: dict[str, str]) -> datetime:
        if "dateTime" in written:
            moment = datetime.fromisoformat(written["dateTime"])
            return (moment if moment.tzinfo else moment.replace(tzinfo=self._tz)).astimezone(UTC)
        day = datetime.fromisoformat(written["date"]).date()
        return datetime.combine(day, time(0), self._tz).astimezone(UTC)


def _is_free(item: dict[str, Any]) -> bool:
    declined = any(
        one.get("self") and one.get("responseStatus") == "declined" for one in item.get("attendees") or []
    )
    return declined or item.get("transparency") == "transparent" or item.get("status") == "cancelled"


def _body(event: Event) -> dict[str, Any]:
    return {
        "id": _id(event.uid),
        "status": "confirmed",
        "summary": event.summary,
        "description": event.description,
        "start": {"dateTime": _stamp(event.start)},
        "end": {"dateTime": _stamp(event.end)},
    }


def _id(uid: str) -> str:
    """A UUID without its hyphens has only what an id may have."""
    return uid.replace("-", "").lower()


def _uid(identifier: str) -> str:
    """Back to ours, if it can be one."""
    if re.fullmatch("[0-9a-f]{32}", identifier) is None:
        return identifier
    return str(UUID(identifier))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
