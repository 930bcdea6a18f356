"""What is done for the caller in a turn: as the turn requests it, or as the model's answer calls for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from offhook.call.revision import Revision
from offhook.call.speaking import Speaking
from offhook.conversation.base import Policy
from offhook.conversation.calling import Called
from offhook.conversation.forms.request import Performance, Request
from offhook.conversation.history import History
from offhook.engines.llm.base import Conversation, Limits
from offhook.speech.clauses import split, split_all
from offhook.tools.executor import MOST_IN_TURN


class Errands:
    """One agent's in one call; what it may do is the history's ``tools``."""

    def __init__(
        self, conversation: Conversation, policy: Policy, history: History, speaking: Speaking, limits: Limits
    ) -> None:
        self._conversation = conversation
        self._policy = policy
        self._history = history
        self._speaking = speaking
        self._limits = limits
        self._language = policy.agent.language

    async def tools(self) -> dict[str, Any]:
        """What an answer may call, and how it has to write that."""
        if self._history.tools is None:
            return {}
        return {"tools": self._policy.offers(), "grammar": await self._policy.grammar(self._history)}

    async def called(self, revision: Revision, calls: Sequence[Called]) -> None:
        """Do what the answer calls for, and let the model go on with what came of it, a few times."""
        revision.called = True
        conversation, policy = self._conversation, self._policy
        for _ in range(MOST_IN_TURN):
            step = await policy.called(calls, self._history)
            assert revision.turn is not None
            if step.request is not None:
                revision.turn = replace(revision.turn, act="done")
                await self._do(revision, step.request)
                return
            if step.say:
                revision.turn = replace(revision.turn, act="form", form=step.form)
                for clause in split(step.say, self._language):
                    await self._speaking.clause(revision, clause)
                return
            await conversation.append(*policy.results(step.results))
            revision.generation = conversation.generate(self._limits, **await self.tools())
            _, calls = await self._speaking.generated(revision, revision.generation)
            if not calls or revision.stopped:
                return
        if not revision.answer.text:
            await self._speaking.clause(revision, policy.agent.unclear)

    async def _do(self, revision: Revision, request: Request) -> None:
        performance = self.performance(revision, request)
        async for clause in split_all(performance, self._language):
            await self._speaking.clause(revision, clause)
        revision.action = performance.action
        revision.ends_call = revision.action is not None

    def performance(self, revision: Revision, request: Request) -> Performance:
        tools = self._history.tools
        assert tools is not None, "who has no tools makes no requests"
        told = partial(self._policy.told, request)
        return Performance(request, tools, revision.may_write, lambda result: told(result, self._history))
