"""``use = "appointments"``: what is free, booked, moved and cancelled, as tools.

The model or the form chooses among what the desk offers; a day and a time are only taken where they are free.
What is said afterwards is read from the book, and not from what was asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from offhook.agents.tools import ToolEntry
from offhook.appointments import phrases
from offhook.appointments.book import Appointment, Person
from offhook.appointments.desk import Later
from offhook.appointments.opening import LazyDesk, book_of, make_calendars
from offhook.appointments.settings import AppointmentSettings
from offhook.errors import ConfigError, DatabaseError, RegistryError, TakenError
from offhook.moments.naming import name_moment
from offhook.moments.reader import listen
from offhook.moments.wish import Window, settle
from offhook.moments.zones import end_of
from offhook.tenants.jobs import Jobs, NewJob
from offhook.tenants.own import opened
from offhook.tools.base import Context, Option, Phrases, Refusal, Tool, ToolResult, ToolSpec
from offhook.tools.builtin import Surroundings
from offhook.tools.builtin.changing import CancelAppointment, MoveAppointment
from offhook.tools.builtin.desk import (
    MAX_OPTIONS,
    OfDesk,
    day_and_time,
    day_of,
    is_person,
    phone_of,
    service_value,
    time_option,
    with_value,
)
from offhook.tools.builtin.wishes import asked_for

_log = logging.getLogger("offhook.appointments")


def appointments(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``settings`` are :class:`~offhook.appointments.settings.AppointmentSettings`.  Raises ConfigError."""
    settings = _settings(entry)
    trusted = around.tenant is None
    if settings.file is not None and not trusted:
        raise ConfigError("file is for an agent of this machine's own; a tenant's book is in its database")
    file = None if settings.file is None else Path(settings.file).expanduser()
    if file is not None and not file.is_absolute() and around.folder is not None:
        file = around.folder / file
    calendars = make_calendars(settings, around.http, around.folder, trusted=trusted)
    desk = LazyDesk(settings, book_of(around.database, around.tenant, file), calendars)
    if calendars:
        desk.later = _later(entry, around, file)
    kinds: list[type[OfDesk]] = [FindTimes, BookAppointment]
    if settings.changes:
        kinds += [MoveAppointment, CancelAppointment]
    return [kind(kind.describe(spec, settings, around.language), desk) for kind in kinds]


def _later(entry: ToolEntry, around: Surroundings, file: Path | None) -> Later:
    """Writes a job: a calendar that was away is brought up to date when it is back."""

    def put(resource: str, uid: str) -> None:
        database, tenant_id = opened(around.database, around.tenant, file)
        body = {
            "settings": entry.settings,
            "folder": str(around.folder or ""),
            "resource": resource,
            "uid": uid,
        }
        job = NewJob(f"calendar {uid} {uuid4()}", "calendar", body)
        Jobs(database).put(tenant_id, [job], datetime.now(UTC))

    async def later(resource: str, uid: str) -> None:
        try:
            await asyncio.to_thread(put, resource, uid)
        except (DatabaseError, RegistryError) as error:
            _log.error("calendar of %s does not get an appointment: %s", resource, error)

    return later


def _settings(entry: ToolEntry) -> AppointmentSettings:
    try:
        return AppointmentSettings.model_validate(entry.settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"settings{'.' if where else ''}{where}: {what}") from None


