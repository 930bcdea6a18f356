"""A conversation in writing: what a call would answer, without audio and without a telephone.

Takes the same way as a call from the caller's words to ours; only hearing, turn-taking and the voice are
missing.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from offhook.conversation.answering import ClauseStream
from offhook.conversation.base import Policy
from offhook.conversation.history import Exchange, History
from offhook.engines.llm.base import Conversation, LanguageModel, Limits
from offhook.errors import ModelError


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


class TextSession:
    """One conversation."""

    def __init__(self, policy: Policy, model: LanguageModel | None, limits: Limits) -> None:
        """``model`` None: for a policy whose answers need none."""
        self._policy = policy
        self._model = model
        self._limits = limits
        self._conversation: Conversation | None = None
        self.history = History()
        self._begun = False

    async def open(self) -> None:
        """Begin, with the agent's greeting.  Raises ModelError or BusyError."""
        if self._model is not None and self._policy.remembers:
            self._conversation = await self._model.conversation(self._policy.prefix())
        self.history.prompted(lambda: self._policy.agent.greeting)

    async def close(self) -> None:
        """End; any number of times."""
        if self._conversation is not None:
            await self._conversation.close()
            self._conversation = None

    async def say(self, caller_text: str) -> Answer:
        """What the agent answers.  Raises ModelError, BusyError or DeadlineError."""
        began = time.perf_counter()
        policy, conversation = self._policy, self._conversation
        prompts = self.history.take_prompts()
        turn = await policy.turn(caller_text, self.history)
        clauses: list[str] = []
        first_ms = 0.0
        ends_call = turn.ends_call
        if turn.say is not None:
            clauses.append(turn.say)
            first_ms = (time.perf_counter() - began) * 1000
        if conversation is not None:
            for text in prompts:
                await conversation.append(*policy.prompt(text, first=not self._begun))
                self._begun = True
            await self._make_room(conversation)
            await conversation.append(*turn.pieces)
            asked = await conversation.mark()
            if turn.say is None:
                stream = ClauseStream(
                    conversation.generate(self._limits, draft=turn.draft),
                    policy.filter(),
                    policy.agent.language,
                )
                async for clause in stream:
                    first_ms = first_ms or (time.perf_counter() - began) * 1000
                    clauses.append(clause)
                ends_call = stream.ends_call and not (clauses and clauses[-1].endswith("?"))
                if not clauses:
                    clauses.append(policy.agent.goodbye if ends_call else policy.agent.unclear)
            await conversation.rollback(asked)
            await conversation.append(" ".join(clauses), *policy.close_answer())
        text = " ".join(clauses)
        self.history.add(Exchange(turn.caller_text, text, text, turn.facts, turn.act))
        total_ms = (time.perf_counter() - began) * 1000
        return Answer(text, turn.act, turn.facts, ends_call, first_ms or total_ms, total_ms)

    async def _make_room(self, conversation: Conversation) -> None:
        """Forget everything when the next turn would not fit; a call forgets more gently."""
        if conversation.tokens_used + self._limits.max_tokens + 256 > conversation.tokens_limit:
            with contextlib.suppress(ModelError):
                await conversation.rollback(conversation.start)
