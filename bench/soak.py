"""Thousands of calls of every kind through the real daemon and the real launcher, and what has grown then.

    .venv/bin/python -m bench.soak                    10,000 calls, as `make soak`
    .venv/bin/python -m bench.soak --hours 10         a night
    .venv/bin/python -m bench.soak --embedded         on the embedded models, not on engines that cost nothing

Callers behave at random (``--seed``): they hang up at once, in the greeting, in mid-answer, talk, interrupt,
press keys; beside them strangers connect and send garbage.  Every call is in real time.  Between rounds
nobody calls, and then is looked at: descriptors, threads, tasks, folders, places in the model, memory.  What
has grown from the look half-way to the last is printed; status 1 when it is more than allowed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

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
from offhook.simulator.script import After, Step
from tests.support.audio.audio import read_wav
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import cheap

LOST = {"unavailable", "busy", "failed"}
MEMORY_GROWTH = 0.01
"""Of all that the process has, from the look half-way to the last."""
AT_REST_S = 30.0
_AGENT = """
name = "Tern Ferries"
greeting = "Welcome to Tern Ferries, how can we help you?"
facts = ["The first ferry leaves at six.", "A crossing takes forty minutes.", "Dogs travel free."]
"""


@dataclass(frozen=True, slots=True)
class Look:
    """The daemon while nobody calls."""

    calls: int
    """That were over by then."""
    descriptors: int
    threads: int
    tasks: int
    folders: int
    """Of calls, among the audio that Asterisk plays."""
    places: int
    """Taken in the language model."""
    memory_kb: int
    """Its own: what it shares with the disk's cache is not counted."""


@dataclass(slots=True)
class Soaked:
    """What has come of it."""

    looks: list[Look] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    """Calls that did not go as they should."""
    seconds: float = 0.0

    def grown(self, memory_growth: float = MEMORY_GROWTH) -> list[str]:
        """What there is more of in the last look than half-way; memory beyond what is allowed.

        Until then pools get their threads, and the allocator its reserves for so many calls at once.
        """
        first, last = self.looks[len(self.looks) // 2], self.looks[-1]
        found = [
            f"{name}: {before} -> {after}"
            for name in ("descriptors", "threads", "tasks", "folders", "places")
            if (after := getattr(last, name)) > (before := getattr(first, name)) + SPARE.get(name, 0)
        ]
        if last.memory_kb > first.memory_kb * (1 + memory_growth):
            found.append(f"memory: {first.memory_kb} -> {last.memory_kb} KB")
        return found


SPARE = {"threads": min(32, (os.cpu_count() or 1) + 4)}
"""asyncio's pool begins a thread whenever all that it has are busy, which may be late: so many at most."""


def script(chance: random.Random, phrases: list[Samples]) -> list[Step]:
    """What one caller does."""
    talk = Say(chance.choice(phrases), WhenSilent(chance.randrange(200, 900)))
    early = Say(chance.choice(phrases), WhenSpeaking(chance.randrange(100, 300)))
    gone = HangUp(After(chance.randrange(0, 1500)))
    ways: list[tuple[int, list[Step]]] = [
        (3, [HangUp(After(chance.randrange(0, 400)))]),  # as soon as it is answered, or before
        (3, [HangUp(WhenSilent(chance.randrange(0, 800)))]),
        (3, [talk, HangUp(WhenSilent(300))]),
        (2, [talk, HangUp(WhenSpeaking(40))]),  # into the answer
        (2, [early, HangUp(WhenSilent(300))]),
        (2, [talk, gone]),
        (1, [talk, early, talk, HangUp(WhenSilent(300))]),
        (1, [Press("".join(chance.choices("0123456789#", k=4)), WhenSilent(200)), gone]),
    ]
    return chance.choices([steps for _, steps in ways], [weight for weight, _ in ways])[0]


def problem(record: CallRecord) -> str | None:
    """What of a call did not go as it should; None: all did."""
    if record.result in LOST:
        return f"{record.result}: {'; '.join(record.errors) or 'see the log'}"
    return "; ".join(record.errors) or None


def stranger(path: Path, chance: random.Random) -> None:
    """Somebody at the socket who brings no call."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        try:
            sock.connect(str(path))
            if chance.random() < 0.7:
                sock.send(chance.choice([b"OFHK", b""]) + chance.randbytes(chance.randrange(1, 300)))
        except OSError:
            pass  # it has no time for strangers


def state(control: Path) -> dict[str, Any]:
    """What the daemon says of itself at its control socket; it has closed this question's connection then.

    A client that is content with the answer may go while the daemon still holds the connection: one
    descriptor more, now and then, in a look that follows.  The end of the stream comes behind the close.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(AT_REST_S)
        sock.connect(str(control))
        sock.sendall(b"GET /v1/state HTTP/1.1\r\nHost: offhook\r\nConnection: close\r\n\r\n")
        answer = HTTPResponse(sock)
        answer.begin()
        said = answer.read()
        while sock.recv(4096):
            pass
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"the daemon does not say how it is: {answer.status} {answer.reason}")
    found: dict[str, Any] = json.loads(said)
    return found


