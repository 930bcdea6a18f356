"""Parts, their merging into a report, and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.turnaround import parts, report
from bench.turnaround.__main__ import arguments, jobs
from bench.turnaround.conversation import CallRecord, Said, TurnRecord, Written, from_json, to_json
from bench.turnaround.parts import Part
from bench.turnaround.picture import draw
from bench.turnaround.scenarios import BY_NAME, CURVE, DEFAULT_DIAL, SCENARIOS

KEYS = (
    "turns", "p50_ms", "p95_ms", "p99_ms", "premature_rate", "missed_rate", "greeting_p50_ms",
    "barge_in_p95_ms", "false_stop_rate", "wer", "right_rate", "overhead_p95_ms",
)  # fmt: skip


def turn(turnaround_ms: float, *, kind: str = "open", premature: bool = False) -> TurnRecord:
    """A turn that took so long."""
    said = Said("hours", kind, "What are your opening hours?", "eight", 5_000.0, 7_000.0)
    heard_ms = 7_000.0 + turnaround_ms
    stamps = {
        "speech_end": 7_000.0,
        "maybe_done": 7_080.0,
        "stt_done": 7_120.0,
        "llm_first_token": 7_180.0,
        "clause_ready": 7_200.0,
        "tts_first_audio": 7_205.0,
        "committed": heard_ms - 5,
        "playback_started": heard_ms - 2,
    }
    runs = [(heard_ms, heard_ms + 1_900)]
    if premature:
        runs.insert(0, (6_000.0, 6_300.0))
    words = Written("What are your opening hours?", "We are open from eight until six.", stamps, 0, False)
    return TurnRecord(said, None, None, runs, [words])


def call(*turns: TurnRecord) -> CallRecord:
    return CallRecord("1700000000.1", 21.0, list(turns), False, 1_000, 3, 7.5, 0, 0)


def save(folder: Path, system: str, scenario: str, *calls: CallRecord, code: str = "code") -> None:
    parts.save(Part(system, scenario, "digest", code, 0.5, 60.0, list(calls)), folder)


def test_a_part_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    one = call(turn(400.0), turn(300.0, premature=True))
    assert from_json(json.loads(json.dumps(to_json([one])))) == [one]
    save(tmp_path, "balanced", "open", one)
    loaded = parts.load("balanced", "open", tmp_path)
    assert loaded is not None
    assert loaded.calls == [one]
    assert parts.load("balanced", "closed", tmp_path) is None
    (tmp_path / "balanced/open.json").write_text('{"system": "bal')
    assert parts.load("balanced", "open", tmp_path) is None, "half a file is no part"


def test_a_part_is_worthless_once_code_or_table_change() -> None:
    scenario = BY_NAME["open"]
    same = parts.digest("balanced", scenario, "code")
    assert same == parts.digest("balanced", scenario, "code")
    others = (
        parts.digest("snappy", scenario, "code"),
        parts.digest("balanced", scenario.resized(0.5), "code"),
        parts.digest("balanced", scenario, "other"),
    )
    assert same not in others
    assert parts.code_digest() == parts.code_digest()


def test_parts_are_merged_by_scenario_dial_and_reference(tmp_path: Path) -> None:
    save(tmp_path, "balanced", "open", call(*(turn(400.0 + n) for n in range(10))))
    save(
        tmp_path,
        "balanced",
        "hesitation",
        call(turn(500.0, kind="hesitation"), turn(1.0, kind="hesitation", premature=True)),
    )
    save(tmp_path, "balanced", "four_calls", call(turn(4_000.0)))
    save(tmp_path, "snappy", "open", call(turn(200.0)))
    save(tmp_path, "fixed_silence", "open", call(turn(900.0), turn(950.0)))
    made = report.build(tmp_path)
    assert all(key in made for key in KEYS)
    assert (made["turns"], made["premature"]) == (12, 1), "four calls at once are not in the headline"
    assert made["max_ms"] == 500.0
    assert made["premature_rate"] == pytest.approx(1 / 12, abs=1e-4)
    assert made["paused_premature_rate"] == 0.5
    assert made["scenarios"]["four_calls"]["p50_ms"] == 4_000.0
    assert made["scenarios"]["open"]["p50_ms"] == 404.5
    assert made["dials"]["snappy"]["p50_ms"] == 200.0
    assert made["dials"]["balanced"]["turns"] == 12
    assert made["references"]["fixed_silence"]["p50_ms"] == 925.0
    assert "guides" not in made["references"]
    assert made["measuring_minutes"] == 5.0
    assert "reference fixed_silence" in report.table(made)
    written = tmp_path / "reports/turnaround.json"
    report.write(made, written)
    assert json.loads(written.read_text())["p50_ms"] == made["p50_ms"]
    picture = written.with_suffix(".png")
    draw(made, picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_parts_of_other_code_are_left_out_and_named(tmp_path: Path) -> None:
    save(tmp_path, "balanced", "closed", call(turn(100.0)), code="older")
    save(tmp_path, "balanced", "open", call(turn(400.0)))
    made = report.build(tmp_path)
    assert (made["turns"], made["p50_ms"]) == (1, 400.0)
    assert made["left_out"] == ["balanced closed"]
    assert "balanced closed" in report.table(made)


def test_no_parts_make_no_report(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"bench\.turnaround"):
        report.build(tmp_path)


def test_the_command_line_chooses_what_is_measured() -> None:
    everything = jobs(arguments([]))
    assert [one for one in everything if one[0] == DEFAULT_DIAL] != []
    assert {name for system, one in everything if system == DEFAULT_DIAL for name in [one.name]} == set(
        BY_NAME
    )
    for system in ("snappy", "patient", "fixed_silence", "guides"):
        assert {one.name for name, one in everything if name == system} == set(CURVE)
    assert jobs(arguments(["--dials", "balanced", "--references", "--only", "open"])) == [
        ("balanced", BY_NAME["open"])
    ]
    fewer = jobs(arguments(["--turns", "150", "--dials", "balanced", "--references"]))
    counted = sum(one.turns for _, one in fewer if one.at_once == 1)
    assert 130 <= counted <= 170
    assert sum(one.turns for _, one in jobs(arguments(["--quick"]))) < 40
    assert len(jobs(arguments(["--dials", "balanced", "--references"]))) == len(SCENARIOS)
    systems = [system for system, _ in everything]
    assert systems == sorted(systems, key=systems.index), "each system is started once"
