"""Tables as text: CSV, whatever separates the cells."""

from __future__ import annotations

import csv
import io

from offhook.documents.blocks import Document, table
from offhook.errors import DocumentError


def read_csv(text: str, title: str) -> Document:
    """Raises DocumentError when it is no table."""
    dialect: type[csv.Dialect] | csv.Dialect
    try:
        dialect = csv.Sniffer().sniff(text[:10_000], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel  # one column, or one row: commas then
    try:
        rows = list(csv.reader(io.StringIO(text), dialect))
    except csv.Error as error:
        raise DocumentError(f"is no CSV that can be read: {error}") from error
    made = table(rows, mostly_titled=True)
    return Document(title, (made,) if made is not None else ())
