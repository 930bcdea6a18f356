"""Spanish text as it is spoken.  Pure."""

from __future__ import annotations

import re

from num2words import num2words

from offhook.speech.continental import cardinal, speaker
from offhook.speech.vocabulary import Vocabulary

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


def _ordinal(number: int, written: str) -> str:
    said = str(num2words(number, lang="es", to="ordinal"))
    if written.endswith(("er", " ")):
        short = said[:-1] if said.endswith(("primero", "tercero")) else said
        return short + " " * written.endswith(" ")
    return f"{said[:-1]}a" if written.endswith("ª") else said


spanish = speaker(
    Vocabulary(
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
            "$": ("dólar", "dólares"), "USD": ("dólar", "dólares"), "MXN": ("peso", "pesos"),
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
        },
        weekdays={
            "lun": "lunes", "mar": "martes", "mié": "miércoles", "jue": "jueves", "vie": "viernes",
            "sáb": "sábado", "dom": "domingo", "Lun": "lunes", "Mar": "martes", "Mié": "miércoles",
            "Jue": "jueves", "Vie": "viernes", "Sáb": "sábado", "Dom": "domingo", "L": "lunes",
            "V": "viernes",
        },
        months=(
            "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
            "noviembre", "diciembre",
        ),
        abbreviations={
            "p. ej.": "por ejemplo", "p.ej.": "por ejemplo", "etc.": "etcétera", "aprox.": "aproximadamente",
            "Sr.": "señor", "Sra.": "señora", "Srta.": "señorita", "Dr.": "doctor", "Dra.": "doctora",
            "Ud.": "usted", "Uds.": "ustedes", "Vd.": "usted", "tel.": "teléfono", "Tel.": "teléfono",
            "tfno.": "teléfono", "núm.": "número", "n.º": "número", "nº": "número", "Nº": "número",
            "avda.": "avenida", "Avda.": "avenida", "Av.": "avenida", "c/": "calle", "C/": "calle",
            "pág.": "página",
            "máx.": "máximo", "mín.": "mínimo", "incl.": "incluido", "EE. UU.": "Estados Unidos",
            "a. m.": "de la mañana", "a.m.": "de la mañana", "p. m.": "de la tarde", "p.m.": "de la tarde",
            "24/7": "las veinticuatro horas", "1/2": "medio", "1/4": "un cuarto", "3/4": "tres cuartos",
            "½": "medio",
            "dcha.": "derecha", "izq.": "izquierda",
        },
        suffixes={},
        out_of="de",
        counted=_counted,
        clock=_clock,
        clock_written=r"(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?: ?h(?:oras)?\b)?",
        day=lambda day, _: "uno" if day == 1 else cardinal(day, "es"),
        date="{day} de {month} de {year}",
        short_date="{day} de {month}",
        ordinal_written=r"(?P<number>\d{1,3})(?:\.?[ºª]|er)",
        ordinal=_ordinal,
    )
)  # fmt: skip
