"""What callers of :mod:`bench.soak` do, at random: in the proportions of a bad day, most of it cheap.

Every call is in real time.  Most callers are gone within seconds, in every state that a call can be in; some
stay silent, some talk to the end, and of some the launcher is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from offhook.simulator import (
    CallRecord,
    ChannelOptions,
    HangUp,
    Press,
    Say,
    SimulatedCall,
    WhenSilent,
    WhenSpeaking,
)
from offhook.simulator.audible import Samples
from offhook.simulator.channel import new_uniqueid
from offhook.simulator.script import After, Step

LOST = {"unavailable", "busy", "failed"}


@dataclass(frozen=True, slots=True)
class Caller:
    """One of them."""

    name: str
    steps: list[Step]
    killed_after_s: float | None = None
    """So long after it began its launcher is killed."""

    async def call(self, socket: Path) -> tuple[str, str | None]:
        """What the dialplan was told, and what went wrong, if anything did."""
        uniqueid = new_uniqueid()
        options = ChannelOptions(socket=socket, args=(uniqueid,), uniqueid=uniqueid, deadline_s=120)
        calling = asyncio.create_task(SimulatedCall(self.steps, options).run())
        if self.killed_after_s is not None:
            await asyncio.wait([calling], timeout=self.killed_after_s)
            if not calling.done() and await asyncio.to_thread(kill_launcher, uniqueid):
                await calling
                return "killed", None
        record = await calling
        return record.result or "hung up", self._problem(record)

    def _problem(self, record: CallRecord) -> str | None:
        if record.result in LOST:
            return f"{self.name}: {record.result}: {'; '.join(record.errors) or 'see the log'}"
        return f"{self.name}: {'; '.join(record.errors)}" if record.errors else None


def caller(chance: random.Random, phrases: list[Samples]) -> Caller:
    """The next one."""
    talk = Say(chance.choice(phrases), WhenSilent(chance.randrange(200, 900)))
    early = Say(chance.choice(phrases), WhenSpeaking(chance.randrange(100, 300)))
    again = Say(chance.choice(phrases), WhenSilent(chance.randrange(200, 900)))
    short = Say(chance.choice(phrases)[:3_200], WhenSilent(chance.randrange(100, 600)))
    keys = Press("".join(chance.choices("0123456789#*", k=chance.randrange(1, 6))), WhenSilent(200))
    into = Press(chance.choice("0123456789#*"), WhenSpeaking(chance.randrange(40, 400)))
    gone = HangUp(After(chance.randrange(0, 1500)))
    done = HangUp(WhenSilent(300))
    killed_after_s = chance.uniform(0.05, 3.0)
    ways: list[tuple[int, Caller]] = [
        (6, Caller("gone at once", [HangUp(After(chance.randrange(0, 400)))])),
        (6, Caller("gone behind the greeting", [HangUp(WhenSilent(chance.randrange(0, 800)))])),
        (4, Caller("gone in the greeting", [HangUp(WhenSpeaking(chance.randrange(20, 900)))])),
        (4, Caller("gone while they talk", [Say(talk.audio, talk.when), HangUp(After(0))])),
        (6, Caller("gone while we think", [talk, HangUp(After(chance.randrange(0, 400)))])),
        (4, Caller("gone in the answer", [talk, HangUp(WhenSpeaking(chance.randrange(20, 600)))])),
        (6, Caller("one question", [talk, done])),
        (4, Caller("interrupts the greeting", [early, done])),
        (2, Caller("a conversation", [talk, early, again, talk, done])),
        (3, Caller("a word", [short, gone])),
        (3, Caller("keys", [keys, gone])),
        (3, Caller("a key into the answer", [talk, into, gone])),
        (3, Caller("silent", [HangUp(After(chance.randrange(2_000, 9_000)))])),
        (2, Caller("launcher is killed", [talk, again, done], killed_after_s)),
    ]
    return chance.choices([each for _, each in ways], [weight for weight, _ in ways])[0]


def kill_launcher(uniqueid: str) -> bool:
    """That of this call: a child of ours that has the call's id as an argument; False: it has ended."""
    me = str(os.getpid())
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().partition(" (")[2].rpartition(") ")
            arguments = (stat.parent / "cmdline").read_bytes().split(b"\0")
            if name.startswith("offhook-eagi") and rest.split()[1] == me and uniqueid.encode() in arguments:
                os.kill(int(stat.parent.name), signal.SIGKILL)
                return True
    return False


def stranger(path: Path, chance: random.Random) -> None:
    """Somebody at the socket who brings no call."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        try:
            sock.connect(str(path))
            if chance.random() < 0.7:
                sock.send(chance.choice([b"OFHK", b""]) + chance.randbytes(chance.randrange(1, 300)))
        except OSError:
            pass  # it has no time for strangers
