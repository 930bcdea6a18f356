"""Models that a server has unloaded: a load is begun with the call, and nothing that we give up ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.engines.llm.loading import ASLEEP_S, SLOW_S
from tests.support.clock import Clock, reached
from tests.support.engines.model_server import ColdModel, hang, status
from tests.support.engines.remote_models import LIMITS, SYSTEM, Side, limited, text_of
from tests.support.scripted_call import AGENT, scripted_call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
async def cold(ollama: Side) -> AsyncIterator[tuple[Side, ColdModel]]:
    """A model that is not loaded, on a server that gives loads up."""
    model = ColdModel()
    ollama.server.will(model.serves(ollama.answer("We open ", "at nine.")))
    side = limited(ollama, asleep_s=ASLEEP_S, n_ctx_call=4096)
    yield side, model
    await side.model.aclose()


async def test_a_call_that_begins_loads_the_model(cold: tuple[Side, ColdModel]) -> None:
    side, model = cold
    conversation = await side.model.conversation(side.model.template.prefix(SYSTEM))
    await reached(lambda: model.waiting == 1, "the load has begun")
    await conversation.close()
    other = await side.talk()
    generation = other.generate(LIMITS)
    await reached(lambda: model.waiting == 2, "a question waits for it")
    generation.cancel()
    await other.close()
    await reached(lambda: model.waiting == 1, "the question is gone")
    model.loaded()
    await reached(lambda: model.waiting == 0, "and the load is over")
    assert (model.begun, model.aborted) == (1, 0)
    (load, _) = side.server.requests
    assert (load.body["messages"], load.body["stream"]) == ([], False)
    assert load.body["options"]["num_ctx"] == side.server.requests[1].body["options"]["num_ctx"]


async def test_a_question_that_begins_a_load_does_not_end_it(
    cold: tuple[Side, ColdModel], clock: Clock
) -> None:
    """The model was unloaded in mid-call, for another client's."""
    side, model = cold
    model.loaded()
    await side.ask()
    conversation = await side.talk()
    await reached(
        lambda: len(side.server.requests) == 3 and side.model._loads.task is None, "the model is there"
    )
    model.unload()
    generation = conversation.generate(LIMITS)
    await reached(lambda: model.waiting == 1, "the load has begun")
    clock.pass_by(SLOW_S + 0.1)
    generation.cancel()
    second = conversation.generate(LIMITS)
    await reached(lambda: model.waiting == 2, "the next one waits with it")
    second.cancel()
    await reached(lambda: model.waiting == 1, "one is enough")
    model.loaded()
    await conversation.rollback(conversation.start)
    await conversation.append(*side.model.template.user("Are you open?"))
    assert await text_of(conversation.generate(LIMITS)) == "We open at nine."
    assert model.aborted == 0


async def test_a_question_that_is_given_up_at_once_frees_the_server(cold: tuple[Side, ColdModel]) -> None:
    side, model = cold
    model.loaded()
    await side.ask()
    conversation = await side.talk()
    await reached(
        lambda: len(side.server.requests) == 3 and side.model._loads.task is None, "the model is there"
    )
    side.server.will(hang)
    generation = conversation.generate(LIMITS)
    await reached(lambda: len(side.server.requests) == 4, "the question is asked")
    generation.cancel()
    await reached(side.server.requests[-1].gone.is_set, "the server knows that nobody waits")


async def test_a_start_that_does_not_wait_for_the_load_does_not_end_it(
    cold: tuple[Side, ColdModel], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    side, model = cold
    starting = asyncio.create_task(side.model.preload(side.model.template.prefix(SYSTEM)))
    await reached(lambda: model.waiting == 1, "the load has begun")
    clock.pass_by(121)
    await starting
    assert "no answer to the first request within 120 s" in caplog.text
    assert model.waiting == 1
    model.loaded()
    await reached(lambda: model.waiting == 0, "the load is over")
    assert model.aborted == 0


async def test_what_goes_wrong_with_a_load_is_one_line(
    cold: tuple[Side, ColdModel], caplog: pytest.LogCaptureFixture
) -> None:
    side, _ = cold
    side.server.will(status(404, {"error": "model 'baker-7b' not found"}))
    caplog.set_level(logging.WARNING)
    await side.talk()
    await reached(lambda: "ollama pull baker-7b" in caplog.text, "it is told")
    assert len(caplog.records) == 1


async def test_a_server_whose_loads_cost_money_is_not_woken(openai: Side) -> None:
    side = limited(openai, asleep_s=ASLEEP_S)
    await side.talk()
    await side.model.aclose()
    assert side.server.requests == []


async def test_a_cold_model_costs_a_turn_and_no_call(
    cold: tuple[Side, ColdModel], tmp_path: Path, clock: Clock
) -> None:
    side, model = cold
    async with scripted_call(tmp_path, clock, [], model=side.model, answer_timeout_s=12) as call:
        await reached(lambda: model.waiting == 1, "it is loaded while the caller is greeted")
        await call.says("When do you open?", wait=False)
        await reached(lambda: model.waiting == 2, "the question waits")
        await call.answering()
        clock.pass_by(2.0)
        await reached(lambda: len(call.line.said) == 2, "the holding phrase")
        clock.pass_by(12.0)
        await call.listening()
        model.loaded()
        await call.says("When do you open?")
        assert call.spoken == [AGENT.excuse, "We open at nine."]
        assert (model.begun, model.aborted) == (1, 0)
