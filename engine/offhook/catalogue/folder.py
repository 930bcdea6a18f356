"""The folder of models on this machine: one subfolder for each, with a record of what lies in it.

A model appears in one step (a rename), so that nobody ever sees half of one.  What is being made lies in
``.making-*``, what has been fetched in part in ``.downloads``; a lock for each name keeps two pulls apart.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from offhook.catalogue.entries import check_name
from offhook.errors import ModelError

RECORD = "model.json"
_FULL = (errno.ENOSPC, errno.EDQUOT)

Report = Callable[[str], None]
"""Takes one line for whoever waits."""


def models_folder() -> Path:
    """``$OFFHOOK_MODELS``, or ``models`` in offhook's cache.

    That is ``$OFFHOOK_CACHE``, ``$XDG_CACHE_HOME/offhook`` or ``~/.cache/offhook``.
    """
    own = os.environ.get("OFFHOOK_MODELS")
    if own:
        return Path(own)
    cache = os.environ.get("OFFHOOK_CACHE")
    if cache:
        return Path(cache) / "models"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "offhook" / "models"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was when the model was stored."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A model that is here; all but ``folder`` is what its record says."""

    name: str
    task: str
    engine: str | None
    languages: tuple[str, ...]
    licence: str
    source: str
    """Where it was taken from, for people."""
    file: str
    """What the engine is given, inside the folder; empty: the folder."""
    files: Mapping[str, FileRecord]
    folder: Path = field(compare=False)
    first_seen: tuple[str, ...] = ()
    """Files of which nobody had told a SHA-256 before."""

    @property
    def path(self) -> Path:
        """What the engine is given."""
        return self.folder / self.file if self.file else self.folder

    @property
    def size(self) -> int:
        """[bytes]"""
        return sum(each.size for each in self.files.values())


def stored_models(folder: Path | None = None) -> dict[str, Stored]:
    """Every model that is here, by name.  Raises ModelError when the folder cannot be read."""
    folder = models_folder() if folder is None else folder
    try:
        names = sorted(each.name for each in folder.iterdir() if (each / RECORD).is_file())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unusable(folder, error) from error
    found = ((name, stored(name, folder)) for name in names if not name.startswith("."))
    return {name: model for name, model in found if model is not None}


def stored(name: str, folder: Path | None = None) -> Stored | None:
    """The model called ``name``, if it is here.  Raises ModelError for a record that cannot be read."""
    own = (models_folder() if folder is None else folder) / name
    try:
        record = json.loads((own / RECORD).read_text("utf-8"))
        files = {name: FileRecord(**each) for name, each in record.pop("files").items()}
        for key in ("languages", "first_seen"):
            record[key] = tuple(record[key])
        return Stored(**record, files=files, folder=own)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unusable(own, error) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{own / RECORD} is damaged: `offhook models remove {name}` and fetch it again"
        ) from error


@contextmanager
def locked(name: str, folder: Path, report: Report) -> Iterator[None]:
    """Nobody else changes the model ``name`` meanwhile; waits for one who does, and says so."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / f".{name}.lock").open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"{name}: another offhook is at it; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def workshop(name: str, folder: Path) -> Iterator[Path]:
    """A folder to make the model in, for whoever holds its lock; whatever happens, nothing of it is left."""
    with writing(folder):
        prefix = f".making-{name}~"  # no name has a tilde, so no other model's folder begins like it
        for killed in folder.glob(f"{prefix}*"):
            shutil.rmtree(killed, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=prefix) as made:
            yield Path(made)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What may go wrong with the folder becomes one line that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ModelError(
                f"{folder}: the disk is full: make room there, or set OFFHOOK_MODELS to a folder elsewhere"
            ) from error
        raise _unusable(folder, error) from error


def store(made: Path, description: Stored, folder: Path, known: Mapping[str, str] | None = None) -> Stored:
    """Move what was made to its place, in one step, with its record.

    ``known`` are SHA-256 of files that were computed already.  Raises OSError.
    """
    check_name(description.name)
    files = {}
    for path in sorted(made.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
            continue
        name = path.relative_to(made).as_posix()
        files[name] = FileRecord(path.stat().st_size, (known or {}).get(name) or sha256_of(path))
        path.chmod(0o644)
    model = Stored(**{**_fields(description), "files": files, "folder": folder / description.name})
    record = _fields(model) | {"files": {name: asdict(each) for name, each in files.items()}}
    del record["folder"]
    (made / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    made.chmod(0o755)
    old = made.with_name(f"{made.name}-old")
    if model.folder.exists():
        model.folder.rename(old)
    made.rename(model.folder)
    made.mkdir()  # the workshop is taken away by who made it
    shutil.rmtree(old, ignore_errors=True)
    return model


def remove(model: Stored) -> None:
    """Take a model away; first out of sight, then off the disk.  Raises ModelError."""
    with writing(model.folder.parent):
        gone = Path(tempfile.mkdtemp(dir=model.folder.parent, prefix=".removed-"))
        model.folder.rename(gone / model.name)
        shutil.rmtree(gone)


def faults(model: Stored) -> list[str]:
    """What is not as it was stored; empty when all is well."""
    found = []
    for name, known in model.files.items():
        path = model.folder / name
        try:
            size = path.stat().st_size
            if size != known.size:
                found.append(f"{name} has {size:,} bytes instead of {known.size:,}")
            elif sha256_of(path) != known.sha256:
                found.append(f"{name} has been changed")
        except OSError as error:
            found.append(f"{name}: {error.strerror}")
    return found


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fields(model: Stored) -> dict[str, Any]:
    return {name: getattr(model, name) for name in Stored.__dataclass_fields__}


def _unusable(folder: Path, error: OSError) -> ModelError:
    return ModelError(
        f"{error.filename or folder}: {error.strerror}; the models are kept in {folder}:"
        " make it yours to read and write, or set OFFHOOK_MODELS to another folder"
    )
