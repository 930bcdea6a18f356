"""Tables as text: CSV, whatever separates the cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable

from offhook.documents.blocks import Block, Document, Heading, plain, table
from offhook.errors import DocumentError


def read_csv(text: str, title: str) -> Document:
    """Raises DocumentError when it is no table."""
    dialect: type[csv.Dialect] | csv.Dialect
    told = re.match(r"sep=(.)\n", text)
    if told:  # Excel's own word for what separates cells
        return _read(text[told.end() :], title, lambda rest: csv.reader(rest, delimiter=told[1]))
    try:
        dialect = csv.Sniffer().sniff(text[:10_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel  # one column, or one row: commas then
    return _read(text, title, lambda rest: csv.reader(rest, dialect))


def _read(text: str, title: str, reader: Callable[[io.StringIO], Iterable[list[str]]]) -> Document:
    try:
        rows = list(reader(io.StringIO(text)))
    except csv.Error as error:
        raise DocumentError(f"is no CSV that can be read: {error}") from error
    blocks: list[Block] = []
    wide = max((_filled(row) for row in rows), default=0)
    # "PRICE LIST 2026" in a line of its own is no row: what is below it is about that.
    while wide > 1 and rows and _filled(rows[0]) < 2:
        named = plain(" ".join(rows.pop(0)))
        blocks += [Heading(1, named)] if named else []
    made = table(rows, mostly_titled=True)
    return Document(title, (*blocks, made) if made is not None else ())


def _filled(row: list[str]) -> int:
    return sum(bool(plain(cell)) for cell in row)
