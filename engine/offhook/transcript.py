"""What was said, for demonstrations and tests only.

Logs and traces never hold speech.  A transcript is written only when the daemon is
started with ``--transcript FILE``; it is readable by the daemon's user alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TextIO

from offhook.errors import ConfigError
from offhook.files import unwritable


class TranscriptWriter:
    """Appends one JSON line per turn: ``{"call", "turn", "heard", "answer"}``."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when ``path`` cannot be written."""
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"transcript {path}: cannot be written: {unwritable(path, error)}") from error
        self._file: TextIO = os.fdopen(fd, "w", buffering=1, encoding="utf-8")

    def write(self, call_id: str, turn: int, heard: str, answer: str) -> None:
        """One turn: what the caller said, and what they heard of the answer."""
        record = {"call": call_id, "turn": turn, "heard": heard, "answer": answer}
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()