class FindTimes(OfDesk):
    """``find_free_times``: reads."""

    @classmethod
    def describe(cls, spec: ToolSpec, settings: AppointmentSettings, language: str) -> ToolSpec:
        properties = {
            "when": {
                "type": "string",
                "format": "words",
                "description": "The caller's own words for when: 'Thursday afternoon', 'as soon as possible'",
            },
            **service_value(settings, language),
            **with_value(settings, language, asked=False),
        }
        return replace(
            spec,
            name="find_free_times",
            kind="find",
            description="Which times are free for an appointment",
            parameters={"type": "object", "properties": properties, "required": []},
            effect="reads",
            confirm=None,
            when=asked_for("find", language),
            phrases=Phrases(working=spec.phrases.working, failed=spec.phrases.failed),
        )

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        async def find() -> ToolResult:
            now = self._now(context)
            said = listen(str(arguments.get("when", "")), context.language)
            last = self._settings.last_day(now.date())
            windows: tuple[Window, ...] = (Window(now, end_of(last, time(0), self._tz)),)
            if said is not None:
                wish = settle(said, now, context.language, self._settings.hours_on, self._settings.ahead_days)
                windows = wish.windows
            desk = await self._lazy.open()
            slots = await desk.offers(self._service(arguments), windows, context.now, self._only(arguments))
            if not slots:
                return ToolResult({"free": []}, phrases.say("nothing", context.language))
            starts = self._local(slots)
            offers = phrases.name_offers(starts, now, context.language)
            return ToolResult(
                {"free": [one.isoformat(timespec="minutes") for one in starts]},
                phrases.say("free", context.language, offers=offers),
            )

        return await self._guarded(find)


class BookAppointment(OfDesk):
    """``book_appointment``: writes, once for a request."""

    @classmethod
    def describe(cls, spec: ToolSpec, settings: AppointmentSettings, language: str) -> ToolSpec:
        phone: dict[str, Any] = {"type": "string", "format": "phone", "x-from": "caller"}
        phone["x-ask"] = phrases.text("phone", language)
        properties = {
            **service_value(settings, language),
            **day_and_time(settings, language),
            **with_value(settings, language, asked=False),
            "name": {"type": "string", "format": "name", "x-ask": phrases.text("name", language)},
            "phone": phone,
        }
        required: list[str] = [name for name in ("service", "day", "time", "name") if name in properties]
        if len(settings.services) == 1:
            required.remove("service")
        if settings.ask_phone:
            required.append("phone")
        return replace(
            spec,
            name="book_appointment",
            description=spec.description or "Book an appointment",
            kind="" if spec.when else "book",
            when=spec.when
            or (
                *asked_for("book", language),
                *phrases.when_service([one.name for one in settings.services], language),
            ),
            parameters={"type": "object", "properties": properties, "required": required},
            effect="writes",
            heeds_key=True,
            phrases=replace(
                spec.phrases,
                confirm=spec.phrases.confirm
                or phrases.text("confirm", language).replace(
                    "{service}", "{service}" if len(settings.services) > 1 else settings.services[0].name
                ),
            ),
        )

    async def options(
        self, parameter: str, arguments: Mapping[str, Any], context: Context
    ) -> Sequence[Option] | None:
        if parameter != "time" or not arguments.get("day"):
            return None
        free = await self._free_on(day_of(arguments["day"]), arguments, context, MAX_OPTIONS)
        return [time_option(one, context.language) for one in free] or None

    async def check(self, arguments: Mapping[str, Any], context: Context) -> Refusal | None:
        return await self._refusal(arguments, context)

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        async def book() -> ToolResult:
            start = self._start(arguments)
            if start is None:
                raise TakenError("there is no such time on that day")
            desk = await self._lazy.open()
            person = Person(str(arguments.get("name", "")), phone_of(arguments, context))
            service = self._service(arguments)
            only = self._only(arguments)
            made = await desk.book(service, start, person, context.key, context.now, only)
            return self._told("booked_with" if is_person(made) else "booked", made, context)

        result = await self._guarded(book)
        if result.ok or not isinstance(result.value, str):
            return result
        refusal = await self._refusal(arguments, context)
        return result if refusal is None else replace(result, say=refusal.say)

    def _told(self, key: str, made: Appointment, context: Context) -> ToolResult:
        start = made.start.astimezone(self._tz)
        when = name_moment(start, self._now(context), context.language)
        said = phrases.say(key, context.language, service=made.service, when=when, resource=made.resource)
        return ToolResult(
            {
                "reference": made.id,
                "service": made.service,
                "start": start.isoformat(timespec="minutes"),
                "with": made.resource,
            },
            said,
        )
