"""What eight calls in which both sides speak cost the event loop, and how soon each is judged.

    python -m bench.bench_loop_lag [--calls N] [--seconds S] [--json FILE]

Each call is the real ``Ears`` over a simulated line: our answer plays, comes back as an echo, and the caller
speaks over it.  As in a call, it looks around every 20 ms and nothing ends the answer, so that every call is
judged all the time.  Three ways, one after the other in one process, the first as it was before:

- ``numpy, on the loop``: the judge's numbers by NumPy (``tests/support/numpy_kernels.py``), in the loop
- ``kernels, on the loop``: by the compiled kernels, still in the loop
- ``kernels, on threads``: as the daemon does it

``lag`` is by how much a timer that is due every millisecond comes late; ``callback`` is how long the loop's
callbacks take, by the loop thread's CPU time, so that another program's load is not counted; ``judged`` is
the time from asking the judge to knowing what it said.  Ratios of one run can be compared, absolute figures
only where the machine was quiet.  Every way has to come to the same judgement of the same moment first.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.bench_kernels import numpy_measure
from offhook.barge_in import Judgement, JudgeSettings
from offhook.call.ears import Ears
from offhook.core import resample
from offhook.daemon.daemon import JUDGING_THREADS
from offhook.kernels import MS, RATE_HZ, Samples
from tests.support.engines.silero import recording

EVERY_S = 0.02
DUE_S = 0.001
LONG_MS = 2.0
ONSET_MS = 1_000
NS_PER_SAMPLE = 10**9 // RATE_HZ
WAYS = ("numpy, on the loop", "kernels, on the loop", "kernels, on threads")


class Sides:
    """One call's stream and speaker: the same seconds over and over, from another place in each call."""

    rate_hz = RATE_HZ

    def __init__(self, number: int) -> None:
        ours = resample(recording("two_cities").reshape(-1)[: 20 * 16_000], 16_000, RATE_HZ)
        theirs = resample(recording("beckett").reshape(-1)[: 20 * 16_000], 16_000, RATE_HZ)
        self._ours = np.roll(ours, -number * RATE_HZ)
        delay = (60 + 20 * number) * MS
        mixed = 0.2 * np.roll(self._ours, delay) + np.roll(np.resize(theirs, len(ours)), number * RATE_HZ)
        self._heard = np.clip(np.rint(mixed), -32_768, 32_767).astype(np.int16)
        self._began_ns = time.monotonic_ns()
        self.fixed: int | None = None
        """Where time stands still, if it does."""

    @property
    def written_samples(self) -> int:
        if self.fixed is not None:
            return self.fixed
        return 2 * RATE_HZ + (time.monotonic_ns() - self._began_ns) // NS_PER_SAMPLE

    def read(self, start: int, stop: int) -> tuple[int, Samples]:
        return start, self._heard.take(np.arange(start, stop), mode="wrap")

    def played(self, start_ns: int, stop_ns: int) -> Samples:
        return self._ours.take(np.arange(start_ns // NS_PER_SAMPLE, stop_ns // NS_PER_SAMPLE), mode="wrap")


class AtOnce(Executor):
    """Works where it is asked: on the event loop."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*args, **more))
        return future


class Call:
    """Asks its ears as a call does, and takes the time."""

    def __init__(self, number: int, worker: Executor) -> None:
        sides: Any = Sides(number)
        self.sides = sides
        self.judged_ms: list[float] = []
        self._running: set[asyncio.Task[None]] = set()
        self.ears = Ears(sides, sides, JudgeSettings(), worker=worker, spawn=self._spawn, wake=lambda: None)

    def _spawn(self, work: Any) -> None:
        asked = time.monotonic()
        task = asyncio.get_running_loop().create_task(work, name="judge")
        self._running.add(task)
        task.add_done_callback(lambda task: self._done(task, asked))

    def _done(self, task: asyncio.Task[None], asked: float) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.result()
            self.judged_ms.append((time.monotonic() - asked) * 1e3)

    def begin(self) -> None:
        self.ears.began(ONSET_MS * MS, ONSET_MS * 10**6)

    async def speak(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.ears.wants_the_floor(True):
                self.begin()  # nobody stops: the next sound, and all of it again
            await asyncio.sleep(EVERY_S)
        while self._running:
            await asyncio.wait(self._running)


@contextmanager
def way(name: str) -> Iterator[Executor]:
    """The worker, and the judge's numbers from where ``name`` says."""
    module: Any = importlib.import_module("offhook.barge_in.judge")
    compiled = module.measure
    if name.startswith("numpy"):
        module.measure = numpy_measure
    worker = ThreadPoolExecutor(JUDGING_THREADS) if name.endswith("threads") else AtOnce()
    try:
        with worker:
            yield worker
    finally:
        module.measure = compiled


@contextmanager
def timed_callbacks() -> Iterator[list[float]]:
    """How long each callback of the event loop takes, in ms of this thread's CPU time."""
    took: list[float] = []
    handles: Any = asyncio.Handle
    run = handles._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        took.append((time.thread_time() - began) * 1e3)

    handles._run = timed
    try:
        yield took
    finally:
        handles._run = run


async def measure(name: str, calls: int, seconds: float) -> dict[str, float]:
    """One way's figures, in ms."""
    late: list[float] = []

    async def watch() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + DUE_S
            await asyncio.sleep(DUE_S)
            late.append((loop.time() - due) * 1e3)

    with way(name) as worker:
        speaking = [Call(number, worker) for number in range(calls)]
        for call in speaking:
            call.begin()
        with timed_callbacks() as took:
            watching = asyncio.create_task(watch())
            await asyncio.gather(*(call.speak(seconds) for call in speaking))
            watching.cancel()
    judged = [value for call in speaking for value in call.judged_ms]
    assert judged, "nobody was judged"
    figures = {"judgements": float(len(judged)), "lag_p99": quantile(late, 99), "lag_max": max(late)}
    figures |= {"callback_p99": quantile(took, 99), "callback_max": max(took)}
    figures |= {"callbacks_over_2_ms": float(sum(value > LONG_MS for value in took))}
    return figures | {"judged_p50": quantile(judged, 50), "judged_p95": quantile(judged, 95)}


def quantile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def judgements(name: str) -> list[Judgement]:
    """Of moments at which time stands still, eight calls and four each."""
    found = []
    with way(name) as worker:
        for number in range(8):
            call = Call(number, worker)
            for at_ms in (1_100, 1_300, 1_700, 2_600):
                call.sides.fixed = at_ms * MS
                call.begin()
                found.append(worker.submit(call.ears.question()).result())
    return found


def check() -> None:
    """Every way comes to the same verdicts, by nearly the same evidence."""
    before = judgements(WAYS[0])
    assert len({judged.verdict for judged in before}) > 1, "moments that are all alike show nothing"
    for name in WAYS[1:]:
        for one, other in zip(before, judgements(name), strict=True):
            assert one.verdict is other.verdict, (one, other)
            assert math.isclose(one.evidence_ms, other.evidence_ms, abs_tol=20), (one, other)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, with the first way as the measure of the others."""
    parser = argparse.ArgumentParser(
        prog="bench_loop_lag", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=8, help="calls in which both speak (default 8)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each way (default 10)")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args(arguments)
    check()
    table = {name: asyncio.run(measure(name, options.calls, options.seconds)) for name in WAYS}
    heads = list(table[WAYS[0]])
    print(f"{'ms':24s}" + "".join(f"{head:>21s}" for head in heads))
    for name, figures in table.items():
        print(f"{name:24s}" + "".join(f"{figures[head]:>21.2f}" for head in heads))
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
