"""Thousands of calls of every kind through the real daemon and the real launcher, and what has grown then.

    .venv/bin/python -m bench.soak                    10,000 calls, as `make soak`
    .venv/bin/python -m bench.soak --hours 10         a night
    .venv/bin/python -m bench.soak --embedded         on the embedded models, not on engines that cost nothing

    .venv/bin/python -m bench.soak --keep night.jsonl    goes on where it was stopped

Callers behave at random (``--seed``; :mod:`bench.soak_callers`), most of them for a few seconds; beside them
strangers connect and send garbage, and Prometheus asks.  Every call is in real time.  Between rounds nobody
calls, and then is looked at: descriptors, threads, tasks, folders, calls, the model's cache, memory; a line a
round.  What has grown from the look half-way to the last is printed, and status 1 says that it is more than
allowed, or that a call went wrong.

``--keep`` writes each look into a file.  Stopped (Ctrl-C, SIGTERM) it says what there is so far; begun again
with the same file it makes the calls that are left, to a daemon of its own: each is judged by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.soak_callers import Caller, caller, stranger
from tests.support.audio.audio import read_wav
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import cheap
from tests.support.ports import free_port

MEMORY_GROWTH = 0.01
"""Of all that the process has, from the look half-way to the last."""
_ENOUGH = 7
"""So many looks, and the three half-way and the last three are others."""
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
    """Of calls that the daemon still holds."""
    cells: int
    """Taken in the language model's cache: prompts alone, between calls."""
    memory_kb: int
    """Its own: what it shares with the disk's cache is not counted."""


@dataclass(slots=True)
class Soaked:
    """What has come of it."""

    looks: list[Look] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    """What the dialplan was told."""
    callers: Counter[str] = field(default_factory=Counter)
    """What they did."""
    problems: list[str] = field(default_factory=list)
    """Calls that did not go as they should."""
    seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """As JSON has it (``asdict`` makes nonsense of a Counter)."""
        counted = {"results": dict(self.results), "callers": dict(self.callers)}
        looks = [asdict(look) for look in self.looks]
        return {"looks": looks, **counted, "problems": self.problems, "seconds": self.seconds}

    def grown(self, memory_growth: float = MEMORY_GROWTH) -> list[str]:
        """What there is more of in the last look than half-way; memory beyond what is allowed.

        Until then pools get their threads, and the allocator its reserves for so many calls at once.
        """
        if len(self.looks) < 3:
            return []  # a look behind the warm-up, and one behind that: nothing can be said
        first, last = self.looks[len(self.looks) // 2], self.looks[-1]
        found = [
            f"{name}: {before} -> {after}"
            for name in ("descriptors", "threads", "tasks", "folders", "places", "cells")
            if (after := getattr(last, name)) > (before := getattr(first, name)) + SPARE.get(name, 0)
        ]
        before_kb, after_kb = first.memory_kb, last.memory_kb
        if len(self.looks) >= _ENOUGH:  # one look in ten falls where 13 MB are held for a moment
            at = len(self.looks) // 2
            before_kb, after_kb = (
                sorted(look.memory_kb for look in three)[1]
                for three in (self.looks[at - 1 : at + 2], self.looks[-3:])
            )
        if after_kb > before_kb * (1 + memory_growth):
            found.append(f"memory: {before_kb} -> {after_kb} KB")
        return found


SPARE = {"threads": min(32, (os.cpu_count() or 1) + 4)}
"""asyncio's pool begins a thread whenever all that it has are busy, which may be late: so many at most."""


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


def cells_used(port: int) -> int:
    """Of the language model's cache, by what Prometheus is told."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=AT_REST_S) as answer:
        page = answer.read().decode()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "offhook_llm_cache_tokens" and sample.labels["state"] == "used":
                return int(sample.value)
    raise RuntimeError("the daemon's metrics have no offhook_llm_cache_tokens")


class Soak:
    """One daemon, and all that call it."""

    def __init__(self, daemon: DaemonProcess, port: int, *, at_once: int, seed: int) -> None:
        """``port`` is where its metrics are."""
        self.daemon = daemon
        self.soaked = Soaked()
        self._port = port
        self._at_once = at_once
        self._chance = random.Random(seed)
        speech = sorted((Path(__file__).parents[1] / "tests" / "data" / "speech").glob("*.wav"))
        self._phrases = [read_wav(file)[: 8_000 + 4_000 * number] for number, file in enumerate(speech)]

    async def round(self, calls: int) -> None:
        """So many calls, and a look behind them.  Cancelled it hangs up, and nothing of it counts."""
        began = time.monotonic()
        places = asyncio.Semaphore(self._at_once)
        ended: list[tuple[str, str, str | None]] = []

        async def call(one: Caller) -> None:
            try:
                ended.append((one.name, *await one.call(self.daemon.socket)))
            finally:
                places.release()

        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                await places.acquire()
                group.create_task(call(caller(self._chance, self._phrases)))
                if self._chance.random() < 0.1:
                    await asyncio.to_thread(stranger, self.daemon.socket, self._chance)
        seconds = time.monotonic() - began
        look = await self.look(self.soaked.results.total() + calls)
        self.soaked.seconds += seconds
        for name, result, wrong in ended:
            self.soaked.callers[name] += 1
            self.soaked.results[result] += 1
            if wrong is not None:
                self.soaked.problems.append(wrong)
        self.soaked.looks.append(look)

    async def look(self, calls: int) -> Look:
        """At rest: once nothing changes any more."""
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
        cells = cells_used(self._port)
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
            cells=cells,
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
    round_over: Callable[[Soaked], None] = lambda soaked: None,
) -> Soaked:
    """``calls`` in ``rounds`` after a warm-up of a fifth as many; ``hours``: as many as there is time for.

    ``round_over`` is told what there is after each round.  SIGTERM and Ctrl-C end it after the round before.
    """
    with tempfile.TemporaryDirectory(prefix="offhook-soak-") as name:
        folder, port = Path(name), free_port()
        (folder / "terns.toml").write_text(_AGENT)
        environment = {"MALLOC_ARENA_MAX": "2"}  # what lies idle in a thread's arena is no leak
        if not embedded:
            environment |= cheap.installed(folder / "site")
            settings += cheap.SETTINGS
        settings += f'[agent]\ndefault = "terns"\nsearch = ["{folder}"]\n'
        settings += f'[metrics]\nlisten = "127.0.0.1:{port}"\n'
        with DaemonProcess(settings, max_calls=at_once + 8, environment=environment) as daemon:
            run = Soak(daemon, port, at_once=at_once, seed=seed)

            async def all_rounds() -> None:
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
                until = time.monotonic() + 3600 * (hours or 0)
                sizes = [max(calls // 5, 2 * at_once)] + [calls // rounds] * rounds
                while sizes or (hours is not None and time.monotonic() < until):
                    await run.round(sizes.pop(0) if sizes else calls // rounds)
                    round_over(run.soaked)

            with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
                asyncio.run(all_rounds())
            return run.soaked


@dataclass
class Kept:
    """All daemons of a soak that was begun and gone on with, and the file that holds them."""

    file: Path | None
    calls: int
    """That are wanted."""
    before: list[Soaked] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises ValueError, in one line, for a file that is none of a soak."""
        if self.file is None or not self.file.exists():
            return
        for number, line in enumerate(self.file.read_text().splitlines(), 1):
            try:
                held = json.loads(line)
                looks = [Look(**each) for each in held["looks"]]
                counted = (Counter(held["results"]), Counter(held["callers"]))
                self.before.append(Soaked(looks, *counted, held["problems"], held["seconds"]))
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"{self.file}, line {number}: no soak of this version: {error}") from error

    @property
    def made(self) -> int:
        """Calls of the daemons before."""
        return sum(each.results.total() for each in self.before)

    def round_over(self, soaked: Soaked) -> None:
        """Print and keep what there is."""
        look = "  ".join(f"{name} {value}" for name, value in asdict(soaked.looks[-1]).items())
        made, rate = self.made + soaked.results.total(), soaked.results.total() / max(soaked.seconds, 1e-9)
        left_min = max(0, self.calls - made) / max(rate, 1e-9) / 60
        wrong = f"  wrong {len(soaked.problems)}" if soaked.problems else ""
        print(
            f"{made} of {self.calls}  {rate:.1f}/s  {left_min:.0f} min left  {look}{wrong}",
            file=sys.stderr,
            flush=True,
        )
        self.write(soaked)

    def write(self, soaked: Soaked) -> None:
        """A line a daemon, the file whole at any moment."""
        if self.file is None:
            return
        beside = self.file.with_name(f"{self.file.name}.new")
        lines = [json.dumps(each.record()) for each in (*self.before, soaked) if each.looks]
        beside.write_text("".join(f"{line}\n" for line in lines))
        beside.replace(self.file)


