"""What a running daemon can be told to do: a registry to which each part of it adds what it can.

A command is a coroutine on the daemon's loop that gets checked arguments.  It raises an
:class:`~offhook.errors.OffhookError` whose line says what is wrong, and whose kind says whose fault that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import Field, ValidationError

from offhook.config import Section, problem_in_words
from offhook.control.feed import Reader
from offhook.control.live import Handle, LiveCall, LiveCalls
from offhook.errors import ConfigError, RegistryError

A = TypeVar("A", bound=Section)

Done = Mapping[str, Any]
"""What came of it, as JSON."""
Close = Callable[[], None]
"""Ends a stream; called once, on the daemon's loop."""

ANSWERED_WITHIN_S = 10.0
"""What a command may take, unless it says otherwise: somebody waits at a screen."""


class Nothing(Section):
    """No arguments."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be told to the daemon, or to one of its calls."""

    name: str
    help: str
    arguments: type[Section]
    run: Callable[..., Awaitable[Done]]
    of_call: bool
    within_s: float = ANSWERED_WITHIN_S

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "help": self.help,
            "of": "call" if self.of_call else "daemon",
            "arguments": self.arguments.model_json_schema().get("properties", {}),
        }


@dataclass(frozen=True, slots=True)
class Stream:
    """Bytes that a call gives as long as somebody takes them, such as its sound."""

    name: str
    help: str
    media_type: str
    open: Callable[[LiveCall, Reader[bytes]], Close]
    """Fills the reader from now on.  Raises OffhookError."""
    most_waiting: int = 256


class Commands:
    """One daemon's.  Filled before it takes calls; then only read, by any thread."""

    def __init__(self) -> None:
        self._commands: dict[tuple[bool, str], Command] = {}
        self._streams: dict[str, Stream] = {}

    def add_for_call(
        self,
        name: str,
        help: str,
        arguments: type[A],
        run: Callable[[LiveCall, A], Awaitable[Done]],
        *,
        within_s: float = ANSWERED_WITHIN_S,
    ) -> None:
        """``POST /v1/calls/ID/NAME``."""
        self._commands[True, name] = Command(name, help, arguments, run, True, within_s)

    def add(
        self,
        name: str,
        help: str,
        arguments: type[A],
        run: Callable[[A], Awaitable[Done]],
        *,
        within_s: float = ANSWERED_WITHIN_S,
    ) -> None:
        """``POST /v1/daemon/NAME``."""
        self._commands[False, name] = Command(name, help, arguments, run, False, within_s)

    def add_stream(self, stream: Stream) -> None:
        """``GET /v1/calls/ID/streams/NAME``."""
        self._streams[stream.name] = stream

    def all(self) -> list[Command]:
        return list(self._commands.values())

    def streams(self) -> list[Stream]:
        return list(self._streams.values())

    def find(self, name: str, *, of_call: bool) -> Command:
        """Raises RegistryError."""
        command = self._commands.get((of_call, name))
        if command is None:
            known = ", ".join(sorted(each for of, each in self._commands if of is of_call)) or "none"
            raise RegistryError(f"no command {name!r}; there are: {known}")
        return command

    def stream(self, name: str) -> Stream:
        """Raises RegistryError."""
        try:
            return self._streams[name]
        except KeyError:
            raise RegistryError(f"no stream {name!r} here") from None

    async def carry_out(self, command: Command, given: object, live: LiveCall | None = None) -> Done:
        """On the daemon's loop.  Raises ConfigError for arguments that are none, TimeoutError, and what the
        command raises.
        """
        try:
            arguments = command.arguments.model_validate(given)
        except ValidationError as error:
            raise ConfigError(f"{command.name}: {problem_in_words(error, command.arguments)}") from error
        async with asyncio.timeout(command.within_s):
            return await (command.run(arguments) if live is None else command.run(live, arguments))


# --- what every daemon can do --------------------------------------------------------------------


class HangUp(Section):
    goodbye: bool = False
    """The agent says goodbye first."""


class ToTarget(Section):
    target: str = Field(min_length=1, max_length=200)
    """A target of the agent's file: its key, its name, or digits that the agent's pattern takes."""
    summary: str = Field("", max_length=200)
    """For whoever takes over."""


def add_usual(commands: Commands, calls: LiveCalls) -> None:
    """Hanging up and handing over."""

    async def hang_up(live: LiveCall, arguments: HangUp) -> Done:
        _handle(live).end(goodbye=arguments.goodbye)
        calls.feed.publish("told", call=live.id, command="hangup")
        return {"call": live.id}

    async def hand_over(live: LiveCall, arguments: ToTarget) -> Done:
        known = live.hand_overs()
        for tool in known:
            action = tool.choose(arguments.target, arguments.summary)
            if action is not None:
                _handle(live).end(action)
                calls.feed.publish("told", call=live.id, command="handover")
                return {"call": live.id, "kind": action.kind, "target": action.target}
        keys = ", ".join(key for tool in known for key in tool.targets) or "none"
        raise ConfigError(
            f"agent {live.agent!r} can hand nobody over to {arguments.target!r}; its targets are: {keys}"
        )

    commands.add_for_call("hangup", "end the call", HangUp, hang_up)
    commands.add_for_call("handover", "send the caller to a target of the agent's file", ToTarget, hand_over)


def _handle(live: LiveCall) -> Handle:
    if live.handle is None:
        raise RegistryError(f"call {live.id!r} has not begun yet")
    return live.handle
