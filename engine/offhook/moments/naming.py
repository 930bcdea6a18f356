"""Days and times as an agent names them, in writing: the voice's normaliser makes words of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter

from offhook.languages.codes import base_language


@dataclass(frozen=True, slots=True)
class _Names:
    weekdays: Sequence[str]
    months: Sequence[str]
    today: str
    tomorrow: str
    before_day: Mapping[str, str]
    """What may stand before a day with its date, and what before "tomorrow" in its place."""
    day: str
    """``{weekday}``, ``{month}``, ``{day}``; a year only where it is not this one or the next time round."""
    with_year: str
    at: str
    """``{day}`` and ``{time}``."""
    twelve_hours: bool
    last_joint: str
    phrases: Mapping[str, str]


_EN = _Names(
    weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    months=(
        *("January", "February", "March", "April", "May", "June", "July", "August"),
        *("September", "October", "November", "December"),
    ),
    today="today",
    tomorrow="tomorrow",
    before_day={"on": ""},
    day="{weekday}, {month} {day}",
    with_year="{weekday}, {month} {day}, {year}",
    at="{day} at {time}",
    twelve_hours=True,
    last_joint=" or ",
    phrases={
        "which": "Do you mean {choices}?",
        "past": "That has gone by already. When else would suit you?",
        "none": "There is no such day or time. When would suit you?",
    },
)
_DE = _Names(
    weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    months=(
        *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober"),
        *("November", "Dezember"),
    ),
    today="heute",
    tomorrow="morgen",
    before_day={"am": ""},
    day="{weekday}, {day}. {month}",
    with_year="{weekday}, {day}. {month} {year}",
    at="{day} um {time} Uhr",
    twelve_hours=False,
    last_joint=" oder ",
    phrases={
        "which": "Meinen Sie {choices}?",
        "past": "Das ist schon vorbei. Wann würde es Ihnen sonst passen?",
        "none": "Diesen Tag oder diese Zeit gibt es nicht. Wann würde es Ihnen passen?",
    },
)
_ES = _Names(
    weekdays=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    months=(
        *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre"),
        *("octubre", "noviembre", "diciembre"),
    ),
    today="hoy",
    tomorrow="mañana",
    before_day={"el": "", "al": "a "},
    day="{weekday} {day} de {month}",
    with_year="{weekday} {day} de {month} de {year}",
    at="{day} a las {time}",
    twelve_hours=False,
    last_joint=" o ",
    phrases={
        "which": "¿Quiere decir {choices}?",
        "past": "Eso ya ha pasado. ¿Cuándo le vendría bien?",
        "none": "Ese día o esa hora no existe. ¿Cuándo le vendría bien?",
    },
)
_FR = _Names(
    weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    months=(
        *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre"),
        *("octobre", "novembre", "décembre"),
    ),
    today="aujourd'hui",
    tomorrow="demain",
    before_day={"le": "", "au": "à "},
    day="{weekday} {day} {month}",
    with_year="{weekday} {day} {month} {year}",
    at="{day} à {time}",
    twelve_hours=False,
    last_joint=" ou ",
    phrases={
        "which": "Voulez-vous dire {choices} ?",
        "past": "C'est déjà passé. Quand cela vous irait-il ?",
        "none": "Ce jour ou cette heure n'existe pas. Quand cela vous irait-il ?",
    },
)
_ALL = {"en": _EN, "de": _DE, "es": _ES, "fr": _FR}


def name_day(day: date, today: date, language: str) -> str:
    """ "tomorrow", "Thursday, December 3"; the year only where it could be taken for another."""
    names = _names(language)
    ahead = (day - today).days
    if ahead in (0, 1):
        return names.tomorrow if ahead else names.today
    form = names.day if 0 <= ahead < 180 else names.with_year
    return form.format(
        weekday=names.weekdays[day.weekday()], month=names.months[day.month - 1], day=day.day, year=day.year
    )


def with_day(text: str, language: str) -> str:
    """``text`` without the word that stands before days of the week and not before "tomorrow"."""
    names = _names(language)
    for before, instead in names.before_day.items():
        text = re.sub(rf"\b{before} (?=(?:{names.today}|{names.tomorrow})\b)", instead, text, flags=re.I)
    return text


def name_time(moment: datetime, language: str) -> str:
    """ "2:30 PM", "14:30"."""
    if not _names(language).twelve_hours:
        return f"{moment.hour}:{moment.minute:02}"
    half = "AM" if moment.hour < 12 else "PM"
    minutes = f":{moment.minute:02}" if moment.minute else ""
    return f"{(moment.hour - 1) % 12 + 1}{minutes} {half}"


def name_moment(moment: datetime, now: datetime, language: str) -> str:
    """The day and the time, both on the clock of ``moment``."""
    names = _names(language)
    day = name_day(moment.date(), now.astimezone(moment.tzinfo).date(), language)
    return names.at.format(day=day, time=name_time(moment, language))


def join(choices: Sequence[str], language: str) -> str:
    """ "a, b or c"."""
    if len(choices) < 2:
        return "".join(choices)
    return ", ".join(choices[:-1]) + _names(language).last_joint + choices[-1]


def phrase(key: str, language: str, **values: str) -> str:
    """A question of ours, ``which``, ``past`` or ``none``; ``which`` has ``choices``."""
    text = _names(language).phrases[key]
    assert {name for _, name, _, _ in Formatter().parse(text) if name} == set(values)
    return text.format(**values)


def _names(language: str) -> _Names:
    return _ALL.get(base_language(language), _EN)
