"""Days and times in callers' words, as values.  What is open is asked, never guessed.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from offhook.conversation.forms.slots import Found, Hearing, Open, Slot, Value, question_of
from offhook.moments.naming import join, name_day, name_time, phrase
from offhook.moments.questions import question as which_question
from offhook.moments.reader import listen
from offhook.moments.said import DayRange, Said
from offhook.moments.wish import Window, Wish, narrow, settle


def days(hearing: Hearing) -> tuple[date, date] | None:
    """The two ends of a stretch of days: "from Friday until Sunday"."""
    said = listen(hearing.text, hearing.code)
    if said is None or len(said.days) != 1 or not isinstance(said.days[0], DayRange):
        return None
    stretch = said.days[0]
    first = settle(Said(days=(stretch.first,)), hearing.now, hearing.code)
    if first.doubt is not None or not first.windows:
        return None
    begins = first.windows[0].start
    last = settle(Said(days=(stretch.last,)), begins, hearing.code)
    if last.doubt is not None or not last.windows:
        return None
    return begins.date(), last.windows[0].start.date()


def day_value(day: date, hearing: Hearing) -> Value:
    return Value(day.isoformat(), name_day(day, hearing.now.date(), hearing.code))


def day(slot: Slot, hearing: Hearing, *, asked: bool, wish: Wish | None) -> Found | None:
    said = listen(hearing.text, hearing.code, "day" if asked else None)
    if said is None or not (said.days or said.offset):
        return None
    if isinstance(said.days[0] if said.days else None, DayRange) and not asked:
        return None
    found = _settled(replace(said, times=()), hearing, wish)
    if found.doubt is not None:
        return Open(which_question(found, hearing.now, hearing.code) or "", found)
    suitable = sorted({window.start.date() for window in found.windows})
    if len(suitable) > 1:
        # A week, a weekend: one of its days is meant, and it is not for us to say which.
        return Open(question_of(slot, hearing.form, hearing.code)) if asked else None
    return day_value(suitable[0], hearing)


def clock(
    slot: Slot, hearing: Hearing, *, asked: bool, known: Mapping[str, Any], wish: Wish | None
) -> Found | None:
    said = listen(hearing.text, hearing.code, "time" if asked else None)
    if said is None or not said.times:
        return None
    clocks = [one.clock for one in said.times if one.clock is not None]
    if not clocks:
        return Open(question_of(slot, hearing.form, hearing.code)) if asked else None
    if wish is not None and said.times[0].clock is None:
        return None
    tz = hearing.now.tzinfo
    day = _known_day(known, hearing.now)
    moments = [datetime.combine(day, each, tz) for each in clocks[-1].times()]
    within = [each for each in moments if _in_hours(each.time(), slot.schema)]
    moments = _offered(slot, within or moments)
    if len(moments) > 1:
        windows = tuple(Window(each, each.replace(minute=each.minute, second=59)) for each in moments)
        names = [name_time(each, hearing.code) for each in moments]
        return Open(_which(names, hearing), Wish(windows, True, False, True, False, None))
    return Value(f"{moments[0]:%H:%M}", name_time(moments[0], hearing.code))


def narrowed_time(wish: Wish, hearing: Hearing) -> Value | None:
    """ "In the afternoon", after "do you mean three in the morning or in the afternoon?"."""
    found = narrow(wish, listen(hearing.text, hearing.code, "time"))
    if len(found.windows) != 1:
        return None
    start = found.windows[0].start
    return Value(f"{start:%H:%M}", name_time(start, hearing.code))


def moment(hearing: Hearing, *, asked: bool, wish: Wish | None) -> Found | None:
    said = listen(hearing.text, hearing.code, "time" if asked else None)
    if said is None or not (said.days or said.times or said.offset):
        return None
    found = _settled(said, hearing, wish)
    if found.doubt is not None:
        return Open(which_question(found, hearing.now, hearing.code) or "", found)
    if not (found.exact and found.has_day and len(found.windows) == 1):
        return None
    start = found.windows[0].start
    label = f"{name_day(start.date(), hearing.now.date(), hearing.code)}, {name_time(start, hearing.code)}"
    return Value(start.isoformat(timespec="minutes"), label)


def _settled(said: Said, hearing: Hearing, wish: Wish | None) -> Wish:
    if wish is not None:
        closer = narrow(wish, said)
        if closer.doubt is None and closer.windows:
            return closer
    return settle(said, hearing.now, hearing.code)


def _known_day(known: Mapping[str, Any], now: datetime) -> date:
    for value in known.values():
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    return now.date()


def _offered(slot: Slot, moments: list[datetime]) -> list[datetime]:
    """The readings that can be had; where none can, the one that comes nearest: it is told what there is."""
    free = [time.fromisoformat(str(one.value)) for one in slot.options]
    if not free:
        return moments
    return [each for each in moments if each.time() in free] or [
        min(moments, key=lambda each: min(abs(_minutes(each.time()) - _minutes(one)) for one in free))
    ]


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _in_hours(moment: time, schema: Mapping[str, Any]) -> bool:
    """Within ``x-hours``, "08:00-18:00", where an owner wrote them."""
    hours = schema.get("x-hours")
    if not isinstance(hours, str):
        return True
    first, _, last = hours.partition("-")
    clock = f"{moment:%H:%M}"
    return bool(first.strip() <= clock <= last.strip())


def _which(names: Sequence[str], hearing: Hearing) -> str:
    return phrase("which", hearing.code, choices=join(list(names), hearing.code))
