"""Timing one stage together with a calibration loop.

What is taken is the CPU time of all threads of the process: on a machine that others use as
well, wall time says more about them than about us.  A stage that waits longer than it has to is
not seen here, but in the turnaround (``bench/turnaround``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from bench.gate.calibration import KINDS

T = TypeVar("T")

WARMUP_ROUNDS = 3
SLOWED = "OFFHOOK_GATE_SLOWED"
"""A variable of the environment: each stage takes so many times its time, on purpose (``proof.py``)."""


def gauge(
    benchmark: Any,
    kind: str,
    stage: Callable[[], T],
    *,
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> T:
    """Run ``stage`` ``rounds`` times with pytest-benchmark, the calibration of ``kind`` before each.

    ``clock`` is the one that ``benchmark`` uses.  Leaves the times [s] in ``extra_info``; returns the
    last answer, which the caller has to check.
    """
    calibrate = KINDS[kind]
    calibration_s: list[float] = []

    def setup() -> None:
        begin = clock()
        calibrate()
        calibration_s.append(clock() - begin)

    measured = slowed(stage, float(os.environ.get(SLOWED, "1")), clock)
    answer: T = benchmark.pedantic(measured, setup=setup, rounds=rounds, warmup_rounds=WARMUP_ROUNDS)
    benchmark.extra_info["kind"] = kind
    benchmark.extra_info["calibration_s"] = calibration_s[-rounds:]
    benchmark.extra_info["stage_s"] = list(benchmark.stats.stats.data)
    return answer


def slowed(stage: Callable[[], T], times: float, clock: Callable[[], float]) -> Callable[[], T]:
    """``stage``, followed by nothing at all until ``times`` as much time of ``clock`` has passed."""
    if times <= 1:
        return stage

    def slower() -> T:
        began = clock()
        answer = stage()
        until = began + (clock() - began) * times
        while clock() < until:
            pass
        return answer

    return slower
