"""Where the cores' time goes: the clocks of this process's threads, by what the threads are for.

Threads are told by their names, which those that an engine begins inherit from the one that asked for it
(:func:`offhook.workers.name_thread`).  Read when somebody asks for the metrics, which costs some 20 µs a
thread.  Threads that have ended take their time with them; it is kept as far as it was seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

PREFIX = "offhook-"
CPU_STAGES = ("stt", "voice")
"""Those whose time is known for each answer as well."""
_OTHER = "other"
_CUT = {"knowled": "knowledge"}
"""Names of more than 15 characters."""
_UTIME, _STIME = 11, 12
"""Fields of /proc/PID/task/TID/stat behind the name (proc(5)), counted from 0."""


class ThreadTimes(Collector):
    """``offhook_cpu_seconds_total`` by stage: stt, voice, llm, media, playout, ..., other."""

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        self._seen: dict[int, tuple[str, int]] = {}
        """Stage and ticks of each thread that is alive, when it was last looked at."""
        self._ended: dict[str, int] = {}

    def seconds(self) -> dict[str, float]:
        """Processor time so far, by stage."""
        now: dict[int, tuple[str, int]] = {}
        for task in self._tasks.iterdir() if self._tasks.is_dir() else ():
            try:
                now[int(task.name)] = _parsed((task / "stat").read_text())
            except (OSError, ValueError, IndexError):
                continue  # it has just ended
        for thread, (stage, ticks) in self._seen.items():
            known = now.get(thread)
            if known is None or known[1] < ticks:  # the number is another thread's now
                self._ended[stage] = self._ended.get(stage, 0) + ticks
        self._seen = now
        total = dict(self._ended)
        for stage, ticks in now.values():
            total[stage] = total.get(stage, 0) + ticks
        return {stage: ticks * self._tick_s for stage, ticks in sorted(total.items())}

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "offhook_cpu_seconds", "Processor time of the daemon's threads", labels=["stage"]
        )
        for stage, seconds in self.seconds().items():
            family.add_metric([stage], seconds)
        yield family


def _parsed(stat: str) -> tuple[str, int]:
    """Stage and ticks of one thread."""
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    fields = stat[stat.rindex(")") + 2 :].split()
    stage = name.removeprefix(PREFIX) if name.startswith(PREFIX) else _OTHER
    return _CUT.get(stage, stage), int(fields[_UTIME]) + int(fields[_STIME])
