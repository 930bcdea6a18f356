"""One attempt at a turn's answer, and what becomes of it."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from offhook.conversation.base import Turn
from offhook.engines.llm.base import Generation
from offhook.engines.remote.http import lasting
from offhook.engines.stt.base import Alternatives, nothing_else
from offhook.errors import DeadlineError, ModelError, OffhookError
from offhook.observe.trace import TurnTrace
from offhook.playout.utterance import Utterance
from offhook.tone_of_voice import Tone
from offhook.tools.base import Action
from offhook.workers import Claim, Urgency

_log = logging.getLogger("offhook.call.revision")

T = TypeVar("T")
Excuse = Callable[[], Awaitable[tuple[str, NDArray[np.int16]] | None]]
"""The agent's excuse for a failed turn and its audio, ``[samples]`` int16; None: it was said too often."""


@dataclass(frozen=True, slots=True)
class Words:
    """The caller's words of one turn, as far as it had come."""

    text: str
    """All of them; empty: none."""
    rest: str
    """The end of them, which was recognised now: all, but for the parts of a long turn."""
    prosody: float | None = None
    """What the melody, or the recogniser's own model, says of their end; None: nobody has asked."""
    confirming: asyncio.Task[Final] | None = None
    """They are a guess; tells, once the final words are known, whether those are the same.  None: final."""
    stop_samples: int = 0
    """Where what they are of ends."""
    language: str = ""
    """What they are in, such as "en", as far as the recogniser tells; empty: it does not, or they are a
    guess."""
    hasten: Callable[[], None] | None = None
    """Says that the guess sounds finished: the final words are wanted now.  None: they come anyway."""
    sure: bool = False
    """A guess that an answer may begin on, before it is confirmed."""
    doubtful: str = ""
    """What the recogniser is too unsure of to have it answered; ``rest`` is empty then."""
    tone: Tone | None = None
    """How their end was said; None: nothing can tell, or nobody has asked."""
    otherwise: Alternatives = nothing_else
    """What may have been said instead of ``text``, where the recogniser is not sure."""


@dataclass(frozen=True, slots=True)
class Final:
    """What became of a guess."""

    same: bool
    """The final words say the same, whatever their case, punctuation and figures; or there are none."""
    words: Words | None = None
    """The final ones; None: they did not come."""


class Confirmation(enum.Enum):
    """What became of the interim words that an answer was begun on; the trace has it."""

    OPEN = "open"
    """The final ones have not come yet."""
    SAME = "confirmed"
    """The answer to the final ones is the same."""
    OTHER = "corrected"
    """It is another."""
    MISSING = "missing"
    """The final ones did not come."""


class Said(Protocol):
    """What the caller has said up to a pause."""

    async def words(self, trace: TurnTrace, claim: Claim) -> Words:
        """Its words; ``trace`` learns what it was, ``claim`` says how soon they are needed.

        May be asked again when it has failed.  Raises ModelError, BusyError or DeadlineError.
        """
        ...


@dataclass(slots=True)
class Outcome:
    """What became of a committed revision: how much of it was audible to the caller."""

    audible_text: str
    complete: bool


