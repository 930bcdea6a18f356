"""What every report says of itself: the machine, the commit, and how to repeat it."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

REPORTS = Path(__file__).parent / "reports"


def about(repeat: str) -> dict[str, Any]:
    """Now and here.  ``repeat`` is the command line that writes the report anew."""
    return {
        "repeat": repeat,
        "commit": _git("rev-parse", "--short", "HEAD") or "unknown",
        "changed_since": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }


def processor() -> str:
    """As the kernel calls it; what Python knows where it has no name."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()


def _git(*words: str) -> str:
    """What git prints; empty where this is no checkout."""
    try:
        done = subprocess.run(
            ["git", *words], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
        )
    except OSError:
        return ""
    return done.stdout.strip()
