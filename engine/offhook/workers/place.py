"""Where a thread gets the cores that it computes on."""

from __future__ import annotations

import threading
from typing import Protocol


class Place(Protocol):
    """Where a thread gets the cores that it computes on; :class:`offhook.core.CorePlace`."""

    def urge(self, urgency: int, since_ns: int) -> None:
        """How urgent what it does, or waits for, is from now on; any thread."""

    def enter(self, most: int, limit_s: float) -> int:
        """Wait for cores; how many may compute: 1 .. ``most``, or 0 when none came within ``limit_s``."""

    def leave(self) -> None:
        """Give them back; any thread, any number of times."""

    def wanted(self) -> bool:
        """Whether somebody with more urgent work waits for a core."""


class _Given(threading.local):
    cores: int | None = None


_given = _Given()


def cores_given() -> int | None:
    """How many cores the work on this thread may use; None: nobody has counted, as many as is configured."""
    return _given.cores


def note_cores(cores: int | None) -> None:
    """So many are this thread's from now on."""
    _given.cores = cores
