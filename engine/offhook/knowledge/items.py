"""What is known, one statement each, and the vectors by which it is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.base import Encoded, FactMatcher
from offhook.knowledge.kinds import kinds
from offhook.knowledge.marks import marks
from offhook.knowledge.notes import Part, assemble, titles_of
from offhook.knowledge.vectors import Progress, VectorCache, encode_facts, unpack

MOST_KEYWORDS = 8
WANTED = 0.7
"""A part of a note belongs to the answer when it is wanted so much, compared with the most wanted one."""
UNTOLD = 0.4
"""The same where no word of the question tells the parts apart: the matcher guesses then, and whoever hears
a part too many is served better than who misses the one that they need.  On the businesses that the matcher
was not trained on, answers to questions in other words hold all that is needed in 0.80 instead of 0.70, and
are a word longer; plain ones in 0.91 instead of 0.88."""


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
    denies: tuple[bool, ...] = ()
    """For each part: it says no, and the next one tells what there is instead; empty for none."""
    language: str = "en"


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
    named = [
        *item.keywords[:MOST_KEYWORDS],
        *([item.about] if item.about else []),
        *kinds(item.text, item.language),
    ]
    return f"{item.text} ({', '.join(named)})" if named else item.text


def part_of(item: Item, encoded: Encoded) -> NDArray[np.int64]:
    """For each token the part of ``item`` to which it belongs; -1 for none."""
    found = np.full(len(encoded.spans), -1, np.int64)
    for place, (start, stop) in enumerate(encoded.spans):
        for number, part in enumerate(item.parts):
            if start < stop and part.start <= start < part.stop:
                found[place] = number
    return found


def said_of(item: Item, wanted: Sequence[float], *, named: bool = True) -> str:
    """The parts of ``item`` that an answer needs, as sentences; see :func:`needed`."""
    if len(item.parts) < 2 or len(wanted) < len(item.parts):
        return assemble(item.text, list(item.parts))
    chosen = zip(item.parts, needed(item, wanted, named=named), strict=True)
    return assemble(item.text, [part for part, is_needed in chosen if is_needed])


def needed(item: Item, wanted: Sequence[float], *, named: bool = True) -> list[bool]:
    """For each part whether an answer needs it, by how ``wanted`` each is.

    ``named``: the question has words that tell some part from the others.  Behind a no comes what there is
    instead: "no gas fires; ring ...".
    """
    least = (WANTED if named else UNTOLD) * max(wanted)
    found = [share >= least for share in wanted]
    for place, denies in enumerate(item.denies[:-1]):
        if denies and found[place]:
            found[place + 1] = True
    return found


def marks_of_parts(item: Item) -> list[frozenset[str]]:
    """The telling words of each part, and of its list's title: ``Ham: small 11, large 16`` is ham twice."""
    titles = titles_of(item.text)
    return [
        marks(titles.get(part.start, "") + " " + item.text[part.start : part.stop]) for part in item.parts
    ]
