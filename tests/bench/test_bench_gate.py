"""The benchmark gate itself, on made-up times: what fails it, and what must not."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.gate import __main__ as gate
from bench.gate.calibration import KINDS
from bench.gate.gauge import gauge
from bench.gate.judge import (
    MAX_MARGIN,
    MIN_MARGIN,
    MIN_RUNS,
    Reading,
    Standard,
    best,
    judge,
    margin,
    read,
    readings,
    standards,
    table,
)
from bench.gate.parent import FirstCommitError, NoParentError, commit_of, prepare

STAGES = {"vad": 2.0, "stt": 15.0, "turn": 0.8}
"""True ratios."""


class Machine:
    """Times as a machine would give them: every round of both loops has its own noise."""

    def __init__(self, seed: int, *, noise: float = 0.05, slower: Mapping[str, float] | None = None) -> None:
        self._random = random.Random(seed)
        self._noise = noise
        self._slower = slower or {}
        self.asked: list[list[str]] = []

    def times(self, name: str) -> tuple[list[float], list[float]]:
        speed = self._random.uniform(0.5, 2.0)  # another clock, another neighbour: both loops feel it
        calibration = [0.004 * speed * self._blur() for _ in range(60)]
        truth = STAGES[name] * self._slower.get(name, 1.0)
        return [truth * 0.004 * speed * self._blur() for _ in range(60)], calibration

    def measure(self, names: Sequence[str]) -> dict[str, Reading]:
        self.asked.append(list(names))
        return {name: read("float", *self.times(name)) for name in names or STAGES}

    def _blur(self) -> float:
        # Now and then a round is preempted and takes three times as long.
        return self._random.lognormvariate(0, self._noise) * (3 if self._random.random() < 0.05 else 1)


@pytest.mark.parametrize("seed", range(20))
def test_an_unchanged_tree_passes(seed: int) -> None:
    assert gate.compare(Machine(100 + seed).measure, Machine(200 + seed).measure) == 0


@pytest.mark.parametrize("slowed", list(STAGES))
@pytest.mark.parametrize("times", [1.3, 2.0])
def test_a_slowed_stage_fails_it(slowed: str, times: float, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = Machine(1), Machine(7, slower={slowed: times})
    assert gate.compare(before.measure, after.measure) == 1
    again = [[slowed]] * MIN_RUNS
    assert before.asked == after.asked == [[]] * MIN_RUNS + again + again, "only what seems slower, in both"
    said = capsys.readouterr().out
    assert f"measuring again: {slowed}\n" in said
    assert f"bench-gate: {slowed}: slower than before" in said
    (row,) = (line for line in said.splitlines() if line.startswith(f"{slowed} "))
    assert row.endswith("SLOWER")


def test_a_disturbance_that_passes_does_not_fail_it() -> None:
    calm, disturbed = Machine(3), Machine(4, slower={"stt": 3.0})
    runs = iter([disturbed] * MIN_RUNS + [calm] * MIN_RUNS)
    assert gate.compare(Machine(1).measure, lambda names: next(runs).measure(names)) == 0
    assert calm.asked == [["stt"]] * MIN_RUNS


def test_both_are_measured_in_turn() -> None:
    order: list[str] = []

    def side(name: str) -> gate.Measure:
        def measure(names: Sequence[str]) -> Mapping[str, Reading]:
            order.append(name)
            return Machine(1).measure(names)

        return measure

    gate.compare(side("before"), side("after"))
    assert order == ["before", "after", "after", "before", "before", "after"]


def test_a_wrong_answer_fails_it(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(names: Sequence[str]) -> dict[str, Reading]:
        raise gate.WrongAnswerError("assert 'Paris' in 'London'")

    assert gate.compare(Machine(1).measure, broken) == 2
    assert "assert 'Paris' in 'London'" in capsys.readouterr().out


def test_without_a_commit_to_compare_with_nothing_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.main(["--against", "no-such-tag"]) == 2
    assert "there is no commit 'no-such-tag' here" in capsys.readouterr().out


def _repository(folder: Path, commits: int) -> str:
    """With so many commits; gives the last one's parent, or nothing."""

    def git(*arguments: str) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        command = ["git", *names, *arguments]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout

    folder.mkdir()
    git("init", "--quiet")
    for number in range(commits):
        git("commit", "--quiet", "--allow-empty", "-m", f"commit {number}")
    return git("rev-parse", "HEAD~1").strip() if commits > 1 else ""


def test_a_shallow_clone_fetches_the_commit_before(tmp_path: Path) -> None:
    source, clone = tmp_path / "source", tmp_path / "clone"
    parent = _repository(source, 3)
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{source}", clone], check=True)
    assert commit_of("HEAD~1", clone) == parent
    assert commit_of("HEAD~1", source) == parent
    with pytest.raises(NoParentError, match="there is no commit 'v9' here"):
        commit_of("v9", source)


def test_a_shallow_clone_that_can_fetch_nothing_says_what_to_do(tmp_path: Path) -> None:
    source, clone = tmp_path / "source", tmp_path / "clone"
    _repository(source, 2)
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{source}", clone], check=True)
    source.rename(tmp_path / "gone")
    with pytest.raises(NoParentError, match="git fetch --unshallow"):
        commit_of("HEAD~1", clone)


def test_the_first_commit_passes_and_what_is_no_clone_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _repository(tmp_path / "first", 1)
    with pytest.raises(FirstCommitError) as first:
        commit_of("HEAD~1", tmp_path / "first")
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    with pytest.raises(NoParentError, match="no clone of a repository") as none:
        commit_of("HEAD~1", tmp_path / "none")
    for error, status in ((first.value, 0), (none.value, 2)):

        def fails(revision: str, error: NoParentError = error) -> Path:
            raise error

        monkeypatch.setattr(gate, "prepare", fails)
        assert gate.main([]) == status
        assert str(error) in capsys.readouterr().out


