"""Whole calls whose answers begin on interim words: the final ones confirm or correct them, early, late or
never, and what a tool changes waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.agents.loader import Agent
from offhook.conversation.policies.grounded import Grounded
from offhook.engines.stt.base import Guess, Transcript
from offhook.errors import DeadlineError
from offhook.knowledge.store import Knowledge
from offhook.observe.trace import TurnTrace
from offhook.tools.base import Phrases
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from offhook.workers import Claim
from tests.support.clock import Clock, reached
from tests.support.engines.engines import HANG, PlainTemplate
from tests.support.scripted_call import ScriptedCall, scripted_call
from tests.support.tools import ScriptedTool, schema

AGENT = Agent(name="The boatyard", greeting="The boatyard, hello.", persona="A boatyard.", excuse="Sorry.")
OLD = "Two canoes are free on Sunday."
NEW = "Two kayaks are out all week."
SLOWLY = 0.1
"""Seconds of an answer that are audible before the final words come."""


class Session:
    """One stretch of speech: a guess at once, the final words when a test gives them."""

    turn_over: float | None = None

    def __init__(self, rate_hz: int, guess: Guess, final: asyncio.Future[Any]) -> None:
        self.audio_s = self.usage_s = 0.0
        self._rate_hz = rate_hz
        self._guess = guess
        self._final = final

    def push(self, audio: NDArray[np.int16]) -> None:
        self.audio_s += len(audio) / self._rate_hz

    async def interim(self) -> str:
        return self._guess.text

    async def guess(self, voiced_ms: int, claim: Claim | None = None) -> Guess:
        return self._guess

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        said = await asyncio.shield(self._final)
        if isinstance(said, Exception):
            raise said
        return Transcript(said, 1_000, 350.0)

    def cancel(self) -> None:
        """Nothing to free."""


class Server:
    """A recogniser whose interim words are declared to cover what was pushed."""

    name = "scripted server"
    streams = False

    def __init__(self) -> None:
        self.sure = True
        self.guesses: list[str] = []
        self.finals: list[asyncio.Future[Any]] = []

    def session(self, rate_hz: int) -> Session:
        self.finals.append(asyncio.get_running_loop().create_future())
        return Session(rate_hz, Guess(self.guesses.pop(0), self.sure), self.finals[-1])

    def problem(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@asynccontextmanager
async def called(
    folder: Path, clock: Clock, answers: list[Any], fill: Callable[[ScriptedCall], None] | None = None
) -> AsyncIterator[tuple[ScriptedCall, Server, list[TurnTrace]]]:
    server, traces = Server(), list[TurnTrace]()

    def fills(call: ScriptedCall) -> None:
        call.profile = replace(call.profile, on_turn=lambda *turn: traces.append(turn[2]))
        if fill is not None:
            fill(call)

    async with scripted_call(folder, clock, answers, agent=AGENT, recognizer=server, fill=fills) as call:
        yield call, server, traces


async def audible(call: ScriptedCall) -> None:
    """Until the answer is heard; it stays where it is, and a part of it has been."""
    await call.floor(turn_taking.Speaking)
    call.line.time_passes(SLOWLY)


async def test_an_answer_begins_on_interim_words_and_the_final_ones_confirm_it(
    tmp_path: Path, clock: Clock
) -> None:
    async with called(tmp_path, clock, [[OLD]]) as (call, server, traces):
        server.guesses = ["Are two canoes free?"]
        await call.says("")
        assert call.exchanges == [("Are two canoes free?", OLD)], "before the final words are there"
        assert traces[0].interim == "open"
        server.finals[0].set_result("are 2 canoes free")
        await reached(lambda: traces[0].interim == "confirmed", "they are taken for the same")
        assert call.exchanges == [("Are two canoes free?", OLD)]
        assert isinstance(call.state.floor, turn_taking.Listening)


@pytest.mark.parametrize(
    ("final", "answers", "exchange"),
    [
        ("are 2 canoes free", [[OLD]], ("Are two canoes free?", OLD)),
        ("Are two kayaks free?", [[OLD], [NEW]], ("Are two kayaks free?", NEW)),
        (DeadlineError("no final words"), [[OLD]], ("Are two canoes free?", OLD)),
    ],
)
async def test_an_answer_to_a_guess_is_not_audible_before_the_final_words(
    tmp_path: Path, clock: Clock, final: Any, answers: list[Any], exchange: tuple[str, str]
) -> None:
    """However long these take: the turn is over by then."""
    async with called(tmp_path, clock, answers) as (call, server, traces):
        server.sure = False
        server.guesses = ["Are two canoes free?"]
        await call.says("", wait=False)
        await call.answering()
        revision = call.call._responses.get(1)
        assert revision is not None
        await reached(lambda: revision.answer.finished, "the answer is there")
        await call.looks_around()
        assert isinstance(call.state.floor, turn_taking.Committed)
        server.finals[0].set_result(final)
        await call.floor_over(0)
        assert call.exchanges == [exchange]
        assert [trace.interim for trace in traces] == [""]


async def test_an_answer_that_is_not_audible_yet_is_replaced(tmp_path: Path, clock: Clock) -> None:
    async with called(tmp_path, clock, [[HANG], [NEW]]) as (call, server, traces):
        server.guesses = ["Are two canoes free?"]
        await call.says("", wait=False)
        await call.answering()
        await reached(lambda: bool(call.conversation.drafts), "an answer is made")
        server.finals[0].set_result("Are two kayaks free?")
        await call.floor_over(0)
        assert call.exchanges == [("Are two kayaks free?", NEW)]
        assert "canoes" not in call.remembered
        assert [trace.wasted_revisions for trace in traces] == [1]


async def test_an_audible_answer_is_cut_and_the_right_one_follows(tmp_path: Path, clock: Clock) -> None:
    async with called(tmp_path, clock, [[OLD], [NEW]]) as (call, server, traces):
        server.guesses = ["Are two canoes free?"]
        call.line.hold()
        await call.says("", wait=False)
        await audible(call)
        server.finals[0].set_result("Are two kayaks free?")
        await reached(lambda: bool(call.spoken), "it is cut")
        cut = call.spoken[0]
        assert OLD.startswith(cut)
        assert 0 < len(cut) < len(OLD)
        call.line.let_go()
        await call.listening()
        assert call.exchanges == [("Are two kayaks free?", cut), ("Are two kayaks free?", NEW)]
        assert call.remembered == (
            "<prefix>"
            f"<user>(The caller is on the line.)<agent>{AGENT.greeting}<end>"
            f"<user>Are two kayaks free?<agent>{cut} \u2014<end>"
            f"<user>Are two kayaks free?<agent>{NEW}<end>"
        )
        assert [trace.interim for trace in traces] == ["corrected", ""]
        assert traces[1].speech_end_ns == traces[0].speech_end_ns, "the caller waits since then"


async def test_an_answer_that_is_over_is_followed_by_the_right_one(tmp_path: Path, clock: Clock) -> None:
    async with called(tmp_path, clock, [[OLD], [NEW], ["Bye."]]) as (call, server, _):
        server.guesses = ["Are two canoes free?", "Thank you."]
        await call.says("")
        assert call.exchanges == [("Are two canoes free?", OLD)]
        server.finals[0].set_result("Are two kayaks free?")
        await call.floor_over(1)
        said = "Are two kayaks free?"
        assert call.exchanges == [(said, OLD), (said, NEW)]
        assert call.remembered.endswith(f"<user>{said}<agent>{OLD}<end><user>{said}<agent>{NEW}<end>"), (
            "the model has never heard of canoes asked for"
        )
        await call.says("")
        assert call.spoken[-1] == "Bye."


@pytest.mark.parametrize("came", [DeadlineError("no final words"), "", None])
async def test_final_words_that_do_not_come_or_are_empty(tmp_path: Path, clock: Clock, came: Any) -> None:
    async with called(tmp_path, clock, [[OLD]]) as (call, server, traces):
        server.guesses = ["Are two canoes free?"]
        await call.says("")
        if came is not None:
            server.finals[0].set_result(came)
            await reached(lambda: traces[0].interim != "open", "it is known")
        await call.listening()
        assert call.spoken == [OLD], "what was said stays said, and nobody is asked to say nothing again"
        assert traces[0].interim == {"": "corrected", None: "open"}.get(came, "missing")
        assert call.exchanges[0][0] == ("" if came == "" else "Are two canoes free?")


async def test_an_empty_turn_cuts_an_answer_and_the_caller_is_asked_again(
    tmp_path: Path, clock: Clock
) -> None:
    async with called(tmp_path, clock, [[OLD]]) as (call, server, _):
        server.guesses = ["Are two canoes free?"]
        call.line.hold()
        await call.says("", wait=False)
        await audible(call)
        server.finals[0].set_result("")
        await reached(lambda: len(call.line.said) > 1, "it is cut")
        call.line.let_go()
        await reached(lambda: AGENT.unclear in call.line.said, "they are asked again")
        assert call.exchanges == [], "nobody has asked for canoes"


BERTHS = ["A berth costs nine dollars.", "The crane costs forty dollars."]


def grounded(call: ScriptedCall) -> None:
    agent = Agent.model_validate({"name": "The boatyard", "greeting": "Hello.", "facts": BERTHS})
    call.profile = replace(call.profile, policy=Grounded(agent, PlainTemplate(), Knowledge(agent)))


@pytest.mark.parametrize(
    ("final", "spoken"),
    [
        ("What does the berth cost?", [BERTHS[0]]),
        ("What does the crane cost?", [BERTHS[0], BERTHS[1]]),
    ],
)
async def test_other_words_with_the_same_answer_change_nothing_but_the_records(
    tmp_path: Path, clock: Clock, final: str, spoken: list[str]
) -> None:
    async with called(tmp_path, clock, [], grounded) as (call, server, traces):
        server.guesses = ["What does a berth cost?"]
        await call.says("")
        server.finals[0].set_result(final)
        await reached(lambda: traces[0].interim != "open" and len(call.spoken) == len(spoken), "it is known")
        assert call.exchanges == [(final, said) for said in spoken]


WHEN = ("I'd like to book a berth",)
DONE = "It's booked."


def booking(call: ScriptedCall) -> None:
    call.tool = tool = ScriptedTool(  # type: ignore[attr-defined]
        "book",
        schema(size={"enum": ["small", "large"], "x-ask": "Small or large?"}),
        when=WHEN,
        phrases=Phrases(done=DONE),
    )
    toolbox = Toolbox({tool.spec.name: tool}, Ledger.in_file(None))
    policy = Grounded(AGENT, PlainTemplate(), Knowledge(AGENT), None, toolbox)
    call.profile = replace(call.profile, policy=policy)


@pytest.mark.parametrize(
    ("final", "runs", "last"),
    [
        ("yes", [{"size": "large"}], DONE),
        ("No, a small one.", [], "I have: small. Is that right?"),
        (DeadlineError("no final words"), [], AGENT.excuse),
    ],
)
@pytest.mark.parametrize("sure", [True, False])
async def test_nothing_is_written_before_the_final_words_are_there(
    tmp_path: Path, clock: Clock, sure: bool, final: Any, runs: list[Any], last: str
) -> None:
    async with called(tmp_path, clock, [], booking) as (call, server, _):
        server.sure = sure
        server.guesses = said = ["I'd like to book a berth.", "A large one.", "Yes."]
        for turn, words in enumerate(said[:2]):
            await call.says("", wait=False)
            server.finals[-1].set_result(words)
            await call.floor_over(turn)
        assert call.spoken[-1] == "I have: large. Is that right?"
        await call.says("", wait=False)
        await call.answering()
        await call.looks_around()
        assert call.tool.runs == [], "the yes may be none"  # type: ignore[attr-defined]
        server.finals[-1].set_result(final)
        await call.floor_over(2)
        assert call.tool.runs == runs  # type: ignore[attr-defined]
        assert call.spoken[-1].endswith(last), "on a slow machine behind a moment's notice"


@pytest.mark.parametrize(("final", "ended"), [("Goodbye then.", True), ("Do you buy Zens?", False)])
async def test_nobody_is_hung_up_on_before_their_goodbye_is_final(
    tmp_path: Path, clock: Clock, final: str, ended: bool
) -> None:
    async with called(tmp_path, clock, [[NEW]]) as (call, server, _):
        server.guesses = ["Goodbye then."]
        await call.says("", wait=False)
        await reached(lambda: AGENT.goodbye in call.line.said, "they are said goodbye to")
        assert call.over is not None
        assert not call.over.done()
        server.finals[0].set_result(final)
        if ended:
            assert await call.ended() == "ok"
            return
        await reached(lambda: NEW in call.spoken, "they are answered")
        assert not call.over.done()
