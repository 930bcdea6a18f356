"""A second model server: asked where the first one fails before a word of the answer has come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.config import LlmConfig, load_config
from offhook.engines.llm.dialect import Server
from offhook.engines.llm.endpoint import Endpoint, check_no_endpoint, fallback_of
from offhook.engines.llm.ollama import Ollama
from offhook.engines.llm.remote import AWAY_S, RemoteModel
from offhook.engines.pool import load_language_model
from offhook.errors import ConfigError, ModelError
from offhook.observe.bill import billed
from tests.support.clock import Clock, reached
from tests.support.engines.model_server import (
    Behaviour,
    ModelServer,
    hang,
    ollama_answer,
    ollama_lines,
    reset,
    status,
    stream,
)
from tests.support.engines.remote_models import LIMITS, NDJSON, SYSTEM, Side, limited, text_of


@pytest.fixture
async def second() -> AsyncIterator[ModelServer]:
    """An Ollama that answers."""
    async with ModelServer() as server:
        server.will(ollama_answer("We open ", "at nine."))
        yield server


@pytest.fixture
async def both(side: Side, second: ModelServer) -> AsyncIterator[Side]:
    """A model whose fallback is ``second``."""
    endpoint = Endpoint(second.url, "butcher-3b", None, 20, 20, 20, 60)
    made = limited(side, fallback=Server(endpoint, Ollama(endpoint)))
    yield made
    await made.model.aclose()


@pytest.mark.parametrize(
    "trouble", [status(500, ""), status(401, ""), status(429, "", retry_after="60"), reset]
)
async def test_what_fails_is_answered_by_the_other(
    both: Side, second: ModelServer, trouble: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    both.server.will(trouble)
    text, generation = await both.ask()
    assert (text, generation.stats.finish_reason) == ("We open at nine.", "end")
    (request,) = second.requests
    assert request.body["model"] == "butcher-3b"
    assert request.body["messages"] == both.server.requests[0].body["messages"]
    assert "authorization" not in request.headers, "the first one's key is the first one's"
    assert f"asking {second.url} instead" in caplog.text


async def test_a_server_that_is_silent_is_replaced_at_its_deadline(
    both: Side, second: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    both.server.will(hang)
    generation = (await both.talk()).generate(LIMITS)
    await reached(lambda: len(both.server.requests) == 1, "the first one is asked")
    clock.pass_by(20.5)
    assert await text_of(generation) == "We open at nine."


async def test_whoever_had_to_be_replaced_is_not_asked_first_for_a_while(
    both: Side, second: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    both.server.will(status(401, ""))
    await both.ask()
    assert len(both.server.requests) == 1
    both.server.will(both.answer("Yes."))
    assert (await both.ask())[0] == "We open at nine."
    assert len(both.server.requests) == 1
    clock.pass_by(AWAY_S + 1)
    assert (await both.ask())[0] == "Yes."
    assert len(second.requests) == 2


async def test_never_after_the_first_word(both: Side, second: ModelServer) -> None:
    both.server.will(both.stream(*both.pieces("Yes,"), end="cut"))
    with pytest.raises(ModelError, match="in the middle of the answer"):
        await both.ask()
    assert second.requests == []


async def test_when_both_fail_the_error_is_the_seconds(both: Side, second: ModelServer) -> None:
    both.server.will(status(401, ""))
    second.will(status(404, {"error": "model 'butcher-3b' not found"}))
    with pytest.raises(ModelError, match="ollama pull butcher-3b"):
        await both.ask()


def test_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "offhook.toml"
    path.write_text(
        "[llm]\nengine = 'openai'\nmodel = 'm'\nbase_url = 'http://a.example/v1'\ntotal_timeout_s = 20.0\n"
        "[llm.fallback]\nengine = 'ollama'\nmodel = 'n'\n"
    )
    llm = load_config(path).llm
    second = fallback_of(llm)
    assert second is not None
    assert (second.engine, second.model, second.total_timeout_s) == ("ollama", "n", 20.0)
    model = load_language_model(llm, 2, lambda line: None)
    assert isinstance(model, RemoteModel)
    model.close()
    with pytest.raises(ConfigError, match=r"llm\.fallback is set, but llm\.engine is llama"):
        check_no_endpoint(LlmConfig.model_validate({"fallback": {"engine": "ollama", "model": "n"}}))
    path.write_text("[llm]\nengine = 'openai'\nmodel = 'm'\n[llm.fallback]\nengine = 'llama'\nmodel = 'n'\n")
    with pytest.raises(ConfigError, match=r"llm\.fallback\.engine"):
        load_config(path)


@pytest.mark.parametrize(("own", "cost"), [({}, 2.0), ({"price_per_million_written": 5e6}, 10.0)])
async def test_what_the_other_one_answers_costs_its_price(
    side: Side, second: ModelServer, own: dict[str, float], cost: float
) -> None:
    side.server.will(status(500, ""))
    second.will(stream(*ollama_lines(["We ", "open."], prompt_eval_count=40, eval_count=2), kind=NDJSON))
    behind = {"engine": "ollama", "base_url": second.url, "model": "butcher-3b", **own}
    llm = {"engine": side.engine, "base_url": side.server.url, "model": "baker-7b", "fallback": behind}
    model = load_language_model(LlmConfig.model_validate(llm | {"price_per_million_written": 1e6}), 1)
    with billed() as bill:
        talk = await model.conversation(model.template.prefix(SYSTEM))
        await talk.append(*model.template.user("Are you open?"))
        assert await text_of(talk.generate(LIMITS)) == "We open."
        await talk.close()
    assert isinstance(model, RemoteModel)
    await model.aclose()
    assert bill.cost == pytest.approx(cost)
