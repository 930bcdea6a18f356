"""Chat markup as pieces that can be appended one after the other.

A model carries its chat format as a Jinja template that renders a whole dialogue.  A
telephone call grows piece by piece and must never be rendered anew: every token that
changed would be computed again.  So the template is rendered once, around sentinels,
and cut at them; the pieces put together give what the template would have written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from offhook.errors import ModelError

logger = logging.getLogger(__name__)

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The format most small models know; used when a model names none."""

_SYSTEM, _USER, _ANSWER = "\u241csystem\u241c", "\u241cuser%d\u241c", "\u241canswer%d\u241c"
_RESULT = "\u241cresult%d\u241c"
_UNDERSTOOD = "Understood."


class Markup(str):
    """Text in which the model's control tokens count.  Any operation on it gives plain ``str``."""

    __slots__ = ()


_NONE = Markup("")


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A model's markup around the parts of a dialogue.

    A conversation is ``prefix(...)``, then for each turn ``user_open``, the caller's
    words, ``user_close`` (the end of the message and the assistant's header), the
    answer, ``assistant_close``.
    """

    system_open: Markup
    system_close: Markup
    user_open: Markup
    user_close: Markup
    assistant_close: Markup
    system_as_user: bool = False
    """The model has no system role: the system prompt is the first user message."""
    exact: bool = True
    """False when the model's template rewrites earlier turns, so that appending can only come near it."""
    tool_open: Markup = _NONE
    """In front of what a tool answered, behind ``assistant_close``; empty: the model has no form for it."""
    tool_between: Markup = _NONE
    """Between the results of two calls."""
    tool_close: Markup = _NONE
    """Behind the last result, the assistant's header included."""

    def prefix(self, system: str, examples: Sequence[tuple[str, str]] = ()) -> tuple[str, ...]:
        """The fixed beginning of a conversation: system prompt and example exchanges (user, assistant)."""
        pieces: list[str] = []
        if self.system_as_user:
            examples = [(system, _UNDERSTOOD), *examples]
            pieces.append(self.system_open)
        else:
            pieces += [self.system_open, system.strip(), self.system_close]
        for user, answer in examples:
            pieces += [*self.user(user), answer.strip(), self.assistant_close]
        return tuple(pieces)

    def user(self, text: str) -> tuple[str, ...]:
        """One turn of the caller's, up to where the answer begins."""
        return (self.user_open, text.strip(), self.user_close)

    def results(self, texts: Sequence[str]) -> tuple[str, ...]:
        """What the tools answered that the last answer called, in the calls' order, up to where the next
        answer begins.  It stands behind ``assistant_close``."""
        if not self.tool_open:
            return self.user("\n".join(text.strip() for text in texts))
        pieces: list[str] = [self.tool_open]
        for text in texts:
            pieces += [text.strip(), self.tool_between]
        return (*pieces[:-1], self.tool_close)


def chat_template(source: str | None, *, bos: str = "", eos: str = "") -> ChatTemplate:
    """Cut a model's Jinja template into pieces.

    ``source`` None means ChatML.  Raises ModelError when the template does not render.
    """
    if not source:
        logger.warning("the model names no chat template; using ChatML")
        source = CHATML
    renderer = Renderer(source, bos=bos, eos=eos)
    try:
        return _cut(renderer, system_role=True)
    except _NotSeparableError:
        try:
            return _cut(renderer, system_role=False)
        except _NotSeparableError as error:
            raise ModelError(f"the model's chat template cannot be used: {error}") from error


class Renderer:
    """A model's own template, rendered as its authors meant it."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = lambda form: time.strftime(form)
        environment.filters["tojson"] = _tojson
        self._tokens = {"bos_token": bos, "eos_token": eos}
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise ModelError(f"the model's chat template is not valid Jinja: {error}") from error

    def render(self, messages: Sequence[tuple[str, str]], *, open_answer: bool) -> str:
        """The dialogue as text; ``open_answer`` adds the assistant's header at the end."""
        entries = [{"role": role, "content": content} for role, content in messages]
        return self.render_messages(entries, open_answer=open_answer)

    def render_messages(self, messages: Sequence[Mapping[str, Any]], *, open_answer: bool) -> str:
        """The same of whole messages, calls of tools and their results among them."""
        return self._template.render(
            messages=messages,
            add_generation_prompt=open_answer,
            enable_thinking=False,  # nobody wants to wait on the telephone while a model thinks
            **self._tokens,
        )


class _NotSeparableError(Exception):
    """The template does not render in this form, or not as a row of messages."""


def _cut(renderer: Renderer, *, system_role: bool) -> ChatTemplate:
    system = [("system", _SYSTEM)] if system_role else []
    turns = [pair for n in (1, 2) for pair in (("user", _USER % n), ("assistant", _ANSWER % n))]
    try:
        whole = renderer.render([*system, *turns, ("user", _USER % 3)], open_answer=True)
        answered = renderer.render([*system, *turns[:2]], open_answer=False)
        asked = renderer.render([*system, *turns[:1]], open_answer=True)
    except (jinja2.TemplateError, TypeError, KeyError, AttributeError) as error:
        raise _NotSeparableError(" ".join(str(error).split())) from error

    assistant_close = _after(answered, _ANSWER % 1)
    between = _between(whole, _ANSWER % 1, _USER % 2)
    assistant_close = _common_start(assistant_close, between)
    user_open = between.removeprefix(assistant_close)
    first = _between(whole, _SYSTEM, _USER % 1) if system_role else _before(whole, _USER % 1)
    if not first.endswith(user_open) or not user_open:
        raise _NotSeparableError("its messages have no header of their own")
    head = _before(whole, _SYSTEM) if system_role else first.removesuffix(user_open)
    template = ChatTemplate(
        system_open=Markup(head),
        system_close=Markup(first.removesuffix(user_open) if system_role else ""),
        user_open=Markup(user_open),
        user_close=Markup(_after(asked, _USER % 1)),
        assistant_close=Markup(assistant_close),
        system_as_user=not system_role,
    )
    ours = "".join(
        [template.system_open, *([_SYSTEM, template.system_close] if system_role else [])]
        + [piece for n in (1, 2) for piece in (*template.user(_USER % n), _ANSWER % n, assistant_close)]
        + [*template.user(_USER % 3)]
    )
    opened, between_results, closed = _cut_results(renderer, assistant_close)
    template = replace(template, tool_open=opened, tool_between=between_results, tool_close=closed)
    if ours == whole:
        return template
    logger.info("the model's chat template rewrites earlier turns; they are kept as they were said")
    return replace(template, exact=False)


def _cut_results(renderer: Renderer, assistant_close: str) -> tuple[Markup, Markup, Markup]:
    """The markup around two tools' results; empty where the template has none for them."""
    calls = [
        {"id": f"call0000{n}", "type": "function", "function": {"name": "x", "arguments": {}}} for n in (1, 2)
    ]
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": _USER % 1},
        {"role": "assistant", "content": _ANSWER % 1, "tool_calls": calls},
        *(
            {"role": "tool", "name": "x", "tool_call_id": call["id"], "content": _RESULT % n}
            for n, call in enumerate(calls, 1)
        ),
    ]
    try:
        whole = renderer.render_messages(messages, open_answer=True)
        between = _between(whole, _RESULT % 1, _RESULT % 2)
        closed = _after(whole, _RESULT % 2)
        del messages[1]["tool_calls"]
        plain = renderer.render_messages(messages[:3], open_answer=True)
        opened = _between(plain, _ANSWER % 1, _RESULT % 1)
    except (jinja2.TemplateError, TypeError, KeyError, AttributeError, ValueError, _NotSeparableError):
        return _NONE, _NONE, _NONE
    if not opened.startswith(assistant_close):
        return _NONE, _NONE, _NONE
    return Markup(opened.removeprefix(assistant_close)), Markup(between), Markup(closed)


def _before(text: str, mark: str) -> str:
    head, found, _ = text.partition(mark)
    if not found:
        raise _NotSeparableError("it leaves out a message")
    return head


def _after(text: str, mark: str) -> str:
    _, found, tail = text.rpartition(mark)
    if not found:
        raise _NotSeparableError("it leaves out a message")
    return tail


def _between(text: str, left: str, right: str) -> str:
    return _before(_after(text, left), right)


def _common_start(one: str, other: str) -> str:
    end = 0
    while end < min(len(one), len(other)) and one[end] == other[end]:
        end += 1
    return one[:end]


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _tojson(value: object, **options: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
