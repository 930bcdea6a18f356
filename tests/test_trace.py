"""Traces: stages and budgets as tables, the file under bad disks, the waterfall, the command."""

from __future__ import annotations

import argparse
import json
import logging
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.cli import trace as cli
from offhook.config import BudgetConfig
from offhook.errors import ConfigError
from offhook.trace import STAGES, STAMPS, TraceWriter, TurnTrace, call_waterfall, read_traces, waterfall

MS = 1_000_000
BASE_NS = 50_000 * MS

FAST = {
    "speech_end": 0,
    "maybe_done": 100,
    "stt_done": 140,
    "llm_first_token": 240,
    "clause_ready": 290,
    "tts_first_audio": 310,
    "committed": 450,
    "playback_started": 452,
    "playback_ended": 2000,
}


def turn(number: int = 1, call: str = "7.1", /, **stamps_ms: float | None) -> TurnTrace:
    """A fast turn; stamps [ms after the end of speech] can be changed, or left out with None."""
    trace = TurnTrace(call, number, at_ms=1_700_000_000_000, voiced_ms=900, audio_ms=1400)
    for name, ms in {**FAST, **stamps_ms}.items():
        assert name in STAMPS
        if ms is not None:
            setattr(trace, f"{name}_ns", BASE_NS + int(ms * MS))
    return trace


class TestStages:
    def test_of_a_whole_turn(self) -> None:
        assert turn().stages_ms() == {
            "endpoint": 450.0,
            "stt": 40.0,
            "llm_first_token": 100.0,
            "clause": 50.0,
            "tts_first_audio": 20.0,
            "commit": 2.0,
            "playback": 1548.0,
        }
        assert tuple(turn().stages_ms()) == STAGES
        assert turn().turnaround_ms() == 452.0

    def test_commit_counts_from_the_audio_when_the_answer_is_late(self) -> None:
        late = turn(tts_first_audio=700, playback_started=703)
        assert late.stages_ms()["commit"] == 3.0
        assert late.stages_ms()["endpoint"] == 450.0

    @pytest.mark.parametrize("missing", STAMPS)
    def test_a_missing_stamp_removes_only_its_stages(self, missing: str) -> None:
        whole, part = turn().stages_ms(), turn(**{missing: None}).stages_ms()
        gone = set(whole) - set(part)
        expected = {
            "speech_end": {"endpoint"},
            "maybe_done": {"stt"},
            "stt_done": {"stt", "llm_first_token"},
            "llm_first_token": {"llm_first_token", "clause"},
            "clause_ready": {"clause", "tts_first_audio"},
            "tts_first_audio": {"tts_first_audio"},
            "committed": {"endpoint"},
            "playback_started": {"commit", "playback"},
            "playback_ended": {"playback"},
        }
        assert gone == expected[missing]

    def test_an_empty_turn_has_none(self) -> None:
        empty = TurnTrace("1", 1)
        assert empty.stages_ms() == {}
        assert empty.turnaround_ms() is None
        assert empty.over_budget(BudgetConfig()) == ()


class TestBudgets:
    @pytest.mark.parametrize(
        ("stamps", "late"),
        [
            ({}, ()),
            ({"stt_done": 250, "llm_first_token": 300}, ()),
            ({"stt_done": 250.001, "llm_first_token": 300}, ("stt",)),
            ({"llm_first_token": 441}, ("llm_first_token",)),
            ({"tts_first_audio": 541}, ("tts_first_audio",)),
            (
                {"stt_done": 300, "llm_first_token": 900, "tts_first_audio": 1241},
                ("tts_first_audio", "llm_first_token", "stt"),
            ),
            ({"committed": 900, "playback_started": 902}, ("endpoint",)),
            ({"playback_started": 2000}, ("commit",)),
            ({"clause_ready": 950, "tts_first_audio": 960, "playback_started": 961}, ("clause",)),
            ({"playback_started": 800}, ()),
            ({"playback_started": 800.001}, ("endpoint",)),
        ],
    )  # fmt: skip
    def test_the_late_stage_is_named(self, stamps: dict[str, float], late: tuple[str, ...]) -> None:
        assert turn(**stamps).over_budget(BudgetConfig()) == late

    def test_without_stages_the_turnaround_is_named(self) -> None:
        bare = TurnTrace("1", 1, speech_end_ns=0, playback_started_ns=900 * MS)
        assert bare.over_budget(BudgetConfig()) == ("turnaround",)