def test_the_commit_before_is_built_below_the_build_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.gate.parent.FOLDER", tmp_path / "gate")
    try:
        tree = prepare("HEAD")
    except NoParentError as error:
        pytest.skip(f"not a clone: {error}")
    assert tree.parent == tmp_path / "gate"
    assert list((tree / "engine" / "offhook").glob("_core*.so"))
    assert prepare("HEAD") == tree, "made once"


def test_new_and_forgotten_stages_are_said() -> None:
    standard = {name: Standard("float", truth, 0.01, 7) for name, truth in STAGES.items()}
    run = Machine(1).measure([])
    run["new"] = run.pop("stt")
    verdicts = {verdict.stage: verdict for verdict in judge(standard, run)}
    assert [verdicts[name].outcome for name in ("vad", "turn", "new", "stt")] == ["ok", "ok", "new", "gone"]
    # Another calibration makes another ratio: nothing to compare with.
    other = judge({"vad": Standard("memory", 2.0, 0.01, 7)}, {"vad": run["vad"]})
    assert other[0].outcome == "new"


def test_the_margin_follows_the_noise() -> None:
    def allowed(before: float, now: float) -> float:
        return margin(Standard("float", 1.0, before, 7), Reading("float", 1.0, now, 5.0))

    assert allowed(0.001, 0.001) == MIN_MARGIN == 0.15
    assert allowed(0.03, 0.04) == pytest.approx(4 * 0.05)
    assert allowed(0.05, 0.0) == pytest.approx(4 * 0.05)
    assert allowed(0.5, 0.5) == MAX_MARGIN == 0.25, "a third slower is slower on any machine"


@pytest.mark.parametrize(
    ("ratio", "outcome"), [(1.14, "ok"), (1.16, "slower"), (0.9, "ok"), (0.86, "faster"), (2.5, "slower")]
)
def test_the_edges_of_the_margin(ratio: float, outcome: str) -> None:
    (verdict,) = judge({"vad": Standard("float", 1.0, 0.01, 7)}, {"vad": Reading("float", ratio, 0.01, 5.0)})
    assert verdict.outcome == outcome
    assert verdict.fails == (outcome == "slower")


def test_the_best_of_several_runs_counts() -> None:
    runs = [
        {"vad": Reading("float", 1.5, 0.1, 5.0), "turn": Reading("float", 1.0, 0.1, 5.0)},
        {"vad": Reading("float", 1.1, 0.2, 5.0)},
    ]
    assert best(runs) == {"vad": runs[1]["vad"], "turn": runs[0]["turn"]}


def test_a_reading_is_the_ratio_whatever_the_clock() -> None:
    calibration = [0.004, 0.004, 0.008, 0.008] * 10
    reading = read("float", [3 * seconds for seconds in calibration], calibration)
    assert reading.ratio == pytest.approx(3)
    assert reading.noise == pytest.approx(0, abs=1e-9)
    assert reading.stage_ms == pytest.approx(12)


@pytest.mark.parametrize(("stage", "calibration"), [([1.0] * 19, [1.0] * 19), ([1.0] * 30, [1.0] * 29)])
def test_too_few_rounds_are_no_reading(stage: list[float], calibration: list[float]) -> None:
    with pytest.raises(ValueError, match="rounds of a stage"):
        read("float", stage, calibration)


def test_two_runs_have_no_noise() -> None:
    with pytest.raises(ValueError, match="measured 2 times; 3 are needed"):
        standards([Machine(1).measure([])] * 2)


# --- measuring -----------------------------------------------------------------------------------


class Bench:
    """What pytest-benchmark's fixture does, on a clock that somebody else moves."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.extra_info: dict[str, Any] = {}
        self.stats = SimpleNamespace(stats=SimpleNamespace(data=[]))

    def pedantic(
        self, target: Callable[[], object], *, setup: Callable[[], None], rounds: int, warmup_rounds: int
    ) -> object:
        answer = None
        for number in range(warmup_rounds + rounds):
            setup()
            begin = self._now()
            answer = target()
            if number >= warmup_rounds:
                self.stats.stats.data.append(self._now() - begin)
        return answer


def test_the_calibration_runs_before_every_round(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    ran: list[str] = []

    def work(name: str, durations_s: Iterator[float]) -> Callable[[], str]:
        def run() -> str:
            nonlocal now_s
            ran.append(name)
            now_s += next(durations_s)
            return name

        return run

    def clock() -> float:
        return now_s

    slowing = [0.004 + number / 1000 for number in range(23)]  # the machine gets slower and slower
    monkeypatch.setitem(KINDS, "float", work("calibration", iter(slowing)))
    bench = Bench(clock)
    stage = work("stage", (5 * seconds for seconds in slowing))
    assert gauge(bench, "float", stage, rounds=20, clock=clock) == "stage"
    assert ran == ["calibration", "stage"] * 23
    report = {"benchmarks": [{"name": "test_vad", "extra_info": bench.extra_info}]}
    assert readings(json.loads(json.dumps(report)))["vad"].ratio == pytest.approx(5)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_calibration_always_computes_the_same(kind: str) -> None:
    assert KINDS[kind]() == KINDS[kind]()


def test_the_table_is_aligned() -> None:
    standard = {name: Standard("float", truth, 0.01, 7) for name, truth in STAGES.items()}
    lines = table(judge(standard, Machine(1).measure([]))).splitlines()
    assert lines[0].split() == ["stage", "against", "ms", "ratio", "before", "change", "allowed"]
    assert len(lines) == 1 + len(STAGES)
    assert len({line.index("%") for line in lines[1:]}) == 1
