"""An appointment that the caller has, moved or cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from offhook.appointments import phrases
from offhook.appointments.book import Appointment
from offhook.appointments.settings import AppointmentSettings
from offhook.moments.naming import name_moment
from offhook.tools.base import Context, Option, Phrases, Refusal, ToolResult, ToolSpec
from offhook.tools.builtin.desk import (
    MAX_OPTIONS,
    OfDesk,
    appointment_value,
    day_and_time,
    day_of,
    plain,
    time_option,
)
from offhook.tools.builtin.wishes import asked_for

_UNDONE = frozenset({"book_appointment", "move_appointment"})
"""What a move or a cancellation changes: the same time may be wanted once more after all."""


class OfCaller(OfDesk):
    """What needs an appointment that there is: those under the number that calls, and no others."""

    async def _mine(self, context: Context) -> list[Appointment]:
        desk = await self._lazy.open()
        return await desk.of_caller(plain(context.caller), context.now)

    async def options(
        self, parameter: str, arguments: Mapping[str, Any], context: Context
    ) -> Sequence[Option] | None:
        if parameter == "appointment":
            now = self._now(context)
            return [Option(one.id, self._named(one, now, context)) for one in await self._mine(context)]
        if parameter == "time" and arguments.get("day"):
            free = await self._free_on(day_of(arguments["day"]), arguments, context, MAX_OPTIONS)
            return [time_option(one, context.language) for one in free] or None
        return None

    async def check(self, arguments: Mapping[str, Any], context: Context) -> Refusal | None:
        mine = await self._mine(context)
        wanted = arguments.get("appointment")
        if not mine or (wanted is not None and wanted not in [one.id for one in mine]):
            return Refusal("appointment", phrases.say("none_of_yours", context.language), final=not mine)
        chosen = self._chosen(mine, wanted)
        if chosen is None or "day" not in self.spec.properties:
            return None
        return await self._refusal({**arguments, "service": chosen.service}, context, chosen.id)

    def _named(self, one: Appointment, now: datetime, context: Context) -> str:
        when = name_moment(one.start.astimezone(self._tz), now, context.language)
        return phrases.text("one_of_yours", context.language).format(service=one.service, when=when)

    @staticmethod
    def _chosen(mine: Sequence[Appointment], wanted: Any) -> Appointment | None:
        if wanted is None:
            return mine[0] if len(mine) == 1 else None
        return next((one for one in mine if one.id == wanted), None)

    def _done(self, key: str, made: Appointment, context: Context) -> ToolResult:
        start = made.start.astimezone(self._tz)
        when = name_moment(start, self._now(context), context.language)
        value = {"reference": made.id, "service": made.service, "start": start.isoformat(timespec="minutes")}
        return ToolResult(value, phrases.say(key, context.language, when=when))


class MoveAppointment(OfCaller):
    """``move_appointment``: writes."""

    @classmethod
    def describe(cls, spec: ToolSpec, settings: AppointmentSettings, language: str) -> ToolSpec:
        properties = {**appointment_value(language), **day_and_time(settings, language)}
        return replace(
            spec,
            name="move_appointment",
            kind="move",
            description="Move an appointment that the caller has to another day or time",
            parameters={
                "type": "object",
                "properties": properties,
                "required": ["appointment", "day", "time"],
            },
            effect="writes",
            heeds_key=True,
            undoes=_UNDONE,
            when=asked_for("move", language),
            phrases=Phrases(confirm=phrases.text("confirm_move", language), failed=spec.phrases.failed),
        )

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        async def move() -> ToolResult:
            chosen = self._chosen(await self._mine(context), arguments.get("appointment"))
            start = self._start(arguments)
            if chosen is None or start is None:
                return ToolResult("not found", phrases.say("none_of_yours", context.language), ok=False)
            desk = await self._lazy.open()
            service = self._service({"service": chosen.service})
            return self._done("moved", await desk.move(chosen.id, service, start, context.now), context)

        return await self._guarded(move)


class CancelAppointment(OfCaller):
    """``cancel_appointment``: writes."""

    @classmethod
    def describe(cls, spec: ToolSpec, settings: AppointmentSettings, language: str) -> ToolSpec:
        return replace(
            spec,
            name="cancel_appointment",
            kind="cancel",
            description="Cancel an appointment that the caller has",
            parameters={
                "type": "object",
                "properties": appointment_value(language),
                "required": ["appointment"],
            },
            effect="writes",
            heeds_key=True,
            undoes=_UNDONE,
            when=asked_for("cancel", language),
            phrases=Phrases(confirm=phrases.text("confirm_cancel", language), failed=spec.phrases.failed),
        )

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        async def cancel() -> ToolResult:
            chosen = self._chosen(await self._mine(context), arguments.get("appointment"))
            if chosen is None:
                return ToolResult("not found", phrases.say("none_of_yours", context.language), ok=False)
            desk = await self._lazy.open()
            return self._done("cancelled", await desk.cancel(chosen.id), context)

        return await self._guarded(cancel)
