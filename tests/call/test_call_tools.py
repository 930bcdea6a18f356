"""A whole call that does things: after the yes and behind the commit, once, and the line goes where it
should."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offhook.agents.loader import Agent
from offhook.conversation.forms.words import form_words
from offhook.conversation.policies.grounded import Grounded
from offhook.engines.pool import load_knowledge_models
from offhook.knowledge.store import Knowledge, Ranking
from offhook.observe.trace import TurnTrace
from offhook.tone_of_voice import Tone
from offhook.tools.base import Phrases, Tool, ToolResult
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import make_tools
from tests.support.clock import Clock, reached
from tests.support.engines.engines import PlainTemplate
from tests.support.scripted_call import AGENT, ScriptedCall, scripted_call
from tests.support.tools import ScriptedTool, schema

WHEN = ("I'd like to book a table",)
PARTS: dict[str, dict[str, Any]] = {
    "size": {"enum": ["small", "large"], "x-ask": "Small or large?"},
    "note": {"x-ask": "Anything else?"},
}
DONE = "It's booked, and we are looking forward to having you here with us."
WORKING = form_words("en").working
READ_BACK = "I have: large, By the window. Is that right?"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def with_tools(*tools: Tool) -> Any:
    def fill(call: ScriptedCall) -> None:
        toolbox = Toolbox({tool.spec.name: tool for tool in tools}, Ledger.in_file(None))
        policy = Grounded(AGENT, PlainTemplate(), Knowledge(AGENT), None, toolbox)
        call.profile = replace(call.profile, policy=policy)

    return fill


def table(**options: Any) -> ScriptedTool:
    return ScriptedTool("book", schema(**PARTS), when=WHEN, phrases=Phrases(done=DONE), **options)


def outcome(call: ScriptedCall) -> str:
    """What was said last, without what a machine that is busy has time to say before it."""
    return call.spoken[-1].removeprefix(WORKING).strip()


async def until_asked(call: ScriptedCall) -> None:
    await call.says("I'd like to book a table.")
    await call.says("A large one.")
    await call.says("By the window.")
    assert call.spoken == ["Small or large?", "Anything else?", READ_BACK]


async def test_a_write_runs_behind_the_commit_of_a_yes(tmp_path: Path, clock: Clock) -> None:
    tool = table()
    async with scripted_call(tmp_path, clock, [], fill=with_tools(tool)) as call:
        await until_asked(call)
        # A yes that may go on: it is prepared, and nothing happens, however long it is held.
        pipeline = call.call._answering.pipeline
        assert pipeline is not None
        guess = pipeline.prepare_text(99, "Yes.", TurnTrace(call.call.id, 9))
        await reached(lambda: guess.turn is not None, "it is known what it asks for")
        for _ in range(200):
            await asyncio.sleep(0)
        assert (guess.turn is not None and guess.turn.request is not None, tool.runs) == (True, [])
        await guess.cancel()
        await call.says("No, a small one.")
        assert call.spoken[-1] == "I have: small, By the window. Is that right?"
        await call.says("Yes.")
        assert tool.runs == [{"size": "small", "note": "By the window"}]
        assert outcome(call) == DONE


async def test_the_line_goes_where_the_tool_has_chosen(tmp_path: Path, clock: Clock) -> None:
    said = "Put me through to Anna Berg."
    targets = {"anna": {"name": "Anna Berg"}, "desk": {"name": "the front desk"}}
    entry = {"targets": targets, "when": ["Put me through to somebody"]}
    made = make_tools(
        Agent.model_validate({"name": "Inn", "greeting": "Hello.", "tools": {"transfer": entry}})
    )
    async with scripted_call(tmp_path, clock, [], fill=with_tools(*made.tools.values())) as call:
        await call.says(said)
        ended = await call.ended()
        assert (outcome(call), ended) == ("One moment, I'll put you through to Anna Berg.", "transfer")
        assert call.line.variables["OFFHOOK_TARGET"] == "anna"


async def test_an_angry_caller_is_offered_a_person_and_put_through_after_a_yes(
    tmp_path: Path, clock: Clock
) -> None:
    models = load_knowledge_models()
    assert models is not None
    transfer = {"targets": {"owner": {"name": "Mrs Okafor"}}, "when": ["Put me through to the owner"]}
    file = {
        "name": "Tidewater Laundry",
        "greeting": "Hello.",
        "otherwise": "I see.",
        "tools": {"transfer": transfer},
        "escalation": {"offer": "owner"},
    }
    agent = Agent.model_validate(file)
    toolbox = Toolbox(make_tools(agent).tools, Ledger.in_file(None))
    knowledge = Knowledge(agent, models)
    said = [
        "You people are hopeless!",
        "I brought two coats.",
        "What a shameful mess!",
        "Yes, please.",
    ]
    # Found beforehand: the call's clock does not wait for a network.
    found = {words: knowledge.search(words) for words in said}
    knowledge.search = lambda words, *more: found[words]  # type: ignore[method-assign]
    policy = Grounded(agent, PlainTemplate(), knowledge, None, toolbox)
    offer = "I'm sorry about all this. Shall I put you through to Mrs Okafor?"
    traces: list[TurnTrace] = []

    def fill(call: ScriptedCall) -> None:
        call.profile = replace(call.profile, policy=policy, on_turn=lambda *turn: traces.append(turn[2]))

    async with scripted_call(tmp_path, clock, [], fill=fill) as call:
        for words in said[:3]:
            assert offer not in call.spoken
            await call.says(words)
        assert call.spoken[-1] == offer
        await call.says(said[3])
        assert await call.ended() == "transfer"
        assert call.line.variables["OFFHOOK_TARGET"] == "owner"
    assert [(one.act, one.mood) for one in traces][2:] == [("offer", "angry"), ("done", "neutral")]
    assert [one.mood for one in traces].count("angry") == 2


async def test_a_slow_tool_is_announced(tmp_path: Path, clock: Clock) -> None:
    tool = table()
    tool.hold = asyncio.Event()
    async with scripted_call(tmp_path, clock, [], fill=with_tools(tool)) as call:
        await until_asked(call)
        await call.says("Yes.", wait=False)
        await tool.began.wait()
        clock.pass_by(1.0)  # longer than a caller takes silence for patience
        await call.line.speaks()
        assert not tool.hold.is_set()
        tool.hold.set()
        await call.listening()
        assert call.spoken[-1] == f"{WORKING} {DONE}"


async def test_a_tool_that_fails_is_no_failure_of_the_call(tmp_path: Path, clock: Clock) -> None:
    tool = table(answers=[ToolResult("x", ok=False)])
    async with scripted_call(tmp_path, clock, [], fill=with_tools(tool)) as call:
        await until_asked(call)
        await call.says("Yes.")
        assert "nothing was changed" in call.spoken[-1]
        await call.says("Thank you, goodbye.")
        assert await call.ended() == "ok"


@pytest.mark.parametrize(
    ("listens", "anger", "by_voice"), [(True, -1.0, True), (False, -1.0, False), (True, -4.0, False)]
)
async def test_doubtful_words_in_a_raised_voice_count_and_no_voice_by_itself(
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    listens: bool,
    anger: float,
    by_voice: bool,
) -> None:
    calm = Tone(2_000, 110.0, 60.0, 84.0, 4.0)
    raised = calm._replace(level_db=118.0, pitch_semitones=89.0)
    tones = {"I brought two coats.": calm, "On Monday.": calm, "They are not ready.": raised}
    said = ["I brought two coats.", "On Monday.", "They are not ready.", "They are not ready.", "Yes."]
    transfer = {"targets": {"owner": {"name": "Mrs Okafor"}}, "when": ["Put me through to the owner"]}
    agent = Agent.model_validate(
        {
            "name": "Tidewater Laundry",
            "greeting": "Hello.",
            "tools": {"transfer": transfer},
            "escalation": {"offer": "owner"},
            "tone_of_voice": listens,
        }
    )
    knowledge = Knowledge(agent)
    knowledge.search = lambda words, *more: Ranking((), mood="neutral", anger=anger)  # type: ignore[method-assign]
    policy = Grounded(
        agent, PlainTemplate(), knowledge, None, Toolbox(make_tools(agent).tools, Ledger.in_file(None))
    )
    traces: list[TurnTrace] = []
    now = iter(said)
    monkeypatch.setattr("offhook.call.recognition.tone_of", lambda audio, rate_hz: tones.get(next(now)))

    def fill(call: ScriptedCall) -> None:
        call.profile = replace(call.profile, policy=policy, on_turn=lambda *turn: traces.append(turn[2]))

    async with scripted_call(tmp_path, clock, [], fill=fill) as call:
        for words in said[:4]:
            await call.says(words)
        offered = call.spoken[-1] == "I'm sorry about all this. Shall I put you through to Mrs Okafor?"
        if offered:
            await call.says(said[4])
            assert await call.ended() == "transfer"
    assert offered is by_voice
    assert [one.by_voice for one in traces][:4] == [False, False, by_voice, by_voice]
    assert (traces[2].tone == (8.0, 5.0, 0.0)) is listens
    assert TurnTrace.from_json(traces[2].to_json()) == traces[2]


async def test_a_caller_who_hangs_up_while_it_is_done_has_it_done_once(tmp_path: Path, clock: Clock) -> None:
    tool, ledger = table(), Ledger.in_file(None)
    tool.hold = asyncio.Event()
    toolbox = Toolbox({"book": tool}, ledger)

    def fill(call: ScriptedCall) -> None:
        policy = Grounded(AGENT, PlainTemplate(), Knowledge(AGENT), None, toolbox)
        call.profile = replace(call.profile, policy=policy)

    async with scripted_call(tmp_path, clock, [], fill=fill) as call:
        await until_asked(call)
        await call.says("Yes.", wait=False)
        await tool.began.wait()
        executor = call.call.history.tools
        call.line.hangs_up()
        tool.hold.set()
        assert await call.ended() == "hangup"
    assert executor is not None
    # The same call comes back, of another process: it is told what was done, and it is not done again.
    again = Executor(toolbox, executor.context)
    result = await again.run("book", tool.runs[0], committed=True)
    assert (result.ok, len(tool.runs)) == (True, 1)
