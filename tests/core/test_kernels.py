"""Each compiled kernel against what NumPy makes of the same audio (``tests/support/numpy_kernels.py``)."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook import kernels
from offhook.kernels import ECHO_LAGS_MS, HOP, MS, WINDOW, Floats, Samples
from tests.support import numpy_kernels
from tests.support.audio.audio import resample

LENGTHS = (1, 255, 256, 257, 4_480, 12_000)


def voiced(length: int, seed: int = 0) -> Samples:
    """A buzz whose pitch and loudness change, over a little noise: ``[samples]`` at 8 kHz."""
    rng = np.random.default_rng(seed)
    at = np.arange(length) / 8_000
    phase = 2 * np.pi * np.cumsum(130 + 40 * np.sin(2 * np.pi * (1.5 + seed) * at)) / 8_000
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
    loud = np.abs(np.sin(2 * np.pi * (2 + 0.3 * seed) * at)) ** 2
    return np.rint(3_000 * loud * buzz + rng.normal(0, 30, length)).astype(np.int16)


def both_sides(length: int, delay_ms: int, gain: float, *, spoken: bool = True) -> tuple[Samples, Samples]:
    """The caller, who speaks in the second half, over an echo of what we played; and what we played."""
    ours = voiced(length + 4_000, seed=1)
    echo = gain * ours[4_000 - delay_ms * MS : len(ours) - delay_ms * MS]
    theirs = voiced(length, seed=2) if spoken else np.zeros(length)
    theirs[: length // 2] = 0
    noise = np.random.default_rng(9).normal(0, 10, length)
    return np.rint(echo + theirs + noise).astype(np.int16), ours


def close(found: NDArray[Any], expected: NDArray[Any], share: float = 1e-4) -> None:
    """Within so much of the largest, which is all that single precision promises of a transform."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(
        found, expected, rtol=1e-3, atol=share * float(np.abs(expected).max(initial=1))
    )


def planes(spectra: NDArray[np.complexfloating]) -> Floats:
    """NumPy's ``[windows, bins]`` as the kernels' ``[2, bins, windows]``."""
    return np.stack([spectra.real.T, spectra.imag.T]).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("length", [0, *LENGTHS])
@pytest.mark.parametrize("last", [0, 1, 200, 20_000])
def test_narrowed(rate_hz: int, length: int, last: int) -> None:
    audio = voiced(length)
    close(kernels.narrowed(audio, rate_hz, last), numpy_kernels.narrowed(audio, rate_hz, last))


@pytest.mark.parametrize("length", [0, *LENGTHS])
@pytest.mark.parametrize("count", [1, 16, 17, 147])
def test_spectra(length: int, count: int) -> None:
    signal = voiced(length).astype(np.float32)
    close(kernels.spectra(signal, count), planes(numpy_kernels.spectra(signal, count)))


@pytest.mark.parametrize("thousands", [1, 2, 3, 4, 5, 6, 9, 10, 12, 15, 20, 25])
@pytest.mark.parametrize("delay_ms", [-15, 0, 7, 120, 400])
def test_the_echos_delay_in_transforms_of_every_factor(thousands: int, delay_ms: int) -> None:
    length = thousands * 1_024 - (ECHO_LAGS_MS[1] - ECHO_LAGS_MS[0]) * MS
    length = max(length, 1_500)
    ours = np.random.default_rng(thousands).normal(0, 3_000, length).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 100, length)
    caller = (0.1 * np.roll(ours, delay_ms * MS) + noise).astype(np.float32)
    found = kernels.echo_delay(caller, ours, None)
    assert found == numpy_kernels.echo_delay(caller, ours, None)
    assert found == delay_ms * MS or length < 4_000


