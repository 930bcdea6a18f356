"""What owners write without its name: an address, a telephone number, when they are open.

Callers ask for it by that name: it is put behind the fact where the fact is searched.  Data, by language;
shapes of web and e-mail addresses and of telephone numbers are the same in all.
"""

from __future__ import annotations

import re

from offhook.languages.codes import base_language

_EMAIL = re.compile(r"\S@\S+\.\w")
_WEBSITE = re.compile(
    r"(?<![@\w.])(?:https?://|www\.)\S"
    r"|(?<![@\w.-])[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|co\.uk|de|at|ch|es|mx|ar|fr|be|ca|example)\b"
)
_TELEPHONE = re.compile(r"(?<![\d$£€.,])\+?\d(?:[ ().-]*\d){6,}(?![\d.,]*\d)")
_NAME = r"[A-Z\u00c1\u00c9\u00cd\u00d3\u00da\u00d1]\w*"


_HOUSE = r"\d{1,5}[a-zA-Z]?\b(?!\s*(?i:[\u20ac$%]|euros?\b|uhr\b|min|std|km\b|m\b|horas?\b|,\d))"
"""A house number, and not a price or a length."""


def _hours(days: str) -> re.Pattern[str]:
    """A day, and behind it from when until when: "Di-Fr 10-18.30 Uhr"."""
    clock = r"\d{1,2}(?:[.:h]\d{0,2})?\s*(?:uhr|hs?\b)?"
    return re.compile(
        rf"\b(?:{days})\b.*?\b{clock}\s*(?:-|\u2013|bis|a|\u00e0)\s*(?:las?\s)?\d{{1,2}}", re.IGNORECASE
    )


_KINDS: dict[str, dict[str, re.Pattern[str]]] = {
    "en": {
        "our address, where to find us": re.compile(
            r"\b\d{1,5}[A-Za-z]? (?:[A-Z][\w'\u2019]+ ){1,3}[A-Z][\w'\u2019]+"
        ),
        "e-mail address": _EMAIL,
        "website": _WEBSITE,
        "telephone number": _TELEPHONE,
    },
    "de": {
        "Adresse, wo finde ich Sie": re.compile(
            r"\b(?!Park|Stell|Spiel|Camping|Zelt|Sitz|Liege|Steh)(?:"
            r"[A-Z\u00c4\u00d6\u00dc][\w-]*(?:stra(?:\u00df|ss)e|str\.|gasse|weg|platz|allee|ring|damm|ufer)"
            rf"|(?:Am|An der|Im|Zur|Zum) [A-Z\u00c4\u00d6\u00dc][\w-]+) {_HOUSE}"
        ),
        "E-Mail-Adresse": _EMAIL,
        "Webseite, Internet": _WEBSITE,
        "Telefonnummer": _TELEPHONE,
        "\u00d6ffnungszeiten, wann ge\u00f6ffnet": _hours(
            r"mo|di|mi|do|fr|sa|so|(?:mon|diens|donners|frei|sams|sonn)(?:tag|abend)s?|mittwochs?"
        ),
    },
    "es": {
        "direcci\u00f3n, d\u00f3nde est\u00e1n": re.compile(
            r"(?<!\w)(?i:calle|c/|avenida|avda?\.?|av\.|plaza|pza\.?|paseo|carrera|cra\.?|calzada|ronda|camino)\s?"
            rf"(?:(?:de|del|la|las|los|el) )*{_NAME}(?: (?:de|del|la|las|los|y|{_NAME}))*"
            rf",?\s*(?:n[\u00fau]m\.?\s*|#\s*|n\u00ba\s*)?{_HOUSE}"
        ),
        "correo electr\u00f3nico": _EMAIL,
        "p\u00e1gina web": _WEBSITE,
        "n\u00famero de tel\u00e9fono": _TELEPHONE,
        "horario, cu\u00e1ndo abren": _hours(
            r"lun|mar|mi[e\u00e9]|jue|vie|s[a\u00e1]b|dom|lunes|martes|mi[e\u00e9]rcoles|jueves|viernes|s[a\u00e1]bados?|domingos?"
            r"|[lmxjvsd] a [lmxjvsd]"
        ),
    },
    "fr": {
        "adresse, o\u00f9 \u00eates-vous": re.compile(
            r"\b\d+(?:\s?(?:bis|ter))?,?\s+"
            r"(?:rue|avenue|av\.|boulevard|bd|place|quai|chemin|impasse|all\u00e9e|cours|route)\b",
            re.IGNORECASE,
        ),
        "adresse e-mail": _EMAIL,
        "site web": _WEBSITE,
        "num\u00e9ro de t\u00e9l\u00e9phone": _TELEPHONE,
        "horaires, quand ouvrez-vous": _hours(
            r"lun|mar|mer|jeu|ven|sam|dim|(?:lun|mar|mercre|jeu|vendre|same)dis?|dimanches?"
        ),
    },
}
"""By language: what callers call it, and how it is written.  English hours are known without a name."""


def kinds(text: str, language: str) -> list[str]:
    """What ``text`` holds by these names; in English for a ``language`` that is not known here."""
    known = _KINDS.get(base_language(language), _KINDS["en"])
    return [name for name, shape in known.items() if shape.search(text)]
