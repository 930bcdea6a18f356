"""What is known, one statement each, and the vectors by which it is found."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.base import Encoded, FactMatcher
from offhook.knowledge.notes import Part, assemble
from offhook.knowledge.vectors import Progress, VectorCache, encode_facts, unpack

MOST_KEYWORDS = 8
_KINDS = {
    "our address, where to find us": re.compile(
        r"\b\d{1,5}[A-Za-z]? (?:[A-Z][\w'\u2019]+ ){1,3}[A-Z][\w'\u2019]+"
    ),
    "e-mail address": re.compile(r"\S@\S+\.\w"),
    "website": re.compile(
        r"(?<![@\w.])(?:https?://|www\.)\S|(?<![@\w.-])[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|co\.uk|example)\b"
    ),
    "telephone number": re.compile(r"(?<![\d$£€.,])(?:\+?\d[\d ().-]{5,}\d)(?![\d.,]*\d)"),
}
"""What is written without its name."""


@dataclass(frozen=True, slots=True)
class Item:
    """One fact, one sentence of the persona that states something, or one passage of a document."""

    number: int
    text: str
    parts: tuple[Part, ...]
    keywords: tuple[str, ...] = ()
    about: str = ""
    """Of a passage: the headings above it, by which it is found as well."""
    source: str = ""
    """Of a passage: its document."""


def encode_items(
    items: Sequence[Item],
    matcher: FactMatcher,
    cache: VectorCache | None = None,
    stored: Mapping[int, bytes] | None = None,
    progress: Progress | None = None,
) -> list[Encoded]:
    """The vectors of ``items``; ``stored`` has some by their place in ``items``."""
    packed = pack_items(items, matcher, cache, stored, progress)
    return [unpack(each, searched(item)) for item, each in zip(items, packed, strict=True)]


def pack_items(
    items: Sequence[Item],
    matcher: FactMatcher,
    cache: VectorCache | None = None,
    stored: Mapping[int, bytes] | None = None,
    progress: Progress | None = None,
) -> list[bytes]:
    """The same as :mod:`.vectors` packs them."""
    said = [[assemble(item.text, [part]) for part in item.parts] for item in items]
    return encode_facts(matcher, cache, [searched(item) for item in items], said, stored, progress)


def searched(item: Item) -> str:
    """The text and, behind it, its keywords, its headings, and what its addresses and numbers are called."""
    kinds = [
        *item.keywords[:MOST_KEYWORDS],
        *([item.about] if item.about else []),
        *(kind for kind, shape in _KINDS.items() if shape.search(item.text)),
    ]
    return f"{item.text} ({', '.join(kinds)})" if kinds else item.text


def part_of(item: Item, encoded: Encoded) -> NDArray[np.int64]:
    """For each token the part of ``item`` to which it belongs; -1 for none."""
    found = np.full(len(encoded.spans), -1, np.int64)
    for place, (start, stop) in enumerate(encoded.spans):
        for number, part in enumerate(item.parts):
            if start < stop and part.start <= start < part.stop:
                found[place] = number
    return found