class TestJson:
    def test_there_and_back(self) -> None:
        before = turn()
        before.interrupted, before.revision, before.wasted_revisions = True, 3, 2
        before.tokens_reused, before.tokens_computed, before.tokens_generated = 600, 12, 30
        assert TurnTrace.from_json(before.to_json()) == before

    def test_one_line_with_everything_derived(self) -> None:
        line = turn(stt_done=300, llm_first_token=310).to_json(BudgetConfig())
        assert "\n" not in line
        record = json.loads(line)
        assert record["v"] == 1
        assert record["over_budget"] == ["stt"]
        assert record["turnaround_ms"] == 452.0
        assert record["stages_ms"]["stt"] == 200.0

    def test_nothing_that_was_said_has_a_place(self) -> None:
        record = json.loads(turn().to_json(BudgetConfig()))
        strings = {key for key, value in record.items() if isinstance(value, str)}
        assert strings == {"call"}

    def test_a_hostile_call_id_stays_one_line(self) -> None:
        line = turn(1, 'a\n"b\u2028\x00').to_json()
        assert len(line.splitlines()) == 1
        assert TurnTrace.from_json(line).call_id == 'a\n"b\u2028\x00'

    @pytest.mark.parametrize(
        "line",
        [
            "", "{", "[]", "null", "7", '"text"', "{}",
            '{"v":2,"call":"1","turn":1,"stamps_ns":{}}',
            '{"v":1,"call":1,"turn":1,"stamps_ns":{}}',
            '{"v":1,"call":"1","turn":"one","stamps_ns":{}}',
            '{"v":1,"call":"1","turn":1,"stamps_ns":[]}',
        ],
    )  # fmt: skip
    def test_other_lines_are_refused(self, line: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011
            TurnTrace.from_json(line)

    @given(st.integers(0, 600))
    def test_any_torn_line_is_refused(self, length: int) -> None:
        line = turn().to_json()
        if length < len(line):
            with pytest.raises(ValueError):  # noqa: PT011
                TurnTrace.from_json(line[:length])


class TestFile:
    def test_lines_in_order(self, tmp_path: Path) -> None:
        writer = TraceWriter(tmp_path / "t.jsonl", BudgetConfig())
        for number in range(1, 51):
            writer.write(turn(number, "7.1" if number % 2 else "7.2"))
        writer.close()
        log = read_traces(tmp_path / "t.jsonl")
        assert [entry.turn for entry in log.turns] == list(range(1, 51))
        assert log.calls() == ["7.1", "7.2"]
        assert len(log.of_call("7.2")) == 25
        assert (writer.written, writer.dropped, log.skipped) == (50, 0, 0)

    def test_it_appends(self, tmp_path: Path) -> None:
        for number in (1, 2):
            writer = TraceWriter(tmp_path / "t.jsonl")
            writer.write(turn(number))
            writer.close()
        assert [entry.turn for entry in read_traces(tmp_path / "t.jsonl").turns] == [1, 2]

    @pytest.mark.parametrize("tail", ['{"v":1,"call":"7.', "\x00\x00\x00", "\udce4"])
    def test_a_torn_last_line_is_tolerated(self, tmp_path: Path, tail: str) -> None:
        path = tmp_path / "t.jsonl"
        path.write_bytes(turn(1).to_json().encode() + b"\n" + tail.encode("utf-8", "surrogateescape"))
        log = read_traces(path)
        assert [entry.turn for entry in log.turns] == [1]
        assert log.skipped == 1

    def test_reading_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="cannot be read: No such file"):
            read_traces(tmp_path / "none")

    @pytest.mark.parametrize("name", ["no/such/folder/t", "."])
    def test_an_unwritable_path_is_refused_at_once(self, tmp_path: Path, name: str) -> None:
        before = threading.active_count()
        with pytest.raises(ConfigError, match="cannot be written"):
            TraceWriter(tmp_path / name)
        assert threading.active_count() == before

    def test_a_full_disk_is_counted_and_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING, "offhook.trace"):
            writer = TraceWriter(Path("/dev/full"))
            for number in range(5):
                writer.write(turn(number))
            writer.close()
        assert (writer.written, writer.dropped) == (0, 5)
        assert len(caplog.records) == 1
        assert "No space left on device" in caplog.text

    def test_a_writer_never_waits_for_a_fifo(self, tmp_path: Path) -> None:
        path = tmp_path / "fifo"
        os.mkfifo(path)
        with pytest.raises(ConfigError, match="cannot be written"):
            TraceWriter(path)  # nobody reads
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            writer = TraceWriter(path)
            for number in range(300):  # more than a pipe holds
                writer.write(turn(number))
            writer.close(5)
            assert writer.dropped > 0
            assert writer.written + writer.dropped == 300
        finally:
            os.close(reader)

    def test_the_queue_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        entered, release = threading.Event(), threading.Event()

        def hang(self: TraceWriter, line: bytes) -> None:
            entered.set()
            release.wait(10)

        monkeypatch.setattr(TraceWriter, "_append", hang)
        writer = TraceWriter(tmp_path / "t.jsonl", max_waiting=4)
        writer.write(turn(0))
        assert entered.wait(10)
        for number in range(1, 11):
            writer.write(turn(number))
        assert writer.dropped == 6
        release.set()
        writer.close(10)
        assert writer.written == 5

    def test_a_file_that_grew_too_long_is_moved_aside(self, tmp_path: Path) -> None:
        path = tmp_path / "t.jsonl"
        line = len(turn(1).to_json()) + 1
        writer = TraceWriter(path, max_bytes=3 * line + 10)
        for number in range(1, 9):
            writer.write(turn(number))
        writer.close()
        assert [entry.turn for entry in read_traces(path).turns] == [7, 8]
        assert [entry.turn for entry in read_traces(tmp_path / "t.jsonl.1").turns] == [4, 5, 6]
        assert path.stat().st_size <= 3 * line + 10

    def test_a_line_after_a_torn_one_is_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real_write = os.write
        cut = iter([40, 10**6, 10**6])
        monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[: next(cut)]))
        writer = TraceWriter(tmp_path / "t.jsonl")
        for number in (1, 2, 3):
            writer.write(turn(number))
        writer.close()
        monkeypatch.undo()
        log = read_traces(tmp_path / "t.jsonl")
        assert [entry.turn for entry in log.turns] == [2, 3]
        assert (log.skipped, writer.written, writer.dropped) == (1, 2, 1)

    def test_a_deleted_file_is_begun_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "t.jsonl"
        writer = TraceWriter(path)
        path.unlink()
        writer.write(turn(1))
        writer.close()
        assert len(read_traces(path).turns) == 1

    def test_closing_twice(self, tmp_path: Path) -> None:
        writer = TraceWriter(tmp_path / "t.jsonl")
        writer.close()
        writer.close()


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
