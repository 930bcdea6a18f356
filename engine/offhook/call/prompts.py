"""Fixed phrases, synthesised before the first call needs them: greeting, apology, goodbye."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from offhook.agents.loader import Agent
from offhook.engines.tts.base import ORIGIN, Origin
from offhook.engines.tts.voice import Voice
from offhook.playout.folder import Clip, PlaybackFolder, Shelf

Kind = Literal[
    "greeting", "still_there", "unclear", "holding", "excuse", "goodbye", "apology", "returned", "resumed"
]
KINDS: tuple[Kind, ...] = ("greeting", "still_there", "unclear", "holding", "excuse", "goodbye", "apology")
"""Those that are made ahead; the others are for calls that come back, and made when one does."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Phrase:
    """Words with their audio: ``[samples]`` int16."""

    text: str
    audio: NDArray[np.int16]


APOLOGY_HZ = 8_000
"""Asterisk plays a file of any rate on any channel, so one is enough."""

_Key = tuple[Voice, str, str | None, int]
"""Voice, text, language and rate: the same of all four is the same audio."""


class ReadyPhrases:
    """The phrases of all agents.  Agents that say the same in the same voice share it."""

    def __init__(self, folder: PlaybackFolder) -> None:
        self._folder = folder
        self._made: WeakValueDictionary[_Key, Phrase] = WeakValueDictionary()

    def of(self, agent: Agent, voice: Voice) -> AgentPhrases:
        """Those of one agent, said by one voice."""
        return AgentPhrases(agent, voice, self._folder, self._made)


class AgentPhrases:
    """One agent's phrases by kind and rate; each is made on first use and stays until :meth:`close`, but for
    those that another voice has said in the place of the agent's, whose server was away.

    The apology also lies in the playback folder: it is wanted when nothing can be synthesised, and when
    nothing more can be written.
    """

    def __init__(
        self,
        agent: Agent,
        voice: Voice,
        folder: PlaybackFolder,
        made: WeakValueDictionary[_Key, Phrase],
    ) -> None:
        """``made``: what other agents have."""
        self._agent = agent
        self._voice = voice
        self._folder = folder
        self._shelf: Shelf | None = None
        self._made = made
        self._phrases: dict[_Key, Phrase] = {}
        self._apology: Clip | None = None
        self._making = asyncio.Lock()

    def opening_with(self, greeting: str) -> AgentPhrases:
        """The same, with another greeting; made when it is wanted."""
        agent = self._agent.model_copy(update={"greeting": greeting})
        return AgentPhrases(agent, self._voice, self._folder, self._made)

    async def phrase(self, kind: Kind, rate_hz: int) -> Phrase:
        """Raises ModelError or DeadlineError."""
        text: str = getattr(self._agent, kind)
        language = self._agent.voice_language
        key = (self._voice, text, language, rate_hz)
        if key not in self._phrases:
            async with self._making:
                if key not in self._phrases:
                    found = self._made.get(key)
                    if found is None:
                        found, keeps = await self._say(text, rate_hz, language)
                        if not keeps:
                            return found
                        self._made[key] = found
                    self._phrases[key] = found
        return self._phrases[key]

    async def _say(self, text: str, rate_hz: int, language: str | None) -> tuple[Phrase, bool]:
        """A phrase, and whether it is worth keeping: not while another voice stands in for the agent's."""
        token = ORIGIN.set(origin := Origin())
        try:
            return Phrase(text, await self._voice.say(text, rate_hz, language=language)), not origin.stand_in
        finally:
            ORIGIN.reset(token)

    async def apology(self) -> Clip:
        """The apology's file.  Raises ModelError, DeadlineError or PlaybackError."""
        if self._apology is None:
            phrase = await self.phrase("apology", APOLOGY_HZ)
            if self._apology is None:
                if self._shelf is None:
                    self._shelf = self._folder.shelf("ready")
                self._apology = self._shelf.keep(phrase.audio, APOLOGY_HZ)
        return self._apology

    async def file(self, text: str, for_s: float) -> Clip:
        """Words of one call as a file of their own, which is removed after ``for_s``.

        Raises ModelError, DeadlineError or PlaybackError.
        """
        audio = await self._voice.say(text, APOLOGY_HZ, language=self._agent.voice_language)
        shelf = self._folder.shelf("aside")
        asyncio.get_running_loop().call_later(for_s, shelf.close)
        return shelf.keep(audio, APOLOGY_HZ)

    async def make(self, rate_hz: int) -> None:
        """Make all of them now, so that no call waits for one."""
        await self.apology()
        for kind in KINDS:
            await self.phrase(kind, rate_hz)

    def close(self) -> None:
        """No call uses them any more: remove the file.  Any number of times."""
        shelf, self._shelf, self._apology = self._shelf, None, None
        if shelf is not None:
            shelf.close()
