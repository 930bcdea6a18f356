"""What tenants' documents say, for the daemon: from the database, or from a copy while that is away.

Read in the threads that make agents ready, never during a call.  The copies lie beside the directory's
snapshot and are of the same kind: replaced as a whole, torn ones are refused, readable by their owner only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from offhook.documents.passage import Passage
from offhook.errors import DatabaseError
from offhook.tenants.database import Database
from offhook.tenants.documents import read_passages
from offhook.tenants.snapshot import Tenant

_log = logging.getLogger("offhook.tenants.shelf")
_MAGIC = "offhook-documents-1"


class Shelf:
    """Thread-safe."""

    def __init__(self, database: Database, folder: Path | None) -> None:
        """``folder`` None: no copies are kept."""
        self._database = database
        self._folder = folder

    def read(self, tenant: Tenant) -> list[Passage]:
        """Blocks; does not raise.  What cannot be had is told in the log, and facts alone are left."""
        try:
            with self._database.reading() as connection:
                passages = read_passages(connection, tenant.id)
        except DatabaseError as error:
            return self._copy(tenant, error)
        self._keep(tenant, passages)
        return passages

    def keep_only(self, tenants: Collection[str]) -> None:
        """Delete the copies of all but these tenants, by their ids.  Blocks; does not raise."""
        if self._folder is None or not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.name not in tenants:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    _log.warning("%s: cannot be deleted: %s", path, error.strerror or error)

    def _copy(self, tenant: Tenant, why: DatabaseError) -> list[Passage]:
        try:
            if self._folder is None:
                raise OSError("no copies are kept")
            passages = _load(self._folder / tenant.id)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("tenant=%s has no documents now: %s; no copy: %s", tenant.slug, why, error)
            return []
        _log.warning("tenant=%s has its documents from a copy: %s", tenant.slug, why)
        return passages

    def _keep(self, tenant: Tenant, passages: list[Passage]) -> None:
        if self._folder is None:
            return
        try:
            _save(passages, self._folder / tenant.id)
        except OSError as error:
            _log.warning("%s: no copy of documents can be kept: %s", self._folder, error.strerror or error)


def _save(passages: list[Passage], path: Path) -> None:
    """Without their vectors: those are in a cache of their own (``offhook.knowledge.vectors``)."""
    plain = [{key: value for key, value in asdict(each).items() if key != "vectors"} for each in passages]
    payload = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{_MAGIC} {hashlib.sha256(payload).hexdigest()}\n".encode() + payload)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _load(path: Path) -> list[Passage]:
    header, _, payload = path.read_bytes().partition(b"\n")
    if header.decode(errors="replace").split(" ") != [_MAGIC, hashlib.sha256(payload).hexdigest()]:
        raise ValueError(f"{path} is torn or of another version of offhook")
    return [Passage(**each) for each in json.loads(payload)]
