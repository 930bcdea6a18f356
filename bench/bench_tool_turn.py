"""What callers wait for where a tool takes its time: simulated calls, a real daemon, a server that is slow.

A look-up may run before the turn is over, what writes begins with it.  For each length of the tool's work:
from the caller's last sample to the first of the answer, be it the phrase ("One moment") or the result; and,
where no phrase was said, from the server's answer to the result's first sample.

    python -m bench.bench_tool_turn [--calls 10] [--takes-ms 300 1500]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from offhook.agents.loader import Agent
from offhook.cli.call import script
from offhook.config import Config
from offhook.conversation.forms.request import WORKING_AFTER_S
from offhook.evaluation.own_daemon import own_daemon
from offhook.evaluation.voices import callers_voice
from offhook.observe.trace import TurnTrace
from offhook.simulator import ChannelOptions, Say, SimulatedCall, new_uniqueid

RATE_HZ = 8_000
SAID = ("What is the waiting time right now?", "I would like you to order a taxi for me.", "Yes, please.")
LOOK_UP, WRITE = 0, 2
"""Turns of the call."""


@dataclass
class Slow:
    """A server that answers after ``takes_s``."""

    url: str = ""
    takes_s: float = 0.0
    answered_ns: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def slow_server() -> Iterator[Slow]:
    slow = Slow()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(slow.takes_s)
            body = b'{"says": "it is nine minutes"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            slow.answered_ns.append((self.command, time.monotonic_ns()))
            with suppress(ConnectionError):  # the look-up of a revision that was given up
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    slow.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield slow
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def agent(url: str) -> Agent:
    said = {"done": "I have found out that {result}."}
    look = {"source": "http", "url": url, "method": "GET", "effect": "reads", "result": "$.says", "say": said}
    order = {"source": "http", "url": url, "method": "POST", "result": "$.says", "say": said}
    return Agent.model_validate(
        {
            "name": "Lantern Cabs",
            "greeting": "Lantern Cabs.",
            "tools": {
                "look": {
                    **look,
                    "description": "Look up the waiting time",
                    "when": [SAID[0], "How long do people wait?"],
                },
                "taxi": {**order, "description": "Order a taxi", "when": [SAID[1], "I need a taxi"]},
            },
        }
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench_tool_turn", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--takes-ms", type=int, nargs="+", default=[300, 1500])
    parser.add_argument("--launcher", type=Path, default=None)
    options = parser.parse_args(arguments)
    voice = callers_voice(None)
    says = [Say(voice(text), text=text) for text in SAID]
    launcher = {} if options.launcher is None else {"launcher": options.launcher}
    with slow_server() as slow, own_daemon(Config(), {"cabs": agent(slow.url)}) as daemon:
        for takes_ms in options.takes_ms:
            slow.takes_s = takes_ms / 1000
            first: dict[int, list[float]] = {LOOK_UP: [], WRITE: []}
            behind: dict[int, list[float]] = {LOOK_UP: [], WRITE: []}
            missed = 0
            for _ in range(options.calls):
                slow.answered_ns.clear()
                call = new_uniqueid()
                channel = ChannelOptions(
                    args=[call, "agent=cabs"],
                    uniqueid=call,
                    socket=daemon.socket,
                    rate_hz=RATE_HZ,
                    **launcher,
                )
                asyncio.run(SimulatedCall(script(says, None), channel).run())
                lines = daemon.trace.read_text(encoding="utf-8").splitlines()
                turns = [TurnTrace.from_json(line) for line in lines if json.loads(line)["call"] == call]
                for number, method in ((LOOK_UP, "GET"), (WRITE, "POST")):
                    came = [at for how, at in slow.answered_ns if how == method]
                    turn = next((each for each in turns if each.turn == number + 1), None)
                    if turn is None or turn.act != "done" or not came or turn.playback_started_ns is None:
                        missed += 1
                        continue
                    first[number].append(turn.turnaround_ms() or 0.0)
                    if turn.playback_started_ns > came[-1]:
                        behind[number].append((turn.playback_started_ns - came[-1]) / 1e6)
            for number, name in ((LOOK_UP, "a look-up"), (WRITE, "what writes")):
                waits, results = sorted(first[number]), behind[number]
                print(
                    f"{name} that takes {takes_ms} ms (the phrase after {WORKING_AFTER_S * 1000:.0f}):"
                    f" {len(waits)} turns, first audio p50 {median(waits or [0]):.0f},"
                    f" longest {max(waits, default=0):.0f} ms; result after it came, where nothing was said"
                    f" before it: {len(results)} turns, p50 {median(results or [0]):.0f},"
                    f" longest {max(results, default=0):.0f} ms"
                )
            print(f"  turns that were misheard or took another way: {missed}")


if __name__ == "__main__":
    main()
