"""Every family of servers and models answers a question end to end: the wanted words, and no others."""

from __future__ import annotations

import json
import logging

import pytest

from offhook.conversation.answer_filter import AnswerFilter
from offhook.engines.llm.base import END_CALL, Limits
from offhook.engines.llm.remote import RemoteModel
from offhook.errors import ModelError
from tests.support.engines.families import FAMILIES, VARIATIONS, Family, Variation, openai_refusal
from tests.support.engines.model_server import Behaviour, ModelServer, event, status
from tests.support.engines.remote_models import EXAMPLES, SYSTEM, make_model

ANSWER = "We open at nine (ten on Sundays). A loaf is $5.00: shall I keep one?"
LIMITS = Limits(max_tokens=200, temperature=0.4, seed=7)
REFUSALS = [(family, name) for family in FAMILIES for name in family.refuses]


async def ask(model: RemoteModel, *, opened: bool = False) -> tuple[str, AnswerFilter, list[str]]:
    """What is spoken of the answer to a question, its filter, and the tools that the model called."""
    conversation = await model.conversation(model.template.prefix(SYSTEM, EXAMPLES))
    await conversation.append(*model.template.user("When do you open?"))
    generation = conversation.generate(LIMITS)
    answer = AnswerFilter(opened=opened)
    spoken = ""
    try:
        async for piece in generation:
            spoken += answer.push(piece)
            if answer.finished:
                break
    finally:
        await conversation.close()
    return spoken + answer.flush(), answer, [call.name for call in generation.stats.tool_calls]


@pytest.mark.parametrize("variation", VARIATIONS)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
async def test_the_wanted_words_and_no_others(family: Family, variation: Variation) -> None:
    async with ModelServer() as server:
        model = make_model(server.url, family.engine)
        server.will(family.serves(family.answer(ANSWER), variation))
        spoken, answer, tools = await ask(model, opened=family.opened)
        assert spoken == ANSWER
        assert (answer.ends_call, tools) == (False, [])
        await model.aclose()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
async def test_the_model_ends_the_call(family: Family) -> None:
    async with ModelServer() as server:
        model = make_model(server.url, family.engine)
        server.will(family.serves(family.end_call()))
        spoken, answer, tools = await ask(model)
        assert spoken == ""
        assert answer.ends_call or tools == [END_CALL]
        await model.aclose()


@pytest.mark.parametrize(("family", "name"), REFUSALS, ids=lambda value: getattr(value, "name", value))
async def test_a_refusal_is_learnt_once(family: Family, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "offhook")
    async with ModelServer() as server:
        model = make_model(server.url, family.engine)
        server.will(family.refuses[name], family.serves(family.answer(ANSWER)))
        for _ in range(2):
            assert (await ask(model, opened=family.opened))[0] == ANSWER
        await model.aclose()
        bodies = [request.body for request in server.requests]
    if name == "system":
        roles = [[message["role"] for message in body["messages"]] for body in bodies]
        assert roles == [["system", "user", "assistant", "user"], *[["user", "assistant", "user"]] * 2]
        assert bodies[1]["messages"][0]["content"] == f"{SYSTEM}\n\n{EXAMPLES[0][0]}"
    else:
        assert [name in body for body in bodies] == [True, False, False]
        assert bodies[0]["messages"] == bodies[2]["messages"]
    assert len(caplog.records) == 1
    assert "does not take" in caplog.text


_UNKNOWN = {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}
_INNER = json.dumps({"error": {"message": "Unsupported parameter: 'seed'"}})


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "property 'seed' is unsupported", "type": "invalid_request_error"}},
        {"error": {"message": "Unrecognized request argument supplied: seed", "code": None}},
        {"error": {"message": "Extra inputs are not permitted, field: 'seed', value: 7"}},
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": _INNER}}},
        {"error": {"message": "invalid", "details": [{"fieldViolations": [{"field": "seed"}]}]}},
        {"errors": [{"message": "Bad input: unknown property 'seed'", "code": 5006}], "success": False},
        {"error_code": "BAD_REQUEST", "message": 'Bad request: json: unknown field "seed"'},
        {"detail": [{"type": "missing", "loc": ["body", "user"], "msg": "Field required"}, _UNKNOWN]},
        {"detail": "Unsupported field: seed"},
    ],
    ids=lambda body: json.dumps(body)[:40],
)
async def test_a_field_that_is_refused_in_other_words(body: object) -> None:
    async with ModelServer() as server:
        model = make_model(server.url, "openai")
        server.will(status(400, body), FAMILIES[0].serves(FAMILIES[0].answer(ANSWER)))
        for _ in range(2):
            assert (await ask(model))[0] == ANSWER
        await model.aclose()
        assert ["seed" in request.body for request in server.requests] == [True, False, False]


