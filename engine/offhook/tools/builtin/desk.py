"""What the tools for appointments have in common: values, and what is free instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from offhook.appointments import phrases
from offhook.appointments.book import Appointment
from offhook.appointments.calendar import CalendarError
from offhook.appointments.opening import LazyDesk
from offhook.appointments.settings import AppointmentSettings, ServiceSettings
from offhook.appointments.slots import WHOLE_HOUSE, Slot
from offhook.errors import DatabaseError, TakenError, ToolError
from offhook.moments.naming import name_day, name_time
from offhook.moments.wish import Window
from offhook.moments.zones import at_or_after, end_of, moments, zone
from offhook.tools.base import BaseTool, Context, Option, Refusal, ToolResult, ToolSpec

MAX_OPTIONS = 60


class OfDesk(BaseTool):
    """What the four have in common."""

    def __init__(self, spec: ToolSpec, desk: LazyDesk) -> None:
        super().__init__(spec)
        self._lazy = desk
        self._settings = desk.settings
        self._tz = zone(desk.settings.time_zone)

    @classmethod
    def describe(cls, spec: ToolSpec, settings: AppointmentSettings, language: str) -> ToolSpec:
        raise NotImplementedError

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        raise NotImplementedError

    async def warm(self) -> None:
        """Open the book."""
        await self._lazy.open()

    async def close(self) -> None:
        await self._lazy.close()

    # --- values ------------------------------------------------------------------------------------------

    def _now(self, context: Context) -> datetime:
        return context.now.astimezone(self._tz)

    def _service(self, arguments: Mapping[str, Any]) -> ServiceSettings:
        named = self._settings.service(str(arguments.get("service", "")))
        return named or self._settings.services[0]

    def _only(self, arguments: Mapping[str, Any]) -> str | None:
        return str(arguments["with"]) if arguments.get("with") else None

    def _whole_day(self, day: date) -> Window:
        return Window(at_or_after(day, time(0), self._tz), end_of(day, time(0), self._tz))

    def _start(self, arguments: Mapping[str, Any]) -> datetime | None:
        """The moment of ``day`` and ``time``; None: there is none, in the hour that is left out in spring."""
        clock = clock_of(arguments["time"])
        found = moments(day_of(arguments["day"]), clock, self._tz)
        return found[0] if found else None

    def _local(self, slots: Sequence[Slot]) -> list[datetime]:
        return [slot.start.astimezone(self._tz) for slot in slots]

    # --- what is free ------------------------------------------------------------------------------------

    async def _free_on(
        self, day: date, arguments: Mapping[str, Any], context: Context, limit: int, moving: str | None = None
    ) -> list[datetime]:
        desk = await self._lazy.open()
        found = await desk.offers(
            self._service(arguments),
            [self._whole_day(day)],
            context.now,
            self._only(arguments),
            limit,
            moving,
        )
        return self._local(found)

    async def _refusal(
        self, arguments: Mapping[str, Any], context: Context, moving: str | None = None
    ) -> Refusal | None:
        """Why this day, or this time of it, is not to be had."""
        if not arguments.get("day"):
            return None
        now, language = self._now(context), context.language
        day = day_of(arguments["day"])
        if day < now.date():
            return Refusal("day", phrases.say("past", language))
        free = await self._free_on(day, arguments, context, MAX_OPTIONS * 4, moving)
        named = name_day(day, now.date(), language)
        if not free:
            desk = await self._lazy.open()
            start = at_or_after(day, time(0), self._tz)
            slots = await desk.near(self._service(arguments), start, context.now, self._only(arguments))
            near = self._local(slots)
            if not near:
                return Refusal("day", phrases.say("nothing", language))
            offers = phrases.name_offers(near, now, language)
            options = tuple(
                Option(one.date().isoformat(), name_day(one.date(), now.date(), language)) for one in near
            )
            return Refusal("day", phrases.say("full", language, day=named, offers=offers), options)
        if not arguments.get("time"):
            return None
        wanted = self._start(arguments)
        if wanted in free:
            return None
        clock = clock_of(arguments["time"])
        middle = at_or_after(day, clock, self._tz)
        nearest = sorted(sorted(free, key=lambda one: abs(one - middle))[:3])
        said = phrases.say(
            "taken",
            language,
            time=name_time(middle if wanted is None else wanted, language),
            day=named,
            offers=phrases.name_only_times(nearest, language),
        )
        return Refusal("time", said, tuple(time_option(one, language) for one in nearest))

    async def _guarded(self, work: Callable[[], Any]) -> ToolResult:
        """Run ``work``; what the book or a calendar cannot do is said as the executor wants it."""
        try:
            found = await work()
        except TakenError as error:
            return ToolResult(str(error), ok=False)
        except CalendarError as error:
            raise ToolError(str(error), sent=False) from error  # the book decides, and was not written yet
        except DatabaseError as error:
            raise ToolError(str(error)) from error
        assert isinstance(found, ToolResult)
        return found


# --- schemas ---------------------------------------------------------------------------------------------


def service_value(settings: AppointmentSettings, language: str) -> dict[str, Any]:
    names = [one.name for one in settings.services]
    also = {one.name: list(one.also) for one in settings.services if one.also}
    ask = phrases.text("service", language)
    return {"service": {"type": "string", "enum": names, "x-ask": ask, "x-also": also}}


def with_value(settings: AppointmentSettings, language: str, *, asked: bool) -> dict[str, Any]:
    """Only where there is a choice: several of the same are nobody's choice."""
    named = [one for one in settings.resources if one.count == 1]
    if len(named) < 2:
        return {}
    value: dict[str, Any] = {"type": "string", "enum": [one.name for one in named]}
    value["description"] = "With whom or where, if the caller says so"
    value["x-lead"] = phrases.text("with_words", language)
    value["x-also"] = {one.name: list(one.also) for one in named if one.also}
    return {"with": value}


def day_and_time(settings: AppointmentSettings, language: str) -> dict[str, Any]:
    clock: dict[str, Any] = {"type": "string", "format": "time", "x-ask": phrases.text("time", language)}
    span = settings.span()
    if span is not None:  # "at six" is in the evening where nobody is there at six in the morning
        clock["x-hours"] = f"{span[0]:%H:%M}-{span[1]:%H:%M}"
    return {
        "day": {"type": "string", "format": "date", "x-ask": phrases.text("day", language)},
        "time": clock,
    }


def appointment_value(language: str) -> dict[str, Any]:
    ask = phrases.text("appointment", language)
    return {"appointment": {"type": "string", "description": "Which one", "x-ask": ask, "x-listed": True}}


# --- values ----------------------------------------------------------------------------------------------


def day_of(value: Any) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise ToolError(f"{str(value)[:20]!r} is no day like 2026-12-03", sent=False) from error


def clock_of(value: Any) -> time:
    try:
        return time.fromisoformat(str(value)).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError as error:
        raise ToolError(f"{str(value)[:20]!r} is no time like 14:30", sent=False) from error


def time_option(start: datetime, language: str) -> Option:
    return Option(f"{start:%H:%M}", name_time(start, language))


def phone_of(arguments: Mapping[str, Any], context: Context) -> str:
    return plain(str(arguments.get("phone") or context.caller))


def plain(phone: str) -> str:
    """As it is compared: a plus and digits."""
    return "".join(one for n, one in enumerate(phone.strip()) if one.isdigit() or (one == "+" and n == 0))


def is_person(made: Appointment) -> bool:
    return made.resource != WHOLE_HOUSE
