"""What can be going on in an AGI session: the values that the dialogue and its commands share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from offhook.simulator.playback import FilePlayback

FOREVER_NS = 2**62


class ChannelState(IntEnum):
    """Asterisk's numbers, as CHANNEL STATUS gives them."""

    RING = 4
    UP = 6


class End(Enum):
    """How a playback ended."""

    FILE = "end of file"
    COMMAND = "interrupted"
    DIGIT = "digit"
    HANGUP = "hang-up"
    MISSING = "no such file"


@dataclass(slots=True)
class Played:
    """One file that was played, or could not be."""

    name: str
    started_ns: int
    ended_ns: int | None = None
    end: End | None = None


@dataclass(slots=True)
class Activity:
    """A command that takes time.  Files play, keys are waited for, then a reply is written."""

    command: str
    playback: FilePlayback | None = None
    played: Played | None = None
    frame_ns: int = 0
    """When the next frame of ``playback`` is due."""
    until_ns: int = FOREVER_NS
    """When waiting ends, once nothing plays."""
    escape_digits: str = ""
    timeout_ns: int = 0
    """GET DATA: between digits."""
    first_timeout_ns: int = 0
    """GET DATA: for the first digit."""
    max_digits: int = 0
    digits: str = ""
