"""Remote models: what the server is asked for, and what its answers are taken for."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from offhook.engines.llm.base import Limits
from offhook.errors import ModelError
from tests.support.engines.model_server import (
    Behaviour,
    Request,
    Wire,
    event,
    ollama_lines,
    openai_events,
    status,
    stream,
)
from tests.support.engines.remote_models import LIMITS, NDJSON, SECRET, SYSTEM, Side, limited, text_of


async def test_an_answer_streams(side: Side) -> None:
    side.server.will(side.answer("Yes,", " we", " are."))
    conversation = await side.talk()
    generation = conversation.generate(LIMITS)
    assert [piece async for piece in generation] == ["Yes,", " we", " are."]
    assert generation.stats.finish_reason == "end"
    assert generation.stats.generated_tokens == 3
    assert generation.stats.first_token_ns is not None
    assert generation.stats.first_token_ns >= generation.stats.submitted_ns
    assert [piece async for piece in generation] == []


async def test_pieces_come_before_the_answer_is_complete(side: Side) -> None:
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


async def test_what_a_server_cannot_do_changes_nothing(side: Side) -> None:
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


async def test_the_dialogue_is_sent_as_messages(side: Side) -> None:
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


async def test_what_openai_is_asked_for(openai: Side) -> None:
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


async def test_what_ollama_is_asked_for(ollama: Side) -> None:
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


async def test_extra_fields(side: Side) -> None:
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


async def test_the_server_counts(openai: Side) -> None:
    usage = {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 40}}
    openai.server.will(stream(*openai_events(["Yes."], usage=usage)))
    _, generation = await openai.ask()
    stats = generation.stats
    assert (stats.prompt_tokens_reused, stats.prompt_tokens_computed, stats.generated_tokens) == (
        40,
        10,
        7,
    )


async def test_ollama_counts(ollama: Side) -> None:
    ollama.server.will(stream(*ollama_lines(["Yes."], prompt_eval_count=50, eval_count=7), kind=NDJSON))
    _, generation = await ollama.ask()
    assert (generation.stats.prompt_tokens_computed, generation.stats.generated_tokens) == (50, 7)


async def test_nobody_counts(side: Side) -> None:
    side.server.will(side.answer("Yes", "."))
    conversation = await side.talk()
    estimate = conversation.tokens_used
    generation = conversation.generate(LIMITS)
    await text_of(generation)
    assert generation.stats.prompt_tokens_computed == estimate
    assert generation.stats.generated_tokens == 2
    assert conversation.tokens_used > estimate


async def test_a_stop_string_ends_the_answer_and_the_request(side: Side) -> None:
    side.server.will(side.stream(*side.pieces("Yes. Cal", "ler: and", " more"), end="hold"), side.answer("x"))
    conversation = await side.talk()
    generation = conversation.generate(Limits(20, stop=("Caller:",)))
    assert await text_of(generation) == "Yes. "
    assert generation.stats.finish_reason == "stop"
    await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)
    await conversation.append(side.model.template.assistant_close, *side.model.template.user("So?"))
    await text_of(conversation.generate(LIMITS))
    assert side.server.requests[1].body["messages"][-2] == {"role": "assistant", "content": "Yes. "}


async def test_a_server_that_never_stops(side: Side) -> None:
    words = ["word " * 50] * 20
    side.server.will(side.stream(*side.pieces(*words), end="hold"))
    text, generation = await side.ask()
    assert 20 * 32 < len(text) < 20 * 32 + 300
    assert generation.stats.finish_reason == "length"


async def test_a_limit_is_reached(side: Side) -> None:
    side.server.will(side.stream(*side.pieces("Yes, we", finish="length")))
    text, generation = await side.ask()
    assert (text, generation.stats.finish_reason) == ("Yes, we", "length")


async def test_an_empty_answer_is_an_answer(side: Side) -> None:
    side.server.will(side.stream(*side.pieces(finish="stop")))
    text, generation = await side.ask()
    assert (text, generation.stats.finish_reason) == ("", "end")
    assert generation.stats.first_token_ns is None


async def test_the_end_is_not_waited_for(openai: Side) -> None:
    """finish_reason, but neither [DONE] nor the stream's end: the last words are due now."""
    events = openai_events(["Yes."])[:-1]
    openai.server.will(stream(*events, end="hold"))
    text, generation = await openai.ask()
    assert (text, generation.stats.finish_reason) == ("Yes.", "end")
    await asyncio.wait_for(openai.server.requests[0].gone.wait(), 20)


@pytest.mark.parametrize("end", ["cut", "reset", "eof"])
async def test_after_the_end_anything_may_happen(side: Side, end: str) -> None:
    side.server.will(side.stream(*side.pieces("Yes.", finish="stop"), end=end))
    text, generation = await side.ask()
    assert (text, generation.stats.finish_reason) == ("Yes.", "end")


async def test_done_without_a_reason(openai: Side) -> None:
    openai.server.will(stream(*openai_events(["Yes."], None), event(b"[DONE]")))
    assert (await openai.ask())[0] == "Yes."


async def test_compressed_although_asked_not_to(side: Side) -> None:
    packed = gzip.compress(b"".join(side.pieces("Yes", ".", finish="stop")))
    side.server.will(side.stream(packed[:9], packed[9:30], packed[30:], content_encoding="gzip"))
    assert (await side.ask())[0] == "Yes."
    assert side.server.requests[0].headers["accept-encoding"] == "identity"


async def test_fields_that_the_server_does_not_take(openai: Side) -> None:
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


async def test_a_field_is_not_refused_for_ever(openai: Side) -> None:
    openai.server.will(status(400, {"error": {"message": "no", "param": "max_tokens"}}))
    with pytest.raises(ModelError, match=r"refuses the request \(400\): no"):
        await openai.ask()
    assert len(openai.server.requests) == 2


async def test_a_model_that_cannot_be_told_not_to_think(ollama: Side) -> None:
    ollama.server.will(status(400, {"error": "baker-7b does not support thinking"}), ollama.answer("Yes."))
    assert (await ollama.ask())[0] == "Yes."
    assert ["think" in request.body for request in ollama.server.requests] == [True, False]
