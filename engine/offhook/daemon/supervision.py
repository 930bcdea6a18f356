"""What a supervisor can do with a call that goes on, by the control socket: listen, move it, take it over."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from offhook.call.call import Call
from offhook.call.doing import said_last
from offhook.call.tap import Tap
from offhook.config import Section
from offhook.control.commands import Commands, Stream, add_usual
from offhook.control.feed import Reader
from offhook.control.live import LiveCall, LiveCalls
from offhook.errors import ConfigError, RegistryError
from offhook.tools.base import Action

_ENDLESS = 0xFFFFFFFF
"""The length in the header of a WAV whose end nobody knows yet."""
MOST_WAITING = 64
"""Blocks of a tenth of a second: who takes none for six seconds loses the oldest."""


class TakeOver(Section):
    extension: str = Field(pattern=r"^[0-9*#+]{1,20}$")
    """Where the supervisor is rung: ``[offhook-takeover]`` of the dialplan says which are."""
    summary: str = Field("", max_length=200)
    """What they are shown; empty: what the caller has said last."""


class Move(Section):
    agent: str = Field(min_length=1, max_length=200)
    """Its name; with a tenant's call one of the tenant's agents."""


class Recording(Section):
    on: bool
    """False: what follows is silence in the recording, and to who listens along."""


def add_supervision(commands: Commands, calls: LiveCalls) -> None:
    """The usual, and listening, taking over, moving to another agent, and pausing the recording."""
    add_usual(commands, calls)

    async def take_over(live: LiveCall, arguments: TakeOver) -> Mapping[str, Any]:
        call = _call(live)
        summary = arguments.summary or (said_last(call.history) if live.words else "")
        call.end(Action("takeover", arguments.extension, summary))
        return {"call": live.id, "extension": arguments.extension}

    async def move(live: LiveCall, arguments: Move) -> Mapping[str, Any]:
        if arguments.agent == live.agent:
            raise ConfigError(f"call {live.id}: agent {live.agent!r} has it already")
        _call(live).end(Action("agent", arguments.agent))
        return {"call": live.id, "agent": arguments.agent}

    async def recording(live: LiveCall, arguments: Recording) -> Mapping[str, Any]:
        tap = _tap(live)
        if arguments.on:
            tap.resume("operator")
        else:
            tap.pause("operator")
        live.notes["recording_paused"] = not arguments.on
        return {"call": live.id, "recording_paused": not arguments.on}

    commands.add_for_call("takeover", "ring a supervisor, and connect the caller", TakeOver, take_over)
    commands.add_for_call("move", "let another agent go on with the caller", Move, move)
    commands.add_for_call("recording", "pause the recording, or go on with it", Recording, recording)
    commands.add_stream(Stream("listen", "both sides, as they are heard", "audio/wav", _listen, MOST_WAITING))


class _Listener:
    """See :class:`offhook.call.tap.Sink`."""

    def __init__(self, reader: Reader[bytes], rate_hz: int) -> None:
        self._reader = reader
        reader.put(wav_header(rate_hz))

    def write(self, block: NDArray[np.int16]) -> None:
        self._reader.put(block.astype("<i2").tobytes())

    def end(self) -> None:
        self._reader.close()


def _listen(live: LiveCall, reader: Reader[bytes]) -> Any:
    tap = _tap(live)
    listener = _Listener(reader, tap.rate_hz)
    tap.add(listener)
    return lambda: tap.remove(listener)


def wav_header(rate_hz: int) -> bytes:
    """Of two channels of 16 bit that go on for ever."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", _ENDLESS, b"WAVE", b"fmt ", 16, 1, 2, rate_hz, 4 * rate_hz, 4, 16, b"data", _ENDLESS),
    )


def _tap(live: LiveCall) -> Tap:
    tap = _call(live).tap
    if tap is None:
        raise RegistryError(f"call {live.id!r} is not heard yet")
    return tap


def _call(live: LiveCall) -> Call:
    if not isinstance(live.handle, Call):
        raise RegistryError(f"call {live.id!r} has not begun yet")
    return live.handle
