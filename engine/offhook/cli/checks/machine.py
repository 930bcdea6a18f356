"""CPU, memory and limits."""

from __future__ import annotations

import re
import resource

from offhook.cli.checks.finding import Finding, fail, ok, warn
from offhook.daemon.capacity import descriptors_needed

_MIN_MEMORY_GB = 2.0


def check_cpu(cpuinfo: str, cores: int) -> Finding:
    """``cpuinfo`` is /proc/cpuinfo's text; other architectures than x86 have no flags there."""
    what = f"{cores} CPU core{'s' if cores != 1 else ''}"
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    if flags is not None and "avx2" not in flags[1].split():
        return warn(f"{what} without AVX2", "models run several times slower: use a newer machine")
    if cores < 2:
        return warn(what, "use two or more: one call alone keeps two busy while it answers")
    return ok(what + (" with AVX2" if flags is not None else ""))


def check_memory(meminfo: str) -> Finding:
    """``meminfo`` is /proc/meminfo's text."""
    found = re.search(r"^MemAvailable:\s*(\d+) kB$", meminfo, re.MULTILINE)
    if found is None:
        return warn("memory: unknown", f"make sure that {_MIN_MEMORY_GB:g} GB are free")
    free_gb = int(found[1]) / 2**20
    what = f"{free_gb:.1f} GB of memory available"
    if free_gb < _MIN_MEMORY_GB:
        return warn(what, f"the embedded models need {_MIN_MEMORY_GB:g} GB")
    return ok(what)


def check_descriptors(limit: int, max_calls: int) -> Finding:
    """``limit`` is the hard RLIMIT_NOFILE: the daemon raises the soft one by itself."""
    needed = descriptors_needed(max_calls)
    if limit == resource.RLIM_INFINITY:
        return ok("open files are unlimited")
    if limit < needed:
        return fail(f"{limit} open files allowed, {max_calls} calls need {needed}", f"ulimit -n {needed}")
    return ok(f"{limit} open files allowed")
