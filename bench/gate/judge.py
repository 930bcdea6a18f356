"""The gate's verdict: readings of this tree against those of the commit before.  Pure: no clock, no files.

A stage is measured as a ratio: its time over that of a calibration loop run just before it.  A standard keeps
the ratio before, and how far repeated runs of it were apart.  A stage is slower when its ratio has grown by
more than a margin: four standard deviations of both measurements' noise, at least ``MIN_MARGIN``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SIGMAS = 4
MIN_RUNS = 3
MIN_MARGIN = 0.15
MAX_MARGIN = 0.25
"""However noisy the machine is: a stage that takes 30 % longer is slower."""
_GROUPS = 5

Outcome = Literal["ok", "slower", "faster", "new", "gone"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One stage in one run."""

    kind: str
    """The calibration it was measured with."""
    ratio: float
    """Stage time over calibration time, the lower quartile of each over the rounds."""
    noise: float
    """Relative standard deviation of that ratio, estimated from parts of the run."""
    stage_ms: float
    """Lower quartile; for reading only."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What a stage is measured against."""

    kind: str
    ratio: float
    noise: float
    """Relative standard deviation of one run's ratio, over repeated runs."""
    runs: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the table."""

    stage: str
    outcome: Outcome
    reading: Reading | None = None
    standard: Standard | None = None
    margin: float = 0.0

    @property
    def change(self) -> float:
        """Relative to the commit before: 0.2 is a fifth slower."""
        if self.reading is None or self.standard is None:
            return 0.0
        return self.reading.ratio / self.standard.ratio - 1

    @property
    def fails(self) -> bool:
        return self.outcome == "slower"


def read(kind: str, stage_s: Sequence[float], calibration_s: Sequence[float]) -> Reading:
    """Reduce a run's rounds.  Raises ValueError when there are too few, or they do not match."""
    if len(stage_s) != len(calibration_s) or len(stage_s) < 4 * _GROUPS:
        raise ValueError(f"{len(stage_s)} rounds of a stage and {len(calibration_s)} of its calibration")
    # Neighbours on the machine only ever make a round longer: the lower quartile is spared most of it.
    # It repeated within 1 to 5 % from run to run on a busy machine, the median within 2 to 12 %.
    ratio = _quartile(stage_s) / _quartile(calibration_s)
    # Consecutive rounds share what disturbs them, so the spread of groups, not of rounds, tells how far
    # the whole run may be off.
    size = len(stage_s) // _GROUPS
    parts = [slice(at * size, (at + 1) * size) for at in range(_GROUPS)]
    groups = [_quartile(stage_s[part]) / _quartile(calibration_s[part]) for part in parts]
    noise = statistics.stdev(groups) / ratio / _GROUPS**0.5
    return Reading(kind, ratio, noise, _quartile(stage_s) * 1000)


def _quartile(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=4, method="inclusive")[0]


def readings(report: Mapping[str, Any]) -> dict[str, Reading]:
    """The stages in a pytest-benchmark report (its JSON), by name."""
    return {
        stage_name(entry["name"]): read(
            entry["extra_info"]["kind"], entry["extra_info"]["stage_s"], entry["extra_info"]["calibration_s"]
        )
        for entry in report["benchmarks"]
    }


def stage_name(test: str) -> str:
    """``vad`` for ``test_vad``."""
    return test.removeprefix("test_")


def standards(runs: Sequence[Mapping[str, Reading]]) -> dict[str, Standard]:
    """What repeated runs of the commit before say, stage by stage."""
    found = {}
    for name in runs[0]:
        taken = [run[name] for run in runs if name in run]
        if len(taken) < MIN_RUNS:
            raise ValueError(f"{name} was measured {len(taken)} times; {MIN_RUNS} are needed")
        ratios = [reading.ratio for reading in taken]
        ratio = statistics.median(ratios)
        found[name] = Standard(taken[0].kind, ratio, statistics.stdev(ratios) / ratio, len(runs))
    return found


def margin(standard: Standard, reading: Reading) -> float:
    """How much slower than ``standard`` is still noise."""
    return min(MAX_MARGIN, max(MIN_MARGIN, SIGMAS * math.hypot(standard.noise, reading.noise)))


def judge(before: Mapping[str, Standard], run: Mapping[str, Reading]) -> list[Verdict]:
    """Every stage of either, in the run's order."""
    verdicts = []
    for name, reading in run.items():
        standard = before.get(name)
        if standard is None or standard.kind != reading.kind:
            verdicts.append(Verdict(name, "new", reading))
            continue
        allowed = margin(standard, reading)
        verdict = Verdict(name, "ok", reading, standard, allowed)
        outcome: Outcome = "ok"
        if verdict.change > allowed:
            outcome = "slower"
        elif verdict.change < -allowed / (1 + allowed):
            outcome = "faster"
        verdicts.append(Verdict(name, outcome, reading, standard, allowed))
    gone = [Verdict(name, "gone", None, before[name]) for name in before if name not in run]
    return verdicts + gone


def best(runs: Iterable[Mapping[str, Reading]]) -> dict[str, Reading]:
    """Of each stage the run in which it was fastest: a real regression is in all of them."""
    found: dict[str, Reading] = {}
    for run in runs:
        for name, reading in run.items():
            if name not in found or reading.ratio < found[name].ratio:
                found[name] = reading
    return found


def table(verdicts: Sequence[Verdict]) -> str:
    """For a person to read."""
    rows = [("stage", "against", "ms", "ratio", "before", "change", "allowed", "")]
    for verdict in verdicts:
        reading, standard = verdict.reading, verdict.standard
        measured = reading or standard
        rows.append(
            (
                verdict.stage,
                measured.kind if measured else "",
                f"{reading.stage_ms:.2f}" if reading else "-",
                f"{reading.ratio:.3f}" if reading else "-",
                f"{standard.ratio:.3f}" if standard else "-",
                f"{verdict.change:+.0%}" if reading and standard else "-",
                f"{verdict.margin:+.0%}" if reading and standard else "-",
                _SAID[verdict.outcome],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(row[2:7], widths[2:7], strict=True)]
        lines.append("  ".join([*cells, row[7]]).rstrip())
    return "\n".join(lines)


_SAID: dict[Outcome, str] = {
    "ok": "",
    "slower": "SLOWER",
    "faster": "faster",
    "new": "new",
    "gone": "gone",
}