def verdict(daemons: Sequence[Soaked], calls: int) -> tuple[str, bool]:
    """In some lines, and whether all is well."""
    made, seconds = sum(each.results.total() for each in daemons), sum(each.seconds for each in daemons)
    results, callers, problems = Counter[str](), Counter[str](), Counter[str]()
    for each in daemons:
        results.update(each.results)
        callers.update(each.callers)
        problems.update(each.problems)
    grown = [f"{what} (daemon {n})" for n, each in enumerate(daemons, 1) for what in each.grown()]
    judged = sum(len(each.looks) >= 3 for each in daemons)
    well = bool(judged) and not grown and not problems
    lines = [
        f"{made} calls in {seconds:.0f} s to {len(daemons)} daemons, {judged} long enough to be judged",
        f"results: {dict(results.most_common())}",
        f"callers: {dict(callers.most_common())}",
        f"problems: {problems.most_common(10) or 'none'}",
        f"grown: {', '.join(grown) or ('nothing' if judged else 'nobody knows yet')}",
        f"verdict: {'all is well' if well else 'LOOK AT IT' if grown or problems else 'too early to say'}"
        + ("" if made >= calls else f"; {made} of {calls} calls were made, the same command goes on"),
    ]
    return "\n".join(lines), well and made >= calls


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.soak", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=10_000, metavar="N")
    parser.add_argument("--at-once", type=int, default=24, metavar="N")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="so many looks")
    parser.add_argument("--hours", type=float, metavar="N")
    parser.add_argument("--embedded", action="store_true", help="on the embedded models")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="go on where this file ends")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    try:
        kept = Kept(args.keep, args.calls)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    daemons, size = list(kept.before), max(1, args.calls // args.rounds)
    left = args.calls - kept.made
    if left > 0 or args.hours is not None:
        rounds = max(2, math.ceil(left / size))
        done = soak(
            rounds * size,
            at_once=args.at_once,
            rounds=rounds,
            seed=args.seed + len(kept.before),
            embedded=args.embedded,
            hours=args.hours,
            round_over=kept.round_over,
        )
        daemons += [done] if done.looks else []
    text, well = verdict(daemons, args.calls)
    print(json.dumps({"daemons": [each.record() for each in daemons], "well": well}) if args.json else text)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
