"""What taking turns has to know of a language: one structure of data per language."""

from __future__ import annotations

from offhook.languages.codes import base_language
from offhook.languages.turns.base import TurnLanguage
from offhook.languages.turns.de import GERMAN
from offhook.languages.turns.en import ENGLISH
from offhook.languages.turns.es import SPANISH
from offhook.languages.turns.fr import FRENCH
from offhook.languages.turns.neutral import NEUTRAL

__all__ = ["ENGLISH", "FRENCH", "GERMAN", "NEUTRAL", "SPANISH", "TurnLanguage", "turn_language"]

_KNOWN = {known.code: known for known in (ENGLISH, GERMAN, SPANISH, FRENCH)}


def turn_language(code: str) -> TurnLanguage:
    """The language of ``code`` ("en", "en-GB", "de_AT"); :data:`NEUTRAL` for all that have no data."""
    return _KNOWN.get(base_language(code), NEUTRAL)
