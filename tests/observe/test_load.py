"""The load switch: what a busy machine leaves for guesses."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.observe.load import LoadGauge, Speculation, machine_times


class Machine:
    """CPU times that a test dictates."""

    def __init__(self) -> None:
        self.busy, self.total = 0.0, 0.0

    def run(self, share: float) -> None:
        self.busy += share * 100
        self.total += 100

    def times(self) -> tuple[float, float]:
        return self.busy, self.total


def settle(gauge: LoadGauge, machine: Machine, share: float, samples: int = 40) -> Speculation:
    for _ in range(samples):
        machine.run(share)
        gauge.sample()
    return gauge.level


def test_levels_follow_the_load() -> None:
    machine = Machine()
    gauge = LoadGauge(machine.times)
    assert settle(gauge, machine, 0.2) is Speculation.FULL
    assert settle(gauge, machine, 0.88) is Speculation.PAUSES
    assert settle(gauge, machine, 1.0) is Speculation.OFF
    assert settle(gauge, machine, 0.2) is Speculation.FULL


def test_one_busy_moment_changes_nothing() -> None:
    machine = Machine()
    gauge = LoadGauge(machine.times)
    settle(gauge, machine, 0.3)
    machine.run(1.0)
    assert gauge.sample() is Speculation.FULL


@pytest.mark.parametrize("share", [0.75, 0.80, 0.85, 0.90, 0.95])
def test_a_steady_load_does_not_flip(share: float) -> None:
    machine = Machine()
    gauge = LoadGauge(machine.times)
    settle(gauge, machine, share)
    levels = {settle(gauge, machine, share + wobble, 1) for wobble in (0.04, -0.04) * 20}
    assert len(levels) == 1


def test_many_callers_leave_guesses_for_pauses_that_last() -> None:
    machine, on_the_line = Machine(), 0
    gauge = LoadGauge(machine.times, callers=lambda: on_the_line, full_callers=4)
    on_the_line = 4
    assert settle(gauge, machine, 0.2) is Speculation.FULL
    on_the_line = 5
    assert settle(gauge, machine, 0.2) is Speculation.PAUSES
    assert settle(gauge, machine, 1.0) is Speculation.OFF, "a machine without power has none for them either"
    assert settle(gauge, machine, 0.2) is Speculation.PAUSES
    on_the_line = 4
    assert settle(gauge, machine, 0.2) is Speculation.FULL


def test_the_configuration_has_the_last_word() -> None:
    machine = Machine()
    gauge = LoadGauge(machine.times, allowed=Speculation.OFF)
    assert settle(gauge, machine, 0.1) is Speculation.OFF


def test_a_machine_without_proc_keeps_what_is_configured() -> None:
    def missing() -> tuple[float, float]:
        raise FileNotFoundError("/proc/stat")

    assert LoadGauge(missing).sample() is Speculation.FULL


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc/stat: not Linux")
def test_the_real_machine_has_times() -> None:
    busy, total = machine_times()
    assert 0 < busy <= total
