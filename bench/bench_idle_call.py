"""Memory of a call in which nobody speaks, apart from the language model's cache.

    python -m bench.bench_idle_call [--calls 16 64]

The real daemon with the embedded engines and one agent; callers hear the greeting and are silent.  What the
process has of its own (private, written to; from ``smaps_rollup``) is read with one call, and with so many
more once all of their greetings are over: the difference for each call.  The same once they have gone says
what the allocator keeps for the next ones.  The cache of the language model is reserved when the daemon
starts and is in no figure.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from offhook.simulator import ChannelOptions, HangUp, SimulatedCall
from offhook.simulator.script import After
from tests.support.daemon_process import DaemonProcess

_AGENT = """
name = "Tern Ferries"
greeting = "Welcome to Tern Ferries, how can we help you?"
facts = ["The first ferry leaves at six.", "A crossing takes forty minutes.", "Dogs travel free."]
"""
_LASTS_S, _LOOK_S = 14, 9.0
"""A call, and when the greetings are surely over; nobody is asked yet whether they are still there."""
_BETWEEN_S = 3.0


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench_idle_call", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[16, 64])
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as name:
        (Path(name) / "terns.toml").write_text(_AGENT)
        settings = (
            f'[llm]\nn_ctx = {512 * (max(args.calls) + 2)}\n[agent]\ndefault = "terns"\nsearch = ["{name}"]\n'
        )
        quiet = {"MALLOC_ARENA_MAX": "2"}  # as the unit has it
        with DaemonProcess(settings, max_calls=max(args.calls) + 2, environment=quiet) as daemon:
            _with(daemon, max(args.calls))  # pools get their threads, caches their entries
            alone = _with(daemon, 1)
            for calls in args.calls:
                grown = _with(daemon, calls) - alone
                kept = _own_kb(daemon) - alone
                print(f"{calls} calls: {grown / (calls - 1):.0f} KB each; {kept:+} KB once they have gone")


def _with(daemon: DaemonProcess, calls: int) -> int:
    """KB of the process's own while so many are on the line."""

    async def all_of_them() -> int:
        options = ChannelOptions(socket=daemon.socket, deadline_s=120)
        steps = [HangUp(After(_LASTS_S * 1000))]
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(SimulatedCall(steps, options).run()) for _ in range(calls)]
            await asyncio.sleep(_LOOK_S)
            own = _own_kb(daemon)
        lost = [task.result().errors for task in running if task.result().errors]
        if lost:
            raise SystemExit(f"{len(lost)} of {calls} calls failed: {lost[0]}")
        return own

    own = asyncio.run(all_of_them())
    asyncio.run(asyncio.sleep(_BETWEEN_S))
    return own


def _own_kb(daemon: DaemonProcess) -> int:
    lines = Path(f"/proc/{daemon.pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Swap:")))


if __name__ == "__main__":
    main()
