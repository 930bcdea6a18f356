"""Tells turn-taking how complete a revision's words are: from the words at once, then from the model too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from offhook.barge_in import is_backchannel, is_own_words
from offhook.call.revision import Confirmation, Revision, Words
from offhook.end_of_turn.completeness import completeness, says_enough
from offhook.end_of_turn.wait import combined
from offhook.errors import OffhookError
from offhook.turn_taking import TurnEvent, WordsHeard

SOUNDS_FINISHED = 0.75
"""From here on a guess is taken to be a whole: half of the wait for more words is over by then, see
:mod:`offhook.end_of_turn.wait`."""
OWN_WORDS = 3
"""So many words that we have just said are our echo, and no answer, on a line that has one ..."""
OWN_WORDS_UNKNOWN = 5
"""... and so many where none has been noticed: callers repeat what they want to have confirmed."""
END_TOLD_S = 2.0
"""A model that takes longer to say whether the caller has finished is not waited for: the words decide."""


class Telling:
    """One revision's."""

    def __init__(
        self,
        post: Callable[[TurnEvent], None],
        revision: Revision,
        prosody: float | None,
        language: str,
        ours: tuple[str, int],
        guess: Words | None = None,
    ) -> None:
        """``ours``: what we said meanwhile, and so many words of it are an echo, and nobody's turn.

        ``guess``: what the words come from, where they are not final: nothing is told before they are
        confirmed, so that nothing is committed, unless the guess is sure.  That they were others,
        :mod:`offhook.call.final_words` tells.
        """
        self._post_now = post
        self._held: list[TurnEvent] = []
        self._confirming = revision.confirming if revision.held else None
        self._hasten = None if guess is None else guess.hasten
        if self._confirming is not None:
            self._confirming.add_done_callback(self._confirmed)
        self._revision = revision
        self._prosody = prosody
        self._language = language
        echo = is_own_words(revision.caller_text, *ours)
        hum = echo or is_backchannel(revision.caller_text, language)
        self._flags = {"backchannel": hum, "echo": echo}
        self._by_words = completeness(revision.caller_text, None, language)

    def begin(self) -> None:
        """The words are known, and the model has not been asked yet."""
        caller_text, number = self._revision.caller_text, self._revision.number
        self._post(WordsHeard(number, caller_text, self._by_words, provisional=True, **self._flags))

    @property
    def words_will_do(self) -> bool:
        """They say by themselves that the caller has not finished."""
        return says_enough(self._by_words, self._language)

    async def when_known(self, end_probability: Awaitable[float | None]) -> None:
        """The same, once the model has told, or fails to."""
        probability = None
        with contextlib.suppress(OffhookError, TimeoutError):  # then the words alone decide
            async with asyncio.timeout(END_TOLD_S):
                probability = await end_probability
        caller_text = self._revision.caller_text
        complete = combined(completeness(caller_text, probability, self._language), self._prosody)
        if self._revision.ends_call:
            complete = 1.0  # nothing comes after a goodbye
        self._post(WordsHeard(self._revision.number, caller_text, complete, **self._flags))

    def _post(self, event: WordsHeard) -> None:
        if self._hasten is not None and event.complete >= SOUNDS_FINISHED:
            self._hasten()
            self._hasten = None
        if self._confirming is None:
            self._post_now(event)
        else:
            self._held.append(event)

    def _confirmed(self, confirming: asyncio.Task[Confirmation]) -> None:
        self._confirming = None
        held, self._held = self._held, []
        if confirming.cancelled() or confirming.result() is Confirmation.OTHER:
            return  # the call is over, or the revision
        for event in held:
            self._post_now(event)
