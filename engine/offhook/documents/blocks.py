"""A document as a sequence of blocks, whatever file it was."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """What the blocks below it are about."""

    level: int
    """1 is the highest."""
    text: str
    """Empty: nothing above holds any more."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Items of a list, with or without numbers."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, all of the same length."""

    rows: tuple[tuple[str, ...], ...]
    titles: tuple[str, ...] = ()
    """What its columns are called; empty: nobody says."""


Block = Heading | Paragraph | Listing | Table


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says."""

    title: str
    blocks: tuple[Block, ...]


def plain(text: str) -> str:
    """One line with single spaces, without characters that nobody sees."""
    return " ".join(re.sub("[\u00ad\u200b-\u200f\u2060\ufeff]", "", text).split())


def table(
    rows: list[list[str]], titles: list[str] | None = None, *, mostly_titled: bool = False
) -> Table | None:
    """A table of these cells; None when there is nothing in it.

    ``titles`` None: the first row is taken for them when it looks like it, with a word in every cell and no
    figure, above rows that have figures or are several.  Of two columns only where such files mostly have
    titles (``mostly_titled``): "Monday | closed" is no title of "Tuesday | 9 to 5".
    """
    filled = [[plain(cell) for cell in row] for row in rows]
    filled = [row for row in filled if any(row)]
    if not filled:
        return None
    if titles is None and (mostly_titled or len(filled[0]) > 2) and _are_titles(filled):
        titles, filled = filled[0], filled[1:]
    width = max([len(row) for row in filled] + [len(titles or ())], default=0)
    if not filled:
        return None
    padded = tuple((*row, *[""] * (width - len(row))) for row in filled)
    named = [plain(title) for title in titles or ()]
    return Table(padded, (*named, *[""] * (width - len(named))) if any(named) else ())


def _are_titles(rows: list[list[str]]) -> bool:
    first, others = rows[0], rows[1:]
    if (
        len(first) < 2
        or not all(first)
        or any(char.isdigit() or char == "?" for cell in first for char in cell)
    ):
        return False
    figures = any(char.isdigit() for row in others for cell in row[1:] for char in cell)
    return figures or (
        all(cell.lower() == cell or len(cell.split()) <= 2 for cell in first) and len(others) > 2
    )
