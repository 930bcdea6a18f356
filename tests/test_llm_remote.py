"""Remote models: answers, conversations, connections, and the warm-up before the first call.

The server is tests/support/model_server.py, in the same event loop.  What it does wrong is
in test_llm_remote_errors.py, what comes too late or is not wanted in test_llm_remote_cancel.py.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from offhook.errors import BusyError, ModelError
from offhook.llm.base import Conversation, LanguageModel, Limits
from offhook.llm.remote import RemoteConversation, RemoteModel
from tests.support.model_server import (
    Behaviour,
    ModelServer,
    Request,
    Wire,
    event,
    hang,
    ollama_lines,
    openai_answer,
    openai_events,
    reset,
    speak_smtp,
    status,
    stream,
)
from tests.support.remote_models import (
    EXAMPLES,
    HTML,
    LIMITS,
    NDJSON,
    SECRET,
    SYSTEM,
    Side,
    both,
    limited,
    make_model,
    text_of,
)


@pytest.fixture(params=["openai", "ollama"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    async with both(request.param) as side:
        yield side


@pytest.fixture
async def openai() -> AsyncIterator[Side]:
    async with both("openai") as side:
        yield side


@pytest.fixture
async def ollama() -> AsyncIterator[Side]:
    async with both("ollama") as side:
        yield side


def test_it_is_what_the_rest_expects() -> None:
    def check(model: RemoteModel, talk: RemoteConversation) -> tuple[LanguageModel, Conversation]:
        return model, talk  # mypy checks the shapes

    assert callable(check)


class TestAnswers:
    async def test_an_answer_streams(self, side: Side) -> None:
        side.server.will(side.answer("Yes,", " we", " are."))
        conversation = await side.talk()
        generation = conversation.generate(LIMITS)
        assert [piece async for piece in generation] == ["Yes,", " we", " are."]
        assert generation.stats.finish_reason == "end"
        assert generation.stats.generated_tokens == 3
        assert generation.stats.first_token_ns is not None
        assert generation.stats.first_token_ns >= generation.stats.submitted_ns
        assert [piece async for piece in generation] == []

    async def test_pieces_come_before_the_answer_is_complete(self, side: Side) -> None:
        go_on = asyncio.Event()

        async def behave(request: Request, wire: Wire) -> None:
            kind = "text/event-stream" if side.engine == "openai" else NDJSON
            await wire.head(content_type=kind, transfer_encoding="chunked")
            first, *rest = [chunk for word in ("Yes", ".") for chunk in side.pieces(word)[-1:]]
            await wire.chunk(first)
            await go_on.wait()
            for chunk in [*rest, *side.pieces(finish="stop")]:
                await wire.chunk(chunk)
            await wire.end()

        side.server.will(behave)
        conversation = await side.talk()
        pieces = aiter(conversation.generate(LIMITS))
        assert await anext(pieces) == "Yes"
        go_on.set()
        assert await anext(pieces) == "."
        with pytest.raises(StopAsyncIteration):
            await anext(pieces)

    async def test_what_a_server_cannot_do_changes_nothing(self, side: Side) -> None:
        side.server.will(side.answer("Yes."), side.answer("Yes."))
        conversation = await side.talk()
        conversation.speculative = True
        assert await conversation.end_probability() is None
        asked = await conversation.mark()
        drafted = conversation.generate(LIMITS, draft="Yes, from seven.")
        assert await text_of(drafted) == "Yes."
        assert (drafted.stats.drafted_tokens, drafted.stats.accepted_tokens) == (0, 0)
        await conversation.rollback(asked)
        conversation.speculative = False
        await text_of(conversation.generate(LIMITS))
        first, second = (request.body for request in side.server.requests)
        assert first == second

    async def test_the_dialogue_is_sent_as_messages(self, side: Side) -> None:
        side.server.will(side.answer("Yes, from", " seven."), side.answer("Until six."))
        template = side.model.template
        conversation = await side.talk()
        assert await text_of(conversation.generate(LIMITS)) == "Yes, from seven."
        await conversation.append(template.assistant_close)
        before = await conversation.mark()
        await conversation.append(*template.user("And unt"))
        await conversation.rollback(before)
        await conversation.append(*template.user("And until when?"))
        asked = await conversation.mark()
        await text_of(conversation.generate(LIMITS))
        await conversation.rollback(asked)
        await conversation.append("Until \u2014", template.assistant_close)
        await conversation.append(*template.user("Pardon?"))
        await text_of(conversation.generate(LIMITS))
        sent = [
            [(message["role"], message["content"]) for message in request.body["messages"]]
            for request in side.server.requests
        ]
        start = [("system", SYSTEM), ("user", "Hi"), ("assistant", "Hello."), ("user", "Are you open?")]
        assert sent[0] == start
        assert sent[1] == [*start, ("assistant", "Yes, from seven."), ("user", "And until when?")]
        assert sent[2] == [*sent[1], ("assistant", "Until \u2014"), ("user", "Pardon?")]

    async def test_what_openai_is_asked_for(self, openai: Side) -> None:
        openai.server.will(openai.answer("Yes."))
        await openai.ask(Limits(20, stop=("a", "", "b", "c", "d", "e")))
        await openai.ask(Limits(20, temperature=0.5, top_p=0.9, seed=7))
        first, second = (request.body for request in openai.server.requests)
        assert openai.server.requests[0].path == "/chat/completions"
        assert openai.server.requests[0].headers["authorization"] == f"Bearer {SECRET}"
        messages = first.pop("messages")
        assert first == {
            "model": "baker-7b",
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 20,
            "temperature": 0.0,
            "stop": ["a", "b", "c", "d"],
        }
        assert len(messages) == 4
        assert (second["temperature"], second["top_p"], second["seed"]) == (0.5, 0.9, 7)
        assert "stop" not in second

    async def test_what_ollama_is_asked_for(self, ollama: Side) -> None:
        ollama.server.will(ollama.answer("Yes."))
        await ollama.ask(Limits(20, stop=("a", "b", "c", "d", "e")))
        (request,) = ollama.server.requests
        body = request.body
        assert request.path == "/api/chat"
        assert len(body.pop("messages")) == 4
        assert body == {
            "model": "baker-7b",
            "stream": True,
            "think": False,
            "keep_alive": "1h",
            "options": {
                "num_predict": 20,
                "temperature": 0.0,
                "num_ctx": 4096,
                "stop": ["a", "b", "c", "d", "e"],
            },
        }

    async def test_extra_fields(self, side: Side) -> None:
        extra = {"keep_alive": -1, "options": {"num_thread": 3}, "chat_template_kwargs": {"x": False}}
        other = limited(side, extra=extra)
        side.server.will(side.answer("Yes."))
        await other.ask()
        body = side.server.requests[0].body
        assert body["keep_alive"] == -1
        assert body["chat_template_kwargs"] == {"x": False}
        assert body["options"]["num_thread"] == 3
        assert ("num_predict" in body["options"]) is (side.engine == "ollama")
        await other.model.aclose()

    async def test_the_server_counts(self, openai: Side) -> None:
        usage = {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 40}}
        openai.server.will(stream(*openai_events(["Yes."], usage=usage)))
        _, generation = await openai.ask()
        stats = generation.stats
        assert (stats.prompt_tokens_reused, stats.prompt_tokens_computed, stats.generated_tokens) == (
            40,
            10,
            7,
        )

    async def test_ollama_counts(self, ollama: Side) -> None:
        ollama.server.will(stream(*ollama_lines(["Yes."], prompt_eval_count=50, eval_count=7), kind=NDJSON))
        _, generation = await ollama.ask()
        assert (generation.stats.prompt_tokens_computed, generation.stats.generated_tokens) == (50, 7)

    async def test_nobody_counts(self, side: Side) -> None:
        side.server.will(side.answer("Yes", "."))
        conversation = await side.talk()
        estimate = conversation.tokens_used
        generation = conversation.generate(LIMITS)
        await text_of(generation)
        assert generation.stats.prompt_tokens_computed == estimate
        assert generation.stats.generated_tokens == 2
        assert conversation.tokens_used > estimate

    async def test_a_stop_string_ends_the_answer_and_the_request(self, side: Side) -> None:
        side.server.will(
            side.stream(*side.pieces("Yes. Cal", "ler: and", " more"), end="hold"), side.answer("x")
        )
        conversation = await side.talk()
        generation = conversation.generate(Limits(20, stop=("Caller:",)))
        assert await text_of(generation) == "Yes. "
        assert generation.stats.finish_reason == "stop"
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)
        await conversation.append(side.model.template.assistant_close, *side.model.template.user("So?"))
        await text_of(conversation.generate(LIMITS))
        assert side.server.requests[1].body["messages"][-2] == {"role": "assistant", "content": "Yes. "}

    async def test_a_server_that_never_stops(self, side: Side) -> None:
        words = ["word " * 50] * 20
        side.server.will(side.stream(*side.pieces(*words), end="hold"))
        text, generation = await side.ask()
        assert 20 * 32 < len(text) < 20 * 32 + 300
        assert generation.stats.finish_reason == "length"

    async def test_a_limit_is_reached(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces("Yes, we", finish="length")))
        text, generation = await side.ask()
        assert (text, generation.stats.finish_reason) == ("Yes, we", "length")

    async def test_an_empty_answer_is_an_answer(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces(finish="stop")))
        text, generation = await side.ask()
        assert (text, generation.stats.finish_reason) == ("", "end")
        assert generation.stats.first_token_ns is None

    async def test_the_end_is_not_waited_for(self, openai: Side) -> None:
        """finish_reason, but neither [DONE] nor the stream's end: the last words are due now."""
        events = openai_events(["Yes."])[:-1]
        openai.server.will(stream(*events, end="hold"))
        text, generation = await openai.ask()
        assert (text, generation.stats.finish_reason) == ("Yes.", "end")
        await asyncio.wait_for(openai.server.requests[0].gone.wait(), 20)

    @pytest.mark.parametrize("end", ["cut", "reset", "eof"])
    async def test_after_the_end_anything_may_happen(self, side: Side, end: str) -> None:
        side.server.will(side.stream(*side.pieces("Yes.", finish="stop"), end=end))
        text, generation = await side.ask()
        assert (text, generation.stats.finish_reason) == ("Yes.", "end")

    async def test_done_without_a_reason(self, openai: Side) -> None:
        openai.server.will(stream(*openai_events(["Yes."], None), event(b"[DONE]")))
        assert (await openai.ask())[0] == "Yes."

    async def test_compressed_although_asked_not_to(self, side: Side) -> None:
        packed = gzip.compress(b"".join(side.pieces("Yes", ".", finish="stop")))
        side.server.will(side.stream(packed[:9], packed[9:30], packed[30:], content_encoding="gzip"))
        assert (await side.ask())[0] == "Yes."
        assert side.server.requests[0].headers["accept-encoding"] == "identity"

    async def test_fields_that_the_server_does_not_take(self, openai: Side) -> None:
        """OpenAI's reasoning models: each refusal is learnt once, for all calls."""

        def refusal(param: str, code: str = "unsupported_parameter") -> Behaviour:
            return status(400, {"error": {"message": f"{param} is wrong", "param": param, "code": code}})

        openai.server.will(
            refusal("max_tokens"), refusal("temperature", "unsupported_value"), openai.answer("Yes.")
        )
        assert (await openai.ask())[0] == "Yes."
        assert (await openai.ask())[0] == "Yes."
        bodies = [request.body for request in openai.server.requests]
        assert ["max_tokens" in body for body in bodies] == [True, False, False, False]
        assert [body.get("max_completion_tokens") for body in bodies] == [None, 20, 20, 20]
        assert ["temperature" in body for body in bodies] == [True, True, False, False]

    async def test_a_field_is_not_refused_for_ever(self, openai: Side) -> None:
        openai.server.will(status(400, {"error": {"message": "no", "param": "max_tokens"}}))
        with pytest.raises(ModelError, match=r"refuses the request \(400\): no"):
            await openai.ask()
        assert len(openai.server.requests) == 2

    async def test_a_model_that_cannot_be_told_not_to_think(self, ollama: Side) -> None:
        ollama.server.will(
            status(400, {"error": "baker-7b does not support thinking"}), ollama.answer("Yes.")
        )
        assert (await ollama.ask())[0] == "Yes."
        assert ["think" in request.body for request in ollama.server.requests] == [True, False]


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
        side.server.will(status(429, {"error": "no"}), side.answer("Yes."))
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
    return [record for record in caplog.records if record.name.startswith("offhook.llm")]