class Soak:
    """One daemon, and all that call it."""

    def __init__(self, daemon: DaemonProcess, *, at_once: int, seed: int) -> None:
        self.daemon = daemon
        self.soaked = Soaked()
        self._at_once = at_once
        self._chance = random.Random(seed)
        speech = sorted((Path(__file__).parents[1] / "tests" / "data" / "speech").glob("*.wav"))
        self._phrases = [read_wav(file)[: 8_000 + 4_000 * number] for number, file in enumerate(speech)]

    async def round(self, calls: int) -> None:
        """So many calls, and a look behind them."""
        began = time.monotonic()
        places = asyncio.Semaphore(self._at_once)

        async def call(steps: list[Step]) -> None:
            try:
                options = ChannelOptions(socket=self.daemon.socket, deadline_s=120)
                record = await SimulatedCall(steps, options).run()
                self.soaked.results[record.result or "hung up"] += 1
                wrong = problem(record)
                if wrong is not None:
                    self.soaked.problems.append(wrong)
            finally:
                places.release()

        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                await places.acquire()
                group.create_task(call(script(self._chance, self._phrases)))
                if self._chance.random() < 0.1:
                    await asyncio.to_thread(stranger, self.daemon.socket, self._chance)
        self.soaked.seconds += time.monotonic() - began
        look = await self.look()
        self.soaked.looks.append(look)
        print(
            "  ".join(f"{name} {value}" for name, value in asdict(look).items()), file=sys.stderr, flush=True
        )

    async def look(self) -> Look:
        """At rest: once nothing changes any more."""
        calls = self.soaked.results.total()
        seen: list[Look] = []
        deadline = time.monotonic() + AT_REST_S
        while time.monotonic() < deadline:
            look = await asyncio.to_thread(self._look, calls)
            quiet = not look.folders and not look.places
            if quiet and len(seen) > 2 and look.tasks <= min(each.tasks for each in seen):
                return look
            seen.append(look)
            await asyncio.sleep(0.5)
        return seen[-1]

    def _look(self, calls: int) -> Look:
        process = Path(f"/proc/{self.daemon.pid}")
        memory = (process / "smaps_rollup").read_text().splitlines()
        own = sum(int(line.split()[1]) for line in memory if line.startswith(("Private_Dirty", "Swap:")))
        found = state(self.daemon.socket.with_suffix(".ctl"))
        return Look(
            calls=calls,
            descriptors=self.daemon.open_descriptors(),
            threads=sum(1 for _ in (process / "task").iterdir()),
            tasks=found["tasks"],
            folders=len(self.daemon.call_folders()),
            places=found["calls"],
            memory_kb=own,
        )


def soak(
    calls: int,
    *,
    at_once: int,
    rounds: int = 8,
    seed: int = 1,
    embedded: bool = False,
    hours: float | None = None,
    settings: str = "",
) -> Soaked:
    """``calls`` in ``rounds`` after a warm-up of a fifth as many; ``hours``: as many as there is time for."""
    with tempfile.TemporaryDirectory(prefix="offhook-soak-") as name:
        folder = Path(name)
        (folder / "terns.toml").write_text(_AGENT)
        environment = {"MALLOC_ARENA_MAX": "2"}  # what lies idle in a thread's arena is no leak
        if not embedded:
            environment |= cheap.installed(folder / "site")
            settings += cheap.SETTINGS
        settings += f'[agent]\ndefault = "terns"\nsearch = ["{folder}"]\n'
        with DaemonProcess(settings, max_calls=at_once + 8, environment=environment) as daemon:
            run = Soak(daemon, at_once=at_once, seed=seed)

            async def all_rounds() -> None:
                await run.round(max(calls // 5, 2 * at_once))
                until = time.monotonic() + 3600 * (hours or 0)
                done = 0
                while done < rounds or (hours is not None and time.monotonic() < until):
                    await run.round(calls // rounds)
                    done += 1

            asyncio.run(all_rounds())
            return run.soaked


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.soak", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=10_000, metavar="N")
    parser.add_argument("--at-once", type=int, default=24, metavar="N")
    parser.add_argument("--rounds", type=int, default=8, metavar="N")
    parser.add_argument("--hours", type=float, metavar="N")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    done = soak(
        args.calls,
        at_once=args.at_once,
        rounds=args.rounds,
        seed=args.seed,
        embedded=args.embedded,
        hours=args.hours,
    )
    if args.json:
        print(json.dumps({**asdict(done), "grown": done.grown()}))
    else:
        print(f"{done.results.total()} calls in {done.seconds:.0f} s: {dict(done.results)}")
        print(f"problems: {Counter(done.problems).most_common(10) or 'none'}")
        print(f"grown: {', '.join(done.grown()) or 'nothing'}")
    return 1 if done.grown() or done.problems else 0


if __name__ == "__main__":
    sys.exit(main())
