"""The box's own agent files, when a page writes them: as a whole, and what was there before is kept."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from offhook.agents.loader import check_name
from offhook.errors import ConfigError
from offhook.files import at_home, read_text

MOST_KEPT = 50
"""Earlier files of one agent; the oldest are deleted."""


def save_agent(folder: Path, name: str, text: str) -> Path | None:
    """Write ``NAME.toml``; gives where the file that was there before is kept, None without one.

    Blocks.  Raises ConfigError, and then the file is as it was.
    """
    check_name(name)
    try:
        folder = at_home(folder)
        path = folder / f"{name}.toml"
        folder.mkdir(parents=True, exist_ok=True)
        kept = _keep(path) if path.exists() else None
        mode = path.stat().st_mode & 0o777 if kept is not None else 0o644
        descriptor, written = tempfile.mkstemp(prefix=".", dir=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                os.fchmod(descriptor, mode)
                file.flush()
                os.fsync(descriptor)
            Path(written).replace(path)
        except BaseException:
            Path(written).unlink(missing_ok=True)
            raise
    except ValueError as error:
        raise ConfigError(f"{folder}: {error}") from error
    except OSError as error:
        raise ConfigError(
            f"{folder}/{name}.toml: cannot be written: {error.strerror}; let the user of `offhook web` write"
            " there, or change the file by hand"
        ) from error
    return kept


def earlier(folder: Path, name: str) -> dict[int, Path]:
    """The files that :func:`save_agent` has kept, by number, the newest first."""
    place = at_home(folder) / ".earlier" / name
    found = {int(path.stem): path for path in place.glob("*.toml") if re.fullmatch(r"\d{1,9}", path.stem)}
    return dict(sorted(found.items(), reverse=True))


def _keep(path: Path) -> Path:
    kept = earlier(path.parent, path.stem)
    place = path.parent / ".earlier" / path.stem
    place.mkdir(parents=True, exist_ok=True)
    copy = place / f"{max(kept, default=0) + 1}.toml"
    copy.write_text(read_text(path), encoding="utf-8")
    for _, old in [*kept.items()][MOST_KEPT - 1 :]:
        old.unlink(missing_ok=True)
    return copy
