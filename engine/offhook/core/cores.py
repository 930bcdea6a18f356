"""The machine's cores: one policy for all engines that compute here, in ``csrc/base/cores.h``."""

from __future__ import annotations

import functools
import os

from offhook.core.native import _core

Cores = _core.Cores
CorePlace = _core.CorePlace


@functools.cache
def machine_cores() -> Cores:
    """Those that this process may use, which all of its engines share."""
    return Cores(len(os.sched_getaffinity(0)))


def core_place() -> CorePlace:
    """A place for one thread."""
    return CorePlace(machine_cores())
