"""Fixed phrases, synthesised once and played by every call: greeting, apology, goodbye."""

from __future__ import annotations

import asyncio
from typing import Literal

from offhook.agents.loader import Agent
from offhook.pipeline import Voice
from offhook.playout import Clip, PlaybackFolder

Kind = Literal["greeting", "still_there", "goodbye", "apology"]
KINDS: tuple[Kind, ...] = ("greeting", "still_there", "goodbye", "apology")


class ReadyClips:
    """Clips by agent, phrase and rate.  They stay until the daemon ends."""

    def __init__(self, voice: Voice, folder: PlaybackFolder) -> None:
        self._voice = voice
        self._shelf = folder.shelf("ready")
        self._clips: dict[tuple[str, int], Clip] = {}
        self._making = asyncio.Lock()

    async def clip(self, agent: Agent, kind: Kind, rate_hz: int) -> Clip:
        """The clip of one phrase; made on first use.  Raises ModelError or PlaybackError."""
        text: str = getattr(agent, kind)
        key = (text, rate_hz)
        if key not in self._clips:
            async with self._making:
                if key not in self._clips:
                    self._clips[key] = self._shelf.put(await self._voice.say(text, rate_hz), rate_hz)
        return self._clips[key]

    async def make(self, agent: Agent, rate_hz: int) -> None:
        """Make all of an agent's phrases now, so that no call waits for one."""
        for kind in KINDS:
            await self.clip(agent, kind, rate_hz)
