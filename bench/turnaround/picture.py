"""The picture beside the report: the curve, the median turn, and the comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

_INK, _OURS, _THEIRS = "#222222", "#1f6feb", "#b35900"
_STAGES = (
    ("silence waited", "speech_end", "committed", "#c9d1d9"),
    ("recognition", "maybe_done", "stt_done", "#1f6feb"),
    ("first token", "stt_done", "llm_first_token", "#8250df"),
    ("first clause", "llm_first_token", "clause_ready", "#bf3989"),
    ("first audio", "clause_ready", "tts_first_audio", "#1a7f37"),
)
"""Name, from, to, colour; in the order in which they are drawn, top to bottom."""


def draw(report: dict[str, Any], file: Path) -> None:
    """Writes a PNG of the report."""
    figure, (curve, fall) = pyplot.subplots(1, 2, figsize=(12.5, 5), width_ratios=(1, 1.15))
    _curve(curve, report)
    _waterfall(fall, report["median_turn"], report["dial"])
    where = report["about"]
    figure.suptitle("offhook, measured at the caller's ear", color=_INK, x=0.01, ha="left", fontsize=13)
    figure.text(
        0.01,
        0.01,
        f"{where['processor']}, {where['cores']} cores; embedded models; a SIP client on a real Asterisk, "
        f"loopback; {report['turns']} turns with the default dial; {where['at'][:10]}",
        color="#57606a",
        fontsize=8,
    )
    figure.tight_layout(rect=(0, 0.03, 1, 0.97))
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def _curve(axes: Axes, report: dict[str, Any]) -> None:
    dials = _points(report["dials"])
    axes.plot(
        [x for _, x, _ in dials],
        [y for _, _, y in dials],
        "-o",
        color=_OURS,
        label="offhook, as the dial moves",
    )
    references = _points(report["references"])
    axes.plot(
        [x for _, x, _ in references],
        [y for _, _, y in references],
        "s",
        color=_THEIRS,
        label="references, same run",
    )
    for name, x, y in [*dials, *references]:
        axes.annotate(
            name.replace("_", " "), (x, y), textcoords="offset points", xytext=(7, 5), fontsize=9, color=_INK
        )
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=-2, top=max([y for _, _, y in [*dials, *references]], default=10) * 1.15 + 5)
    axes.margins(x=0.15)
    axes.set_xlabel("turnaround, median [ms]")
    axes.set_ylabel("phrases with inner pauses answered before their end [%]")
    axes.set_title("Latency against premature answers", fontsize=10, loc="left")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="upper right")


def _waterfall(axes: Axes, turn: dict[str, Any], dial: str) -> None:
    axes.set_title(f"The median turn ({dial})", fontsize=10, loc="left")
    axes.set_xlabel("after the caller's last sample, as the daemon saw it [ms]")
    if not turn:
        axes.text(0.5, 0.5, "no turn with a trace", transform=axes.transAxes, ha="center")
        return
    stamps = turn["stamps_ms"]
    row, labels = 0, []
    for name, start, stop, colour in _STAGES:
        if start in stamps and stop in stamps:
            axes.barh(row, stamps[stop] - stamps[start], left=stamps[start], color=colour, height=0.6)
            labels.append(f"{name} ({stamps[stop] - stamps[start]:.0f} ms)")
            row += 1
    heard = turn["turnaround_ms"]
    axes.axvline(heard, color=_INK, linewidth=1)
    axes.annotate(
        f"heard after {turn['turnaround_ms']:.0f} ms",
        (heard, row - 0.4),
        textcoords="offset points",
        xytext=(-5, 0),
        ha="right",
        fontsize=9,
        color=_INK,
    )
    axes.set_yticks(range(row), labels)
    axes.set_ylim(row, -0.7)
    axes.set_xlim(0, heard * 1.05)
    axes.grid(alpha=0.25, axis="x")


def _points(figures: dict[str, dict[str, Any]]) -> list[tuple[str, float, float]]:
    """Name, median [ms] and premature share [%] of those that have both, fastest first."""
    found = [
        (name, one["p50_ms"], 100 * one["paused_unfinished_rate"])
        for name, one in figures.items()
        if one["p50_ms"] is not None and one["paused_unfinished_rate"] is not None
    ]
    return sorted(found, key=lambda point: point[1])
