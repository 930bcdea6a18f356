"""How families of models write that they call a tool: one table, for the prompt, the grammar and the parser.
Pure.

A model in process writes its calls into its text.  The grammar makes it write them in its family's form, with
the values that there are; the parser reads every family's form, because models are trained on several, and
some leave out half of the marks.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offhook.tools.base import ToolSpec
from offhook.tools.schema import kind_of


@dataclass(frozen=True, slots=True)
class Family:
    """One form."""

    name: str
    before: str
    """What a call begins with: the grammar holds from there on."""
    after: str
    arguments: str = "arguments"
    """The key of the arguments."""
    listed: bool = False
    """Calls stand in a JSON list."""
    marks: tuple[str, ...] = ()
    """What of a chat template's markup tells the family."""


FAMILIES = (
    Family("llama", '{"name": ', "", "parameters", marks=("<|eot_id|>", "<|start_header_id|>")),
    Family("mistral", "[TOOL_CALLS]", "", listed=True, marks=("[INST]", "[/INST]")),
    Family("gemma", "<tool_call>", "</tool_call>", marks=("<start_of_turn>", "<end_of_turn>")),
    Family("lfm", "<|tool_call_start|>", "<|tool_call_end|>", listed=True, marks=("<|startoftext|>",)),
    Family("hermes", "<tool_call>", "</tool_call>", marks=("<|im_start|>", "<|im_end|>")),
)
"""Hermes is also Qwen's and SmolLM's; Gemma has no form of its own and follows the one it is shown."""
HERMES = FAMILIES[-1]


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it was written."""

    name: str
    arguments: Mapping[str, Any]


def family_of(markup: str) -> Family:
    """By the markup of a model's chat template; Hermes' form for one that is not known."""
    return next((one for one in FAMILIES if any(mark in markup for mark in one.marks)), HERMES)


def described(tools: Sequence[ToolSpec], family: Family) -> str:
    """What a model is told of its tools, in its system prompt."""
    lines = [
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": plain_schema(tool.parameters)},
            ensure_ascii=False,
        )
        for tool in tools
    ]
    call = {"name": "NAME", family.arguments: {"KEY": "VALUE"}}
    form = json.dumps([call] if family.listed else call)
    return (
        "You can use these tools:\n"
        + "\n".join(lines)
        + "\nUse a tool only when the caller wants what it does, and only with values that the caller gave;"
        " ask for those that are missing. To use one, write nothing but"
        f" {family.before if not form.startswith(family.before) else ''}{form}{family.after}"
    )


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without what models and grammars know nothing of."""
    properties = {}
    for name, one in (schema.get("properties") or {}).items():
        kept = {
            key: one[key]
            for key in ("type", "enum", "description", "minimum", "maximum", "items", "maxItems")
            if key in one
        }
        kept.setdefault("type", kind_of(one))
        form = one.get("format")
        if form in ("date", "time", "date-time"):
            kept["description"] = f"{kept.get('description', '')} {_FORMS[form]}".strip()
        properties[name] = kept
    return {"type": "object", "properties": properties, "required": list(schema.get("required") or ())}


_FORMS = {"date": "(YYYY-MM-DD)", "time": "(HH:MM, 24 hours)", "date-time": "(YYYY-MM-DDTHH:MM)"}


# --- the grammar ---------------------------------------------------------------------------------


def call_schema(
    tools: Sequence[ToolSpec], family: Family, values: Mapping[str, Mapping[str, Sequence[Any]]]
) -> dict[str, Any]:
    """The JSON schema of one call; ``values`` are the only ones that a tool's parameters can have now."""
    calls = []
    for tool in tools:
        arguments = plain_schema(tool.parameters)
        for name, known in (values.get(tool.name) or {}).items():
            if name in arguments["properties"] and known:
                arguments["properties"][name] = {"enum": list(known)}
        for one in arguments["properties"].values():
            one.pop("description", None)
        arguments["additionalProperties"] = False
        calls.append(
            {
                "type": "object",
                "properties": {"name": {"const": tool.name}, family.arguments: arguments},
                "required": ["name", family.arguments],
                "additionalProperties": False,
            }
        )
    return calls[0] if len(calls) == 1 else {"oneOf": calls}


