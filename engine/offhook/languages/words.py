"""A text's words."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """The words and numbers of ``text`` in lower case, with inner apostrophes, without hyphens."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))
