"""A calendar as one iCalendar file: on this machine (read and written) or published by a URL (read)."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from offhook.appointments.calendar import CalendarError, Event
from offhook.appointments.ical import busy_in, with_event
from offhook.appointments.remote import MAX_BYTES, Remote
from offhook.appointments.slots import Busy


def _utc_now() -> datetime:
    return datetime.now(UTC)


class IcsFile:
    """A file that others may read at any time: it is replaced as a whole.  Made where there is none."""

    def __init__(self, path: Path, tz: ZoneInfo, clock: Callable[[], datetime] = _utc_now) -> None:
        self._path = path
        self._tz = tz
        self._clock = clock
        self._lock = asyncio.Lock()

    async def busy(self, start: datetime, end: datetime) -> Sequence[Busy]:
        return await asyncio.to_thread(self._busy, start, end)

    async def put(self, event: Event) -> None:
        async with self._lock:
            await asyncio.to_thread(self._write, event.uid, event)

    async def remove(self, uid: str) -> None:
        async with self._lock:
            await asyncio.to_thread(self._write, uid, None)

    async def close(self) -> None:
        """Nothing is held."""

    def _busy(self, start: datetime, end: datetime) -> list[Busy]:
        text = self._read()
        return busy_in([text], start, end, self._tz) if text else []

    def _read(self) -> bytes | None:
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise CalendarError(f"{self._path} is larger than {MAX_BYTES:,} bytes", sent=False)
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CalendarError(f"{self._path} cannot be read: {error.strerror}", sent=False) from error

    def _write(self, uid: str, event: Event | None) -> None:
        text = with_event(self._read(), uid, event, self._clock())
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(text)
                mode = self._path.stat().st_mode & 0o777 if self._path.exists() else 0o640
                Path(name).chmod(mode)
                Path(name).replace(self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise CalendarError(f"{self._path} cannot be written: {error.strerror}", sent=False) from error


class PublishedCalendar:
    """A calendar that somebody publishes as a file by a URL: it says what is taken, and gets nothing."""

    def __init__(self, http: httpx.AsyncClient, url: str, tz: ZoneInfo) -> None:
        self._remote = Remote(http, url)
        self._url = url
        self._tz = tz

    async def busy(self, start: datetime, end: datetime) -> Sequence[Busy]:
        answer = await self._remote.ask("GET", self._url)
        return await asyncio.to_thread(busy_in, [answer.body], start, end, self._tz)

    async def put(self, event: Event) -> None:
        """Nothing can be entered."""

    async def remove(self, uid: str) -> None:
        """Nothing was entered."""

    async def close(self) -> None:
        """The client is somebody else's."""
