"""Files of lines, rid of what belongs to some calls.

Traces hold times and no words, transcripts words; both name the call in every line.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from offhook.errors import ConfigError

_TRIES = 5
"""A line that is appended while a file is rewritten must not be lost: then it is read again."""


def lines_of(path: Path | None, calls: Collection[str]) -> list[dict[str, Any]]:
    """The lines of these calls in the file and in its older generation.  Raises ConfigError."""
    found = []
    for each in _generations(path):
        for line in each.read_bytes().split(b"\n"):
            entry = _entry(line)
            if entry is not None and entry.get("call") in calls:
                found.append(entry)
    return found


def forget_lines(path: Path | None, calls: Collection[str]) -> int:
    """Take the lines of these calls out, from the older generation, too; how many.  Raises ConfigError."""
    return sum(_forget(each, frozenset(calls)) for each in _generations(path))


def _generations(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield from (each for each in (path, path.with_name(f"{path.name}.1")) if each.is_file())


def _forget(path: Path, calls: frozenset[str]) -> int:
    try:
        for _ in range(_TRIES):
            content = path.read_bytes()
            lines = content.splitlines(keepends=True)
            kept = [line for line in lines if (_entry(line) or {}).get("call") not in calls]
            if len(kept) == len(lines):
                return 0
            if _replaced(path, b"".join(kept), len(content)):
                return len(lines) - len(kept)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be rewritten: {error.strerror}") from error
    raise ConfigError(f"{path}: grows faster than it can be rewritten: do the same again")


def _replaced(path: Path, content: bytes, size: int) -> bool:
    """Whether ``path`` holds ``content`` now: not when it has grown beyond ``size`` meanwhile."""
    status = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), status.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
        if path.stat().st_size != size:
            Path(name).unlink()
            return False
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:  # torn by a full disk
        return None
    return entry if isinstance(entry, dict) else None
