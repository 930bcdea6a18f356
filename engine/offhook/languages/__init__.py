"""What the conversation knows of languages, as data."""

from __future__ import annotations

import logging
from functools import cache

from offhook.languages.base import Defaults, Language, Phrases
from offhook.languages.codes import base_language
from offhook.languages.de import GERMAN
from offhook.languages.en import ENGLISH
from offhook.languages.es import SPANISH
from offhook.languages.fr import FRENCH
from offhook.languages.neutral import neutral

__all__ = [
    "ENGLISH",
    "FRENCH",
    "GERMAN",
    "SPANISH",
    "Defaults",
    "Language",
    "Phrases",
    "is_known",
    "language",
]

_KNOWN = {one.code: one for one in (ENGLISH, GERMAN, SPANISH, FRENCH)}
_log = logging.getLogger(__name__)


def language(code: str) -> Language:
    """The language of ``code`` ("en", "en-GB"); of others their marks alone, with a line in the log."""
    return _of(base_language(code))


def is_known(code: str) -> bool:
    """Whether offhook has words of the language of ``code``."""
    return base_language(code) in _KNOWN


@cache
def _of(code: str) -> Language:
    known = _KNOWN.get(code)
    if known is not None:
        return known
    _log.warning(
        "language %s: offhook has no words of it (only of %s): phrases that the agent's file does not have"
        " are English, farewells are told by the classifier alone, questions by their question mark",
        code,
        ", ".join(_KNOWN),
    )
    return neutral(code)
