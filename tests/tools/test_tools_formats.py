"""Calls as families of models write them: each form is read, and each grammar makes what its parser reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offhook.conversation.calling import fitted, grammar_of
from offhook.tools.base import ToolSpec
from offhook.tools.formats import FAMILIES, HERMES, Call, calls_in, described, family_of
from tests.support.tools import schema

BOOK = ToolSpec(
    "book",
    "Book a table",
    schema(day={"type": "string", "format": "date"}, people={"type": "integer"}, size={"enum": ["S", "L"]}),
)
LOOK = ToolSpec("look_up", "Find a guest", schema(name={"type": "string"}))
ARGUMENTS = {"day": "2026-04-09", "people": 4, "size": "L"}
CALL = Call("book", ARGUMENTS)
AS_JSON = json.dumps(ARGUMENTS)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f'<tool_call>\n{{"name": "book", "arguments": {AS_JSON}}}\n</tool_call>', [CALL]),
        (f'Let me see. <tool_call>{{"arguments": {AS_JSON}, "name": "book"}}</tool_call>', [CALL]),
        (f'<tool_call>{{"name": "book", "arguments": {AS_JSON}}}', [CALL]),
        (f'{{"name": "book", "parameters": {AS_JSON}}}', [CALL]),
        (f'<|python_tag|>{{"name": "book", "parameters": {AS_JSON}}}<|eom_id|>', [CALL]),
        (f'[TOOL_CALLS][{{"name": "book", "arguments": {AS_JSON}}}]', [CALL]),
        (f"[TOOL_CALLS]book[ARGS]{AS_JSON}", [CALL]),
        ('<|tool_call_start|>[book(day="2026-04-09", people=4, size="L")]<|tool_call_end|>', [CALL]),
        (
            "<start_function_call>call:book{day:<escape>2026-04-09<escape>,people:4,size:<escape>L<escape>}"
            "<end_function_call>",
            [CALL],
        ),
        (
            "<tool_call><function=book><parameter=day>\n2026-04-09\n</parameter><parameter=people>4"
            "</parameter><parameter=size>L</parameter></function></tool_call>",
            [CALL],
        ),
        (f'{{"function": {{"name": "book", "arguments": {json.dumps(AS_JSON)}}}}}', [CALL]),
        (
            f'<tool_call>{{"name": "look_up", "arguments": {{"name": "Ann"}}}}</tool_call>'
            f'<tool_call>{{"name": "book", "arguments": {AS_JSON}}}</tool_call>',
            [Call("look_up", {"name": "Ann"}), CALL],
        ),
        ("We have {a table} for [four] people.", []),
        ('<tool_call>{"name": "book", "arguments": {"day": </tool_call>', []),
        ('<tool_call>{"name": "rm", "arguments": {}}</tool_call>', []),
        ('<|tool_call_start|>[book(__import__("os").system("x"))]<|tool_call_end|>', []),
        ("[" * 5000, []),
    ],
)
def test_every_form_is_read(text: str, calls: list[Call]) -> None:
    assert calls_in(text, ["book", "look_up"]) == calls


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("specs", [(BOOK,), (BOOK, LOOK)], ids=len)
def test_every_grammar_is_one_and_knows_only_what_there_is(family: Any, specs: Any) -> None:
    made = grammar_of(specs, family, {"book": {"size": ["slot-17"]}})
    assert made is not None
    assert made.triggers == (family.before,)
    assert "slot-17" in made.gbnf
    assert '"\\"S\\""' not in made.gbnf, "what the schema had is not there now"
    llama_cpp = pytest.importorskip("llama_cpp")
    assert llama_cpp.LlamaGrammar.from_string(made.gbnf, verbose=False)
    told = described(specs, family)
    assert family.before.strip("{") in told
    assert "x-ask" not in told


@pytest.mark.parametrize(
    ("markup", "name"),
    [
        ("<|im_start|>system", "hermes"),
        ("<|startoftext|><|im_start|>system", "lfm"),
        ("<|start_header_id|>system<|end_header_id|>", "llama"),
        ("<s>[INST] ", "mistral"),
        ("<start_of_turn>user", "gemma"),
        ("### User:", HERMES.name),
    ],
)
def test_families_are_told_by_their_markup(markup: str, name: str) -> None:
    assert family_of(markup).name == name


def test_values_are_fitted_only_where_there_is_no_doubt() -> None:
    found = fitted({"day": 9, "people": "4", "size": " l ", "more": 1}, BOOK)
    assert found == {"day": "9", "people": 4, "size": "L", "more": 1}
    assert fitted({"people": "four", "size": "XL"}, BOOK) == {"people": "four", "size": "XL"}
