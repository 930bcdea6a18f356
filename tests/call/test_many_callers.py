"""Where many call, a call leaves pauses inside words alone: no look of the recogniser, no answer prepared."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook import turn_taking
from offhook.observe.load import Speculation
from tests.support.clock import Clock
from tests.support.scripted_call import ScriptedCall, Words, scripted_call

OPEN = ["We open at nine."]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def pauses_and_goes_on(call: ScriptedCall) -> None:
    """A pause of 100 ms, as inside a word; then a question to its end."""
    call.begins("When do you open?")
    call.pauses()
    await call.looks_around()
    call.line.time_passes(0.1)
    await call.looks_around()
    call.begins("When do you open?", resumes=True)
    await call.floor(turn_taking.Hearing)
    call.pauses()
    call.stops()
    await call.floor_over(0)


@pytest.mark.parametrize(
    ("level", "streams", "revisions"),
    [
        pytest.param(Speculation.FULL, False, 2, id="few callers: each pause is looked at"),
        pytest.param(Speculation.PAUSES, False, 1, id="many: the one that lasts"),
        pytest.param(Speculation.PAUSES, True, 2, id="many, but others' servers recognise: each"),
    ],
)
async def test_pauses_that_cost_an_answer(
    tmp_path: Path, clock: Clock, level: Speculation, streams: bool, revisions: int
) -> None:
    words = Words()
    words.streams = streams
    async with scripted_call(tmp_path, clock, [OPEN], recognizer=words) as call:
        call.services.load.level = level
        await pauses_and_goes_on(call)
        assert call.exchanges == [("When do you open?", "We open at nine.")]
        assert call.state.revision == revisions
