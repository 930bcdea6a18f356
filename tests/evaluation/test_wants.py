"""What callers of a suite want done: they go on until it is, and only the right thing, once, counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from offhook.cli import main as cli
from offhook.conversation.forms.form import Form
from offhook.conversation.session import Answer
from offhook.errors import ConfigError
from offhook.evaluation.judge import Result
from offhook.evaluation.report import SuiteRun, as_junit, tables
from offhook.evaluation.suite import chains, load_suite
from offhook.evaluation.text_run import run_text
from offhook.evaluation.wants import Caller, Clock, Effect, Wants, problem_of, same
from offhook.observe.transcript import TranscriptWriter
from offhook.simulator import read_done

ROOT = Path(__file__).parents[2]
CLOCK = Clock(datetime(2026, 12, 1, 9, tzinfo=ZoneInfo("Europe/Vienna")))  # a Tuesday
GERMAN = Clock(CLOCK.now, "de")
WANTS = Wants(
    tool="book",
    fields={"day": "Friday", "time": "9:30", "name": "Pruitt"},
    answers={"name": "It's Pruitt."},
    corrects={"time": "No, half past nine."},
)


@pytest.mark.parametrize(
    ("got", "wanted", "clock", "alike"),
    [
        ("2026-12-04", "Friday", CLOCK, True),
        ("2026-12-11", "Friday", CLOCK, False),
        ("2026-12-04", "am Freitag", GERMAN, True),
        ("09:30", "half past nine in the morning", CLOCK, True),
        ("09:30", "9:30", CLOCK, True),
        ("21:30", "9:30 in the morning", CLOCK, False),
        ("15:00", "at three or so", CLOCK, False),  # could be either half of the day
        (4, 4, CLOCK, True),
        (None, "Pruitt", CLOCK, False),
        ("my wedding cake is late", "wedding cake", CLOCK, True),
        ("555-0138", "555 0138", CLOCK, True),
        ("5550138", "0138", CLOCK, False),
        (True, True, CLOCK, True),
    ],
)
def test_values_are_the_same_however_they_are_written(
    got: Any, wanted: Any, clock: Clock, alike: bool
) -> None:
    assert same(got, wanted, clock) is alike


def test_a_caller_answers_corrects_and_says_yes_to_what_is_right_alone() -> None:
    caller = Caller(WANTS, CLOCK)
    right = {"day": "2026-12-04", "time": "09:30", "name": "Pruitt"}
    assert caller.says(Form("book", asked="day")) == "Friday."
    assert caller.says(Form("book", asked="name")) == "It's Pruitt."
    assert caller.says(Form("book", asked="colour")) == "I don't know."
    assert caller.says(Form("order", right, confirming=True)) == "Never mind."
    assert caller.says(Form("book", {**right, "time": "21:30"}, confirming=True)) == "No, half past nine."
    assert caller.says(Form("book", {**right, "name": "Brewer"}, confirming=True)) == "No, It's Pruitt."
    assert not caller.said_yes
    assert caller.says(Form("book", right, confirming=True)) == "Yes, that's right."
    assert caller.said_yes
    assert caller.says(None) is None
    patient = Caller(WANTS, CLOCK)
    said = [patient.says(Form("book", asked="day")) for _ in range(40)]
    assert None in said, "nobody goes on for ever"


DONE = {"day": "2026-12-04", "time": "09:30", "name": "Pruitt"}


@pytest.mark.parametrize(
    ("effects", "problem"),
    [
        ([Effect("book", DONE)], ""),
        ([], "book was not run"),
        ([Effect("order", DONE)], "order was run instead of book"),
        ([Effect("book", {**DONE, "name": "Brewer"})], 'book was run with name="Brewer"'),
        ([Effect("book", DONE), Effect("book", DONE)], "book was run 2 times"),
    ],
)
def test_what_is_wrong_with_what_was_done(effects: Sequence[Effect], problem: str) -> None:
    assert problem_of(WANTS, effects, ["book", "order"], CLOCK) == problem
    assert problem_of(WANTS, effects, ["order"], CLOCK) == "the agent has no tool book"


class Booking:
    """A session that asks for the name, reads back, and books under ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.said: list[str] = []

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def say(self, caller_text: str, /) -> Answer:
        self.said.append(caller_text)
        values = {"name": self._name}
        form = {1: Form("book", asked="name"), 2: Form("book", {"name": "Pruitt"}, confirming=True)}
        done = (("book", values),) if len(self.said) == 3 else ()
        texts = {1: "In what name?", 2: "For Pruitt?", 3: "Booked."}
        n = len(self.said)
        return Answer(texts.get(n, "Pruitt."), "form", (), False, 1.0, 1.0, done=done, form=form.get(n))


