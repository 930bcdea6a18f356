"""iCalendar (RFC 5545): what a calendar's text says is taken, repeats worked out, and events of our own.

The text is read by ``icalendar`` and its repeats by ``recurring-ical-events``: rules, exceptions, changed
single ones, time zones that the file defines itself.  Both are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from offhook.appointments.calendar import CalendarError, Event
from offhook.appointments.slots import Busy

PRODUCT = "-//offhook//appointments//EN"


def busy_in(texts: Iterable[str | bytes], start: datetime, end: datetime, tz: ZoneInfo) -> list[Busy]:
    """What is taken of ``start`` to ``end``.  ``tz``: where days and times without a zone are.

    Not taken is what is transparent, cancelled, or declined.  Raises CalendarError for text that is no
    calendar.
    """
    import recurring_ical_events
    from icalendar import Calendar as Parsed

    found = []
    for text in texts:
        try:
            calendar = Parsed.from_ical(text)
            events = recurring_ical_events.of(calendar, skip_bad_series=True).between(start, end)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise CalendarError("the calendar is no iCalendar text that can be read") from error
        for event in events:
            if not _is_free(event):
                found.append(_busy(event, tz))
    return [one for one in found if one.start < end and one.end > start]


def _is_free(event: Any) -> bool:
    return (
        str(event.get("TRANSP", "OPAQUE")).upper() == "TRANSPARENT"
        or str(event.get("STATUS", "")).upper() == "CANCELLED"
    )


def _busy(event: Any, tz: ZoneInfo) -> Busy:
    first = event["DTSTART"].dt
    if "DTEND" in event:
        last = event["DTEND"].dt
    elif "DURATION" in event:
        last = first + event["DURATION"].dt
    else:
        last = first + timedelta(days=1) if _is_day(first) else first
    uid = event.get("UID")
    return Busy(_moment(first, tz), _moment(last, tz), None if uid is None else str(uid))


def _is_day(value: date) -> bool:
    return not isinstance(value, datetime)


def _moment(value: date, tz: ZoneInfo) -> datetime:
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=tz)).astimezone(UTC)
    return datetime.combine(value, time(0), tz).astimezone(UTC)


def text_of(event: Event, now: datetime) -> bytes:
    """A calendar with this one event, as a CalDAV server keeps it."""
    from icalendar import Calendar as Parsed

    calendar = Parsed()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add_component(_component(event, now))
    return bytes(calendar.to_ical())


def with_event(text: bytes | None, uid: str, event: Event | None, now: datetime) -> bytes:
    """``text`` with ``event`` in place of what has its ``uid``; None takes that out.

    Raises CalendarError for text that is no calendar.
    """
    from icalendar import Calendar as Parsed

    try:
        calendar = Parsed() if not text else Parsed.from_ical(text)
    except ValueError as error:
        raise CalendarError("the file is no iCalendar text that can be read", sent=False) from error
    if not text:
        calendar.add("prodid", PRODUCT)
        calendar.add("version", "2.0")
    calendar.subcomponents = [
        one for one in calendar.subcomponents if not (one.name == "VEVENT" and str(one.get("UID")) == uid)
    ]
    if event is not None:
        calendar.add_component(_component(event, now))
    return bytes(calendar.to_ical())


def _component(event: Event, now: datetime) -> Any:
    from icalendar import Event as Component

    component = Component()
    component.add("uid", event.uid)
    component.add("dtstamp", now.astimezone(UTC))
    component.add("dtstart", event.start.astimezone(UTC))
    component.add("dtend", event.end.astimezone(UTC))
    component.add("summary", event.summary)
    if event.description:
        component.add("description", event.description)
    return component
