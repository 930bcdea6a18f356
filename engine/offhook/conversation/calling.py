"""What becomes of the tools that a model's answer calls: a look-up, a read-back, or something to be done.

The model chooses; here it is decided.  A look-up is made at once and its result goes back to the model.  What
writes is read back to the caller, by code and not by the model, and done once they have said yes.  A call
that does not fit is told to the model, and nothing happens.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Any, Protocol

from offhook.conversation.forms.form import Form
from offhook.conversation.forms.request import Request
from offhook.conversation.forms.slots import Slot, question_of
from offhook.conversation.forms.words import FormWords
from offhook.engines.llm.base import END_CALL, Grammar
from offhook.moments.naming import name_day, name_time
from offhook.tools.base import Tool, ToolResult, ToolSpec
from offhook.tools.executor import MOST_IN_TURN, RESULT_CHARACTERS, Executor
from offhook.tools.formats import Call, Family, call_schema, with_marks
from offhook.tools.schema import kind_of, problem_with
from offhook.tools.templates import filled


class Called(Protocol):
    """A call, from whatever side it came."""

    @property
    def name(self) -> str: ...

    @property
    def arguments(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next: results for the model, words for the caller, or something to be done."""

    results: tuple[str, ...] = ()
    say: str = ""
    form: Form | None = None
    request: Request | None = None


async def step(calls: Sequence[Called], executor: Executor, words: FormWords, language: str) -> Step:
    """What the calls of one answer lead to; the first that writes ends it."""
    results: list[str] = []
    for call in calls[:MOST_IN_TURN]:
        if call.name == END_CALL:
            continue
        tool = executor.tools.get(call.name)
        if tool is None:
            results.append(_error(f"there is no tool {call.name}; there are: {', '.join(executor.tools)}"))
            continue
        shown = tool.spec.shown
        arguments = fitted(call.arguments, shown)
        done = executor.done(call.name, arguments)
        if done is not None and done.ok and done.action is None:
            # Asked first: what was booked is free no longer, and nobody is to confirm what they have got.
            results.append(json.dumps({"done already": _told(done)}, ensure_ascii=False))
            continue
        wrong = problem_with(arguments, shown.parameters) or await _not_free(tool, arguments, executor)
        if wrong is not None:
            results.append(_error(wrong))
            continue
        if tool.spec.keyed:
            # The model has what is said; the caller is asked by code for what is keyed in.
            form = replace(await _form(tool, arguments, executor, language), confirming=False)
            asked = replace(form, asked=tool.spec.keyed[0])
            return Step(say=question(tool.spec, tool.spec.keyed[0], words), form=asked)
        if tool.spec.effect == "reads":
            result = await executor.run(call.name, arguments, committed=False)
            text = _told(result)
            results.append(text if result.ok else _error(text))
            continue
        refusal = await tool.check(arguments, executor.context)
        if refusal is not None:
            results.append(_error(refusal.say))
            continue
        if not tool.spec.confirmed:
            working = tool.spec.phrases.working or words.working
            return Step(request=Request(call.name, arguments, True, working))
        form = await _form(tool, arguments, executor, language)
        return Step(say=read_back(tool, form, words), form=form)
    return Step(tuple(results))


def fitted(arguments: Mapping[str, Any], spec: ToolSpec) -> dict[str, Any]:
    """Values as the schema has them, where what the model wrote can only mean that: "3" for 3."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        schema = spec.properties.get(name)
        if schema is None or value is None:
            if schema is None:
                found[name] = value
            continue
        kind, choices = kind_of(schema), schema.get("enum")
        if choices:
            same = [each for each in choices if str(each).lower() == str(value).strip().lower()]
            value = same[0] if same else value
        elif kind in ("integer", "number") and isinstance(value, str):
            with contextlib.suppress(ValueError):
                value = int(value) if kind == "integer" else float(value)
        elif kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        found[name] = value
    return found


def question(spec: ToolSpec, name: str, words: FormWords) -> str:
    """What is asked for a value that is keyed in."""
    return question_of(Slot(name, spec.properties[name]), words, "")


def read_back(tool: Tool, form: Form, words: FormWords) -> str:
    """The values, and whether they are right."""
    spec, own = tool.spec, getattr(tool, "read_back", None)
    if own is not None:
        return str(own(form.values, form.labels))
    if spec.phrases.confirm:
        return filled(spec.phrases.confirm, {**form.values, **{k: v for k, v in form.labels.items() if v}})
    said = [form.labels[name] for name in spec.properties if form.labels.get(name)]
    return words.confirm.format(values=", ".join(said or [spec.description or spec.name]))


async def known_values(executor: Executor) -> dict[str, dict[str, list[Any]]]:
    """The only values that parameters can have now, by tool and parameter."""
    found: dict[str, dict[str, list[Any]]] = {}
    for name, tool in executor.tools.items():
        for parameter in tool.spec.properties:
            options = await tool.options(parameter, {}, executor.context)
            if options:
                found.setdefault(name, {})[parameter] = [each.value for each in options]
    return found


def grammar_of(
    specs: Sequence[ToolSpec], family: Family, values: Mapping[str, Mapping[str, Sequence[Any]]]
) -> Grammar | None:
    """What a call has to look like, once a model in process begins one; None where none can be made."""
    try:
        made = Grammar.from_json_schema(call_schema(specs, family, values))
    except ValueError:
        return None
    return replace(made, gbnf=with_marks(made.gbnf, family), triggers=(family.before,), schema=None)


async def _not_free(tool: Tool, arguments: Mapping[str, Any], executor: Executor) -> str | None:
    """A value that cannot be had now: ids and times are never a model's own."""
    for name, value in arguments.items():
        options = await tool.options(name, arguments, executor.context)
        if options is not None and value not in [each.value for each in options]:
            free = ", ".join(each.said for each in options[:10])
            return f"{name} is none of: {free or 'nothing is free'}"
    return None


async def _form(tool: Tool, arguments: Mapping[str, Any], executor: Executor, language: str) -> Form:
    labels = {}
    for name, value in arguments.items():
        options = await tool.options(name, arguments, executor.context)
        said = [each.said for each in options or () if each.value == value]
        labels[name] = said[0] if said else _label(value, tool.spec.properties[name], executor, language)
    return Form(tool.spec.name, dict(arguments), labels, confirming=True)


def _label(value: Any, schema: Mapping[str, Any], executor: Executor, language: str) -> str:
    now = executor.context.now
    try:
        if schema.get("format") == "date":
            return name_day(date.fromisoformat(value), now.date(), language)
        if schema.get("format") == "time":
            moment = time.fromisoformat(value)
            return name_time(now.replace(hour=moment.hour, minute=moment.minute), language)
    except (TypeError, ValueError):
        pass
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _told(result: ToolResult) -> str:
    """What the model gets of a result."""
    text = json.dumps(result.value if result.value is not None else result.say, default=str)
    return text[:RESULT_CHARACTERS]


def _error(what: str) -> str:
    return json.dumps({"error": what}, ensure_ascii=False)


__all__ = ["Call", "Called", "Step", "fitted", "grammar_of", "known_values", "read_back", "step"]
