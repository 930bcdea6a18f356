"""Comparing what was said with what was understood, word by word."""

from __future__ import annotations

import difflib
import re


def words(text: str) -> list[str]:
    """Lower-case words and numbers, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower().replace("good-by", "goodby").replace("-", " "))


def recall(spoken: str, understood: str) -> float:
    """The share of the spoken words that were understood, in their order. 0 to 1; 1 for no words."""
    said, got = words(spoken), words(understood)
    if not said:
        return 1.0
    blocks = difflib.SequenceMatcher(None, said, got, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(said)


def similarity(one: str, other: str) -> float:
    """How alike two texts are, as words in order. 0 to 1."""
    return difflib.SequenceMatcher(None, words(one), words(other), autojunk=False).ratio()
