"""The proof of the benchmark gate, without measuring: what it compares, takes for proved, and keeps."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bench.gate import proof
from bench.gate.gauge import SLOWED, slowed
from bench.gate.judge import Reading
from bench.gate.proof import NATIVE, Trial

SOUND = {"vad": 2.0, "turn": 0.8}
"""Ratios of stages."""


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Stages that are not run: ratios grow as they are told to.  By machine, those that are deaf to it."""
    deaf: dict[str, list[str]] = {}

    def run(root: Path, name: str, names: Sequence[str], environ: Mapping[str, str]) -> dict[str, Reading]:
        times = float(environ.get(SLOWED, "1"))
        heeds = {each: each not in deaf.get(environ["machine"], ()) for each in SOUND}
        return {
            each: Reading("float", SOUND[each] * (times if heeds[each] else 1), 0.02, 1.0)
            for each in names or SOUND
        }

    monkeypatch.setattr(proof, "run_stages", run)
    monkeypatch.setattr(proof, "environment", lambda name: {"machine": name})
    monkeypatch.setattr(proof, "identity", lambda: {"commit": "c0ffee", "machine": "this one"})
    return deaf


def test_a_slowed_stage_takes_so_many_times_its_time() -> None:
    ticks = itertools.count()

    def stage() -> str:
        for _ in range(100):
            next(ticks)
        return "answer"

    began = next(ticks)
    assert slowed(stage, 1.3, lambda: next(ticks))() == "answer"
    assert next(ticks) - began == pytest.approx(130, abs=5)
    assert slowed(stage, 1, lambda: next(ticks)) is stage


def test_it_is_proved_when_every_slowed_stage_fails_and_an_unchanged_tree_passes(
    measured: dict[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert proof.main(["--keep", str(tmp_path / "kept"), "--unchanged", "2"]) == 0
    printed = capsys.readouterr().out
    assert "native, slowed by 30% (1): 2 of 2 stages fail (changes +30% to +30%), as it should" in printed
    assert "native, unchanged (2): 0 of 2 stages fail" in printed
    assert "4 of 4 comparisons" in printed


def test_a_slowed_stage_that_passes_on_one_machine_is_no_proof(
    measured: dict[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured["desktop"] = ["turn"]
    assert proof.main(["--keep", str(tmp_path / "kept"), "--unchanged", "1"]) == 1
    assert "desktop, slowed by 30% (1): 1 of 2 stages fail" in capsys.readouterr().out


def test_what_was_compared_is_not_compared_again_unless_the_commit_is_another(
    measured: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--keep", str(tmp_path / "kept"), "--unchanged", "1"]
    assert proof.main(arguments) == 0
    before = proof.kept(tmp_path / "kept")
    assert list(before) == [Trial(NATIVE, 1.3), Trial("desktop", 1.3), Trial(NATIVE, 1)]

    def must_not_run(*arguments: object) -> dict[str, Reading]:
        raise AssertionError("it was compared already")

    monkeypatch.setattr(proof, "run_stages", must_not_run)
    assert proof.main(arguments) == 0
    monkeypatch.setattr(proof, "identity", lambda: {"commit": "0ff1ce", "machine": "this one"})
    assert proof.kept(tmp_path / "kept") == {}


def test_another_machine_s_environment_is_that_of_the_tests_on_other_processors() -> None:
    plain = proof.environment("plain")
    assert plain["OFFHOOK_TEST_ORT_LEVEL"] == "disable"
    assert plain["PYTHONPATH"].split(":")[0].endswith("tests/kernels")
    assert "OFFHOOK_TEST_ORT_LEVEL" not in proof.environment(NATIVE)
