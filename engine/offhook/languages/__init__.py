"""What the conversation knows of languages, as data."""

from __future__ import annotations

from offhook.languages.base import Language, Phrases
from offhook.languages.en import ENGLISH

__all__ = ["ENGLISH", "Language", "Phrases", "language"]

_KNOWN = {ENGLISH.code: ENGLISH}


def language(code: str) -> Language:
    """The language of ``code`` ("en", "en-GB"); English where none is known yet."""
    return _KNOWN.get(code.split("-")[0].lower(), ENGLISH)
