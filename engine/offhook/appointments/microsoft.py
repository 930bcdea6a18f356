"""Microsoft 365 and Outlook, by Microsoft Graph version 1.0.

``transactionId`` keeps a repeated creation from making two events.  Graph chooses the id itself, so ours
stands in an extended property by which an event is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx

from offhook.appointments.calendar import CalendarError, Event
from offhook.appointments.remote import MAX_PAGES, Remote
from offhook.appointments.slots import Busy

BASE = "https://graph.microsoft.com/v1.0"
_PROPERTY = "String {5a3c1f0e-7e0b-4d0a-9a63-0f66686f6f6b} Name offhookAppointment"
_UTC = {"Prefer": 'outlook.timezone="UTC"'}
_FREE = ("free", "workingElsewhere")


class MicrosoftCalendar:
    """A user's calendar, by their address."""

    def __init__(self, http: httpx.AsyncClient, user: str, auth: httpx.Auth, base: str = BASE) -> None:
        self._remote = Remote(http, base or BASE, auth)
        self._user = f"/users/{quote(user, safe='@')}"

    async def busy(self, start: datetime, end: datetime) -> Sequence[Busy]:
        query: dict[str, str] | None = {
            "startDateTime": _stamp(start),
            "endDateTime": _stamp(end),
            "$select": "start,end,showAs,isCancelled",
            "$expand": f"singleValueExtendedProperties($filter=id eq '{_PROPERTY}')",
            "$top": "250",
        }
        url, found = f"{self._user}/calendarView", list[Busy]()
        for _ in range(MAX_PAGES):
            page = (await self._remote.ask("GET", url, headers=_UTC, query=query)).json()
            found += [_busy(item) for item in page.get("value") or [] if not _is_free(item)]
            following = page.get("@odata.nextLink")
            if not following:
                return found
            url, query = str(following), None  # it has the whole query already
        raise CalendarError("the calendar has more events than are read")

    async def put(self, event: Event) -> None:
        identifier = await self._find(event.uid)
        if identifier is not None:
            await self._remote.ask("PATCH", self._event(identifier), body=_body(event))
            return
        body = _body(event) | {
            "transactionId": event.uid,
            "singleValueExtendedProperties": [{"id": _PROPERTY, "value": event.uid}],
        }
        await self._remote.ask("POST", f"{self._user}/events", allowed=(200, 201), body=body)

    async def remove(self, uid: str) -> None:
        identifier = await self._find(uid)
        if identifier is not None:
            await self._remote.ask("DELETE", self._event(identifier), allowed=(200, 204, 404))

    async def close(self) -> None:
        """The client is somebody else's."""

    async def _find(self, uid: str) -> str | None:
        query = {
            "$filter": "singleValueExtendedProperties/Any(ep: ep/id eq"
            f" '{_PROPERTY}' and ep/value eq '{uid}')",
            "$select": "id",
        }
        page = (await self._remote.ask("GET", f"{self._user}/events", query=query)).json()
        items = page.get("value") or []
        return str(items[0]["id"]) if items else None

    def _event(self, identifier: str) -> str:
        return f"{self._user}/events/{quote(identifier, safe='')}"


def _busy(item: dict[str, Any]) -> Busy:
    try:
        start, end = (_moment(item[key]) for key in ("start", "end"))
    except (KeyError, ValueError, TypeError) as error:
        raise CalendarError("the calendar has an event without a time that can be read") from error
    ours = [one.get("value") for one in item.get("singleValueExtendedProperties") or []]
    return Busy(start, end, str(ours[0]) if ours else None)


def _moment(written: dict[str, str]) -> datetime:
    """Graph writes seven digits of a second, and UTC was asked for."""
    if written.get("timeZone") not in ("UTC", "Etc/UTC", "Etc/GMT"):
        raise ValueError("not in UTC")
    return datetime.fromisoformat(written["dateTime"][:19]).replace(tzinfo=UTC)


def _is_free(item: dict[str, Any]) -> bool:
    return bool(item.get("isCancelled")) or item.get("showAs") in _FREE


def _body(event: Event) -> dict[str, Any]:
    return {
        "subject": event.summary,
        "body": {"contentType": "text", "content": event.description},
        "start": {"dateTime": _stamp(event.start)[:-1], "timeZone": "UTC"},
        "end": {"dateTime": _stamp(event.end)[:-1], "timeZone": "UTC"},
        "showAs": "busy",
    }


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
