"""Traces: stages and budgets as tables, and a turn as a line of JSON."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.config import BudgetConfig
from offhook.conversation.base import Act
from offhook.observe.trace import STAGES, STAMPS, TurnTrace
from tests.support.traces import MS, turn


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
            "llm_first_token": {"llm_first_token"},  # then the clause is counted from the caller's words
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
        before.cpu_ms = {"stt": 120.25, "voice": 30.0}
        before.mood, before.reading = "angry", 2
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
        assert strings == {"call", "act"}
        assert record["act"] in ("", *get_args(Act)), "what kind of answer it was, in our words"

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
