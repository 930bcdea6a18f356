"""A write is done once, whoever asks again and whatever fails; a read may be guessed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from offhook.errors import ToolError
from offhook.tools.base import Context, ToolResult
from offhook.tools.breaker import FAILURES, REST_S
from offhook.tools.executor import MOST_IN_CALL, Executor, Toolbox
from offhook.tools.ledger import Ledger, State, request_key
from tests.support.tools import ScriptedTool

THURSDAY = {"day": "Thursday"}


def executor(tool: ScriptedTool, ledger: Ledger | None = None, call: str = "c1") -> Executor:
    return Executor(Toolbox({tool.spec.name: tool}, ledger or Ledger.in_file(None)), Context(call, "Vet"))


async def test_a_write_is_done_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    tool, file = ScriptedTool(answers=(ToolResult({"number": 7}, "Booked."),)), tmp_path / "a" / "ledger.db"
    ledger = Ledger.in_file(file)
    mine = executor(tool, ledger)
    both = await asyncio.gather(*(mine.run("book", THURSDAY, committed=True) for _ in range(3)))
    assert [each.say for each in both] == ["Booked."] * 3
    ledger.close()
    # The daemon has started again, and the call's words come once more.
    again = await executor(tool, Ledger.in_file(file)).run("book", {"day": "Thursday"}, committed=True)
    assert (again.value, again.say, again.ok) == ({"number": 7}, "Booked.", True)
    assert tool.runs == [THURSDAY]
    assert tool.keys == [request_key("c1", "book", THURSDAY)]
    await executor(tool, Ledger.in_file(file), "c2").run("book", THURSDAY, committed=True)
    assert len(tool.runs) == 2, "another call asks for itself"


@pytest.mark.parametrize(("heeds_key", "runs"), [(False, 0), (True, 1)])
async def test_a_write_that_a_dead_daemon_had_begun(heeds_key: bool, runs: int) -> None:
    tool, ledger = ScriptedTool(heeds_key=heeds_key), Ledger.in_file(None)
    assert ledger.claim(request_key("c1", "book", THURSDAY), "c1", "book").state is State.CLAIMED
    result = await executor(tool, ledger).run("book", THURSDAY, committed=True)
    assert (len(tool.runs), result.ok, result.unsure) == (runs, heeds_key, not heeds_key)


async def test_who_stops_waiting_stops_no_write() -> None:
    tool = ScriptedTool()
    tool.hold = asyncio.Event()
    mine = executor(tool)
    waiting = asyncio.create_task(mine.run("book", THURSDAY, committed=True))
    await tool.began.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert mine.done("book", THURSDAY) is None
    tool.hold.set()
    await mine.close()
    assert mine.done("book", THURSDAY) == ToolResult("done")
    assert (await mine.run("book", THURSDAY, committed=True)).ok
    assert len(tool.runs) == 1


@pytest.mark.parametrize(
    ("answers", "runs", "ok", "unsure"),
    [
        ((ToolError("no route", sent=False), ToolResult("done")), 2, True, False),
        ((ToolError("no route", sent=False),), 2, False, False),
        ((ToolError("lost its answer"),), 1, False, True),
        ((ZeroDivisionError("the number 555 0192"),), 1, False, True),
        ((ToolResult("taken", ok=False),), 1, False, False),
    ],
)
async def test_one_more_try_where_nothing_was_sent(
    answers: tuple[ToolResult | Exception, ...],
    runs: int,
    ok: bool,
    unsure: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tool = ScriptedTool(answers=answers)
    mine = executor(tool)
    result = await mine.run("book", THURSDAY, committed=True)
    assert (len(tool.runs), result.ok, result.unsure) == (runs, ok, unsure)
    assert "555" not in caplog.text
    # What was certainly not done may be asked for again, what may have been is not.
    await mine.run("book", THURSDAY, committed=True)
    assert len(tool.runs) == (runs if ok or unsure else 2 * runs)


async def test_what_a_tool_took_is_told_once_with_its_second_attempt() -> None:
    """And nothing of what is answered without it: what is known, and what its breaker keeps from it."""
    answers = (ToolError("no route", sent=False), ToolResult("done"), ToolResult("taken", ok=False))
    tool, times, took = ScriptedTool(answers=answers), iter(range(100)), []
    mine = Executor(
        Toolbox({"book": tool}, Ledger.in_file(None)),
        Context("c1", "Vet"),
        clock=lambda: float(next(times)),
        took=lambda *what: took.append(what),
    )
    for day in ("Thursday", "Thursday", "Friday"):
        await mine.run("book", {"day": day}, committed=True)
    assert took == [("book", 1.0, True), ("book", 1.0, False)]
    assert len(tool.runs) == 3
    for _ in range(FAILURES):
        mine.toolbox.breakers["book"].failed(50.0)
    await mine.run("book", {"day": "Saturday"}, committed=True)
    assert len(took) == 2


async def test_nothing_is_written_before_the_commit_nor_with_wrong_values() -> None:
    tool = ScriptedTool()
    mine = executor(tool)
    with pytest.raises(ToolError, match="not committed"):
        await mine.run("book", THURSDAY, committed=False)
    for name, arguments, says in (
        ("book", {}, "day is missing"),
        ("book", {"day": "Thursday", "id": 1}, "id is not known"),
        ("cancel", {}, "no tool 'cancel'"),
    ):
        result = await mine.run(name, arguments, committed=True)
        assert not result.ok
        assert says in result.value
    assert tool.runs == []


async def test_reads_are_guessed_and_kept_for_the_turn() -> None:
    tool = ScriptedTool(effect="reads", answers=(ToolResult("nine"), ToolResult("ten")))
    mine = executor(tool)
    assert [(await mine.run("book", THURSDAY, committed=False)).value for _ in range(2)] == ["nine", "nine"]
    mine.turn_over()
    assert (await mine.run("book", THURSDAY, committed=True)).value == "ten"
    for number in range(MOST_IN_CALL):
        result = await mine.run("book", {"day": str(number)}, committed=False)
    assert not result.ok, "a call that goes in circles"
    assert len(tool.runs) == MOST_IN_CALL


async def test_a_tool_that_fails_is_left_alone_and_tried_again() -> None:
    now_s = 0.0
    tool = ScriptedTool(effect="reads", answers=(*[ToolError("down")] * FAILURES, ToolResult("up")))
    mine = Executor(Toolbox({"book": tool}, Ledger.in_file(None)), Context("c1", "Vet"), clock=lambda: now_s)
    results = [await mine.run("book", {"day": str(day)}, committed=True) for day in range(FAILURES + 2)]
    assert not any(result.ok for result in results)
    assert len(tool.runs) == FAILURES
    now_s = REST_S + 1
    assert (await mine.run("book", THURSDAY, committed=True)).ok