async def test_what_was_sent_is_in_no_error() -> None:
    """FastAPI repeats it, and with it what a caller has said."""
    said = [{"role": "user", "content": "My name is Ada."}]
    problem = {"type": "x", "loc": ["body", "messages"], "msg": "too many", "input": said, "ctx": {"a": said}}
    for body in ({"detail": [problem]}, {"message": {"detail": [problem]}}):
        async with ModelServer() as server:
            model = make_model(server.url, "openai")
            server.will(status(422, body))
            with pytest.raises(ModelError, match="too many") as caught:
                await ask(model)
            assert "Ada" not in str(caught.value)
            await model.aclose()


async def test_calls_at_the_same_time_learn_together() -> None:
    """Both requests were on their way before the first refusal."""
    refusal = next(family for family in FAMILIES if family.name == "LiteLLM").refuses["seed"]
    async with ModelServer() as server:
        model = make_model(server.url, "openai")
        server.will(refusal, refusal, FAMILIES[0].serves(FAMILIES[0].answer(ANSWER)))
        conversations = [await model.conversation(model.template.prefix(SYSTEM)) for _ in range(2)]
        for conversation in conversations:
            await conversation.append(*model.template.user("When do you open?"))
        generations = [conversation.generate(LIMITS) for conversation in conversations]
        for generation in generations:
            assert "".join([piece async for piece in generation]) == ANSWER
        await model.aclose()


@pytest.mark.parametrize(
    "refusal",
    [
        status(400, {"error": {"message": "max_tokens is too large: 9000 > 4096", "code": "400"}}),
        status(
            400, {"error": {"message": "Please stop. Your seed capital is not supported.", "code": "400"}}
        ),
        status(422, {"detail": [{"loc": ["body", "messages", 1, "content"], "msg": "not permitted"}]}),
        status(500, {"error": {"message": "Unsupported parameter: 'seed'"}}),
    ],
)
async def test_what_is_no_refusal_of_a_field(refusal: Behaviour) -> None:
    async with ModelServer() as server:
        model = make_model(server.url, "openai")
        server.will(refusal)
        with pytest.raises(ModelError):
            await ask(model)
        assert all("seed" in request.body for request in server.requests)
        await model.aclose()


async def test_a_system_role_that_is_still_refused() -> None:
    """Refused once more although it was not sent: an error, and no request for ever."""
    async with ModelServer() as server:
        model = make_model(server.url, "openai")
        server.will(status(400, {"error": {"message": "System role not supported"}}))
        with pytest.raises(ModelError, match="System role not supported"):
            await ask(model)
        assert len(server.requests) == 2
        await model.aclose()


async def test_a_refusal_of_the_model_is_spoken() -> None:
    async with ModelServer() as server:
        model = make_model(server.url, "openai")
        server.will(FAMILIES[0].serves(openai_refusal("I'm sorry, I can't help with that.")))
        assert (await ask(model))[0] == "I'm sorry, I can't help with that."
        await model.aclose()


@pytest.mark.parametrize("engine", ["openai", "ollama"])
async def test_another_tool_is_an_error_in_one_line(engine: str) -> None:
    family = FAMILIES[0] if engine == "openai" else next(each for each in FAMILIES if each.engine == engine)
    events = [chunk.replace(b"end_call", b"book_table") for chunk in family.end_call()]
    async with ModelServer() as server:
        model = make_model(server.url, engine)
        server.will(family.serves(events))
        with pytest.raises(ModelError, match="the model calls a tool that it does not have"):
            await ask(model)
        await model.aclose()


async def test_words_before_the_end_of_the_call() -> None:
    """A farewell and the tool in one answer."""
    farewell = event({"choices": [{"index": 0, "delta": {"content": "Goodbye."}}]})
    async with ModelServer() as server:
        model = make_model(server.url, "openai")
        server.will(FAMILIES[0].serves([farewell, *FAMILIES[0].end_call()]))
        spoken, _, tools = await ask(model)
        assert (spoken, tools) == ("Goodbye.", [END_CALL])
        await model.aclose()


async def test_a_template_that_opens_the_thought_shows_itself() -> None:
    """Without being told, by the end of the first answer."""
    family = next(each for each in FAMILIES if each.opened)
    async with ModelServer() as server:
        model = make_model(server.url, family.engine)
        server.will(family.serves([chunk.replace(b"User:", b"Well,") for chunk in family.answer(ANSWER)]))
        spoken, answer, _ = await ask(model)
        assert spoken == ANSWER
        assert answer.began_inside
        assert (await ask(model, opened=answer.began_inside))[0] == ANSWER
        await model.aclose()
