"""What the rules of :mod:`offhook.speech.continental` have to know of a language, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from offhook.speech.rules import Rule


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One language's words; numbers are num2words's."""

    code: str
    """What num2words calls it."""
    point: str
    """Said for the decimal comma."""
    minus: str
    plus: str
    to: str
    """Between two ends of a range."""
    per: str
    """For a slash before a unit: "5 €/kg"."""
    signs: Mapping[str, str]
    """The signs of e-mail and web addresses, and those that are left anywhere else."""
    money: Mapping[str, tuple[str, str]]
    """One and several, by sign or code."""
    cents: str
    """Between a whole amount and its hundredths, with spaces: " con "."""
    hundredths: Mapping[str, tuple[str, str]]
    """One and several hundredths of an amount below one, by sign or code."""
    units: Mapping[str, tuple[str, str]]
    """One and several, by abbreviation."""
    weekdays: Mapping[str, str]
    """By abbreviation, without full stop."""
    months: tuple[str, ...]
    short_months: Mapping[str, str]
    """By abbreviation in lower case, without full stop."""
    abbreviations: Mapping[str, str]
    """As they are written, full stop included."""
    suffixes: Mapping[str, str]
    """Abbreviated ends of words: "Hauptstr."."""
    out_of: str
    """Between two numbers with a slash: "9/10"."""
    counted: Callable[[int, str], str]
    """A number in front of what it counts: "un euro", "une heure", "einundzwanzig Stunden"."""
    clock: Callable[[int, int], str]
    """A time of day from its hour (0 to 24) and minute."""
    clock_written: str
    """A pattern with groups ``hour`` and ``minute`` (may be None) for times of day."""
    day: Callable[[int, str], str]
    """The day of a date, given what stands before it."""
    date: str
    """``{day}``, ``{month}`` and ``{year}`` in one; without a year :attr:`short_date`."""
    short_date: str
    ordinal_written: str
    """A pattern for ordinals in figures, with a group ``number``."""
    joints: tuple[str, ...]
    """Words between two weekdays: "und", "bis"."""
    each: tuple[str, ...]
    """What there is one of, behind a slash: "100 €/noche"."""
    times: Callable[[int], str]
    """A number with an "x" behind it: "3x"."""
    by: str
    """Between two numbers with an "x" there: "2x1"."""
    ratio: str
    """Between two numbers with a colon that are no time: "2:1"."""
    under: str
    over: str
    """For "<" and ">" before a number."""
    and_a_half: Callable[[int], str]
    """A number and a half: "1 1/2"."""
    first: tuple[Rule, ...]
    """What this language alone writes so; applied before all else."""
    ordinal: Callable[[int, str], str]
    """An ordinal, given all that :attr:`ordinal_written` matched."""