@pytest.mark.parametrize(
    "known_ms", [None, math.nan, math.inf, -1e30, -300.0, 0.0, 90.0, 130.0, 449.0, 700.0]
)
@pytest.mark.parametrize("gain", [0.0, 0.01, 0.02, 0.03, 0.3])
def test_an_echo_that_is_as_good_as_none(known_ms: float | None, gain: float) -> None:
    heard, ours = (side.astype(np.float32) for side in both_sides(8_000, 120, gain))
    assert kernels.echo_delay(heard, ours, known_ms) == numpy_kernels.echo_delay(heard, ours, known_ms)


@pytest.mark.parametrize("nothing", [np.zeros(0, np.float32), np.full(4_000, 49, np.float32)])
def test_where_nothing_is_played_there_is_no_echo(nothing: Floats) -> None:
    heard = voiced(4_000).astype(np.float32)
    assert kernels.echo_delay(heard, nothing, None) is None
    assert kernels.echo_delay(nothing[:0], heard, None) is None


@pytest.mark.parametrize("count", [1, 5, 16, 100])
@pytest.mark.parametrize("gain", [0.0, 0.1, 1.0])
def test_what_is_left_without_the_echo(count: int, gain: float) -> None:
    heard, ours = (side.astype(np.float32) for side in both_sides(9_000, 50, gain))
    theirs, mine = numpy_kernels.spectra(heard, count), numpy_kernels.spectra(ours[: -42 * MS], count)
    left, tail = kernels.without_echo(planes(theirs), planes(mine))
    expected_left, expected_tail = numpy_kernels.without_echo(theirs, mine)
    close(left, expected_left.T)
    close(tail, expected_tail.T, 1e-3)


@pytest.mark.parametrize(
    ("count", "since", "before"),
    [(1, 0, 0), (9, 3, 8), (20, 16, 9), (100, 99, 10), (100, 0, 0), (147, 67, 60)],
)
@pytest.mark.parametrize("noise_power", [math.inf, 1e8, 1e3])
@pytest.mark.parametrize("with_tail", [False, True])
def test_features(count: int, since: int, before: int, noise_power: float, with_tail: bool) -> None:
    heard = voiced(WINDOW + (count - 1) * HOP).astype(np.float32)
    left = numpy_kernels.power_of(numpy_kernels.spectra(heard, count))
    tail = None
    if with_tail:
        tail = (
            0.2
            * np.random.default_rng(count).random((count, 7), np.float32)
            * (left @ numpy_kernels.tables().bands)
        )
    rows, floor, loudest = kernels.features(
        left.T, None if tail is None else np.ascontiguousarray(tail.T), since, before, noise_power
    )
    expected, expected_floor, expected_loudest = numpy_kernels.features(
        left, tail, since, before, noise_power
    )
    same(rows, expected)
    close(floor, expected_floor)
    assert loudest == pytest.approx(expected_loudest, rel=1e-4)


def same(rows: Floats, expected: Floats) -> None:
    """Of features ``[6 or 7, windows]``: the last two are no powers."""
    for row, wanted in zip(rows[:-2], expected[:-2], strict=True):
        close(row, wanted, 1e-3)
    np.testing.assert_allclose(rows[-2], expected[-2], atol=2e-3)
    # Two neighbouring periods may be equally good; then either is.
    sure = expected[-2] > 0.5
    np.testing.assert_allclose(rows[-1][sure], expected[-1][sure], atol=math.log2(21 / 20) + 1e-3)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize(
    ("length", "since", "before", "delay_ms", "gain"),
    [
        pytest.param(12_000, 67, 40, 120, 0.2, id="both speak"),
        pytest.param(12_000, 67, 60, 120, 0.0, id="no echo"),
        pytest.param(4_480, 40, 5, 20, 0.3, id="just begun"),
        pytest.param(20_000, 80, 0, 350, 0.1, id="more than is looked at"),
        pytest.param(WINDOW, 0, 0, 10, 0.1, id="one window"),
    ],
)
def test_all_of_it_at_once(
    rate_hz: int, length: int, since: int, before: int, delay_ms: int, gain: float
) -> None:
    heard, ours = both_sides(length, delay_ms, gain)
    if rate_hz == 16_000:
        heard, ours = resample(heard, 8_000, rate_hz), resample(ours, 8_000, rate_hz)
    for known_ms, noise_power in ((None, math.inf), (float(delay_ms), 1e6)):
        asked: dict[str, Any] = {"latest": 12_000, "since": since, "before": before}
        asked |= {"known_delay_ms": known_ms, "noise_power": noise_power}
        found = kernels.measure(heard, ours, rate_hz, **asked)
        rows, floor, loudest, delay = numpy_kernels.measure(heard, ours, rate_hz, **asked)
        assert found.delay == delay
        assert (delay is None) is (gain == 0)
        same(np.array(found[:7]), rows)
        close(found.floor, floor, 1e-3)
        assert found.loudest == pytest.approx(loudest, rel=1e-3)


