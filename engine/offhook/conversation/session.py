"""A conversation in writing: what a call would answer, without audio and without a telephone.

Takes the same way as a call from the caller's words to ours; only hearing, turn-taking and the voice are
missing.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from offhook.conversation.answering import ClauseStream
from offhook.conversation.base import Policy, Turn
from offhook.conversation.forms.form import Form
from offhook.conversation.forms.keyed import asked_for, entry_of, turn_of
from offhook.conversation.forms.request import Performance, Request
from offhook.conversation.history import Exchange, History
from offhook.engines.llm.base import Conversation, LanguageModel, Limits
from offhook.errors import ModelError
from offhook.moments.zones import now_in
from offhook.tools.base import Action, Context, ToolResult
from offhook.tools.executor import MOST_IN_TURN, Executor


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller would hear."""

    text: str
    act: str
    """What kind of answer; see :attr:`offhook.conversation.base.Turn.act`."""
    facts: tuple[int, ...]
    """Numbers of the facts it is made of, or that were put before the model."""
    ends_call: bool
    first_ms: float
    """From the caller's words to the answer's first clause."""
    total_ms: float
    request: Request | None = None
    """What was done for it."""
    action: Action | None = None
    """What becomes of the line after it."""
    done: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """The tools that have changed something for it, each with its values."""
    form: Form | None = None
    """What is being filled in."""


@dataclass(slots=True)
class _Said:
    """An answer as it is put together."""

    clauses: list[str] = field(default_factory=list)
    ends_call: bool = False
    request: Request | None = None
    action: Action | None = None
    first_s: float = 0.0
    """When its first clause was there, on the performance counter."""

    def put(self, clause: str) -> None:
        self.first_s = self.first_s or time.perf_counter()
        self.clauses.append(clause)


class TextSession:
    """One conversation."""

    def __init__(
        self,
        policy: Policy,
        model: LanguageModel | None,
        limits: Limits,
        now: datetime | None = None,
        caller: str = "",
    ) -> None:
        """``model`` None: for a policy whose answers need none.  ``now``: for tools; None: as the clock
        says.  ``caller``: their number."""
        self._caller = caller
        self._now = now
        self._policy = policy
        self._model = model
        self._limits = limits
        self._conversation: Conversation | None = None
        self.history = History()
        self._done: list[tuple[str, Mapping[str, Any]]] = []
        self._begun = False

    async def open(self) -> None:
        """Begin, with the agent's greeting.  Raises ModelError or BusyError."""
        if self._model is not None and self._policy.remembers:
            self._conversation = await self._model.conversation(self._policy.prefix())
        toolbox = self._policy.toolbox
        if toolbox is not None:
            agent = self._policy.agent
            now = self._now or now_in(agent.timezone)
            context = Context(
                f"text-{uuid.uuid4().hex}", agent.name, agent.language, caller=self._caller, now=now
            )
            self.history.tools = Executor(toolbox, context, told=self._did)
        self.history.prompted(lambda: self._policy.agent.greeting)

    async def close(self) -> None:
        """End; any number of times."""
        if self.history.tools is not None:
            await self.history.tools.close()
        if self._conversation is not None:
            await self._conversation.close()
            self._conversation = None

    async def say(self, caller_text: str) -> Answer:
        """What the agent answers.  Raises ModelError, BusyError or DeadlineError."""
        began = time.perf_counter()
        policy, conversation = self._policy, self._conversation
        caller_text = self._keyed(caller_text)
        prompts = self.history.take_prompts()
        turn = await policy.turn(caller_text, self.history)
        answer = _Said(ends_call=turn.ends_call)
        if turn.request is not None:
            await self._perform(turn.request, answer)
        elif turn.say is not None:
            answer.clauses.append(turn.say)
        if conversation is not None:
            for text in prompts:
                await conversation.append(*policy.prompt(text, first=not self._begun))
                self._begun = True
            await self._make_room(conversation)
            await conversation.append(*turn.pieces)
            asked = await conversation.mark()
            if not answer.clauses:
                turn = await self._generate(conversation, turn, answer)
            await conversation.rollback(asked)
            await conversation.append(" ".join(answer.clauses), *policy.close_answer())
        clauses, action = answer.clauses, answer.action
        ends_call = action is not None or answer.ends_call
        first_ms = ((answer.first_s or time.perf_counter()) - began) * 1000
        text = " ".join(clauses)
        self.history.add(
            Exchange(
                turn.caller_text,
                text,
                text,
                turn.facts,
                turn.act,
                turn.form,
                turn.wants_person,
                turn.mood or "",
                turn.offers,
                turn.anger,
            )
        )
        total_ms = (time.perf_counter() - began) * 1000
        request, done = answer.request or turn.request, tuple(self._done)
        self._done.clear()
        return Answer(
            text, turn.act, turn.facts, ends_call, first_ms, total_ms, request, action, done, turn.form
        )

    def _did(self, tool: str, arguments: Mapping[str, Any], result: ToolResult) -> None:
        if result.ok:
            self._done.append((tool, arguments))

    def _keyed(self, text: str) -> str:
        """Digits that are written where keys are wanted are keyed in; the turn in words."""
        digits, tools = text.replace(" ", "").rstrip("#"), self.history.tools
        asked = {} if tools is None else asked_for(self.history.form, tools.tools)
        menu = self._policy.agent.menu
        if not digits.isdigit() or (entry_of(asked) is None and digits not in menu):
            return text
        self.history.keyed = keyed = turn_of(digits, asked, menu)
        return keyed.words

    async def _generate(self, conversation: Conversation, turn: Turn, answer: _Said) -> Turn:
        """Have the model answer, and do what it calls for; the turn, with what came of that."""
        policy, history = self._policy, self.history
        draft = turn.draft
        for _ in range(MOST_IN_TURN):
            more: dict[str, Any] = {}
            if history.tools is not None:
                more = {"tools": policy.offers(), "grammar": await policy.grammar(history)}
            stream = ClauseStream(
                conversation.generate(self._limits, draft=draft, **more),
                policy.filter(),
                policy.agent.language,
            )
            async for clause in stream:
                answer.put(clause)
            answer.ends_call = stream.ends_call and not (answer.clauses and answer.clauses[-1].endswith("?"))
            calls = policy.calls(stream.raw, stream.generation.stats.tool_calls) if policy.toolbox else ()
            if not calls:
                break
            step = await policy.called(calls, history)
            if step.request is not None:
                answer.request = step.request
                await self._perform(step.request, answer)
                return replace(turn, act="done")
            if step.say:
                answer.put(step.say)
                return replace(turn, act="form", form=step.form)
            await conversation.append(*policy.results(step.results))
            draft = ""
        if not answer.clauses:
            answer.put(policy.agent.goodbye if answer.ends_call else policy.agent.unclear)
        return turn

    async def _perform(self, request: Request, answer: _Said) -> None:
        tools = self.history.tools
        assert tools is not None, "who has no tools makes no requests"
        told = partial(self._policy.told, request)
        performed = Performance(request, tools, _at_once, lambda result: told(result, self.history))
        async for said in performed:
            answer.put(said)
        answer.action = performed.action

    async def _make_room(self, conversation: Conversation) -> None:
        """Forget everything when the next turn would not fit; a call forgets more gently."""
        if conversation.tokens_used + self._limits.max_tokens + 256 > conversation.tokens_limit:
            with contextlib.suppress(ModelError):
                await conversation.rollback(conversation.start)


async def _at_once() -> None:
    """What is written is heard."""
