"""Fixed phrases, synthesised before the first call needs them: greeting, apology, goodbye."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from offhook.agents.loader import Agent
from offhook.engines.tts.voice import Voice
from offhook.playout.folder import Clip, PlaybackFolder, Shelf

Kind = Literal["greeting", "still_there", "unclear", "holding", "excuse", "goodbye", "apology"]
KINDS: tuple[Kind, ...] = ("greeting", "still_there", "unclear", "holding", "excuse", "goodbye", "apology")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words with their audio: ``[samples]`` int16."""

    text: str
    audio: NDArray[np.int16]


APOLOGY_HZ = 8_000
"""Asterisk plays a file of any rate on any channel, so one is enough."""


class ReadyPhrases:
    """Phrases by text and rate.  They stay until the daemon ends.

    Apologies also lie in the playback folder from the beginning: they are wanted when nothing can be
    synthesised, and when nothing more can be written.
    """

    def __init__(self, voice: Voice, folder: PlaybackFolder) -> None:
        self._voice = voice
        self._folder = folder
        self._shelf: Shelf | None = None
        self._phrases: dict[tuple[str, str | None, int], Phrase] = {}
        self._apologies: dict[tuple[str, str | None], Clip] = {}
        self._making = asyncio.Lock()

    async def phrase(self, agent: Agent, kind: Kind, rate_hz: int) -> Phrase:
        """One phrase of an agent; made on first use.  Raises ModelError."""
        text: str = getattr(agent, kind)
        key = (text, agent.voice_language, rate_hz)
        if key not in self._phrases:
            async with self._making:
                if key not in self._phrases:
                    self._phrases[key] = Phrase(text, await self._say(agent, text, rate_hz))
        return self._phrases[key]

    async def apology(self, agent: Agent) -> Clip:
        """The file of an agent's apology; made on first use.  Raises ModelError or PlaybackError."""
        key = (agent.apology, agent.voice_language)
        if key not in self._apologies:
            phrase = await self.phrase(agent, "apology", APOLOGY_HZ)
            if self._shelf is None:
                self._shelf = self._folder.shelf("ready")
            self._apologies[key] = self._shelf.keep(phrase.audio, APOLOGY_HZ)
        return self._apologies[key]

    async def _say(self, agent: Agent, text: str, rate_hz: int) -> NDArray[np.int16]:
        return await self._voice.say(text, rate_hz, language=agent.voice_language)

    async def make(self, agent: Agent, rate_hz: int) -> None:
        """Make all of an agent's phrases now, so that no call waits for one."""
        await self.apology(agent)
        for kind in KINDS:
            await self.phrase(agent, kind, rate_hz)
