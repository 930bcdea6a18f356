"""What was said, for demonstrations and tests only.

Logs and traces never hold speech.  A transcript is written only when the daemon is
started with ``--transcript FILE``; it is readable by the daemon's user alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from offhook.observe.lines import LineWriter


class TranscriptWriter(LineWriter):
    """One JSON line per turn, ``{"call", "turn", "heard", "answer"}``, written as a LineWriter does.

    What was done for the caller stands before its turn: ``{"call", "tool", "arguments"}``.
    """

    def __init__(self, path: Path) -> None:
        """Raises ConfigError when ``path`` cannot be written."""
        super().__init__(path, "transcript", mode=0o600)

    def write(self, call_id: str, turn: int, heard: str, answer: str) -> None:
        """One turn: what the caller said, and what they heard of the answer.  Returns at once."""
        record = {"call": call_id, "turn": turn, "heard": heard, "answer": answer}
        self.put(json.dumps(record, ensure_ascii=False))

    def did(self, call_id: str, tool: str, arguments: Mapping[str, Any]) -> None:
        """A tool has done something for the caller.  Returns at once."""
        record = {"call": call_id, "tool": tool, "arguments": dict(arguments)}
        self.put(json.dumps(record, ensure_ascii=False, default=str))
