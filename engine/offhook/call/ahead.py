"""The caller's words that are in the model's conversation before their turn is known to be over."""

from __future__ import annotations

import asyncio

from offhook.conversation.base import Policy
from offhook.conversation.history import History
from offhook.engines.llm.base import Conversation, Mark


class Ahead:
    """One call's.  Used by whoever holds the pipeline's turn."""

    def __init__(self, conversation: Conversation, policy: Policy, history: History) -> None:
        self._conversation = conversation
        self._policy = policy
        self._history = history
        self._begun = False
        """The conversation has a beginning: a phrase of ours, or a turn."""
        self._prompts: tuple[str, ...] = ()
        """Pieces of our own phrases since the last turn, which the conversation holds already."""
        self._untold: list[str] = []
        """Phrases that it does not hold yet."""
        self._before: Mark | None = None
        """Where the turn begins; None when no words of one are in the conversation."""
        self._mark: Mark | None = None
        """Where the words end."""
        self._words = ""

    async def extend(self, words: str) -> None:
        """Make the conversation end with the turn's opening and ``words``; only what is new is computed.

        Whoever goes on in the midst of their words cancels this: then nothing was appended.
        """
        conversation = self._conversation
        if self._before is not None and not words.startswith(self._words):
            await self.drop()
        before = sound = await conversation.mark()
        try:
            if self._before is None:
                self._untold += self._history.take_prompts()
                while self._untold:
                    pieces = self._policy.prompt(self._untold[0], first=not self._begun)
                    await conversation.append(*pieces)
                    before = sound = await conversation.mark()
                    del self._untold[0]
                    self._prompts, self._begun = self._prompts + pieces, True
                await conversation.append(*self._policy.opening(words))
            elif len(words) > len(self._words):
                await conversation.append(words[len(self._words) :])
            mark = await conversation.mark()
        except BaseException:
            await asyncio.shield(conversation.rollback(sound))
            raise
        self._before = before if self._before is None else self._before
        self._words, self._mark = words, mark

    def left(self, pieces: tuple[str, ...]) -> tuple[str, ...]:
        """What has to be appended for a whole turn of ``pieces``."""
        done = "".join(self._policy.opening(self._words))
        rest: list[str] = []
        for piece in pieces:
            if done.startswith(piece):
                done = done[len(piece) :]
            elif done:
                assert piece.startswith(done), "a turn begins with its opening"
                rest.append(piece[len(done) :])
                done = ""
            else:
                rest.append(piece)
        return tuple(rest)

    async def back(self) -> None:
        """Forget what came after the words."""
        if self._mark is not None:
            await self._conversation.rollback(self._mark)

    async def drop(self) -> None:
        """Forget the words too."""
        if self._before is not None:
            before, self._before, self._mark, self._words = self._before, None, None, ""
            await self._conversation.rollback(before)

    @property
    def begins(self) -> Mark | None:
        """Where the turn begins whose words are in the conversation; None: none are."""
        return self._before

    @property
    def prompts(self) -> tuple[str, ...]:
        """The pieces of our phrases that the conversation holds behind the last turn."""
        return self._prompts

    def taken(self) -> tuple[str, ...]:
        """The words are a turn's now; the pieces of our phrases before it."""
        prompts, self._prompts = self._prompts, ()
        self._before, self._mark, self._words, self._begun = None, None, "", True
        return prompts
