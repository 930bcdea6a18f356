"""Other people's figures: their curves and windows, and the sweep of policies."""

from __future__ import annotations

import pytest

from bench.evals.__main__ import table
from bench.evals.scores import (
    Rate,
    Silence,
    eot_frontier,
    eva_latency,
    eva_turn_taking,
    eva_yield,
    fdb_pause_takeover,
    fdb_smooth,
    tau_panel,
)
from bench.turnaround.conversation import Said
from bench.turnaround.judge import Interjection, Judged


def turn(
    turnaround_ms: float | None = None, kind: str = "open", *, premature: bool = False, missed: bool = False
) -> Judged:
    said = Said("p", kind, "", None, 0.0, 1.0)
    found = dict.fromkeys(
        ("waited_ms", "late_compute_ms", "overhead_ms", "commit_to_ear_ms", "right", "word_errors")
    )
    return Judged(
        said=said, premature=premature, unfinished=premature, overlapped=False, missed=missed,
        turnaround_ms=turnaround_ms, wasted_revisions=0, heard="", answer="", words=0, gaps_ms=(),
        answer_ms=0.0, voiced_ms=0.0, undisturbed=True, runs=(), stamps_ms={}, **found,
    )  # fmt: skip


def into(kind: str, stop_ms: float | None, *, stopped: bool) -> Interjection:
    return Interjection(Said("p", kind, "", None, 0.0, 1.0), stop_ms, stopped, False, None)


@pytest.mark.parametrize(
    ("ms", "score"),
    [(-500, 0), (0, 0.5), (200, 0.7), (335, 0.835), (500, 1), (2000, 1), (2750, 0.5), (3500, 0), (9000, 0)],
)
def test_eva_rewards_nobody_for_speed_below_half_a_second(ms: float, score: float) -> None:
    assert eva_latency(ms) == pytest.approx(score)


def test_eva_is_a_mean_over_turns_and_interruptions() -> None:
    assert eva_yield(300) == pytest.approx(0.85)
    turns = [turn(200), turn(500), turn(premature=True), turn(missed=True)]
    interruptions = [into("interrupt", 300, stopped=True), into("interrupt", 900, stopped=False)]
    found = eva_turn_taking(turns, interruptions)
    assert found == Rate(round((0.7 + 1 + 0 + 0 + 0.85 + 0) / 6, 4), 6)
    assert eva_turn_taking([], []) == Rate(None, 0)


def test_taus_panel_has_its_windows() -> None:
    panel = tau_panel(
        [turn(200), turn(400), turn(missed=True), turn(premature=True)],
        [
            into("interrupt", 300, stopped=True),
            into("interrupt", 2_500, stopped=True),  # later than 2 s: it did not yield
            into("backchannel", 200, stopped=True),
            into("backchannel", 3_000, stopped=False),
            into("sound", 1_400, stopped=True),  # later than 1 s: not because of it
            into("side", 500, stopped=True),
        ],
    )
    assert (panel.response_latency_s, panel.yield_latency_s) == (0.3, 0.3)
    assert (panel.response, panel.yields, panel.interrupts) == (Rate(0.75, 4), Rate(0.5, 2), Rate(0.25, 4))
    assert (panel.backchannel, panel.vocal_tic) == (Rate(0.5, 2), Rate(1.0, 1))
    assert panel.non_directed == Rate(0.0, 1)


def test_full_duplex_bench_looks_at_pauses_alone() -> None:
    turns = [turn(300, "hesitation"), turn(kind="hesitation", premature=True), turn(250), turn(missed=True)]
    assert fdb_pause_takeover(turns) == Rate(0.5, 2)
    assert fdb_smooth(turns) == (Rate(0.5, 2), 0.25)


def test_a_perfect_score_answers_at_once_and_a_useless_one_has_to_wait_out_the_pauses() -> None:
    perfect = [Silence(1.0, None)] * 5 + [Silence(0.0, float(pause)) for pause in range(300, 701, 50)]
    found = eot_frontier(perfect)
    assert (found.cutoffs_at_300, found.cutoffs_at_600, found.latency_at_5) == (0, 0, 0)
    useless = [Silence(0.5, None)] * 5 + [Silence(0.5, float(pause)) for pause in range(300, 701, 50)]
    found = eot_frontier(useless)
    assert found.cutoffs_at_300 == pytest.approx(8 / 9, abs=1e-3)  # of nine, all that are longer than 300 ms
    assert found.latency_at_5 == 700
    with pytest.raises(ValueError, match="both"):
        eot_frontier([Silence(0.5, None)])


def test_the_table_says_where_nothing_was_measured() -> None:
    rate = {"value": None, "of": 0}
    panel = dict.fromkeys(
        ("response", "yields", "interrupts", "backchannel", "vocal_tic", "non_directed"), rate
    )
    made = {
        "about": {"commit": "x", "cores": 2, "processor": "y", "load_before": 0.1},
        "eot": {"cutoffs_at_300": 0.1, "cutoffs_at_600": 0.0, "latency_at_5": 400.0, "latency_at_10": 300.0},
        "tau": {"response_latency_s": 0.3, "yield_latency_s": 0.3, **panel},
        "turnaround": {"timed_turns": 9, "p50_ms": 300.0, "p95_ms": 500.0, "p99_ms": None},
        "eva": {"value": 0.8, "of": 10},
        "fdb": {"pause_takeover": rate, "smooth_taken": rate, "smooth_s": None},
    }
    text = table(made)
    assert "10.0%, 0.0%" in text
    assert "nothing measured" in text
    assert text.count("  ours ") == text.count("  published ") == text.count("  differs ") == 5
