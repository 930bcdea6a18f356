"""What commands print: columns for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from offhook.observe.trace.waterfall import printable


def as_json(value: Any) -> str:
    """One line; dataclasses are objects, moments ISO 8601."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def as_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns under their titles; nothing in them reaches the terminal as a control character."""
    lines = [tuple(titles), *(tuple(printable(_cell(cell)) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case _:
            return str(value)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
