"""Lists of people to call: CSV files with a line of titles.

``number`` is needed; ``agent``, ``tenant``, ``consent`` may be there.  Columns that are not known are an
error: a misspelt ``consent`` is none.  Commas, semicolons or tabs; what spreadsheets write.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from offhook.errors import ConfigError
from offhook.files import read_text

COLUMNS = ("number", "agent", "tenant", "consent")
_NONE = re.compile(
    r"""\W*((no|not|none|never|nope|n|f|false|0|n/a|na|nan|null|nil|unknown|unclear|pending|missing
        |refused|denied|declined|withdrawn|revoked|opt(ed)?[\s-]?out
        |nein|nicht|kein\w*|ohne|unbekannt|widerrufen|abgelehnt
        |non|pas|aucune?|sans|refus.|inconnu|ningun[oa]|sin|negado|rechazado|desconocido)(?![\w-]).*)?""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""How notes begin that say of somebody that they have not agreed, or that nobody knows."""
_EXCEL = re.compile(r"sep=(.)", re.IGNORECASE)
_LONGEST = 300
"""Of what stands in one column: a quotation mark that is never closed takes the rest of the file in."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line."""

    line: int
    number: str
    agent: str = ""
    tenant: str = ""
    consent: str = ""
    fault: str = ""
    """Why nobody can be called by it."""


def consent_of(written: str) -> str:
    """How somebody has agreed; empty: they have not, by what is written."""
    return "" if _NONE.fullmatch(written) else " ".join(written.split())


def read_list(path: Path) -> Iterator[Row]:
    """Raises ConfigError for a file that is no list; a line that is none has a ``fault``."""
    text = read_text(path).lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    before = 0
    while before < len(lines) and not lines[before].strip():
        before += 1
    told = _EXCEL.fullmatch(lines[before].strip()) if before < len(lines) else None
    before += told is not None
    first = lines[before] if before < len(lines) else ""
    delimiter = told[1] if told is not None else max(",;\t", key=first.count)
    rows = csv.reader((f"{line}\n" for line in lines[before:]), delimiter=delimiter, strict=True)
    titles = _titles(path, rows)
    while True:
        begin = before + rows.line_num + 1
        try:
            values = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise ConfigError(
                f"{path}, line {begin}: its quotation marks do not come in pairs: correct them ({error})"
            ) from None
        if not any(value.strip() for value in values):
            continue
        yield _row(before + rows.line_num, titles, values)


def _titles(path: Path, rows: Iterator[list[str]]) -> list[str]:
    try:
        titles = [title.strip().lower() for title in next(rows, [])]
    except csv.Error:
        titles = []
    while titles and not titles[-1]:  # spreadsheets leave such
        titles.pop()
    if "number" not in titles:
        raise ConfigError(f"{path}: the first line has the titles, and one of them is: number")
    unknown = [title for title in titles if title not in COLUMNS]
    if unknown:
        raise ConfigError(f"{path}: unknown column {unknown[0][:40]!r}; there are: {', '.join(COLUMNS)}")
    twice = [title for title in titles if titles.count(title) > 1]
    if twice:
        raise ConfigError(f"{path}: the column {twice[0]!r} is there twice")
    return titles


def _row(line: int, titles: list[str], values: list[str]) -> Row:
    if len(values) < len(titles) or any(value.strip() for value in values[len(titles) :]):
        return Row(line, "", fault="it has not as many columns as the titles")
    named = {title: value.strip() for title, value in zip(titles, values, strict=False)}
    for title, value in named.items():
        if len(value) > _LONGEST or "\0" in value:
            return Row(line, "", fault=f"what stands in its column {title!r} is no {title}")
    return Row(line, **{**named, "consent": consent_of(named.get("consent", ""))})
