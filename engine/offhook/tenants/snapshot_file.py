"""The last snapshot in a file, for a start while the database is away.

One line with the format and the SHA-256 of what follows, then JSON.  A file is replaced as a whole or not at
all; one that is torn, of another format or edited is refused.  It is readable by its owner only: it holds
what agents say.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offhook.errors import ConfigError
from offhook.tenants.numbers import Home
from offhook.tenants.snapshot import Number, Snapshot, StoredAgent, Tenant, make_snapshot

_MAGIC = "offhook-directory-1"


def save_snapshot(snapshot: Snapshot, path: Path) -> None:
    """Raises OSError; the file that was there is then still there."""
    payload = json.dumps(_plain(snapshot), ensure_ascii=False, separators=(",", ":")).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{_MAGIC} {hashlib.sha256(payload).hexdigest()}\n".encode() + payload)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    # The name, too, outlives a power cut, where the file system can do that
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def load_snapshot(path: Path) -> Snapshot:
    """Raises OSError when it cannot be read, and ConfigError when it is not what :func:`save_snapshot`
    wrote.
    """
    header, _, payload = path.read_bytes().partition(b"\n")
    if header.decode(errors="replace").split(" ") != [_MAGIC, hashlib.sha256(payload).hexdigest()]:
        raise ConfigError(f"{path}: is torn, changed, or of another version of offhook: delete it")
    return _snapshot(json.loads(payload))


def _plain(snapshot: Snapshot) -> dict[str, Any]:
    """Tenants and agents once each; numbers name them."""
    return {
        "version": snapshot.version,
        "home": asdict(snapshot.home),
        "tenants": [asdict(tenant) for tenant in snapshot.tenants.values()],
        "agents": [[slug, asdict(agent)] for (slug, _), agent in snapshot.agents.items()],
        "numbers": [
            {
                "did": number.did,
                "tenant": number.tenant.slug,
                "agent": number.agent.name,
                "language": number.language,
                "fallback": number.fallback,
                "recording": number.recording,
            }
            for number in snapshot.numbers.values()
        ],
    }


def _snapshot(plain: dict[str, Any]) -> Snapshot:
    tenants = {tenant["slug"]: Tenant(**tenant) for tenant in plain["tenants"]}
    agents = {(slug, agent["name"]): StoredAgent(**agent) for slug, agent in plain["agents"]}
    numbers = {
        row["did"]: Number(
            row["did"],
            tenants[row["tenant"]],
            agents[row["tenant"], row["agent"]],
            row["language"],
            row["fallback"],
            row["recording"],
        )
        for row in plain["numbers"]
    }
    return make_snapshot(plain["version"], Home(**plain["home"]), tenants, agents, numbers)
