"""What the tests of the doctor share."""

from __future__ import annotations

from pathlib import Path

from offhook.cli.checks.finding import Finding, Level


def is_healthy(finding: Finding) -> bool:
    """Every finding that is not fine says what to do, in one line."""
    assert finding.what
    assert "\n" not in finding.what + finding.remedy
    assert bool(finding.remedy) is (finding.level is not Level.OK)
    return finding.level is Level.OK


def executable(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
