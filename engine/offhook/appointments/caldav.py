"""CalDAV (RFC 4791): Nextcloud, Radicale, Baïkal, iCloud, Zimbra and others, by the URL of a collection.

Three requests are all that is needed, so there is no library in between: the agent's own client keeps to
whom a tenant may call, and a deadline is one.  The library ``caldav`` finds collections, which nobody needs
who has the URL, and brings an HTTP stack of its own, past those rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import httpx

from offhook.appointments.calendar import CalendarError, Event
from offhook.appointments.ical import busy_in, text_of
from offhook.appointments.remote import Remote
from offhook.appointments.slots import Busy

_DATA = "{urn:ietf:params:xml:ns:caldav}calendar-data"
_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
  <D:prop><C:calendar-data/></D:prop>
  <C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
    <C:time-range start="{start}" end="{end}"/>
  </C:comp-filter></C:comp-filter></C:filter>
</C:calendar-query>"""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CalDavCalendar:
    """One collection."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str,
        user: str,
        password: str,
        tz: ZoneInfo,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._remote = Remote(http, url, httpx.BasicAuth(user, password) if user else None)
        self._tz = tz
        self._clock = clock

    async def busy(self, start: datetime, end: datetime) -> Sequence[Busy]:
        query = _QUERY.format(start=_stamp(start), end=_stamp(end))
        answer = await self._remote.ask(
            "REPORT",
            "/",
            allowed=(207,),
            headers={"Depth": "1", "Content-Type": "application/xml; charset=utf-8"},
            content=query.encode(),
        )
        return await asyncio.to_thread(_busy, answer.body, start, end, self._tz)

    async def put(self, event: Event) -> None:
        await self._remote.ask(
            "PUT",
            _place(event.uid),
            allowed=(200, 201, 204),
            headers={"Content-Type": "text/calendar; charset=utf-8"},
            content=text_of(event, self._clock()),
        )

    async def remove(self, uid: str) -> None:
        await self._remote.ask("DELETE", _place(uid), allowed=(200, 204, 404, 410))

    async def close(self) -> None:
        """The client is somebody else's."""


def _busy(body: bytes, start: datetime, end: datetime, tz: ZoneInfo) -> list[Busy]:
    return busy_in(_texts(body), start, end, tz)


def _place(uid: str) -> str:
    return f"/{quote(uid, safe='')}.ics"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _texts(body: bytes) -> list[str]:
    # Entities are for documents of friends: a few lines of them can fill the memory.
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise CalendarError("the calendar's server answers with a document type, which is not read")
    try:
        tree = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise CalendarError("the calendar's server answered something that is no XML") from error
    return [text for one in tree.iter(_DATA) if (text := one.text)]
