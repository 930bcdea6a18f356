"""The kernels of the barge-in judge against their NumPy forms, and a whole judgement on both.

The line is 8 kHz, both sides speak, our voice comes back at -14 dB after 120 ms, and the judge looks at all
that it ever looks at (1.5 s).  Each kernel first has to give what NumPy gives, then both are timed, one after
the other on one thread, by that thread's CPU time.  ``times_as_fast_as_numpy`` in extra_info is the ratio of
their medians in the same run.  NumPy's forms are those of the tests (``tests/support/numpy_kernels.py``).
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook import kernels
from offhook.barge_in import Judgement, JudgeSettings, LineEcho, judge
from offhook.core import resample
from offhook.kernels import HOP, MS, RATE_HZ, WINDOW, Features, Samples
from tests.support import numpy_kernels
from tests.support.engines.silero import recording

Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""

pytestmark = pytest.mark.benchmark(timer=time.thread_time, disable_gc=True)

LATEST = 1_500 * MS
COUNT = (LATEST - WINDOW) // HOP + 1
DELAY_MS, GAIN, SPOKEN_MS = 120, 0.2, 400
SINCE, BEFORE = COUNT - 80, 20

medians_us: dict[str, float] = {}
"""Of this run, by kernel and form."""


def both_sides() -> tuple[Samples, Samples]:
    """The caller over our echo, and what we played: the latest 1.5 s of one, 2.02 s of the other."""
    ours = resample(recording("two_cities").reshape(-1)[3 * 16_000 : 6 * 16_000], 16_000, RATE_HZ)
    ours = ours[: 2_020 * MS]
    caller = resample(recording("beckett").reshape(-1), 16_000, RATE_HZ)
    caller = caller[np.flatnonzero(np.abs(caller.astype(int)) > 1_500)[0] :][: SPOKEN_MS * MS]
    heard = GAIN * ours[len(ours) - LATEST - DELAY_MS * MS : len(ours) - DELAY_MS * MS]
    heard[-len(caller) :] += caller
    heard += np.random.default_rng(3).normal(0, 10, LATEST)
    return np.clip(np.rint(heard), -32_768, 32_767).astype(np.int16), ours


HEARD, PLAYED = both_sides()
CALLER, OURS = HEARD.astype(np.float32), PLAYED.astype(np.float32)
assert numpy_kernels.echo_delay(CALLER, OURS, None) == DELAY_MS * MS
THEIRS = numpy_kernels.spectra(CALLER, COUNT)
MINE = numpy_kernels.spectra(numpy_kernels.delayed(OURS, DELAY_MS * MS), COUNT)
LEFT, TAIL = numpy_kernels.without_echo(THEIRS, MINE)
ASKED: dict[str, Any] = {
    "latest": LATEST,
    "since": SINCE,
    "before": BEFORE,
    "known_delay_ms": None,
    "noise_power": math.inf,
}


def planes(spectra: NDArray[np.complexfloating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.stack([spectra.real.T, spectra.imag.T]), np.float32)


def numpy_measure(heard: Samples, played: Samples, rate_hz: int, **asked: Any) -> Features:
    """``offhook.kernels.measure`` by NumPy, in the same shape."""
    rows, floor, loudest, delay = numpy_kernels.measure(heard, played, rate_hz, **asked)
    total, left, low, mid, high, periodic, octave = rows
    return Features(total, left, low, mid, high, periodic, octave, floor, loudest, delay)


def powers(found: Any) -> list[NDArray[Any]]:
    """What of a result has to agree: its arrays, but for pitches, of which two may be equally good."""
    if isinstance(found, Features):
        return [found.heard, found.left, found.low, found.mid, found.high, found.floor]
    if isinstance(found, Judgement):
        return [np.array([found.evidence_ms, found.voiced_ms, found.active_ms], float)]
    if isinstance(found, tuple):
        first, second = found[0], found[1]
        return [first[:4] if len(first) == 6 else first, second]
    return [np.asarray(found)]


def numpy_judge() -> Judgement:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("offhook.barge_in.judge"), "measure", numpy_measure)
        return asked_judge()


def asked_judge() -> Judgement:
    return judge(HEARD, LATEST - SPOKEN_MS * MS, PLAYED, JudgeSettings(), line=LineEcho())


def transposed(found: tuple[Any, Any]) -> tuple[Any, Any]:
    return found[0].T, found[1].T


WIDE = resample(HEARD, RATE_HZ, 2 * RATE_HZ)
LONG_HEARD, LONG_OURS = np.tile(HEARD, 4), np.tile(PLAYED[-LATEST:], 4)
THEIR_PLANES, MY_PLANES = planes(THEIRS), planes(MINE)
LEFT_BINS, TAIL_BANDS = np.ascontiguousarray(LEFT.T), np.ascontiguousarray(TAIL.T)

FORMS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "narrowed, from 16 kHz": (
        lambda: kernels.narrowed(WIDE, 2 * RATE_HZ),
        lambda: numpy_kernels.narrowed(WIDE, 2 * RATE_HZ, len(WIDE)),
    ),
    "spectra": (
        lambda: kernels.spectra(CALLER, COUNT),
        lambda: numpy_kernels.spectra(CALLER, COUNT),
    ),
    "echo_delay": (
        lambda: kernels.echo_delay(CALLER, OURS, None),
        lambda: numpy_kernels.echo_delay(CALLER, OURS, None),
    ),
    "without_echo": (
        lambda: kernels.without_echo(THEIR_PLANES, MY_PLANES),
        lambda: numpy_kernels.without_echo(THEIRS, MINE),
    ),
    "features": (
        lambda: kernels.features(LEFT_BINS, TAIL_BANDS, SINCE, BEFORE, math.inf),
        lambda: numpy_kernels.features(LEFT, TAIL, SINCE, BEFORE, math.inf),
    ),
    "measure": (
        lambda: kernels.measure(HEARD, PLAYED, RATE_HZ, **ASKED),
        lambda: numpy_measure(HEARD, PLAYED, RATE_HZ, **ASKED),
    ),
    "a judgement": (asked_judge, numpy_judge),
    "without_voice, 6 s": (
        lambda: kernels.without_voice(LONG_HEARD, LONG_OURS, 512),
        lambda: numpy_kernels.without_voice(LONG_HEARD, LONG_OURS, 512),
    ),
    "frame_powers, 6 s": (
        lambda: kernels.frame_powers(LONG_HEARD, 160),
        lambda: numpy_kernels.frame_powers(LONG_HEARD, 160),
    ),
}

SAME_SHAPE: dict[str, Callable[[Any], Any]] = {"spectra": planes, "without_echo": transposed}
"""Of NumPy's result, where its windows lie the other way round."""


@pytest.mark.parametrize("form", ["numpy", "kernels"])
@pytest.mark.parametrize("name", FORMS)
def test_kernel(benchmark: Benchmark, name: str, form: str) -> None:
    ours, numpy_form = FORMS[name]
    expected = SAME_SHAPE.get(name, lambda found: found)(numpy_form())
    for found, wanted in zip(powers(ours()), powers(expected), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3 * float(np.abs(wanted).max()) + 1)
    benchmark.group = name
    benchmark.pedantic(ours if form == "kernels" else numpy_form, warmup_rounds=5, rounds=100)
    medians_us[f"{name} {form}"] = benchmark.stats.stats.median * 1e6
    if form == "kernels" and f"{name} numpy" in medians_us:
        ratio = medians_us[f"{name} numpy"] / medians_us[f"{name} kernels"]
        benchmark.extra_info["times_as_fast_as_numpy"] = round(ratio, 1)
