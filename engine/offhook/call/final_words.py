"""An answer that was made of a guess, when the final words come: they confirm it, or ask for another.

What counts is the answer, not the words: where a policy says the same to both, nothing changes but what is
remembered of the caller.  Where the model writes the answer, other words are another one.  Then turn-taking
is told (WordsCorrected), and what was audible of the first answer is remembered as such, behind what the
caller has really said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from offhook.call.memory import Memory
from offhook.call.revision import Confirmation, Final, Revision, Words
from offhook.conversation.base import Policy, Turn
from offhook.conversation.history import History
from offhook.engines.stt.base import nothing_else
from offhook.errors import OffhookError
from offhook.observe.trace import TurnTrace
from offhook.turn_taking import TurnEvent, WordsCorrected
from offhook.workers import Claim

_log = logging.getLogger("offhook.call.final_words")


class FinalWords:
    """One call's, for one agent and its conversation.  Lives on the event loop."""

    def __init__(
        self,
        post: Callable[[TurnEvent], None],
        policy: Policy,
        history: History,
        memory: Memory,
        turn: asyncio.Lock,
    ) -> None:
        """``turn`` is held by whoever uses the conversation."""
        self._post = post
        self._policy = policy
        self._history = history
        self._memory = memory
        self._turn = turn

    def watch(self, revision: Revision, words: Words, spawn: Callable[..., Any]) -> None:
        """Where ``words`` are a guess, wait for the final ones in a task of the call's, which ``spawn`` makes
        of a coroutine and a name.
        """
        if words.confirming is None:
            return
        revision.hasten, revision.held = words.hasten, not words.sure
        if words.sure:
            revision.trace.interim = Confirmation.OPEN.value
        work = self._wait(revision, words, words.confirming)
        revision.confirming = spawn(work, f"final-words-{revision.number}")

    async def _wait(self, revision: Revision, words: Words, confirming: asyncio.Task[Final]) -> Confirmation:
        came = await self._came(revision, words, await asyncio.shield(confirming))
        if words.sure:
            revision.trace.interim = came.value
        return came

    async def _came(self, revision: Revision, guess: Words, final: Final) -> Confirmation:
        words = final.words
        if words is None:
            return Confirmation.MISSING
        if final.same:
            return Confirmation.SAME
        turn = await self._anew(revision, words) if words.text else None
        if turn is not None and _same_answer(revision.turn, turn):
            revision.caller_text = words.text
            revision.turn = turn
            if revision.outcome.done():
                async with self._turn:
                    self._memory.corrected(revision, turn.caller_text)
            return Confirmation.SAME
        if revision.outcome.done():  # it was audible as far as it ever will be
            async with self._turn:
                await self._memory.replaced(revision, turn, words.text)
        revision.final_words, revision.final_turn = (
            replace(words, prosody=guess.prosody, tone=guess.tone),
            turn,
        )
        revision.caller_text = words.text
        self._post(WordsCorrected(revision.number, words.stop_samples, empty=not words.text))
        return Confirmation.OTHER

    async def _anew(self, revision: Revision, words: Words) -> Turn | None:
        """The turn as it is with these words, at the same point of the call; None: it is not answered yet."""
        if revision.turn is None:
            return None
        before = replace(
            self._history,
            exchanges=self._history.exchanges[: revision.exchanges],
            tone=revision.tone,
            otherwise=nothing_else,
        )
        try:
            return await self._policy.turn(words.text, before)
        except OffhookError:  # then the answer to them will say so
            return None
        except Exception:
            _log.exception(
                "the final words of revision %d of call %s", revision.number, revision.trace.call_id
            )
            return None


class Known:
    """See :class:`~offhook.call.revision.Said`: what is known of an earlier revision's turn."""

    def __init__(self, words: Words, audio_ms: int) -> None:
        self._words = words
        self._audio_ms = audio_ms

    async def words(self, trace: TurnTrace, claim: Claim) -> Words:
        """At once."""
        trace.stt_done_ns, trace.audio_ms = trace.maybe_done_ns, self._audio_ms
        return self._words


def _same_answer(one: Turn | None, other: Turn) -> bool:
    """Whether the caller is told, and gets done, the same; a model's answer is one to the words."""
    if one is None or (one.say is None and one.request is None):
        return False
    return _answer(one) == _answer(other)


def _answer(turn: Turn) -> tuple[object, ...]:
    return (turn.act, turn.say, turn.facts, turn.request, turn.form, turn.offers)
