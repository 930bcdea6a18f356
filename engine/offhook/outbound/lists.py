"""Lists of people to call: CSV files with a line of titles.

``number`` is needed; ``agent``, ``tenant``, ``consent`` may be there.  Columns that are not known are an
error: a misspelt ``consent`` is none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from offhook.errors import ConfigError
from offhook.files import read_text

COLUMNS = ("number", "agent", "tenant", "consent")
_NONE = frozenset({"", "no", "false", "0", "none", "-"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line."""

    line: int
    number: str
    agent: str = ""
    tenant: str = ""
    consent: str = ""


def consent_of(written: str) -> str:
    """How somebody has agreed; empty: they have not."""
    return "" if written.strip().lower() in _NONE else written.strip()


def read_list(path: Path) -> Iterator[Row]:
    """Raises ConfigError, with the line."""
    text = read_text(path).lstrip("\ufeff")
    first = text.splitlines()[0] if text.strip() else ""
    rows = csv.DictReader(text.splitlines(), delimiter=";" if first.count(";") > first.count(",") else ",")
    titles = [(title or "").strip().lower() for title in rows.fieldnames or ()]
    if "number" not in titles:
        raise ConfigError(f"{path}: the first line has the titles, and one of them is: number")
    unknown = [title for title in titles if title not in COLUMNS]
    if unknown:
        raise ConfigError(f"{path}: unknown column {unknown[0]!r}; there are: {', '.join(COLUMNS)}")
    rows.fieldnames = titles
    for each in rows:
        if None in each or any(value is None for value in each.values()):
            raise ConfigError(f"{path}, line {rows.line_num}: it has not as many columns as the titles")
        values = {title: str(each[title]).strip() for title in titles}
        yield Row(rows.line_num, **{**values, "consent": consent_of(values.get("consent", ""))})
