"""Parts of a measurement: one file per system and scenario, so that a run can be interrupted and go on.

A part counts only for the code and the table that it was measured with: both are in its digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import offhook
from bench.turnaround.conversation import CallRecord, from_json, to_json
from bench.turnaround.scenarios import Scenario

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "build/turnaround/parts"
_MEASURING = ("phrases.py", "sounds.py", "speak.py", "conversation.py", "systems.py")
"""Our own files whose change makes a part worthless; judging can change, since parts hold what was heard."""


@dataclass(frozen=True, slots=True)
class Part:
    """One system in one scenario."""

    system: str
    scenario: str
    digest: str
    code: str
    """Of what was measured with; see :func:`code_digest`."""
    load_before: float
    """The machine's load average over a minute, before."""
    seconds: float
    calls: list[CallRecord]
    measured_at_s: float = field(default_factory=time.time)
    """Unix time."""


def code_digest() -> str:
    """Of the offhook that is installed (native parts included) and of the measuring side."""
    engine = Path(offhook.__file__).parent
    files = [path for path in engine.rglob("*") if path.suffix in (".py", ".so", ".toml")]
    files += [HERE / name for name in _MEASURING]
    files += [
        path for folder in ("agents", "references") for path in (HERE / folder).iterdir() if path.is_file()
    ]
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def digest(system: str, scenario: Scenario, code: str) -> str:
    """What a part has to have been measured with."""
    described = json.dumps([system, asdict(scenario), code], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def load(system: str, scenario: str, folder: Path = FOLDER) -> Part | None:
    """The part, or None when it was not measured or its file is damaged."""
    try:
        record = json.loads((folder / system / f"{scenario}.json").read_text(encoding="utf-8"))
        return Part(**{**record, "calls": from_json(record["calls"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(part: Part, folder: Path = FOLDER) -> None:
    """Written whole or not at all."""
    file = folder / part.system / f"{part.scenario}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_suffix(f".{os.getpid()}")
    record = {
        "system": part.system,
        "scenario": part.scenario,
        "digest": part.digest,
        "code": part.code,
        "load_before": part.load_before,
        "seconds": part.seconds,
        "calls": to_json(part.calls),
        "measured_at_s": part.measured_at_s,
    }
    made.write_text(json.dumps(record), encoding="utf-8")
    made.replace(file)
