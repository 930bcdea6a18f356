"""What the model's conversation remembers of a call: the caller's words, and ours as they were audible."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import replace

from offhook.call.ahead import Ahead
from offhook.call.revision import Outcome, Revision
from offhook.conversation.base import Policy, Turn
from offhook.conversation.history import FAILED, Exchange, History
from offhook.engines.llm.base import Conversation, Limits, Mark
from offhook.errors import ModelError

_log = logging.getLogger("offhook.call.memory")

FORGOTTEN_SHARE = 3
"""When the conversation outgrows its share of the context, the oldest third of its turns goes."""
ROOM_FOR_CALLER_TOKENS = 192
"""Room kept for the caller's next words and the note beside them: half a minute of speech."""


class Memory:
    """One call's.  Used by whoever holds the pipeline's turn."""

    def __init__(
        self,
        conversation: Conversation,
        policy: Policy,
        history: History,
        ahead: Ahead,
        limits: Limits,
        history_turns: int | None,
    ) -> None:
        """``history_turns`` is how many turns the model remembers; None: as many as fit."""
        self._conversation = conversation
        self._policy = policy
        self._history = history
        self._ahead = ahead
        self._limits = limits
        self._history_turns = history_turns
        self._turns: list[tuple[str, ...]] = []
        """The pieces of each turn that the conversation holds, prompts before it included."""
        self._last_begins: Mark | None = None
        """Where the last of them begins, behind its prompts; None: it is not known any more."""
        self._last_prompts = 0
        """How many of its pieces are those."""

    async def recall(self) -> None:
        """Tell the model of the exchanges that the history has already, of the call's part before this."""
        if not self._policy.remembers:
            return
        for exchange in self._history.exchanges:
            pieces = self._policy.past(exchange)
            with contextlib.suppress(ModelError):  # too much for its context: then that is not remembered
                await self._conversation.append(*pieces)
                self._turns.append(pieces)
                await self._make_room()

    async def remember(
        self, revision: Revision, turn: Turn, outcome: Outcome, asked: Mark | None, *, verbatim: bool
    ) -> None:
        """Make the conversation say what was audible; ``verbatim``: it says the whole answer already.

        ``asked`` is where the answer begins; None: in a conversation that is gone.  An answer to what the
        caller has not said is remembered as one that has failed.
        """
        if revision.final_words is not None:
            revision.turn = revision.final_turn
            await self._ahead.drop()
            await self.remember_failed(revision, outcome)
            return
        conversation, policy = self._conversation, self._policy
        whole = revision.answer.text
        audible = whole if outcome.complete else outcome.audible_text
        form = turn.form
        if form is not None and not outcome.complete:
            form = form.as_audible(audible)
        offered = turn.offers and not (form is not None and form.cut_short)
        self._history.add(
            Exchange(
                turn.caller_text,
                audible,
                whole,
                turn.facts,
                turn.act,
                form,
                turn.wants_person,
                turn.mood or "",
                offered,
                turn.anger,
                revision.tone,
            )
        )
        if asked is None:
            return
        if not policy.remembers:
            await self._ahead.drop()
            return
        said = (whole, *policy.close_answer()) if outcome.complete else policy.cut_answer(audible)
        if outcome.complete and verbatim:
            await conversation.append(*policy.close_answer())
        else:
            await conversation.rollback(asked)
            await conversation.append(*said)
        await self._keep(turn, said)

    def corrected(self, revision: Revision, caller_text: str) -> None:
        """An answer that is remembered, and stands, was one to these words."""
        if revision.exchanges < len(self._history.exchanges):
            exchange = self._history.exchanges[revision.exchanges]
            self._history.exchanges[revision.exchanges] = replace(exchange, caller_text=caller_text)

    async def replaced(self, revision: Revision, turn: Turn | None, caller_text: str) -> None:
        """An answer that is remembered was not one to what the caller has said, which is ``turn``."""
        at, exchanges = revision.exchanges, self._history.exchanges
        if at >= len(exchanges):
            return
        form = exchanges[at - 1].form if at else None
        audible, whole = exchanges[at].audible_text, exchanges[at].whole_text
        exchanges[at] = Exchange(caller_text, audible, whole, (), FAILED, form)
        begins = self._last_begins
        if begins is None or turn is None or at != len(exchanges) - 1 or not self._policy.remembers:
            return
        await self._ahead.drop()
        said = (
            (audible, *self._policy.close_answer()) if audible == whole else self._policy.cut_answer(audible)
        )
        await self._conversation.rollback(begins)
        await self._conversation.append(*turn.pieces, *said, *self._ahead.prompts)
        self._turns[-1] = (*self._turns[-1][: self._last_prompts], *turn.pieces, *said)

    async def remember_failed(self, revision: Revision, outcome: Outcome) -> None:
        """The caller's words, where they are known, and what was audible, excuse included."""
        policy, turn = self._policy, revision.turn
        audible = revision.answer.text if outcome.complete else outcome.audible_text
        if turn is None:
            self._history.prompted(lambda: audible)
            return
        form = self._history.form
        self._history.add(Exchange(turn.caller_text, audible, revision.answer.text, (), FAILED, form))
        if not policy.remembers:
            return
        await self._ahead.extend(turn.words)
        said = (audible, *policy.close_answer()) if outcome.complete else policy.cut_answer(audible)
        await self._conversation.append(*self._ahead.left(turn.pieces), *said)
        await self._keep(turn, said)

    async def _keep(self, turn: Turn, said: tuple[str, ...]) -> None:
        self._last_begins, prompts = self._ahead.begins, self._ahead.taken()
        self._last_prompts = len(prompts)
        self._turns.append((*prompts, *turn.pieces, *said))
        await self._make_room()

    async def _make_room(self) -> None:
        """Forget the turns that shall not be remembered or leave no room; done while nobody waits for us."""
        conversation = self._conversation
        needed = self._limits.max_tokens + ROOM_FOR_CALLER_TOKENS
        too_many = self._history_turns is not None and len(self._turns) > self._history_turns
        if not too_many and conversation.tokens_used + needed <= conversation.tokens_limit:
            return
        before, self._last_begins = len(self._turns), None
        while self._turns:
            self._turns = self._turns[max(1, len(self._turns) // FORGOTTEN_SHARE) :]
            if self._history_turns is not None and len(self._turns) > self._history_turns:
                continue
            await conversation.rollback(conversation.start)
            with contextlib.suppress(ModelError):  # too much: then nothing was appended
                await conversation.append(*(piece for kept in self._turns for piece in kept))
                if conversation.tokens_used + needed <= conversation.tokens_limit:
                    break
        if not self._turns:
            await conversation.rollback(conversation.start)  # the next turn says so if that is too much
        _log.info(
            "a long conversation: its oldest %d of %d turns are forgotten (llm.n_ctx_call, history_turns)",
            before - len(self._turns),
            before,
        )