def test_many_at_once_do_not_mix() -> None:
    lines = [both_sides(6_000, 20 + 30 * number, 0.2) for number in range(8)] * 4
    asked: dict[str, Any] = {"latest": 12_000, "since": 20, "before": 10, "noise_power": math.inf}

    def measure(line: tuple[Samples, Samples]) -> list[float]:
        found = kernels.measure(*line, 8_000, known_delay_ms=None, **asked)
        return [*np.concatenate(found[:7]).tolist(), *found.floor.tolist(), found.loudest, found.delay or 0]

    one_by_one = [measure(line) for line in lines]
    assert len({tuple(found) for found in one_by_one}) == 8
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(measure, lines)) == one_by_one


@pytest.mark.parametrize("window", [512, 1_024])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("gain", [0.0, 0.2])
def test_without_voice(window: int, length: int, gain: float) -> None:
    heard, ours = both_sides(length, 0, gain)
    for sent in (ours[-length:], ours[-(length // 2 + 1) :], ours[:0]):
        found = kernels.without_voice(heard, sent, window).astype(int)
        expected = numpy_kernels.without_voice(heard, sent, window).astype(int)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 2, "single precision, then rounded"


@pytest.mark.parametrize("length", [0, 7, 160, 167, 4_000])
def test_frame_powers(length: int) -> None:
    full = np.full(length, -32_768, np.int16)
    for audio in (voiced(length), full):
        close(kernels.frame_powers(audio, 160), numpy_kernels.frame_powers(audio, 160), 1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: kernels.narrowed(voiced(100), 11_025),
        lambda: kernels.spectra(np.zeros(300, np.float32), 0),
        lambda: kernels.without_echo(np.zeros((2, 257, 3), np.float32), np.zeros((2, 257, 4), np.float32)),
        lambda: kernels.without_echo(np.zeros((2, 256, 3), np.float32), np.zeros((2, 256, 3), np.float32)),
        lambda: kernels.features(np.zeros((257, 5), np.float32), None, 5, 0, math.inf),
        lambda: kernels.features(np.zeros((257, 5), np.float32), None, 0, 6, math.inf),
        lambda: kernels.features(np.zeros((257, 5), np.float32), np.zeros((7, 4), np.float32), 0, 0, 1),
        lambda: kernels.without_voice(voiced(100), voiced(100), 256),
        lambda: kernels.frame_powers(voiced(100), 0),
        lambda: kernels.frame_powers(np.zeros(100, np.float32), 20),
        *(
            lambda heard=heard, since=since, before=before, rate=rate: kernels.measure(
                voiced(heard), voiced(100), rate, latest=12_000, since=since, before=before,
                known_delay_ms=None, noise_power=math.inf,
            )
            for heard, since, before, rate in (
                (WINDOW - 1, 0, 0, 8_000), (WINDOW, 1, 0, 8_000), (WINDOW, -1, 0, 8_000),
                (WINDOW, 0, 2, 8_000), (WINDOW, 0, 0, 44_100), (0, 0, 0, 8_000),
            )
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_read(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        wrong()
