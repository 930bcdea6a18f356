"""What the configuration wants at once, against what this process may have; looked at before models load.

A limit that is met in mid-call ends calls that others have begun.  So whatever the configured number of
calls can need at its peak is added up at the start, and a sum that does not fit is refused in one line:
the sum, the limit, and what to change.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

from offhook.config import Config
from offhook.errors import ConfigError

DESCRIPTORS_PER_CALL = 8
"""At its peak: AGI (2), audio, the launcher's socket, two answers' files, a connection to a model server, one
more while it is handed over."""
DESCRIPTORS_ANYWAY = 128
"""Libraries, models, sockets, logs."""
THREADS_ANYWAY = 48
"""The daemon's own, and those that libraries start whatever they are told."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """What this process may have; None: as much as it likes."""

    descriptors: int | None
    threads: int | None


def descriptors_needed(max_calls: int) -> int:
    """Open files of a daemon with so many calls, at its peak."""
    return DESCRIPTORS_ANYWAY + DESCRIPTORS_PER_CALL * max_calls


def check_capacity(config: Config, limits: ProcessLimits) -> None:
    """Raises ConfigError when so many calls, or so many threads, cannot be had."""
    calls = config.daemon.max_calls
    needed = descriptors_needed(calls)
    if limits.descriptors is not None and needed > limits.descriptors:
        fit = (limits.descriptors - DESCRIPTORS_ANYWAY) // DESCRIPTORS_PER_CALL
        less = f", or lower daemon.max_calls to {fit}" if fit > 0 else ""
        raise ConfigError(
            f"{calls} calls (daemon.max_calls) need {needed} open files, {DESCRIPTORS_PER_CALL} each and"
            f" {DESCRIPTORS_ANYWAY} besides, and {limits.descriptors} are allowed: raise that (ulimit -n"
            f" {needed}; systemd: LimitNOFILE={needed}){less}"
        )
    hearing = config.stt.workers * config.stt.threads
    thinking = (config.llm.threads or 0) + (config.llm.threads_batch or 0)
    threads = hearing + thinking + config.tts.threads + THREADS_ANYWAY
    if limits.threads is not None and threads > limits.threads:
        raise ConfigError(
            f"stt.workers {config.stt.workers} x stt.threads {config.stt.threads}, llm.threads"
            f" {config.llm.threads or 'auto'}, tts.threads {config.tts.threads} and {THREADS_ANYWAY} besides"
            f" are {threads} threads, and {limits.threads} are allowed: lower them, or raise that (systemd:"
            f" TasksMax={threads})"
        )


def raised_limits(max_calls: int) -> ProcessLimits:
    """This process's limits, once as many open files as are needed are allowed, as far as it may say so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = descriptors_needed(max_calls)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return ProcessLimits(None if soft == resource.RLIM_INFINITY else soft, _threads_left())


def _threads_left() -> int | None:
    """What the control group leaves; RLIMIT_NPROC counts all of a user's processes, and says little."""
    try:
        own = _CGROUP / Path("/proc/self/cgroup").read_text().split("::", 1)[1].split("\n", 1)[0].strip("/")
        most, now = ((own / name).read_text().strip() for name in ("pids.max", "pids.current"))
        return None if most == "max" else max(0, int(most) - int(now) + _own_threads())
    except (OSError, ValueError, IndexError):
        return None


def _own_threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())