def with_marks(gbnf: str, family: Family) -> str:
    """The grammar of a call's JSON as that of the whole call, marks included."""
    inner = re.sub(r"\broot\b", "call-json", gbnf)
    open_, close = ('"[" ', ' "]"') if family.listed else ("", "")
    before = "" if family.before.startswith("{") else f"{json.dumps(family.before)} ws "
    after = f" ws {json.dumps(family.after)}" if family.after else ""
    return f"root ::= {before}{open_}call-json{close}{after}\nws ::= [ \\t\\n]?\n{inner}"


# --- the parser ----------------------------------------------------------------------------------

_BLOCK = re.compile(
    r"<tool_call>(.*?)(?:</tool_call>|$)"
    r"|<\|tool_call_start\|>(.*?)(?:<\|tool_call_end\|>|$)"
    r"|<start_function_call>(.*?)(?:<end_function_call>|$)"
    r"|<\|python_tag\|>(.*?)(?:<\|eom_id\|>|$)"
    r"|\[TOOL_CALLS\](.*)$",
    re.DOTALL,
)
_XML = re.compile(r"<function=([\w.-]+)>(.*?)(?:</function>|$)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([\w.-]+)>\s*(.*?)\s*(?=</parameter>|<parameter=|$)", re.DOTALL)
_GEMMA = re.compile(r"call:([\w.-]+)\{(.*)\}", re.DOTALL)
_GEMMA_VALUE = re.compile(r"([\w.-]+):(?:<escape>(.*?)<escape>|([^,{}]+))", re.DOTALL)
_NAMED = re.compile(r"([\w.-]+)\s*\[ARGS\]\s*(\{.*)", re.DOTALL)


def calls_in(text: str, names: Sequence[str]) -> list[Call]:
    """Every call of one of ``names`` in what a model wrote, whatever the form; broken ones are none."""
    found: list[Call] = []
    for block in _BLOCK.finditer(text):
        found += _in_block(next(part for part in block.groups() if part is not None))
    if not found:
        found += _in_json(text)
    return [call for call in found if call.name in names]


def _in_block(text: str) -> list[Call]:
    xml = [
        Call(name, {key: _value(value) for key, value in _PARAMETER.findall(body)})
        for name, body in _XML.findall(text)
    ]
    if xml:
        return xml
    named = _NAMED.search(text)
    if named is not None:
        arguments = next(_values(named[2]), None)
        return [Call(named[1], arguments)] if isinstance(arguments, dict) else []
    gemma = _GEMMA.search(text)
    if gemma is not None:
        values = {key: said or _value(bare.strip()) for key, said, bare in _GEMMA_VALUE.findall(gemma[2])}
        return [Call(gemma[1], values)]
    return _in_json(text) or _in_python(text)


def _in_json(text: str) -> list[Call]:
    found: list[Call] = []
    for value in _values(text):
        for one in value if isinstance(value, list) else [value]:
            call = _from_object(one)
            if call is not None:
                found.append(call)
    return found


def _values(text: str) -> Iterator[Any]:
    """The JSON objects and lists in a text, one after the other."""
    decoder, at = json.JSONDecoder(strict=False), 0
    while (begin := re.search(r"[{\[]", text[at:])) is not None:
        at += begin.start()
        try:
            value, length = decoder.raw_decode(text[at:])
        except (ValueError, RecursionError):
            at += 1
            continue
        yield value
        at += length


def _from_object(one: Any) -> Call | None:
    if not isinstance(one, dict):
        return None
    inner = one.get("function")
    if isinstance(inner, dict):
        one = inner
    name = one.get("name") or (inner if isinstance(inner, str) else None)
    arguments = next((one[key] for key in ("arguments", "parameters", "args") if key in one), None)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return None
    return Call(name, arguments) if isinstance(name, str) and isinstance(arguments, dict) else None


def _in_python(text: str) -> list[Call]:
    """``[book(day="Friday", people=2)]``."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = []
    for node in tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            try:
                values = {each.arg: ast.literal_eval(each.value) for each in node.keywords if each.arg}
            except (ValueError, RecursionError):
                continue
            found.append(Call(node.func.id, values))
    return found


def _value(text: str) -> Any:
    """A value that stands without quotation marks."""
    try:
        return json.loads(text)
    except ValueError:
        return text
