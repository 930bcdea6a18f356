"""Text in pieces that an engine can speak."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offhook.speech import speakable

__all__ = ["has_words", "parts", "speakable"]

_MAX_CHARS = 300
"""Longer texts are spoken in parts: each part is a step after which a cancellation is seen."""
_BREAK = re.compile(r"[.!?;:…]['\")\]]*\s|,\s|\s")


def has_words(text: str) -> bool:
    """True when there is a letter or digit to say."""
    return any(char.isalnum() for char in text)


def parts(text: str, max_chars: int = _MAX_CHARS) -> Iterator[str]:
    """``text`` in pieces of at most ``max_chars``, cut at the best place there is."""
    while len(text) > max_chars:
        cuts = list(_BREAK.finditer(text, 0, max_chars))
        sentences = [cut.end() for cut in cuts if cut.group()[0] in ".!?…"]
        clauses = [cut.end() for cut in cuts if not cut.group()[0].isspace()]
        at = (sentences or clauses or [cut.end() for cut in cuts] or [max_chars])[-1]
        yield text[:at].strip()
        text = text[at:]
    if text.strip():
        yield text.strip()
