"""Several models in one file, for machines that reach no network: a plain tar with a manifest in front.

``offhook-models.json`` comes first and has each model's record, so that a bundle can be read as a stream;
then the files, as ``NAME/FILE``.  Nothing else in a bundle is looked at, and every file is checked against
its record.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offhook.catalogue.entries import NAME
from offhook.catalogue.folder import RECORD, FileRecord, Report, Stored, locked, store, workshop, writing
from offhook.errors import ModelError

MANIFEST = "offhook-models.json"
_FORMAT = 1
_MANIFEST_BYTES = 1 << 20
_CHUNK = 1 << 20


def write_bundle(models: Sequence[Stored], target: Path) -> None:
    """Write ``models`` to ``target``, which appears when it is whole.  Raises ModelError with one line."""
    part = target.with_name(f".{target.name}.part")
    manifest = json.dumps(
        {"format": _FORMAT, "models": [_record(model) for model in models]}, indent=1
    ).encode()
    try:
        with tarfile.open(part, "w") as bundle:
            head = tarfile.TarInfo(MANIFEST)
            head.size, head.mtime = len(manifest), int(time.time())
            bundle.addfile(head, io.BytesIO(manifest))
            for model in models:
                for name, known in model.files.items():
                    member = tarfile.TarInfo(f"{model.name}/{name}")
                    member.size, member.mtime = known.size, int(time.time())
                    with (model.folder / name).open("rb") as file:
                        bundle.addfile(member, file)
        part.replace(target)
    except OSError as error:
        raise ModelError(
            f"{error.filename or target}: the bundle cannot be written: {error.strerror or error}"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def is_bundle(path: Path) -> bool:
    """Whether ``path`` is a file that :func:`write_bundle` has written."""
    try:
        with tarfile.open(path, "r:") as bundle:
            first = bundle.next()
            return first is not None and first.name == MANIFEST
    except (tarfile.TarError, OSError):
        return False


def read_bundle(path: Path, folder: Path, report: Report) -> list[Stored]:
    """Take every model out of ``path`` into ``folder``; one that is here already is replaced.

    Raises ModelError with one line that says what is wrong with it; a model is kept whole or not at all.
    """
    models = []
    try:
        with tarfile.open(path, "r:") as bundle:
            for record, files in _manifest(path, bundle):
                report(f"{record.name}: from {path.name}")
                with (
                    locked(record.name, folder, report),
                    workshop(record.name, folder) as made,
                    writing(folder),
                ):
                    model = made / "model"
                    model.mkdir()
                    for name, known in files.items():
                        (model / name).parent.mkdir(parents=True, exist_ok=True)
                        _take(path, bundle, f"{record.name}/{name}", known, model / name)
                    digests = {name: known.sha256 for name, known in files.items()}
                    models.append(store(model, record, folder, digests))
    except (tarfile.TarError, EOFError) as error:
        raise ModelError(f"{path}: the bundle is damaged: {error}; copy it again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    return models


def _record(model: Stored) -> dict[str, Any]:
    fields = {name: getattr(model, name) for name in Stored.__dataclass_fields__ if name != "folder"}
    return fields | {"files": {name: asdict(each) for name, each in model.files.items()}}


def _manifest(path: Path, bundle: tarfile.TarFile) -> list[tuple[Stored, Mapping[str, FileRecord]]]:
    first = bundle.next()
    file = bundle.extractfile(first) if first is not None and first.name == MANIFEST else None
    if file is None or first is None or first.size > _MANIFEST_BYTES:
        raise ModelError(f"{path}: not a bundle that `offhook models bundle` has written")
    try:
        told = json.loads(file.read())
        if told["format"] != _FORMAT:
            raise ModelError(f"{path}: a bundle of format {told['format']}; this offhook reads {_FORMAT}")
        found: list[tuple[Stored, Mapping[str, FileRecord]]] = []
        for record in told["models"]:
            files = {
                name: FileRecord(int(each["size"]), str(each["sha256"]))
                for name, each in record["files"].items()
            }
            if not NAME.fullmatch(record["name"]) or not all(map(_is_plain, files)):
                raise ModelError(f"{path}: the bundle names files in other folders; it is not to be trusted")
            record |= {"languages": tuple(record["languages"]), "first_seen": tuple(record["first_seen"])}
            record["files"] = {}
            model = Stored(**record, folder=path)
            if model.file and model.file not in files:
                raise KeyError(model.file)
            found.append((model, files))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: the bundle's manifest is damaged; copy it again") from error
    return found


def _is_plain(name: str) -> bool:
    """Whether a file of that name lies in the folder that it is written to."""
    parts = name.split("/")
    return name != RECORD and all(Path(part).name == part and part != ".." for part in parts)


def _take(path: Path, bundle: tarfile.TarFile, member: str, known: FileRecord, target: Path) -> None:
    try:
        source = bundle.extractfile(member)
    except KeyError:
        source = None
    if source is None:
        raise ModelError(f"{path}: the bundle lacks {member}; copy it again")
    with source, target.open("wb") as out:
        shutil.copyfileobj(source, out, _CHUNK)
    with target.open("rb") as written:
        if hashlib.file_digest(written, "sha256").hexdigest() != known.sha256:
            raise ModelError(f"{path}: {member} is damaged; copy the bundle again")
