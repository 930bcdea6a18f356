"""Network namespaces that a test makes for itself: machines on one wire, without leaving this one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.support.needs import not_run

_NETWORK = "198.18"
"""Reserved for tests of network devices (RFC 2544): no machine has a real address there."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A namespace with one address."""

    namespace: str
    host: str

    def unplug(self) -> None:
        """From now on nothing that is sent to it arrives, and nobody is told."""
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "dev", "lo", "down"], check=True)
        for name in self._wires():
            subprocess.run(["ip", "-n", self.namespace, "link", "set", "dev", name, "down"], check=True)

    @property
    def within(self) -> tuple[str, ...]:
        """What a command that runs there begins with."""
        return ("ip", "netns", "exec", self.namespace)

    def _wires(self) -> list[str]:
        shown = subprocess.run(
            ["ip", "-n", self.namespace, "-o", "link", "show", "type", "veth"],
            check=True,
            capture_output=True,
            text=True,
        )
        return [line.split(": ")[1].partition("@")[0] for line in shown.stdout.splitlines()]


@dataclass(frozen=True, slots=True)
class Wire:
    """A bridge; this machine has an address on it, too."""

    host: str
    machines: tuple[Machine, ...]


@contextmanager
def wire(count: int) -> Iterator[Wire]:
    """``count`` machines on a wire.  Skips the test where that may not be; fails it where CI wants all."""
    number = os.getpid() % 250
    name = f"offhook{number}"
    made: list[tuple[str, ...]] = []

    def ip(*words: str, undo: tuple[str, ...] = ()) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
        if undo:
            made.append(undo)

    machines = tuple(Machine(f"{name}-{at}", f"{_NETWORK}.{number}.{10 + at}") for at in range(count))
    try:
        try:
            ip("link", "add", name, "type", "bridge", undo=("link", "del", name))
            ip("address", "add", f"{_NETWORK}.{number}.1/24", "dev", name)
            ip("link", "set", name, "up")
            for at, machine in enumerate(machines):
                outer, inner = f"oh{number}o{at}", f"oh{number}i{at}"
                ip("netns", "add", machine.namespace, undo=("netns", "del", machine.namespace))
                ip("link", "add", outer, "type", "veth", "peer", "name", inner)
                ip("link", "set", inner, "netns", machine.namespace)
                ip("link", "set", outer, "master", name, "up")
                for words in (
                    ("address", "add", f"{machine.host}/24", "dev", inner),
                    ("link", "set", inner, "up"),
                    ("link", "set", "lo", "up"),
                ):
                    ip("-n", machine.namespace, *words)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            not_run(f"network namespaces cannot be made here: {getattr(error, 'stderr', '') or error}")
        yield Wire(f"{_NETWORK}.{number}.1", machines)
    finally:
        for undo in reversed(made):
            with suppress(OSError):
                subprocess.run(["ip", *undo], check=False, capture_output=True)
