"""Fixed phrases, synthesised before the first call needs them: greeting, apology, goodbye."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from offhook.agents.loader import Agent
from offhook.voice import Voice

Kind = Literal["greeting", "still_there", "unclear", "holding", "goodbye", "apology"]
KINDS: tuple[Kind, ...] = ("greeting", "still_there", "unclear", "holding", "goodbye", "apology")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words with their audio: ``[samples]`` int16."""

    text: str
    audio: NDArray[np.int16]


class ReadyPhrases:
    """Phrases by text and rate.  They stay until the daemon ends."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._phrases: dict[tuple[str, int], Phrase] = {}
        self._making = asyncio.Lock()

    async def phrase(self, agent: Agent, kind: Kind, rate_hz: int) -> Phrase:
        """One phrase of an agent; made on first use.  Raises ModelError."""
        text: str = getattr(agent, kind)
        key = (text, rate_hz)
        if key not in self._phrases:
            async with self._making:
                if key not in self._phrases:
                    self._phrases[key] = Phrase(text, await self._voice.say(text, rate_hz))
        return self._phrases[key]

    async def make(self, agent: Agent, rate_hz: int) -> None:
        """Make all of an agent's phrases now, so that no call waits for one."""
        for kind in KINDS:
            await self.phrase(agent, kind, rate_hz)
