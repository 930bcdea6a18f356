"""Remote models: connections, places for conversations, and the warm-up before the first call.

The server is tests/support/engines/model_server.py, in the same event loop.  Answers are in
test_llm_remote_answers.py, what the server does wrong in test_llm_remote_errors.py, and what
comes too late or is not wanted in test_llm_remote_cancel.py.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from offhook.engines.llm.base import Conversation, LanguageModel
from offhook.engines.llm.remote import RemoteModel
from offhook.errors import BusyError, ModelError
from tests.support.engines.model_server import (
    Behaviour,
    ModelServer,
    Request,
    Wire,
    hang,
    openai_answer,
    reset,
    speak_smtp,
    status,
)
from tests.support.engines.remote_models import (
    EXAMPLES,
    HTML,
    LIMITS,
    SECRET,
    SYSTEM,
    Side,
    limited,
    make_model,
    text_of,
)


async def test_it_is_what_the_rest_expects(side: Side) -> None:
    model: LanguageModel = side.model  # mypy checks the signatures
    conversation: Conversation = await side.talk()
    for thing, protocol in ((model, LanguageModel), (conversation, Conversation)):
        promised = {name for name in (*vars(protocol), *protocol.__annotations__) if name[0] != "_"}
        assert promised
        assert promised <= set(dir(thing))
    await conversation.close()


class TestModel:
    async def test_connections_are_used_again(self, side: Side) -> None:
        side.server.will(side.answer("Yes", "."))
        for _ in range(4):
            await side.ask()
        assert (len(side.server.requests), side.server.connections) == (4, 1)
        answers = await asyncio.gather(*(side.ask() for _ in range(5)))
        assert [text for text, _ in answers] == ["Yes."] * 5
        for _ in range(4):
            await side.ask()
        assert side.server.connections <= 5

    async def test_a_refusal_does_not_cost_the_connection(self, side: Side) -> None:
        side.server.will(status(429, {"error": "no"}, retry_after="60"), side.answer("Yes."))
        with pytest.raises(BusyError):
            await side.ask()
        await side.ask()
        assert side.server.connections == 1

    async def test_answers_of_many_calls_do_not_mix(self, side: Side) -> None:
        async def echo(request: Request, wire: Wire) -> None:
            words = request.body["messages"][-1]["content"].split(" ")
            await side.answer(*(f"{word} " for word in words))(request, wire)

        async def call(number: int) -> None:
            conversation = await side.talk(f"call {number} says {number * 7}")
            answer = await text_of(conversation.generate(LIMITS))
            assert answer.strip() == f"call {number} says {number * 7}"
            await conversation.close()

        side.server.will(echo)
        await asyncio.gather(*(call(number) for number in range(8)))

    async def test_places(self, side: Side) -> None:
        other = limited(side, calls=2)
        first, second = await other.talk(), await other.talk()
        with pytest.raises(BusyError, match="all 2 conversations"):
            await other.talk()
        await first.close()
        await first.close()
        third = await other.talk()
        for conversation in (second, third):
            await conversation.close()
        with pytest.raises(ModelError, match="the conversation is closed"):
            await first.append("x")
        with pytest.raises(ModelError, match="the conversation is closed"):
            first.generate(LIMITS)
        await other.model.aclose()

    async def test_a_prefix_that_is_too_long(self, side: Side) -> None:
        prefix = side.model.template.prefix("word " * 1000)
        for attempt in (side.model.preload, side.model.conversation):
            with pytest.raises(ModelError, match=r"1024 tokens and leave less than 128; .*llm.n_ctx_call"):
                await attempt(prefix)
        assert side.server.requests == []

    async def test_tokens_are_estimated(self, side: Side) -> None:
        conversation = await side.model.conversation(side.model.template.prefix("word " * 80))
        assert conversation.tokens_limit == 1024
        assert 95 <= conversation.tokens_used <= 110
        assert conversation.start.tokens == conversation.tokens_used
        await conversation.close()

    async def test_nothing_to_answer(self, side: Side) -> None:
        conversation = await side.model.conversation(side.model.template.prefix(SYSTEM))
        with pytest.raises(ValueError, match="nothing to answer"):
            conversation.generate(LIMITS)
        await conversation.close()

    async def test_the_model_closes_under_an_answer(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces("Yes,"), end="hold"))
        conversation = await side.talk()
        pieces = aiter(conversation.generate(LIMITS))
        await anext(pieces)
        side.model.close()
        side.model.close()
        with pytest.raises(ModelError, match="the language model is closed"):
            await anext(pieces)
        with pytest.raises(ModelError, match="the language model is closed"):
            await conversation.append("x")
        with pytest.raises(ModelError, match="the language model is closed"):
            await side.talk()
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)

    async def test_closing_from_another_thread(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces("Yes,"), end="hold"))
        conversation = await side.talk()
        pieces = aiter(conversation.generate(LIMITS))
        await anext(pieces)
        await asyncio.to_thread(side.model.close)
        with pytest.raises(ModelError, match="the language model is closed"):
            await anext(pieces)

    def test_one_event_loop_after_the_other(self) -> None:
        async def once(model: RemoteModel, server: ModelServer) -> str:
            return (await Side(server, "openai", model).ask())[0]

        async def first() -> RemoteModel:
            async with ModelServer() as server:
                model = make_model(server.url, "openai")
                server.will(openai_answer("Yes."))
                assert await once(model, server) == "Yes."
                return model

        async def second(model: RemoteModel) -> None:
            async with ModelServer() as server:
                model.endpoint = replace(model.endpoint, url=server.url)
                server.will(openai_answer("No."))
                assert await once(model, server) == "No."

        model = asyncio.run(first())
        asyncio.run(second(model))
        model.close()

    def test_nobody_has_used_it(self) -> None:
        model = make_model("http://127.0.0.1:9", "ollama")
        model.close()
        model.close()


class TestPreload:
    async def test_openai_opens_the_connection_and_tries_the_key(self, openai: Side) -> None:
        openai.server.will(status(200, {"data": [{"id": "baker-7b"}]}), openai.answer("Yes."))
        prefix = openai.model.template.prefix(SYSTEM, EXAMPLES)
        tokens = await openai.model.preload(prefix)
        conversation = await openai.talk()
        assert tokens == conversation.start.tokens
        await text_of(conversation.generate(LIMITS))
        first, _ = openai.server.requests
        assert (first.method, first.path, openai.server.connections) == ("GET", "/models", 1)
        assert first.headers["authorization"] == f"Bearer {SECRET}"

    async def test_ollama_loads_the_model_with_the_prefix(self, ollama: Side) -> None:
        ollama.server.will(status(200, {"done": True}), ollama.answer("Yes."))
        await ollama.model.preload(ollama.model.template.prefix(SYSTEM, EXAMPLES))
        await ollama.ask()
        first, second = (request.body for request in ollama.server.requests)
        assert first["stream"] is False
        assert first["options"]["num_predict"] == 1
        # Another size of context would make Ollama load the model anew.
        assert first["options"]["num_ctx"] == second["options"]["num_ctx"]
        assert first["messages"] == second["messages"][:3]

    async def test_what_a_person_must_correct_is_an_error(self, side: Side) -> None:
        prefix = side.model.template.prefix(SYSTEM)
        side.server.will(status(401, {"error": f"bad {SECRET}"}))
        with pytest.raises(ModelError, match=r"\(401\): check \$BAKERY_KEY"):
            await side.model.preload(prefix)
        if side.engine == "ollama":
            side.server.will(status(404, {"error": "model 'baker-7b' not found"}))
            with pytest.raises(ModelError, match="ollama pull"):
                await side.model.preload(prefix)

    @pytest.mark.parametrize("trouble", [status(500, "oops"), reset, speak_smtp])
    async def test_what_may_pass_is_a_warning(
        self, side: Side, trouble: Behaviour, caplog: pytest.LogCaptureFixture
    ) -> None:
        side.server.will(trouble)
        await side.model.preload(side.model.template.prefix(SYSTEM))
        assert [record.levelname for record in of_ours(caplog)] == ["WARNING"]
        assert side.server.url in caplog.text

    async def test_an_absent_server_is_a_warning(self, side: Side, caplog: pytest.LogCaptureFixture) -> None:
        await side.server.stop()
        await side.model.preload(side.model.template.prefix(SYSTEM))
        assert "connection refused" in caplog.text

    async def test_a_slow_server_is_a_warning(self, openai: Side, caplog: pytest.LogCaptureFixture) -> None:
        openai.server.will(hang)
        other = limited(openai, first_token_timeout_s=0.2)
        await other.model.preload(other.model.template.prefix(SYSTEM))
        assert "no answer to the first request within 0.2 s" in caplog.text
        await other.model.aclose()

    @pytest.mark.parametrize(
        "listing", [status(404, HTML), status(403, {}), status(200, "[1"), status(200, {})]
    )
    async def test_a_server_without_a_list_of_models(
        self, openai: Side, listing: Behaviour, caplog: pytest.LogCaptureFixture
    ) -> None:
        openai.server.will(listing)
        await openai.model.preload(openai.model.template.prefix(SYSTEM))
        assert of_ours(caplog) == []

    async def test_a_model_that_is_not_listed(self, openai: Side, caplog: pytest.LogCaptureFixture) -> None:
        openai.server.will(status(200, {"data": [{"id": "baker-8b"}]}))
        await openai.model.preload(openai.model.template.prefix(SYSTEM))
        assert "does not list 'baker-7b', but baker-8b" in caplog.text


def of_ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.startswith("offhook.engines.llm")]
