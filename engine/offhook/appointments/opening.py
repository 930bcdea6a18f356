"""From an agent's settings to its desk, when somebody first needs it: a file that names one opens nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from offhook.appointments.book import Book
from offhook.appointments.caldav import CalDavCalendar
from offhook.appointments.calendar import Calendar
from offhook.appointments.desk import Desk, Later
from offhook.appointments.google import BASE as GOOGLE
from offhook.appointments.google import GoogleCalendar
from offhook.appointments.icsfile import IcsFile, PublishedCalendar
from offhook.appointments.microsoft import BASE as MICROSOFT
from offhook.appointments.microsoft import MicrosoftCalendar
from offhook.appointments.settings import AppointmentSettings, CalendarSettings, ResourceSettings
from offhook.appointments.tokens import GOOGLE_TOKENS, MICROSOFT_TOKENS, BearerToken
from offhook.errors import ConfigError
from offhook.moments.zones import zone
from offhook.tenants.own import opened


class LazyDesk:
    """The desk, opened once.  Lives on the event loop."""

    def __init__(
        self, settings: AppointmentSettings, open_book: Callable[[], Book], calendars: Mapping[str, Calendar]
    ) -> None:
        """``open_book`` is called in a thread."""
        self.settings = settings
        self.later: Later | None = None
        self._open_book = open_book
        self._calendars = calendars
        self._lock = asyncio.Lock()
        self._desk: Desk | None = None

    async def open(self) -> Desk:
        """Raises DatabaseError, and then the next one tries again."""
        async with self._lock:
            if self._desk is None:
                book = await asyncio.to_thread(self._open_book)
                self._desk = Desk(self.settings, book, self._calendars, self.later)
            return self._desk

    async def close(self) -> None:
        """Any number of times."""
        if self._desk is not None:
            await self._desk.close()
            return
        for calendar in self._calendars.values():
            await calendar.close()


def book_of(database: str | None, tenant: str | None, file: Path | None) -> Callable[[], Book]:
    """What opens the book: in the tenants' ``database`` for a ``tenant``, else the box's own or ``file``."""
    return lambda: Book(*opened(database, tenant, file))


def make_calendars(
    settings: AppointmentSettings, http: httpx.AsyncClient, folder: Path | None, *, trusted: bool
) -> dict[str, Calendar]:
    """Each resource's, by its name.  Raises ConfigError.

    ``trusted``: the agent is the operator's own, and may name files and secrets of this machine.
    """
    if settings.calendar is None:
        return {}
    secret = _secret(settings.calendar, folder, trusted)
    made = {}
    for resource in settings.resources:
        made[resource.name] = _calendar(settings, resource, secret, http, folder, trusted)
    return made


def _calendar(
    settings: AppointmentSettings,
    resource: ResourceSettings,
    secret: str,
    http: httpx.AsyncClient,
    folder: Path | None,
    trusted: bool,
) -> Calendar:
    kind = settings.calendar
    assert kind is not None
    tz = zone(settings.time_zone)
    match kind.kind:
        case "google":
            auth = BearerToken(secret, GOOGLE_TOKENS, http)
            return GoogleCalendar(http, resource.calendar, auth, tz, kind.url or GOOGLE)
        case "microsoft":
            auth = BearerToken(secret, MICROSOFT_TOKENS, http)
            return MicrosoftCalendar(http, resource.calendar, auth, kind.url or MICROSOFT)
        case "caldav":
            url = resource.calendar if "://" in resource.calendar else f"{kind.url}/{resource.calendar}"
            if not url.startswith(("https://", "http://")):
                raise ConfigError(f"calendar of {resource.name}: the URL of a CalDAV collection is wanted")
            _require_ical()
            return CalDavCalendar(http, url, kind.user, secret, tz)
        case "icalendar":
            _require_ical()
            if "://" in resource.calendar:
                return PublishedCalendar(http, resource.calendar, tz)
            if not trusted:
                raise ConfigError("a tenant's calendar is a URL: files are this machine's own")
            path = Path(resource.calendar).expanduser()
            return IcsFile(path if path.is_absolute() or folder is None else folder / path, tz)


def _require_ical() -> None:
    try:
        import icalendar
        import recurring_ical_events  # noqa: F401 - both are there, or neither is of use
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed: pip install 'offhook[calendars]'") from error
    del icalendar


def _secret(calendar: CalendarSettings, folder: Path | None, trusted: bool) -> str:
    if not trusted and (calendar.secret_env or calendar.secret_file):
        raise ConfigError("secret_file and secret_env name things of this machine: a tenant's agent may not")
    if calendar.secret_env is not None and calendar.secret_file is not None:
        raise ConfigError("calendar: secret_env and secret_file are both set: leave one out")
    secret = ""
    if calendar.secret_env is not None:
        secret = os.environ.get(calendar.secret_env, "").strip()
        where = f"the environment variable {calendar.secret_env}"
    elif calendar.secret_file is not None:
        path = Path(calendar.secret_file).expanduser()
        path = path if path.is_absolute() or folder is None else folder / path
        where = str(path)
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not a text"
            raise ConfigError(f"calendar: secret_file {path} cannot be read: {why}") from None
    elif calendar.kind in ("google", "microsoft"):
        raise ConfigError(f"calendar: {calendar.kind} wants secret_env or secret_file")
    else:
        return ""
    if not secret:
        raise ConfigError(f"calendar: {where} holds no secret")
    return secret
