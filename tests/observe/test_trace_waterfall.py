"""Traces as a person sees them: the waterfall, and the command that draws it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.cli import trace as cli
from offhook.config import BudgetConfig
from offhook.errors import ConfigError
from offhook.observe.trace import STAGES, STAMPS, TraceWriter, TurnTrace, call_waterfall, waterfall
from tests.support.traces import turn


class TestWaterfall:
    def test_a_turn_as_a_picture(self) -> None:
        shown = waterfall(turn(tts_first_audio=560), BudgetConfig(), width=60, unicode=False)
        assert shown.splitlines()[:3] == [
            "turn 1: 452 ms (0.9 s voiced)  over budget: tts_first_audio",
            "  endpoint        ################            0 +  450 ms",
            "  stt                ##                     100 +   40 ms",
        ]
        rows = {row.split()[0]: row for row in shown.splitlines()[1:]}
        assert tuple(rows) == STAGES
        assert rows["endpoint"].endswith("     0 +  450 ms")
        assert rows["tts_first_audio"].endswith("   290 +  270 ms !")
        assert rows["playback"].rstrip().split("+")[0].count(">") == 1, "cut at the edge"

    @pytest.mark.parametrize("unicode", [True, False])
    @pytest.mark.parametrize("width", [0, 1, 40, 60, 80, 200])
    def test_lines_are_as_long_as_the_terminal_at_most(self, width: int, unicode: bool) -> None:
        rows = waterfall(turn(stt_done=2000), BudgetConfig(), width=width, unicode=unicode).splitlines()[1:]
        assert all(len(row) <= max(width, 48) for row in rows)
        assert all(row.isascii() for row in rows) is not unicode

    def test_bars_begin_where_the_one_before_ends(self) -> None:
        rows = waterfall(turn(), width=120, unicode=True).splitlines()[1:]
        bars = {row.split()[0]: row[18:] for row in rows}
        begin = {stage: len(bar) - len(bar.lstrip()) for stage, bar in bars.items()}
        order = [begin[stage] for stage in STAGES[1:]]
        assert begin["endpoint"] == 0
        assert order == sorted(order)
        assert begin["stt"] < begin["llm_first_token"] < begin["clause"] < begin["commit"]

    def test_notes(self) -> None:
        noted = turn()
        noted.revision, noted.wasted_revisions, noted.interrupted = 3, 2, True
        noted.tokens_computed, noted.tokens_reused = 12, 600
        head = waterfall(noted).splitlines()[0]
        assert head == (
            "turn 1: 452 ms (revision 3, 2 wasted, 0.9 s voiced, 12 tokens computed, 600 reused, interrupted)"
        )

    def test_a_turn_without_an_answer(self) -> None:
        assert waterfall(TurnTrace("1", 4)).splitlines() == [
            "turn 4: no answer was played",
            "  no stages recorded",
        ]

    @given(
        st.lists(st.one_of(st.none(), st.integers(-(10**13), 10**13)), min_size=9, max_size=9),
        st.integers(0, 300),
    )
    def test_no_stamps_break_it(self, stamps: list[int | None], width: int) -> None:
        odd = TurnTrace("1", 1)
        for name, at in zip(STAMPS, stamps, strict=True):
            setattr(odd, f"{name}_ns", at)
        for unicode in (True, False):
            shown = waterfall(odd, BudgetConfig(), width=width, unicode=unicode)
            assert len(shown.splitlines()) == 1 + max(1, len(odd.stage_spans_ns()))

    def test_a_call(self) -> None:
        shown = call_waterfall([turn(1), turn(2, playback_started=852), turn(3, playback_started=None)])
        assert shown.splitlines()[0] == "call 7.1: 3 turns, turnaround median 652 ms, worst 852 ms"
        assert call_waterfall([]) == "no turns"

    def test_control_characters_of_a_call_id_are_not_printed(self) -> None:
        assert "\x1b" not in call_waterfall([turn(1, "\x1b[31m7")])


class TestCommand:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "t.jsonl"
        writer = TraceWriter(path)
        for call in ("17.1", "17.2", "18.1"):
            writer.write(turn(1, call))
            writer.write(turn(2, call, stt_done=(400 if call == "17.2" else 140), llm_first_token=410))
        writer.close()
        return path

    def run(self, *argv: str) -> int:
        parser = argparse.ArgumentParser()
        cli.add_parser(parser.add_subparsers())
        return cli.run(parser.parse_args(["trace", *argv]))

    def test_calls_are_listed(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("--file", str(path)) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == ["call", "17.1", "17.2", "18.1"]
        assert lines[2].split() == ["17.2", "2", "452", "452", "1"]

    @pytest.mark.parametrize(("wanted", "found"), [("17.1", "17.1"), ("18", "18.1"), ("last", "18.1")])
    def test_one_call(self, path: Path, capsys: pytest.CaptureFixture[str], wanted: str, found: str) -> None:
        self.run(wanted, "--file", str(path))
        out = capsys.readouterr().out
        assert out.startswith(f"call {found}: 2 turns")
        assert out.count("endpoint") == 2

    def test_slow_turns(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.run("--slow", "--file", str(path))
        out = capsys.readouterr().out
        assert "call 17.2: 1 turn" in out
        assert "over budget: stt" in out
        assert "17.1" not in out
        self.run("17.1", "--slow", "--file", str(path))
        assert capsys.readouterr().out == "no turns over budget\n"

    def test_json(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.run("17.2", "--json", "--file", str(path))
        shown = json.loads(capsys.readouterr().out)
        assert [entry["over_budget"] for entry in shown["turns"]] == [[], ["stt"]]
        assert shown["skipped"] == 0

    @pytest.mark.parametrize(
        ("argv", "says"),
        [
            (["17"], "2 calls begin with '17'"),
            (["99"], "no call '99'"),
            (["9\n9"], "no call '9?9'"),
        ],
    )
    def test_no_such_call(self, path: Path, argv: list[str], says: str) -> None:
        with pytest.raises(ConfigError) as caught:
            self.run(*argv, "--file", str(path))
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read"):
            self.run("--file", str(tmp_path / "none"))

    def test_no_file_named(self, tmp_path: Path) -> None:
        config = tmp_path / "offhook.toml"
        config.write_text("")
        with pytest.raises(ConfigError, match="no trace file"):
            self.run("--config", str(config))

    def test_the_configured_file_and_an_empty_one(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        traces, config = tmp_path / "t.jsonl", tmp_path / "offhook.toml"
        traces.touch()
        config.write_text(f"[daemon]\ntrace_file = {str(traces)!r}\n")
        assert self.run("--config", str(config)) == 0
        assert capsys.readouterr().out == f"{traces}: no turns yet\n"
