"""Codes of languages, as people and Asterisk write them."""

from __future__ import annotations


def base_language(code: str) -> str:
    """The language itself: "en" of "en-GB", "de" of "de_AT"."""
    return code.replace("_", "-").split("-")[0].lower()
