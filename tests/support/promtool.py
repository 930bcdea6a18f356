"""Prometheus' own tool for its rules, out of Debian's package: nothing is installed, and no server runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "build" / "promtool"


def promtool() -> Path:
    """The program; where it cannot be had the test is skipped with the reason."""
    found = shutil.which("promtool")
    if found is not None:
        return Path(found)
    program = FOLDER / "usr/bin/promtool"
    if not program.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        if not _downloaded() and os.geteuid() == 0 and _ran("apt-get", "update", "-qq"):
            _downloaded()
        packages = list(FOLDER.glob("prometheus_*.deb"))
        if not packages or not _ran("dpkg-deb", "--extract", str(packages[0]), "."):
            pytest.skip("promtool is not here, and Debian's prometheus package cannot be had")
        packages[0].unlink()
    return program


def _downloaded() -> bool:
    return _ran("apt-get", "download", "-qq", "prometheus")


def _ran(*command: str) -> bool:
    try:
        return subprocess.run(command, cwd=FOLDER, capture_output=True, timeout=300).returncode == 0
    except OSError:
        return False
