"""Calls by Asterisk in the bench, without one: which answer belongs to which question, and the dialplan."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import asterisk_calls
from bench.asterisk_calls import _dialplan, _named, _replies
from offhook.observe.trace import TurnTrace

MS = 1_000_000
CALL = "8000001"


def said(first_ms: int, last_ms: int) -> Any:
    """Something the caller has said."""
    return SimpleNamespace(
        first_audible_ns=first_ms * MS, last_audible_ns=last_ms * MS, ended_ns=last_ms * MS
    )


def daemon(folder: Path, turns: list[tuple[int, str, str]]) -> Any:
    """What has written down turns: when the caller's speech ended [ms], what was heard and answered."""
    traces, words = [], []
    for number, (end_ms, heard, answer) in enumerate(turns, 1):
        traces.append(TurnTrace(CALL, number, act="facts", speech_end_ns=end_ms * MS).to_json())
        words.append(json.dumps({"call": CALL, "turn": number, "heard": heard, "answer": answer}))
    (folder / "trace").write_text("\n".join([*traces, ""]))
    (folder / "words").write_text("\n".join([*words, ""]))
    return SimpleNamespace(trace=folder / "trace", transcript=folder / "words")


def heard(*runs_ms: tuple[int, int]) -> Any:
    """A call in which the agent was audible then."""
    runs = [(start * MS, stop * MS) for start, stop in runs_ms]
    return SimpleNamespace(media=SimpleNamespace(received=SimpleNamespace(audible_runs=lambda join_ns: runs)))


async def test_an_answer_belongs_to_the_question_that_was_asked_last(tmp_path: Path) -> None:
    wrote = daemon(tmp_path, [(2_000, "open?", "At nine."), (6_000, "where?", "In Oak Street.")])
    call = heard((0, 500), (2_250, 3_500), (6_400, 8_000))
    first, second = await _replies(wrote, CALL, call, [said(1_000, 2_000), said(5_000, 6_000)])
    assert (first.heard, first.answer, first.turnaround_ms) == ("open?", "At nine.", 250.0)
    assert (second.heard, second.answer, second.turnaround_ms) == ("where?", "In Oak Street.", 400.0)
    assert not first.premature
    assert not second.premature


async def test_an_answer_in_the_middle_of_a_question_is_early_and_its_parts_are_one(tmp_path: Path) -> None:
    wrote = daemon(tmp_path, [(1_500, "I wonder", "Yes?"), (3_000, "are you open", "At nine.")])
    call = heard((1_900, 2_300), (3_300, 4_000))
    (reply,) = await _replies(wrote, CALL, call, [said(1_000, 3_000)])
    assert reply.premature
    assert (reply.heard, reply.answer, reply.turnaround_ms) == (
        "I wonder are you open",
        "Yes? At nine.",
        300.0,
    )


async def test_a_question_that_nobody_answered_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asterisk_calls, "_WRITTEN_S", 0.0)
    wrote = daemon(tmp_path, [(2_000, "open?", "At nine.")])
    call = heard((2_250, 3_500))
    _, second = await _replies(wrote, CALL, call, [said(1_000, 2_000), said(5_000, 6_000)])
    assert (second.answer, second.turnaround_ms, second.problem) == (None, None, "nothing was answered")


def test_each_agent_has_numbers_and_the_log_says_which_call_each_was(tmp_path: Path) -> None:
    _dialplan(tmp_path, ["garage", "vet"])
    dialplan = (tmp_path / "extensions.conf").read_text()
    assert "exten => _801XXXX,1,Answer()\n same => n,Verbose(1,${EXTEN} is ${UNIQUEID})" in dialplan
    assert "EAGI(${OFFHOOK_AGI},${UNIQUEID},agent=vet)" in dialplan
    assert "extensions.conf" in dialplan.splitlines()[0], "the shipped one stands before it"
    log = "[...] app_verbose.c: 8010001 is 1764.3\n[...] app_verbose.c: 8010002 is box-1764.4\n"
    assert [_named(log, each) for each in ("8010001", "8010002", "8010003")] == ["1764.3", "box-1764.4", ""]
