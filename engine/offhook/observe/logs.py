"""The daemon's own log: lines for people, or JSON for a collector; each with the call that it is about.

Nothing that was said is in a log, whichever form it has.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

LogFormat = Literal["text", "json"]

CALL_ID: ContextVar[str] = ContextVar("offhook-call", default="")
"""The call that is at work here; whatever is begun for it finds it here."""

_CALL = re.compile(r"\bcall=(\S+?)(?=[\s:,]|$)")
_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@contextmanager
def logged_as(call_id: str) -> Iterator[None]:
    """Lines that are written inside, and by what is begun inside, are about this call."""
    token = CALL_ID.set(call_id)
    try:
        yield
    finally:
        CALL_ID.reset(token)


def set_up(format_: LogFormat, level: int, stream: TextIO | None = None) -> None:
    """Write the log to ``stream`` (None: standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if format_ == "json" else TextLines(_TEXT))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it introduces its parts
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every request


class TextLines(logging.Formatter):
    """As people read it: a line that does not name its call gets it at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        call = CALL_ID.get()
        return f"{line} call={call}" if call and not _CALL.search(record.message) else line


class JsonLines(logging.Formatter):
    """One object a line: ``at`` (UTC), ``level``, ``logger``, ``message``; ``call``, ``error`` where there is
    one.
    """

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        named = _CALL.search(message)
        if call := named[1] if named else CALL_ID.get():
            line["call"] = call
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)
