"""German text as it is spoken.  Pure."""

from __future__ import annotations

import re

from num2words import num2words

from offhook.speech.continental import cardinal, speaker
from offhook.speech.rules import rule
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


def _decade(number: int) -> str:
    return str(num2words(number, lang="de", to="year")) if number >= 1100 else cardinal(number, "de")


def _ordinal(number: int, written: str) -> str:
    before, after = re.split(r"\d+\.", written, maxsplit=1)
    said = _inflected(number, before)
    if after:
        said = said[:-1] + _COUNTED[after.strip()]
    return before + said + after


_CLOCK = (
    r"(?<![\w.,€$£])(?<!Version )(?<!Kapitel )(?<!Punkt )(?<![A-Z€$£] )(?<!Euro )"
    r"(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5][05])"
)
_NO_MEASURE = (
    r"(?![\w²]|[.,:/-]\d|\.(?:\s|$)|\s?(?:[€$£%°]|Euro|EUR|CHF|Fr\.|[ckm]?[mgl]\b|m²|qm|Mio|Prozent))"
)
_COUNTED = {
    **dict.fromkeys(("Stock", "Platz", "Monat", "Tag", "Gang", "Bezirk", "Teil", "Advent", "Gast"), "r"),
    **dict.fromkeys(("Etage", "Klasse", "Woche", "Person", "Halle", "Stunde", "Auflage", "Reihe"), ""),
    **dict.fromkeys(("OG", "UG", "Obergeschoss", "Untergeschoss", "Mal", "Kind", "Quartal", "Jahr"), "s"),
}
"""What is numbered with a full stop, and how the number ends before it: "zweites Obergeschoss"."""
_FIRST = (
    # Prices without hundredths: "12.-", "3,- €", "-,50 €"; in Switzerland "Fr." is no Friday before them.
    rule(r"\bS?Fr\.? ?(?=\d+[.,](?:-(?!\d)|\d\d(?!\d|\.\d|\s?-|\s?(?:Uhr|h\b))))", "CHF "),
    rule(r"(?<=\d)[.,]\s?-{1,2}(?![\w-])", ""),
    rule(r"(?<![\w,.-])-,(?=\d\d\s?(?:€|EUR|Euro))", "0,"),
    rule(r"(?<![\w.,])(\d+) (Euro|Franken) (\d\d)(?![\w.,]|\s(?:Euro|€))", r"\1,\3 \2"),
    rule(r"(?<![\w.,])(\d{1,4})er(?![^\W_])", lambda match: f"{_decade(int(match[1]))}er"),
    rule(r"(?<![\w.,])(\d{1,3}) ?%ig", lambda match: f"{cardinal(int(match[1]), 'de')}prozentig"),
    rule(r"(?<=\d\.)\s?-\s?(?=\d{1,2}\.)", " bis "),
    rule(
        r"(?P<before>\b[^\W\d]+ )?(?<![\w.,])(?P<day>\d{1,2})\. (?=(?:bis|und|oder) \d{1,2}\. [A-ZÄÖÜ])",
        lambda match: f"{match['before'] or ''}{_inflected(int(match['day']), match['before'] or '')} ",
    ),
    # Hours with a point: decimals have a comma.
    rule(
        rf"{_CLOCK}(?P<to>\s?-\s?)(?=\d)(?!\d[\d.,]*\s?(?:[€$£%]|[ckm]?[mgl]\b))",
        r"\g<hour>:\g<minute>\g<to>",
    ),
    rule(
        rf"{_CLOCK}{_NO_MEASURE}",
        r"\g<hour>:\g<minute>",
    ),
    rule(r"\b([Uu]m|[Aa]b|[Bb]is|[Vv]on|[Gg]egen) (\d{1,2}) ?h\b", r"\1 \2 Uhr"),
    # Postal codes.
    rule(
        r"(?:(?<=, )|(?<=\bin )|(?<=\bPLZ )|^|\bD-)(\d{5})(?= [A-ZÄÖÜ])",
        lambda match: " ".join(cardinal(int(digit), "de") for digit in match[1]),
    ),
)


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
            "m²": ("Quadratmeter", "Quadratmeter"),
            "m³": ("Kubikmeter", "Kubikmeter"), "cl": ("Zentiliter", "Zentiliter"),
            "mg": ("Milligramm", "Milligramm"), "J.": ("Jahr", "Jahre"), "ºC": ("Grad", "Grad"),
            "GB": ("Gigabyte", "Gigabyte"), "MB": ("Megabyte", "Megabyte"), "TB": ("Terabyte", "Terabyte"),
            "kW": ("Kilowatt", "Kilowatt"), "W": ("Watt", "Watt"), "V": ("Volt", "Volt"), "PS": ("PS", "PS"),
            "qm": ("Quadratmeter", "Quadratmeter"),
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
        short_months={
            "jan": "Januar", "jän": "Jänner", "feb": "Februar", "mär": "März", "mrz": "März", "apr": "April",
            "jun": "Juni", "jul": "Juli", "aug": "August", "sep": "September", "sept": "September",
            "okt": "Oktober", "nov": "November", "dez": "Dezember",
        },
        abbreviations={
            "u.": "und", "mind.": "mindestens", "p. P.": "pro Person", "p.P.": "pro Person",
            "i. d. R.": "in der Regel", "i.d.R.": "in der Regel", "v. a.": "vor allem", "v.a.": "vor allem",
            "s. o.": "siehe oben", "s. u.": "siehe unten", "z. T.": "zum Teil", "z.T.": "zum Teil",
            "z. Zt.": "zur Zeit", "z.Zt.": "zur Zeit", "o. Ä.": "oder Ähnliches", "u. Ä.": "und Ähnliches",
            "vorm.": "vormittags", "nachm.": "nachmittags", "Abt.": "Abteilung", "Bhf.": "Bahnhof",
            "Hbf.": "Hauptbahnhof", "Hbf": "Hauptbahnhof", "PLZ": "Postleitzahl", "§": "Paragraf",
            "Tel": "Telefon", "Fa.": "Firma", "gem.": "gemäß", "inkl": "inklusive",
            "ca": "circa", "Feb.": "Februar", "Sept.": "September", "Okt.": "Oktober",
            "Nov.": "November", "Dez.": "Dezember", "OG": "Obergeschoss", "EG": "Erdgeschoss",
            "UG": "Untergeschoss", "DG": "Dachgeschoss",
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
            "tgl.": "täglich", "tägl.": "täglich", "Mo.": "Montag", "Di.": "Dienstag",
            "Mi.": "Mittwoch",
            "Do.": "Donnerstag", "Sa.": "Samstag", "MwSt.": "Mehrwertsteuer", "Jh.": "Jahrhundert",
        },
        suffixes={"str.": "straße", "pl.": "platz"},
        out_of="von",
        joints=("und", "u.", "bis", "oder"),
        each=(
            "Stunde", "Tag", "Nacht", "Woche", "Monat", "Jahr", "Person", "Kind", "Paar", "Stück", "Kopf",
            "Minute", "Quartal", "Liter", "Kilo",
        ),
        times=lambda number: f"{'ein' if number == 1 else cardinal(number, 'de')}mal",
        by="mal",
        ratio="zu",
        under="unter",
        over="über",
        and_a_half=lambda number: f"{'ein' if number == 1 else cardinal(number, 'de')}einhalb",
        first=_FIRST,
        counted=_counted,
        clock=_clock,
        clock_written=r"(?P<hour>[01]?\d|2[0-4])(?:[:.](?=[0-5]\d ?(?:Uhr|h)\b)|:(?=[0-5]\d)| ?(?=Uhr))"
        r"(?P<minute>[0-5]\d)?(?: ?(?:Uhr|h)\b)?",
        day=_inflected,
        date="{day} {month} {year}",
        short_date="{day} {month}",
        ordinal_written=r"(?P<led>(?:[Ii]m|[Aa]m|[Zz]um|[Vv]om|[Bb]eim|[Dd]e[rmn]|[Bb]is|[Aa]b|[Ss]eit"
        r"|[Dd]ie|[Dd]as|[Jj]eden) )?(?P<number>\d{1,3})\.(?(led)(?= \w)"
        rf"|(?: (?:{'|'.join(_COUNTED)})\b|(?= (?:bis|und|oder) \d{{1,2}}\.)))",
        ordinal=_ordinal,
    )
)  # fmt: skip
