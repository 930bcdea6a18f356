"""Tells turn-taking how complete a revision's words are: from the words at once, then from the model too."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from offhook.call.revision import Revision
from offhook.end_of_turn.completeness import completeness
from offhook.end_of_turn.wait import combined
from offhook.errors import OffhookError
from offhook.turn_taking import TurnEvent, WordsHeard

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
        *,
        backchannel: bool,
        echo: bool,
    ) -> None:
        self._post = post
        self._revision = revision
        self._prosody = prosody
        self._language = language
        self._flags = {"backchannel": backchannel, "echo": echo}

    def begin(self) -> None:
        """The words are known, and the model has not been asked yet."""
        caller_text, number = self._revision.caller_text, self._revision.number
        complete = completeness(caller_text, None, self._language)
        self._post(WordsHeard(number, caller_text, complete, provisional=True, **self._flags))

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
