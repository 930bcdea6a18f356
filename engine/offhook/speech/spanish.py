"""Spanish text as it is spoken.  Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from num2words import num2words

from offhook.speech.continental import cardinal, speaker
from offhook.speech.rules import rule
from offhook.speech.vocabulary import Vocabulary

_MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio"),
    *("agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)
_QUARTERS = {15: "y cuarto", 30: "y media"}


def _counted(number: int, noun: str) -> str:
    """ "un euro", "veintiún euros", "treinta y una personas"."""
    said = cardinal(number, "es")
    if not said.endswith("uno"):
        return said
    if re.search(r"(?:as?|ción|dad)$", noun) and not noun.startswith("día"):
        return f"{said[:-1]}a"
    return "veintiún" if said == "veintiuno" else said[:-1]


def _clock(hour: int, minute: int) -> str:
    hours = "una" if hour == 1 else cardinal(hour, "es")
    if not minute:
        return hours
    if hour <= 12 and minute in _QUARTERS:
        return f"{hours} {_QUARTERS[minute]}"
    return f"{hours} {'y ' if hour <= 12 else ''}{cardinal(minute, 'es')}"


def _day_letters(match: re.Match[str]) -> str:
    """ "L a V", "L, X y V", but no sizes: those are S, M and L, or the other way round."""
    letters = [char for char in match.group() if char in _LETTERS]
    places = [list(_LETTERS).index(char) for char in letters]
    if places != sorted(set(places)) or not set(letters) - set("SML"):
        return match.group()
    return re.sub(r"[LMXJVSD]", lambda letter: _LETTERS[letter.group()], match.group()).replace("-", " a ")


_LETTERS = {
    "L": "lunes", "M": "martes", "X": "miércoles", "J": "jueves", "V": "viernes", "S": "sábado",
    "D": "domingo",
}  # fmt: skip
_CLOCK = r"(?P<hour>[01]?\d|2[0-4])\.(?P<minute>[0-5]\d)"
_FIRST = (
    rule(r"(?<![\w.])[LMXJVSD](?:(?:-|, | a | y )[LMXJVSD])+(?![\w.])", _day_letters),
    rule(r"\b([Ll]as?) (\d{1,2})\.([0-5]\d)(?![\w,]|\.\d)", r"\1 \2:\3"),
    rule(rf"(?<![\w.,]){_CLOCK}(?P<to>\s?-\s?)(?=\d{{1,2}}\.[0-5]\d ?h)", r"\g<hour>:\g<minute>\g<to>"),
    rule(r"\b([Ll]a) 1(?![\w:]|[.,:]\d| [^\W\d]{4})", r"\1 una"),
    rule(r"(?<=\d) ?(a|p) ?m\b(?!\.)", r" \1. m."),
    rule(r"(?<=\d [ap]\. m\.)\s?-\s?(?=\d)", " a "),
    rule(
        r"\b(?P<cue>[Ee]l|[Dd]el|[Aa]l|[Dd]ía) (?P<day>\d{1,2})[/-](?P<month>\d{1,2})(?![\w/-]|[.,:]\d)",
        lambda match: (
            f"{match['cue']} {match['day']} de {_MONTHS[int(match['month']) - 1]}"
            if 0 < int(match["day"]) <= 31 and 0 < int(match["month"]) <= 12
            else match.group()
        ),
    ),
    # Postal codes.
    rule(
        r"(?:(?<=\bCP )|(?<=\bC\.P\. )|(?<=, )|^)(\d{5})(?=$|[.,;]|\s[A-ZÁÉÍÓÚÑ])",
        lambda match: " ".join(cardinal(int(digit), "es") for digit in match[1]),
    ),
)


def _ordinal(number: int, written: str) -> str:
    said = str(num2words(number, lang="es", to="ordinal"))
    if written.endswith(("er", " ")):
        short = said[:-1] if said.endswith(("primero", "tercero")) else said
        return short + " " * written.endswith(" ")
    return f"{said[:-1]}a" if written.endswith(("ª", "a")) else said


_SPAIN = Vocabulary(
        code="es",
        point="coma",
        minus="menos",
        plus="más",
        to="a",
        per="por",
        signs={
            ".": "punto", "@": "arroba", "/": "barra", "-": "guion", "_": "guion bajo", ":": "dos puntos",
            "+": "más", "?": "interrogación", "=": "igual", "&": "y", "#": "almohadilla", "%": "por ciento",
            "~": "virgulilla",
        },
        money={
            "€": ("euro", "euros"), "EUR": ("euro", "euros"), "euros": ("euro", "euros"),
            "$": ("dólar", "dólares"), "USD": ("dólar", "dólares"), "US$": ("dólar", "dólares"),
            **dict.fromkeys(("MXN", "COP", "ARS", "CLP", "UYU", "DOP"), ("peso", "pesos")),
            **dict.fromkeys(("S/", "S/.", "PEN"), ("sol", "soles")),
            **dict.fromkeys(("₡", "CRC"), ("colón", "colones")),
            "£": ("libra", "libras"),
        },
        cents=" con ",
        hundredths={
            "€": ("céntimo", "céntimos"), "EUR": ("céntimo", "céntimos"), "$": ("centavo", "centavos"),
        },
        units={
            "km/h": ("kilómetro por hora", "kilómetros por hora"), "km": ("kilómetro", "kilómetros"),
            "m²": ("metro cuadrado", "metros cuadrados"), "m": ("metro", "metros"),
            "cm": ("centímetro", "centímetros"), "mm": ("milímetro", "milímetros"), "kg": ("kilo", "kilos"),
            "g": ("gramo", "gramos"), "l": ("litro", "litros"), "ml": ("mililitro", "mililitros"),
            "°C": ("grado", "grados"), "°": ("grado", "grados"), "%": ("por ciento", "por ciento"),
            "h": ("hora", "horas"), "min": ("minuto", "minutos"), "min.": ("minuto", "minutos"),
            "pers.": ("persona", "personas"), "uds.": ("unidad", "unidades"),
            "ud.": ("unidad", "unidades"), "hs.": ("hora", "horas"), "hrs.": ("hora", "horas"),
            "hs": ("hora", "horas"), "hrs": ("hora", "horas"), "ºC": ("grado", "grados"),
            "m³": ("metro cúbico", "metros cúbicos"), "cl": ("centilitro", "centilitros"),
            "mg": ("miligramo", "miligramos"), "GB": ("giga", "gigas"), "MB": ("mega", "megas"),
            "W": ("vatio", "vatios"), "kW": ("kilovatio", "kilovatios"),
        },
        weekdays={
            "lun": "lunes", "mar": "martes", "mié": "miércoles", "jue": "jueves", "vie": "viernes",
            "sáb": "sábado", "dom": "domingo", "Lun": "lunes", "Mar": "martes", "Mié": "miércoles",
            "Jue": "jueves", "Vie": "viernes", "Sáb": "sábado", "Dom": "domingo", "L": "lunes",
            "V": "viernes", "miér": "miércoles", "juev": "jueves",
        },
        months=_MONTHS,
        short_months={
            "ene": "enero", "feb": "febrero", "abr": "abril", "jun": "junio", "jul": "julio", "ago": "agosto",
            "sep": "septiembre", "sept": "septiembre", "oct": "octubre", "nov": "noviembre",
            "dic": "diciembre",
        },
        abbreviations={
            "izda.": "izquierda", "izdo.": "izquierdo", "dcho.": "derecho", "Pza.": "plaza", "Plza.": "plaza",
            "Pl.": "plaza", "Ctra.": "carretera", "ctra.": "carretera", "Pº": "paseo", "P.º": "paseo",
            "Sres.": "señores", "Dña.": "doña", "D.ª": "doña", "Sta.": "santa", "Sto.": "santo",
            "ext.": "extensión", "Ext.": "extensión", "c/u": "cada uno", "C.P.": "código postal",
            "CP": "código postal", "Prof.": "profesor", "Ing.": "ingeniero", "Lic.": "licenciado",
            "Gral.": "general", "aprox": "aproximadamente", "máx": "máximo", "mín": "mínimo",
            "Tfno.": "teléfono",
            "Tel": "teléfono", "tel": "teléfono", "lun.": "lunes", "mié.": "miércoles", "jue.": "jueves",
            "vie.": "viernes", "sáb.": "sábado", "dom.": "domingo", "Lun.": "lunes", "Mié.": "miércoles",
            "Jue.": "jueves", "Vie.": "viernes", "Sáb.": "sábado", "Dom.": "domingo", "fest.": "festivos",
            "s/n": "sin número", "p/p": "por persona", "ene.": "enero", "dic.": "diciembre",
            "p. ej.": "por ejemplo", "p.ej.": "por ejemplo", "etc.": "etcétera", "aprox.": "aproximadamente",
            "Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Dr.": "doctor", "Dra.": "doctora",
            "Ud.": "usted", "Uds.": "ustedes", "Vd.": "usted", "tel.": "teléfono", "Tel.": "teléfono",
            "tfno.": "teléfono", "núm.": "número", "n.º": "número", "nº": "número", "Nº": "número",
            "avda.": "avenida", "Avda.": "avenida", "Av.": "avenida", "c/": "calle", "C/": "calle",
            "pág.": "página",
            "máx.": "máximo", "mín.": "mínimo", "incl.": "incluido", "EE. UU.": "Estados Unidos",
            "a. m.": "de la mañana", "a.m.": "de la mañana", "p. m.": "de la tarde", "p.m.": "de la tarde",
            "24/7": "las veinticuatro horas", "1/2": "medio", "1/4": "un cuarto", "3/4": "tres cuartos",
            "dcha.": "derecha", "izq.": "izquierda",
        },
        suffixes={},
        out_of="de",
        joints=("y", "a", "o"),
        each=(
            "hora", "día", "noche", "semana", "mes", "año", "persona", "pers", "ud", "unidad", "kilo",
            "litro",
            "pareja", "niño", "adulto", "pax",
        ),
        times=lambda number: "una vez" if number == 1 else f"{_counted(number, 'veces')} veces",
        by="por",
        ratio="a",
        under="menos de",
        over="más de",
        and_a_half=lambda number: f"{cardinal(number, 'es')} y medio",
        first=_FIRST,
        counted=_counted,
        clock=_clock,
        clock_written=r"(?P<hour>[01]?\d|2[0-4])(?::|\.(?=[0-5]\d ?h(?:oras|rs?|s)?\b))(?P<minute>[0-5]\d)"
        r"(?: ?h(?:oras|rs?|s)?\b\.?)?",
        day=lambda day, _: "uno" if day == 1 else cardinal(day, "es"),
        date="{day} de {month} de {year}",
        short_date="{day} de {month}",
        ordinal_written=r"(?P<number>\d{1,3})(?:\.?[ºª]|er|(?<=\b\d)a(?= [a-záéíóúñ]))",
        ordinal=_ordinal,
    )  # fmt: skip
_PESOS = {**_SPAIN.money, "$": ("peso", "pesos")}
_POINTED = rule(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])", lambda match: match.group().replace(",", ""))
"""Thousands with a comma, where decimals have a point."""
spanish = speaker(_SPAIN)
in_pesos = speaker(replace(_SPAIN, money=_PESOS))
"""From Argentina to Colombia."""
mexican = speaker(replace(_SPAIN, money=_PESOS, first=(_POINTED, *_FIRST)))
pointed = speaker(replace(_SPAIN, first=(_POINTED, *_FIRST)))
"""From Guatemala to Peru, and in the United States."""