@dataclass(slots=True)
class Revision:
    """One attempt at a turn's answer; made by :class:`~offhook.call.pipeline.Pipeline`."""

    number: int
    trace: TurnTrace
    answer: Utterance
    caller_text: str = ""
    """What the caller said, as recognised."""
    rest: str = ""
    """The end of it, which was recognised for this revision: all of it, but for the parts of a long turn."""
    tone: Tone | None = None
    """How it was said."""
    otherwise: Alternatives = nothing_else
    """What may have been said instead."""
    error: OffhookError | None = None
    """Why there is no answer, or only a part of one."""
    excused: bool = False
    """The answer ends with the agent's excuse for that."""
    due_s: float | None = None
    """When its first sound is overdue, on the event loop's clock; None before it is committed."""
    answer_timeout_s: float = 15.0
    """So long after its commit that is."""
    ends_call: bool = False
    """The caller has taken leave: the call may end after this answer."""
    action: Action | None = None
    """What becomes of the line when the answer was heard to its end."""
    committed: bool = False
    commit: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is: what changes something outside waits for that, see :meth:`may_write`."""
    stopped: bool = False
    """No further clause is wanted."""
    clauses: list[str] = field(default_factory=list)
    """Of the answer, as far as it has come."""
    called: bool = False
    """The model has called tools for it."""
    claim: Claim = field(default_factory=lambda: Claim(Urgency.PREPARED))
    """How soon it is needed, and what it has cost."""
    confirming: asyncio.Task[Confirmation] | None = None
    """Its words are a guess; tells what the final ones mean for the answer.  None: they are final."""
    held: bool = False
    """It may not be heard before that."""
    final_words: Words | None = None
    """What the caller has really said, where that asks for another answer."""
    final_turn: Turn | None = None
    """That, ready to be answered; None: nothing, or the answer is not audible yet."""
    hasten: Callable[[], None] | None = None
    """Says that the final words are wanted now."""
    exchanges: int = 0
    """The call's before it."""
    outcome: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    task: asyncio.Task[None] | None = None
    generation: Generation | None = None
    turn: Turn | None = None
    timer: asyncio.Timeout | None = None
    """Runs while the answer is made and nothing of it can be heard."""

    def limit(self, due_s: float | None) -> None:
        """The first sound has to be there at ``due_s``; None: it is there."""
        self.due_s = due_s
        if self.timer is not None:
            self.timer.reschedule(due_s)

    async def in_time(self, work: Awaitable[T]) -> T:
        """``work``, as long as the answer is not overdue.  Raises DeadlineError, and what it raises."""
        try:
            async with asyncio.timeout_at(self.due_s) as self.timer:
                return await work
        except TimeoutError as error:
            if isinstance(error, OffhookError):
                raise
            raise DeadlineError(
                f"no answer has begun within {self.answer_timeout_s:g} s (turn.answer_timeout_s)"
            ) from None
        finally:
            self.timer = None

    async def twice(self, work: Callable[[], Awaitable[T]]) -> T:
        """What fails before anything was said is tried a second time, unless that is of no use."""
        try:
            return await work()
        except ModelError as error:
            if error.lasting or self.answer.text or self.stopped:
                raise
            _log.info("call=%s trying once more: %s", self.trace.call_id, error)
        return await work()

    @property
    def waits_for_words(self) -> bool:
        """It is not heard yet because of that."""
        return self.held and self.confirming is not None and not self.confirming.done()

    async def stands(self) -> bool:
        """Whether the answer is to what the caller has said, as far as that is ever known."""
        if self.confirming is None:
            return True
        return await asyncio.shield(self.confirming) is not Confirmation.OTHER

    async def may_write(self) -> None:
        """Wait for the commit, and for final words: what changes something is done once both are there.

        Raises ModelError when final words do not come.  Where they ask for another answer this waits to be
        cancelled, as the revision is going to be.
        """
        await self.commit.wait()
        if not await self.stands():
            await asyncio.Event().wait()
        if self.confirming is not None and self.confirming.result() is Confirmation.MISSING:
            raise lasting(ModelError("the caller's final words did not come, and nothing is done on others"))

    async def cancel(self) -> None:
        """Forget the revision; returns when the conversation is as it was before."""
        self.stopped = True
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
        self.answer.drop()

    async def settle(self, outcome: Outcome) -> None:
        """The revision has been played as far as it will be: remember what was heard of it."""
        if not outcome.complete:
            self.stopped = True
            if self.generation is not None:
                self.generation.cancel()
        if not self.outcome.done():
            self.outcome.set_result(outcome)
        if self.task is not None:
            await asyncio.wait([self.task])
        self.answer.drop()
