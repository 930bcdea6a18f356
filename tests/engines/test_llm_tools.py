"""Tools on the wire: offered, called in pieces, answered, and what a server gets wrong about them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offhook.engines.llm.base import END_CALL, Grammar
from offhook.engines.llm.messages import ROLES
from offhook.engines.llm.template import CHATML, ChatTemplate, Markup, chat_template
from offhook.engines.llm.tool_calls import MAX_ARGUMENTS, MAX_CALLS, CallPieces
from offhook.engines.llm.wire import MalformedError
from offhook.errors import ModelError
from offhook.tools.base import ToolSpec
from tests.support.engines.model_server import event, line
from tests.support.engines.remote_models import LIMITS, Side, both, text_of

SCHEMA = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
TOOLS = (ToolSpec("bake", "Bakes a cake.", SCHEMA), ToolSpec("open_hours", "Says when."))


def piece(name: str = "", arguments: object = None, number: str = "", index: object = None) -> dict[str, Any]:
    """One piece of a call as OpenAI streams it; what is empty is left out."""
    function = {"name": name} if name else {}
    if arguments is not None:
        function["arguments"] = arguments  # type: ignore[assignment]
    given = {"index": index, "id": number or None, "function": function}
    return {key: value for key, value in given.items() if value is not None}


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        pytest.param(
            [
                piece("bake", "", "a", 0),
                piece("", '{"size"', index=0),
                piece("", ": 2}", index=0),
                piece("open_hours", "", "b", 1),
                piece("", "{}", index=1),
            ],
            [("bake", '{"size": 2}', "a"), ("open_hours", "{}", "b")],
            id="OpenAI: bit by bit, two in one answer",
        ),
        pytest.param(
            [piece("bake", "{}", "a", 0), piece("bake", '{"size": 1}', "b", 0)],
            [("bake", "{}", "a"), ("bake", '{"size": 1}', "b")],
            id="whole calls that all have the index 0",
        ),
        pytest.param(
            [piece("bake", "{}"), piece("bake", "{}")],
            [("bake", "{}", ""), ("bake", "{}", "")],
            id="whole calls without index and id",
        ),
        pytest.param(
            [piece("bake", '{"si', "a", 0), piece("bake", 'ze": 2}', "a", 0)],
            [("bake", '{"size": 2}', "a")],
            id="id and name again in every piece",
        ),
        pytest.param([piece("bake", {"size": 2})], [("bake", {"size": 2}, "")], id="Ollama: an object"),
        pytest.param([piece("", "{}", index=0), {"id": "a"}, "x", {"function": "x"}], [], id="no calls"),
    ],
)
def test_calls_are_put_together(pieces: list[Any], calls: list[tuple[str, object, str]]) -> None:
    put_together = CallPieces()
    for each in pieces:
        put_together.add([each])
    assert [(call.name, call.arguments, call.id) for call in put_together.whole()] == calls
    assert put_together.whole() == ()
    put_together.add(None)


def test_too_many_and_too_long_are_refused() -> None:
    calls = CallPieces()
    calls.add([piece("bake", "{}", index=n) for n in range(MAX_CALLS)])
    with pytest.raises(MalformedError, match=f"more than {MAX_CALLS} calls"):
        calls.add([piece("bake", "{}", index=MAX_CALLS)])
    with pytest.raises(MalformedError, match="arguments of more than"):
        CallPieces().add([piece("bake", "x" * (MAX_ARGUMENTS + 1))])


def calling(side: Side, name: str, arguments: str, said: str = "") -> list[bytes]:
    """An answer that calls one tool."""
    if side.engine == "openai":
        deltas: list[dict[str, Any]] = [
            {"content": said},
            {"tool_calls": [piece(name, arguments[:3], "call00001", 0)]},
            {"tool_calls": [piece("", arguments[3:], index=0)]},
        ]
        chunks = [event({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
        return [*chunks, event(end), event(b"[DONE]")]
    try:
        written = json.loads(arguments)
    except ValueError:
        written = arguments
    call = {"function": {"name": name, "arguments": written}}
    return [
        line({"message": {"role": "assistant", "content": said, "tool_calls": [call]}}),
        line({"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}),
    ]


@pytest.mark.parametrize("engine", ["openai", "ollama"])
async def test_a_call_and_its_result(engine: str) -> None:
    async with both(engine) as side:
        side.server.will(
            side.stream(*calling(side, "bake", '{"size": 2}')),
            side.answer("It is in the oven."),
            side.answer("Bye."),
        )
        conversation = await side.talk("Bake me a cake for two.")
        asked = await conversation.mark()
        generation = conversation.generate(LIMITS, tools=TOOLS)
        assert await text_of(generation) == ""
        (call,) = generation.stats.tool_calls
        assert (call.name, call.arguments, bool(call.id)) == ("bake", {"size": 2}, True)
        assert (generation.stats.finish_reason, generation.stats.ends_call) == ("end", False)
        assert generation.stats.first_token_ns is not None

        template = side.model.template
        await conversation.append(template.assistant_close, *template.results(["done in an hour"]))
        assert await text_of(conversation.generate(LIMITS, tools=TOOLS)) == "It is in the oven."
        first, second = (request.body for request in side.server.requests[-2:])
        assert [tool["function"]["name"] for tool in first["tools"]] == ["bake", "open_hours"]
        assert first["tools"][0]["function"]["parameters"] == SCHEMA
        called, result = second["messages"][-2:]
        (sent,) = called["tool_calls"]
        assert (result["role"], result["content"]) == ("tool", "done in an hour")
        if engine == "openai":
            assert (sent["id"], result["tool_call_id"]) == ("call00001", "call00001")
            assert json.loads(sent["function"]["arguments"]) == {"size": 2}
        else:
            assert (sent["function"]["arguments"], result["tool_name"]) == ({"size": 2}, "bake")

        await conversation.rollback(asked)
        await text_of(conversation.generate(LIMITS))
        last = side.server.requests[-1].body
        assert "tools" not in last
        assert last["messages"][-1]["role"] == "user", "what was called is gone with the answer"


@pytest.mark.parametrize("engine", ["openai", "ollama"])
@pytest.mark.parametrize(
    ("name", "arguments", "said", "error"),
    [
        ("bake", "{size: 2", "", "the model calls bake with arguments that are no JSON object"),
        ("bake", "[2]", "", "the model calls bake with arguments that are no JSON object"),
        ("lookup", "{}", "", "the model calls a tool that it does not have"),
        ("lookup", "{}", "Nine.", None),
        (END_CALL, "{broken", "", None),
        ("open_hours", "", "", None),
    ],
)
async def test_calls_that_are_none(
    engine: str, name: str, arguments: str, said: str, error: str | None
) -> None:
    async with both(engine) as side:
        side.server.will(side.stream(*calling(side, name, arguments, said)))
        generation = (await side.talk()).generate(LIMITS, tools=TOOLS)
        if error is None:
            assert await text_of(generation) == said
            assert [call.name for call in generation.stats.tool_calls] == ([] if said else [name])
            assert generation.stats.ends_call is (name == END_CALL)
        else:
            with pytest.raises(ModelError, match=error):
                await text_of(generation)


async def test_a_call_that_nothing_answers_is_not_sent() -> None:
    """The caller went on before there was a result, or the tool was one that ends the call."""
    async with both("openai") as side:
        side.server.will(side.stream(*calling(side, END_CALL, "{}", "Bye.")), side.answer("Yes?"))
        conversation = await side.talk()
        await text_of(conversation.generate(LIMITS))
        template = side.model.template
        await conversation.append(template.assistant_close, *template.user("One more thing"))
        await text_of(conversation.generate(LIMITS))
        assert side.server.requests[-1].body["messages"][-2:] == [
            {"role": "assistant", "content": "Bye."},
            {"role": "user", "content": "One more thing"},
        ]


@pytest.mark.parametrize(("engine", "field"), [("openai", "response_format"), ("ollama", "format")])
async def test_a_grammar_goes_out_as_a_schema(engine: str, field: str) -> None:
    async with both(engine) as side:
        side.server.will(side.answer('{"size": 2}'))
        conversation = await side.talk()
        await text_of(conversation.generate(LIMITS, grammar=Grammar("root ::= x", schema=SCHEMA)))
        sent = side.server.requests[-1].body[field]
        assert (sent["json_schema"]["schema"] if engine == "openai" else sent) == SCHEMA
        for grammar in (Grammar("root ::= x"), Grammar("root ::= x", triggers=("{",), schema=SCHEMA)):
            with pytest.raises(ValueError, match="only as a JSON schema"):
                conversation.generate(LIMITS, grammar=grammar)


QWEN = (
    "{% for m in messages %}{% if m.role == 'tool' %}"
    "{% if loop.previtem is undefined or loop.previtem.role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}"
    "{{ '\n<tool_response>\n' + m.content + '\n</tool_response>' }}"
    "{% if loop.last or loop.nextitem.role != 'tool' %}{{ '<|im_end|>\n' }}{% endif %}"
    "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
STRICT = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no') }}{% endif %}{% endfor %}"
    + CHATML
)


@pytest.mark.parametrize(
    ("template", "results"),
    [
        pytest.param(
            chat_template(QWEN),
            "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>"
            "<|im_end|>\n<|im_start|>assistant\n",
            id="a form of its own",
        ),
        pytest.param(
            chat_template(CHATML),
            "<|im_start|>tool\n1<|im_end|>\n<|im_start|>tool\n2<|im_end|>\n<|im_start|>assistant\n",
            id="a role",
        ),
        pytest.param(
            chat_template(STRICT),
            "<|im_start|>user\n1\n2<|im_end|>\n<|im_start|>assistant\n",
            id="none: the caller's",
        ),
        pytest.param(ROLES, "<tool>1</tool><tool>2</tool><assistant>", id="a server"),
    ],
)
def test_results_in_a_models_own_form(template: ChatTemplate, results: str) -> None:
    pieces = template.results(["1", " 2 "])
    assert "".join(pieces) == results
    assert not any(isinstance(each, Markup) for each in pieces if each in ("1", "2"))
