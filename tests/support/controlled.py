"""A control socket in front of scripted calls: the real server, its thread and its client."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from offhook.config import Config
from offhook.control.client import control_path
from offhook.control.commands import Commands
from offhook.control.live import LiveCall, LiveCalls
from offhook.control.opening import control_socket
from offhook.daemon.supervision import add_supervision
from tests.support.scripted_call import ScriptedCall

STATE: dict[str, Any] = {
    "costs": {"today": []},
    "tenants": None,
    "version": "0.0",
    "pid": 1,
    "ready": True,
    "problem": None,
    "calls": 0,
    "places": 8,
    "load": 0.0,
}


class Controlled:
    """Made by :func:`controlled`."""

    def __init__(self, config: Config, *, words: bool) -> None:
        self.path = control_path(config)
        self.calls = LiveCalls(words=words)
        self.call: ScriptedCall
        self.live: LiveCall
        """The call that there is, in tests with one."""
        self.commands = Commands()
        add_supervision(self.commands, self.calls)
        self.http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(self.path)), base_url="http://offhook"
        )

    async def get(self, page: str) -> Any:
        return (await self.http.get(page)).json()

    @contextlib.asynccontextmanager
    async def events(self, query: str = "") -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """What happens from now on."""
        async with self.http.stream("GET", f"/v1/events{query}") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            lines = response.aiter_lines()
            yield (json.loads(line[6:]) async for line in lines if line.startswith("data: "))

    @contextlib.contextmanager
    def watched(self, call: ScriptedCall) -> Iterator[LiveCall]:
        """``call``, before it begins, is seen by the operator; use inside ``scripted_call``'s ``fill``."""
        with self.calls.call(call.line.offer, call.profile, "bakery") as live:
            call.profile = replace(call.profile, on_turn=live.turn, watcher=live)
            yield live


async def begun(call: ScriptedCall, live: LiveCall) -> None:
    """The call begins, and the greeting is heard."""
    await call.pick_up()
    live.handle = call.call
    await call.listening()


@contextlib.asynccontextmanager
async def controlled(folder: Path, *, words: bool = False) -> AsyncIterator[Controlled]:
    """A socket in ``folder``."""
    config = Config.model_validate({"daemon": {"socket": str(folder / "o.sock")}})
    made = Controlled(config, words=words)
    async with made.http, control_socket(config, made.calls, made.commands, lambda: dict(STATE)):
        yield made
