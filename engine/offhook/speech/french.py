"""French text as it is spoken.  Pure."""

from __future__ import annotations

import re

from num2words import num2words

from offhook.speech.continental import cardinal, speaker
from offhook.speech.rules import rule
from offhook.speech.vocabulary import Vocabulary

_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
    *("août", "septembre", "octobre", "novembre", "décembre"),
)
_FEMININE = frozenset(
    ("heure", "heures", "minute", "minutes", "personne", "personnes", "livre", "livres", "tonne")
)


def _counted(number: int, noun: str) -> str:
    said = cardinal(number, "fr")
    feminine = noun in _FEMININE or re.search(r"(?:tion|té|ette|ée)s?$", noun)
    return f"{said}e" if feminine and re.search(r"\bun$", said) else said


def _clock(hour: int, minute: int) -> str:
    if hour in (0, 24) and not minute:
        return "minuit"
    if hour == 12 and not minute:
        return "midi"
    hours = f"{_counted(hour, 'heures')} {'heure' if hour < 2 else 'heures'}"
    return f"{hours} {_counted(minute, 'minutes')}" if minute else hours


def _ordinal(number: int, written: str) -> str:
    if number == 1:
        return "première" if re.search(r"(?:re|ère)$", written) else "premier"
    return str(num2words(number, lang="fr", to="ordinal"))


_FIRST = (
    rule(
        r"\b(?P<cue>[Ll]e|[Dd]u|[Aa]u) (?P<day>\d{1,2})/(?P<month>\d{1,2})(?![\w/-]|[.,:]\d)",
        lambda match: (
            f"{match['cue']} {match['day']} {_MONTHS[int(match['month']) - 1]}"
            if 0 < int(match["day"]) <= 31 and 0 < int(match["month"]) <= 12
            else match.group()
        ),
    ),
)
french = speaker(
    Vocabulary(
        code="fr",
        point="virgule",
        minus="moins",
        plus="plus",
        to="à",
        per="par",
        signs={
            ".": "point", "@": "arobase", "/": "barre oblique", "-": "tiret", "_": "tiret bas",
            ":": "deux points", "+": "plus", "?": "point d'interrogation", "=": "égale", "&": "et",
            "#": "dièse", "%": "pour cent", "~": "tilde",
        },
        money={
            "€": ("euro", "euros"), "EUR": ("euro", "euros"), "euros": ("euro", "euros"),
            "$": ("dollar", "dollars"), "USD": ("dollar", "dollars"), "CAD": ("dollar", "dollars"),
            "£": ("livre", "livres"), "CHF": ("franc", "francs"),
        },
        cents=" ",
        hundredths={
            "€": ("centime", "centimes"), "EUR": ("centime", "centimes"), "CHF": ("centime", "centimes"),
            "$": ("cent", "cents"),
        },
        units={
            "km/h": ("kilomètre heure", "kilomètres heure"), "km": ("kilomètre", "kilomètres"),
            "m²": ("mètre carré", "mètres carrés"), "m": ("mètre", "mètres"), "cm": ("centimètre",
            "centimètres"),
            "mm": ("millimètre", "millimètres"), "kg": ("kilo", "kilos"), "g": ("gramme", "grammes"),
            "l": ("litre", "litres"), "ml": ("millilitre", "millilitres"), "°C": ("degré", "degrés"),
            "°": ("degré", "degrés"), "m³": ("mètre cube", "mètres cubes"),
            "cl": ("centilitre", "centilitres"), "Go": ("giga", "gigas"), "ans": ("an", "ans"),
            "h": ("heure", "heures"), "%": ("pour cent", "pour cent"), "min": ("minute", "minutes"),
            "min.": ("minute", "minutes"), "pers.": ("personne", "personnes"),
        },
        weekdays={
            "lun": "lundi", "mar": "mardi", "mer": "mercredi", "jeu": "jeudi", "ven": "vendredi",
            "sam": "samedi", "dim": "dimanche", "Lun": "lundi", "Mar": "mardi", "Mer": "mercredi",
            "Jeu": "jeudi", "Ven": "vendredi", "Sam": "samedi", "Dim": "dimanche",
        },
        months=_MONTHS,
        short_months={
            "janv": "janvier", "févr": "février", "fév": "février", "avr": "avril", "juil": "juillet",
            "sept": "septembre", "oct": "octobre", "nov": "novembre", "déc": "décembre",
        },
        abbreviations={
            "p. ex.": "par exemple", "p.ex.": "par exemple", "c.-à-d.": "c'est-à-dire", "etc.": "et cetera",
            "env.": "environ", "M.": "monsieur", "Mme": "madame", "Mlle": "mademoiselle", "Dr": "docteur",
            "Pr": "professeur", "St": "saint", "Ste": "sainte", "tél.": "téléphone", "Tél.": "téléphone",
            "n°": "numéro", "N°": "numéro", "av.": "avenue", "bd": "boulevard", "Bd": "boulevard",
            "max.": "maximum",
            "min.": "minimum", "24/7": "sept jours sur sept", "1/2": "un demi", "1/4": "un quart",
            "3/4": "trois quarts",
            "RDV": "rendez-vous", "rdv": "rendez-vous", "svp": "s'il vous plaît",
            "incl.": "inclus", "ét.": "étage",
        },
        suffixes={},
        out_of="sur",
        joints=("et", "à", "ou", "au"),
        each=(
            "heure", "jour", "nuit", "semaine", "mois", "an", "personne", "pers", "pièce", "couple", "enfant",
            "adulte", "litre", "kilo",
        ),
        times=lambda number: f"{'une' if number == 1 else cardinal(number, 'fr')} fois",
        by="par",
        ratio="à",
        under="moins de",
        over="plus de",
        and_a_half=lambda number: f"{cardinal(number, 'fr')} et demi",
        first=_FIRST,
        counted=_counted,
        clock=_clock,
        clock_written=r"(?P<hour>[01]?\d|2[0-4])(?: ?h(?:eures?)?\b ?| ?h(?=[0-5]\d)"
        r"|:(?=\d\d))(?P<minute>[0-5]\d)?",
        day=lambda day, _: "premier" if day == 1 else cardinal(day, "fr"),
        date="{day} {month} {year}",
        short_date="{day} {month}",
        ordinal_written=r"(?P<number>\d{1,3})(?:er|re|ère|e|ème|nd|nde)",
        ordinal=_ordinal,
    )
)  # fmt: skip
