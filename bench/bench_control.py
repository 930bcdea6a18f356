"""What looking on costs a daemon: processor time a turn of its event loop and of the control socket's thread.

    python -m bench.bench_control [--turns N] [--json FILE]

Events of a turn as calls have them (floors, the answer, the turn with its words) are told on the loop to
0, 1, 4 and 16 readers of ``/v1/events``, which follow over the real socket as ``offhook web`` does, and
each reader asks for ``/v1/state`` once a turn, as the page does.  Both clocks are of CPU time, so that
another program's load is not counted; what the readers themselves take is in other processes, in use, and
not part of it.  The goal: with four readers, both together no more than 1 % of a turnaround of 800 ms,
though most of it falls where nobody waits for an answer.  Every reader has to get every event.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from offhook.config import Config
from offhook.control.client import control_path
from offhook.control.commands import Commands
from offhook.control.live import LiveCalls
from offhook.control.opening import control_socket
from offhook.observe.trace import STAGES

READERS = (0, 1, 4, 16)
GOAL_MS = 8.0
"""1 % of a turnaround of 800 ms."""
FLOORS = ("hearing", "preparing", "hearing", "preparing", "committed", "speaking", "listening")
STATE = {"problem": None, "calls": 8, "places": 8, "load": 0.5}


def tell_a_turn(calls: LiveCalls, number: int) -> None:
    """What a turn tells those who look on."""
    stages = dict.fromkeys(STAGES, 123.4)
    for floor in FLOORS:
        calls.feed.publish("floor", call="1700000000.1", floor=floor)
    calls.feed.publish("answer", call="1700000000.1", turn=number, turnaround_ms=432.1, stages_ms=stages)
    words = {
        "caller_text": "When does the first ferry leave?",
        "audible_text": "At six twenty in the morning.",
    }
    calls.feed.publish(
        "turn", call="1700000000.1", turn=number, turnaround_ms=432.1, stages_ms=stages, act="facts", **words
    )


def events_of_a_turn() -> int:
    return len(FLOORS) + 2


def control_thread_s() -> float:
    """Processor time of the control socket's thread so far."""
    (thread,) = [each for each in threading.enumerate() if each.name == "offhook-control"]
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))


class Reader(threading.Thread):
    """Follows in a thread of its own, and counts."""

    def __init__(self, path: Path, turns: int, has_turn: Callable[[], object]) -> None:
        """``has_turn`` is called whenever all of a turn has come."""
        super().__init__(daemon=True)
        self.has_turn = has_turn
        self.path = path
        self.wanted = turns * events_of_a_turn()
        self.got = 0
        self.lost = 0
        self.follows = threading.Event()

    def run(self) -> None:
        transport = httpx.HTTPTransport(uds=str(self.path))
        with (
            httpx.Client(transport=transport, base_url="http://offhook", timeout=30) as client,
            client.stream("GET", "/v1/events?words=1") as response,
        ):
            for line in response.iter_lines():
                if not line.startswith("data: "):
                    continue
                event = json.loads(line[6:])
                self.follows.set()
                if event["type"] == "lost":
                    self.lost += event["events"]
                elif event["type"] != "calls":
                    self.got += 1
                if event["type"] == "answer":
                    client.get("/v1/state")
                if event["type"] == "turn":
                    self.has_turn()
                if self.got + self.lost >= self.wanted:
                    return


async def measure(readers: int, turns: int) -> dict[str, Any]:
    """Milliseconds of processor time a turn."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config.model_validate({"daemon": {"socket": f"{folder}/o.sock"}})
        calls = LiveCalls(words=True)
        async with control_socket(config, calls, Commands(), lambda: dict(STATE)):
            loop, come = asyncio.get_running_loop(), asyncio.Semaphore(0)

            def has_turn() -> None:
                loop.call_soon_threadsafe(come.release)

            following = [Reader(control_path(config), turns, has_turn) for _ in range(readers)]
            for reader in following:
                reader.start()
            for reader in following:
                await asyncio.to_thread(reader.follows.wait)
            loop_s, thread_s = time.thread_time(), control_thread_s()
            for number in range(turns):
                tell_a_turn(calls, number)
                for _ in following:
                    await come.acquire()
            loop_s, thread_s = time.thread_time() - loop_s, control_thread_s() - thread_s
            for reader in following:
                await asyncio.to_thread(reader.join)
    assert all(reader.got == reader.wanted for reader in following), "every reader has every event"
    return {
        "readers": readers,
        "loop_ms": round(1000 * loop_s / turns, 3),
        "thread_ms": round(1000 * thread_s / turns, 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=200, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    found = [asyncio.run(measure(readers, args.turns)) for readers in READERS]
    print(f"{'readers':>7}  {'loop [ms/turn]':>14}  {'thread [ms/turn]':>16}")
    for row in found:
        print(f"{row['readers']:>7}  {row['loop_ms']:>14.3f}  {row['thread_ms']:>16.3f}")
    if args.json is not None:
        args.json.write_text(json.dumps(found))
    four = next(row for row in found if row["readers"] == 4)
    both_ms = four["loop_ms"] + four["thread_ms"]
    print(f"four readers: {both_ms:.1f} ms a turn, {both_ms / 8:.2f} % of 800 ms (goal: 1 %)")
    return 0 if both_ms <= GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
