"""Both sides of a call beside each other: clocks that differ, networks that are late, loops that stand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.call.tap import LAG_NS, Sides, Tap
from tests.support.clock import Clock, reached

RATE_HZ = 8_000
FRAME_NS, S = 20_000_000, 10**9
SAMPLE_NS = S // RATE_HZ


def counted(start: int, stop: int) -> NDArray[np.int16]:
    return (np.arange(start, max(start, stop)) % 30_000 + 1).astype(np.int16)


class Side:
    """A caller whose telephone's clock is ``ppm`` off ours; frames come late as they are told to."""

    def __init__(self, ppm: float = 0.0) -> None:
        self.rate_hz = RATE_HZ
        self.written_samples = 0
        self._frame_ns = FRAME_NS * (1 - ppm / 1e6)

    def reaches(self, now_ns: int, late_ns: int = 0) -> None:
        """Every frame that was there by then."""
        frames = int((now_ns - late_ns) / self._frame_ns)
        self.written_samples = max(self.written_samples, frames * 160)

    def read(self, start: int, stop: int) -> tuple[int, NDArray[np.int16]]:
        """Samples count up from 1; none is silent."""
        return start, counted(start, min(stop, self.written_samples))


class Said:
    """What we sent: a click of one sample at each of these times."""

    def __init__(self, *clicks_ns: int) -> None:
        self._clicks_ns = clicks_ns

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        sent = np.zeros(max(0, (stop_ns - start_ns) * RATE_HZ // S), np.int16)
        for at_ns in self._clicks_ns:
            at = (at_ns - start_ns) * RATE_HZ // S
            if 0 <= at < len(sent):
                sent[at] = 1_000
        return sent


def heard(side: Side, said: Said, until_ns: int, *, look_ns: int = 93_000_000, late_ns: Any = None) -> Any:
    """``[samples, 2]`` of a call that was followed for so long."""
    sides = Sides(cast(Any, side), cast(Any, said))
    blocks, random = [], np.random.default_rng(3)
    now_ns = 0
    while now_ns < until_ns:
        now_ns += look_ns
        side.reaches(now_ns, 0 if late_ns is None else int(late_ns(random, now_ns)))
        sides.look(now_ns)
        blocks.append(sides.take(now_ns - LAG_NS)[1])
    return np.concatenate(blocks)


def test_what_was_said_at_the_same_time_stands_at_the_same_place() -> None:
    clicks = [3 * S, 7 * S + 12_345_678, 11 * S]
    both = heard(Side(), Said(*clicks), 12 * S)
    np.testing.assert_array_equal(both[:, 0], counted(0, len(both)))
    at = np.flatnonzero(both[:, 1])
    assert len(at) == len(clicks), "each once"
    assert np.abs(at * SAMPLE_NS - clicks).max() < 10_000_000


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_telephone_whose_clock_is_wrong_does_not_drift_away(ppm: int) -> None:
    """In half an hour 200 parts in a million are 360 ms."""
    clicks = [at * S for at in range(5, 1_800, 60)]
    both = heard(Side(ppm), Said(*clicks), 1_800 * S, look_ns=293_000_000)
    at = np.flatnonzero(both[:, 1])
    assert len(at) == len(clicks)
    true_at = np.array(clicks) / FRAME_NS / (1 - ppm / 1e6) * 160
    assert np.abs(at - true_at).max() < RATE_HZ * 10 // 1_000


def test_frames_that_come_late_move_nothing() -> None:
    clicks = [at * S for at in range(5, 60, 5)]

    def late_ns(random: Any, now_ns: int) -> float:
        return float(random.uniform(0, 80e6) if random.random() < 0.7 else 0)

    both = heard(Side(), Said(*clicks), 60 * S, late_ns=late_ns)
    at = np.flatnonzero(both[:, 1])
    assert np.abs(at * SAMPLE_NS - clicks).max() < 15_000_000
    np.testing.assert_array_equal(both[:, 0], counted(0, len(both)))


def test_a_loop_that_stood_still_costs_silence_and_no_time() -> None:
    """Twelve seconds: of the first of them nothing is known any more."""
    side, said = Side(), Said(2 * S, 20 * S)
    sides = Sides(cast(Any, side), cast(Any, said))
    blocks = []
    for now_ns in (*range(S // 10, 3 * S, S // 10), *range(15 * S, 22 * S, S // 10)):
        side.reaches(now_ns)
        sides.look(now_ns)
        blocks.append(sides.take(now_ns - LAG_NS)[1])
    both = np.concatenate(blocks)
    assert np.abs(np.flatnonzero(both[:, 1]) * SAMPLE_NS - [2 * S, 20 * S]).max() < FRAME_NS
    known = both[:, 0] != 0
    np.testing.assert_array_equal(both[known, 0], counted(0, len(both))[known])
    assert 0 < (~known).sum() < 12 * RATE_HZ


class Gathered:
    def __init__(self) -> None:
        self.blocks: list[NDArray[np.int16]] = []
        self.ended = 0

    def write(self, block: NDArray[np.int16]) -> None:
        self.blocks.append(block.copy())

    def end(self) -> None:
        self.ended += 1

    @property
    def audio(self) -> NDArray[np.int16]:
        return np.concatenate([np.zeros((0, 2), np.int16), *self.blocks])


def tapped(side: Side, said: Said, tasks: list[asyncio.Task[None]]) -> Tap:
    def spawn(work: Coroutine[Any, Any, None], name: str) -> None:
        tasks.append(asyncio.create_task(work, name=name))

    return Tap(cast(Any, side), cast(Any, said), spawn)


async def test_what_is_paused_is_silence_to_everybody_and_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [S]
    monkeypatch.setattr("offhook.call.tap.time.monotonic_ns", lambda: now[0])
    side = Side()
    side.reaches(now[0])
    tasks: list[asyncio.Task[None]] = []
    tap = tapped(side, Said(*range(S, 9 * S, 10**6)), tasks)
    recording, listener = Gathered(), Gathered()
    tap.add(recording)

    def pass_by(seconds: float) -> None:
        now[0] += round(seconds * S)
        side.reaches(now[0])

    pass_by(1.0)
    tap.pause()
    assert tap.paused
    pass_by(2.0)
    tap.add(listener)
    tap.pause("operator")
    tap.resume()
    assert tap.paused, "the other reason is still there"
    tap.resume("operator")
    assert not tap.paused
    pass_by(1.0)
    tap.pause()
    tap.close()
    tap.close()
    tap.add(late := Gathered())
    assert (recording.ended, listener.ended, late.ended) == (1, 1, 1)
    await asyncio.gather(*tasks)
    for gathered in (recording, listener):
        audio = gathered.audio
        assert len(audio) == 4 * RATE_HZ
        for side_ in (0, 1):
            heard_at = np.flatnonzero(audio[:, side_])
            assert heard_at.min() < RATE_HZ // 50
            assert heard_at.max() > 4 * RATE_HZ - RATE_HZ // 50
            assert not ((heard_at >= RATE_HZ) & (heard_at < 3 * RATE_HZ)).any()


async def test_who_stops_listening_hears_no_more_and_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    side = Side()
    tasks: list[asyncio.Task[None]] = []
    tap = tapped(side, Said(), tasks)
    first, second = Gathered(), Gathered()
    tap.add(first)
    clock.pass_by(1.0)
    await reached(lambda: bool(first.blocks), "something is heard")
    tap.remove(first)
    tap.remove(first)
    heard_until = len(first.audio)
    clock.pass_by(30.0)
    tap.add(second)
    clock.pass_by(1.0)
    await reached(lambda: bool(second.blocks), "something is heard again")
    assert len(second.audio) < 5 * RATE_HZ, "of what nobody listened to nothing is told"
    assert len(first.audio) == heard_until
    assert (first.ended, second.ended) == (0, 0)
    tap.close()
    clock.pass_by(1.0)
    await asyncio.gather(*tasks)
