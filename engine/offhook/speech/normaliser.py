"""Text as it is spoken: numbers, signs and abbreviations in words that any voice reads."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial

from offhook.speech.english import english
from offhook.speech.french import french
from offhook.speech.german import german
from offhook.speech.spanish import in_pesos, mexican, pointed, spanish

_LANGUAGES: dict[str, Callable[[str], str]] = {
    "en": english,
    **dict.fromkeys(("en-gb", "en-ie", "en-au", "en-nz", "en-in"), partial(english, day_first=True)),
    "en-za": partial(english, day_first=True, in_rand=True),
    "de": german,
    "es": spanish,
    "es-mx": mexican,
    **dict.fromkeys(("es-ar", "es-cl", "es-co", "es-uy"), in_pesos),
    **dict.fromkeys(
        ("es-do", "es-gt", "es-hn", "es-ni", "es-pa", "es-pe", "es-pr", "es-sv", "es-us"), pointed
    ),
    "fr": french,
}
"""What turns written into spoken text, by language tag in lower case, or by language alone."""
_UNSPEAKABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def spoken(text: str, language: str = "en") -> str:
    """``text``, as it is written, in the words in which ``language`` (a tag such as "en-GB") says it.

    Takes any text, raises nothing, changes nothing on a second go.  A language without
    rules of its own gets its text back, made safe as by :func:`speakable`.
    """
    tag = language.lower().replace("_", "-")
    say = _LANGUAGES.get(tag) or _LANGUAGES.get(tag.partition("-")[0])
    safe = speakable(text)
    return say(safe) if say else safe


def speakable(text: str) -> str:
    """``text`` with control characters, lone surrogates and unassigned characters as spaces."""
    safe = "".join(" " if unicodedata.category(char) in _UNSPEAKABLE else char for char in text)
    return " ".join(safe.split())
