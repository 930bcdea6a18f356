"""German text as it is spoken.  Pure."""

from __future__ import annotations

import re

from num2words import num2words

from offhook.speech.continental import cardinal, speaker
from offhook.speech.vocabulary import Vocabulary

_EN = re.compile(r"\b(?:am|vom|zum|im|beim|dem|den|bis|ab|seit|nach|vor|jeden)\b", re.IGNORECASE)
"""What has "dritten" behind it; "der" and "die" have "dritte"."""
_FEMININE = frozenset({"Minute", "Stunde", "Sekunde", "Woche", "Person", "Meile", "Million", "Milliarde"})


def _counted(number: int, noun: str) -> str:
    if number == 1:
        return (
            "eine" if noun in _FEMININE or re.search(r"(?:ung|heit|keit|schaft|tion|tät)$", noun) else "ein"
        )
    return cardinal(number, "de")


def _clock(hour: int, minute: int) -> str:
    hours = "ein" if hour == 1 else cardinal(hour, "de")
    return f"{hours} Uhr {cardinal(minute, 'de')}" if minute else f"{hours} Uhr"


def _inflected(number: int, before: str) -> str:
    ordinal = str(num2words(number, lang="de", to="ordinal"))
    if _EN.search(before) or re.search(r"tag,? $", before):
        return f"{ordinal}n"
    return ordinal if re.search(r"\b(?:der|die|das)\b", before, re.IGNORECASE) else f"{ordinal}r"


def _ordinal(number: int, written: str) -> str:
    before = written[: re.search(r"\d", written).start()]  # type: ignore[union-attr]
    return before + _inflected(number, before)


german = speaker(
    Vocabulary(
        code="de",
        point="Komma",
        minus="minus",
        plus="plus",
        to="bis",
        per="pro",
        signs={
            ".": "Punkt", "@": "at", "/": "Schrägstrich", "-": "Bindestrich", "_": "Unterstrich",
            ":": "Doppelpunkt", "+": "plus", "?": "Fragezeichen", "=": "gleich", "&": "und", "#": "Raute",
            "%": "Prozent", "~": "Tilde",
        },
        money={
            "€": ("Euro", "Euro"), "EUR": ("Euro", "Euro"), "Euro": ("Euro", "Euro"),
            "$": ("Dollar", "Dollar"), "USD": ("Dollar", "Dollar"), "£": ("Pfund", "Pfund"),
            "CHF": ("Franken", "Franken"), "Fr.": ("Franken", "Franken"), "SFr.": ("Franken", "Franken"),
        },
        cents=" ",
        hundredths={
            "€": ("Cent", "Cent"), "EUR": ("Cent", "Cent"), "Euro": ("Cent", "Cent"), "$": ("Cent", "Cent"),
            "CHF": ("Rappen", "Rappen"), "Fr.": ("Rappen", "Rappen"),
        },
        units={
            "km/h": ("Kilometer pro Stunde", "Kilometer pro Stunde"), "km": ("Kilometer", "Kilometer"),
            "m²": ("Quadratmeter", "Quadratmeter"), "qm": ("Quadratmeter", "Quadratmeter"),
            "m": ("Meter", "Meter"), "cm": ("Zentimeter", "Zentimeter"), "mm": ("Millimeter", "Millimeter"),
            "kg": ("Kilogramm", "Kilogramm"), "g": ("Gramm", "Gramm"), "l": ("Liter", "Liter"),
            "ml": ("Milliliter", "Milliliter"), "°C": ("Grad", "Grad"), "°": ("Grad", "Grad"),
            "%": ("Prozent", "Prozent"), "Std.": ("Stunde", "Stunden"), "Std": ("Stunde", "Stunden"),
            "h": ("Stunde", "Stunden"), "Min.": ("Minute", "Minuten"), "Min": ("Minute", "Minuten"),
            "min": ("Minute", "Minuten"), "Pers.": ("Person", "Personen"), "Mio.": ("Million", "Millionen"),
            "Stk.": ("Stück", "Stück"), "kWh": ("Kilowattstunde", "Kilowattstunden"),
        },
        weekdays={
            "Mo": "Montag", "Di": "Dienstag", "Mi": "Mittwoch", "Do": "Donnerstag", "Fr": "Freitag",
            "Sa": "Samstag", "So": "Sonntag",
        },
        months=(
            "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
            "November", "Dezember", "Jänner",
        ),
        abbreviations={
            "z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "d. h.": "das heißt", "d.h.": "das heißt",
            "u. a.": "unter anderem", "u.a.": "unter anderem", "usw.": "und so weiter",
            "bzw.": "beziehungsweise",
            "ca.": "circa", "inkl.": "inklusive", "exkl.": "exklusive", "zzgl.": "zuzüglich",
            "ggf.": "gegebenenfalls",
            "evtl.": "eventuell", "max.": "maximal", "min.": "mindestens", "Nr.": "Nummer", "Tel.": "Telefon",
            "Str.": "Straße", "Dr.": "Doktor", "Prof.": "Professor", "Hr.": "Herr", "Fr.": "Frau",
            "St.": "Sankt",
            "Abb.": "Abbildung", "bspw.": "beispielsweise", "o. ä.": "oder ähnliches",
            "u. U.": "unter Umständen",
            "24/7": "rund um die Uhr", "1/2": "ein halb", "1/4": "ein Viertel", "3/4": "drei Viertel",
            "½": "ein halb", "tgl.": "täglich", "tägl.": "täglich", "Mo.": "Montag", "Di.": "Dienstag",
            "Mi.": "Mittwoch",
            "Do.": "Donnerstag", "Sa.": "Samstag", "MwSt.": "Mehrwertsteuer", "Jh.": "Jahrhundert",
        },
        suffixes={"str.": "straße", "pl.": "platz"},
        out_of="von",
        counted=_counted,
        clock=_clock,
        clock_written=r"(?P<hour>[01]?\d|2[0-4])(?:[:.](?=[0-5]\d ?Uhr)|:(?=[0-5]\d)| ?(?=Uhr))"
        r"(?P<minute>[0-5]\d)?(?: ?Uhr\b)?",
        day=_inflected,
        date="{day} {month} {year}",
        short_date="{day} {month}",
        ordinal_written=r"(?:[Ii]m|[Aa]m|[Zz]um|[Vv]om|[Bb]eim|[Dd]e[rmn]"
        r"|[Dd]ie|[Dd]as|[Jj]eden) (?P<number>\d{1,3})\.(?= \w)",
        ordinal=_ordinal,
    )
)  # fmt: skip
