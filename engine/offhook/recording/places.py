"""Where recordings lie, what they are called, and how those of a call are found again.

``FOLDER/TENANT/2026-05-31/091502-CALL.wav``, in UTC.  While one is written its name begins with a dot and
ends with ``.part``.  Recordings of others (Asterisk's MixMonitor) are found by the same rule: a file belongs
to a call when the call's id stands in its name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from offhook.errors import ConfigError
from offhook.files import unreadable

OWN = "_own"
"""The folder of the box's own agents: no tenant can be called so."""
PART = ".part"
SUFFIXES = {"wav": ".wav", "flac": ".flac", "opus": ".opus"}
_MAX_ID = 100


def safe_id(call_id: str) -> str:
    """A call's id as it stands in names of files: ids come from outside."""
    return re.sub(r"[^\w.+-]", "_", call_id, flags=re.ASCII)[:_MAX_ID]


def path_of(folder: Path, whose: str, began: datetime, call_id: str, format_: str) -> Path:
    """The name of a recording that is whole; ``began`` is in UTC."""
    return folder / whose / f"{began:%Y-%m-%d}" / f"{began:%H%M%S}-{safe_id(call_id)}{SUFFIXES[format_]}"


def part_of(path: Path) -> Path:
    """The same while it is written."""
    return path.with_name(f".{path.name}{PART}")


def whole_of(part: Path) -> Path:
    """What a part is called when it is whole."""
    return part.with_name(part.name.removeprefix(".").removesuffix(PART))


def recordings_of(folders: Iterable[Path], calls: Collection[str]) -> list[Path]:
    """The files below ``folders`` in whose names one of these ids stands, as a whole.  Raises ConfigError."""
    names = {name for call in calls if call for name in (call, safe_id(call))}
    if not names:
        return []
    ids = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    named = re.compile(rf"(?<![\d.])(?:{ids})(?!\d|\.\d)")
    return [path for path in _files(folders) if named.search(path.name)]


def forget_recordings(folders: Iterable[Path], calls: Collection[str]) -> int:
    """Delete the recordings of these calls; how many.  Raises ConfigError."""
    found = recordings_of(folders, calls)
    for path in found:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be deleted: {error.strerror}") from error
    return len(found)


def forget_older(folder: Path, days: int, now: datetime) -> int:
    """Delete what lies below ``folder`` and was written more than ``days`` ago, and folders that are empty
    then; how many files.  Raises ConfigError.
    """
    before_s = (now - timedelta(days=days)).timestamp()
    deleted = 0
    try:
        for path in _files([folder]):
            if path.stat().st_mtime < before_s:
                path.unlink(missing_ok=True)
                deleted += 1
        for day in sorted(folder.glob("*/"), reverse=True) if folder.is_dir() else ():
            # One that is new may be about to get its first file.
            if day.stat().st_mtime < before_s and not any(day.iterdir()):
                day.rmdir()
    except OSError as error:
        raise ConfigError(f"{folder}: old recordings cannot be deleted: {error.strerror}") from error
    return deleted


def _files(folders: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        try:
            found += (path for path in folder.rglob("*") if path.is_file())
        except OSError as error:
            raise unreadable(folder, error) from error
    return sorted(found)