def suite(tmp_path: Path, **wants: Any) -> Path:
    path = tmp_path / "suite.json"
    questions = [
        {"say": "A table, please.", "kind": "action", "right": "Booked", "wants": wants},
        {"say": "In what name is that?", "kind": "readback", "after": 0, "right": "Pruitt"},
    ]
    path.write_text(
        json.dumps({"id": "s", "name": "S", "greeting": "Hello.", "facts": ["A."], "questions": questions})
    )
    return path


async def ask(path: Path, session: Booking, tools: Sequence[str]) -> list[Result]:
    loaded = load_suite(path)
    return await run_text("s", loaded.agent(), chains(loaded.questions), lambda: session, tools=tools)


async def test_a_read_back_counts_only_behind_what_was_done(tmp_path: Path) -> None:
    path = suite(tmp_path, tool="book", fields={"name": "Pruitt"})
    session = Booking("Pruitt")
    right = await ask(path, session, ["book"])
    assert [each.judgement.right for each in right] == [True, True]
    assert session.said == ["A table, please.", "Pruitt.", "Yes, that's right.", "In what name is that?"]

    wrong = await ask(path, Booking("Brewer"), ["book"])
    assert [each.judgement.right for each in wrong] == [False, False]
    assert wrong[1].judgement.undone.startswith("it reads back what was not done: book was run with")
    runs = [SuiteRun("s", "S", "grounded", wrong)]
    assert tables(runs).splitlines()[2].split() == ["action", "1", "0.0%", "1", *"00001"]
    assert "not done: book was run with name=&quot;Brewer&quot;" in as_junit(runs)

    # Without tools nothing can be done, and the words alone are judged.
    unable = await ask(path, Booking("Brewer"), [])
    assert [each.judgement.undone for each in unable] == ["", ""]


@pytest.mark.parametrize("wants", [{}, {"tool": 3}, {"tool": "book", "fields": []}])
def test_a_wish_that_cannot_be_read_is_one_line(wants: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"question 0: wants\.\w+: "):
        load_suite(suite(tmp_path, **wants))


def test_what_was_done_stands_in_the_transcript_before_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    writer = TranscriptWriter(path)
    writer.write("1", 1, "A table.", "In what name?")
    writer.did("1", "book", {"name": "Pruitt"})
    writer.did("2", "book", {"name": "Brewer"})
    writer.write("1", 2, "Pruitt.", "Booked.")
    writer.did("1", "message", {"text": "late"})
    writer.close()
    assert read_done(path, "1") == {1: [], 2: [("book", {"name": "Pruitt"}), ("message", {"text": "late"})]}


@pytest.mark.parametrize("agent", ["receptionist", "helpdesk", "shop"])
def test_the_shipped_agents_do_what_their_suites_want(
    agent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junit = tmp_path / "junit.xml"
    file = ROOT / "examples" / "suites" / f"{agent}.json"
    words = ["eval", str(file), "--agent", agent, "--min-right", "100", "--show-wrong", "--junit", str(junit)]
    status = cli.main(words)
    assert status == 0, capsys.readouterr().out
    assert 'failures="0"' in junit.read_text()
