"""AGI applications over real pipes: what they ask of Asterisk, and that whatever they do ends in a result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.apps.caller import Caller
from offhook.apps.running import Apps, load
from offhook.config import AppConfig
from offhook.errors import BusyError, ConfigError
from tests.support.agi_side import HEADER, AsteriskSide, soon
from tests.support.clock import Clock

SECRET = "what the caller has said"


class Launcher:
    """What a launcher hands over, and what it is told."""

    def __init__(self, side: AsteriskSide, *arguments: str) -> None:
        self.hello = SimpleNamespace(args=("1699.7", *arguments))
        self.descriptors = SimpleNamespace(take_agi=lambda: side.channel_fds)
        self.closed = asyncio.Event()
        self.told: list[str] = []

    def accepted(self) -> None:
        self.told.append("accepted")

    def done(self) -> None:
        self.told.append("done")

    def refuse(self, reason: object) -> None:
        self.told.append("refused")


class Running:
    """One application that runs; the test plays Asterisk."""

    def __init__(self, side: AsteriskSide, launcher: Launcher, over: asyncio.Task[bool]) -> None:
        self.side, self.launcher, self.over = side, launcher, over

    async def asks(self, command: str, reply: str = "200 result=0") -> None:
        assert await self.side.line() == command
        self.side.say(f"{reply}\n")

    async def leaves(self, result: str) -> None:
        """The dialplan is told, and the launcher."""
        await self.asks(f'SET VARIABLE "OFFHOOK_RESULT" "{result}"', "200 result=1")
        assert await soon(self.over)
        assert self.launcher.told == ["accepted", "done"]


@asynccontextmanager
async def running(
    function: Callable[[Caller], Any], *arguments: str, **settings: Any
) -> AsyncIterator[Running]:
    side = AsteriskSide()
    apps = Apps({"menu": AppConfig(function="menu:main", **settings)})
    apps._functions["menu"] = function
    launcher = Launcher(side, "app=menu", *arguments)
    side.say(HEADER)
    over = asyncio.create_task(apps.take(cast(Any, launcher)))
    try:
        yield Running(side, launcher, over)
    finally:
        over.cancel()
        await asyncio.wait([over])
        side.hang_up()


async def test_a_menu_asks_asterisk_and_goes_on() -> None:
    def main(caller: Caller) -> None:
        assert (caller.id, caller.arguments) == ("1699.7", ("shop=2",))
        assert caller.play("hello", keys="1") is None
        assert caller.get_data("which", digits=1, tries=2, least=1) == "3"
        assert caller.say("digits", 42) is None
        assert caller.record("/tmp/x", most_s=5, silence_s=2) == "#"
        assert caller.database_get("members", "4711") == "250"
        caller.go_to("sales", "s")

    async with running(main, "shop=2") as app:
        await app.asks('STREAM FILE "hello" "1" 0', "200 result=0 endpos=800")
        await app.asks('GET DATA "which" 5000 1', "200 result= (timeout)")
        await app.asks('GET DATA "which" 5000 1', "200 result=3")
        await app.asks('SAY DIGITS "42" ""')
        await app.asks('RECORD FILE "/tmp/x" wav "#" 5000 BEEP s=2', "200 result=35 (dtmf) endpos=8000")
        await app.asks('DATABASE GET "members" "4711"', "200 result=1 (250)")
        await app.asks('SET CONTEXT "sales"')
        await app.asks('SET EXTENSION "s"')
        await app.asks('SET PRIORITY "1"')
        await app.leaves("ok")


def _raises(caller: Caller) -> None:
    raise ValueError(SECRET)


@pytest.mark.parametrize(
    ("function", "result", "line"),
    [
        (lambda caller: "transfer", "transfer", ""),
        (_raises, "failed", "ValueError in "),
        (lambda caller: SECRET, "failed", "returns no result"),
        (lambda caller: caller.say("song", SECRET), "failed", "there is alpha"),
    ],
)
async def test_whatever_it_does_is_a_result(
    function: Callable[[Caller], Any], result: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(function) as app:
        await app.leaves(result)
    assert line in caplog.text
    assert SECRET not in caplog.text


async def test_a_caller_who_hangs_up_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def main(caller: Caller) -> None:
        try:
            caller.wait_key(60)
            caller.wait_key(60)
        finally:
            loop.call_soon_threadsafe(ended.set)

    caplog.set_level(logging.INFO)
    async with running(main) as app:
        assert await app.side.line() == "WAIT FOR DIGIT 60000"
        app.launcher.closed.set()
        assert await soon(app.over)
        await soon(asyncio.ensure_future(ended.wait()))
        assert app.launcher.told == ["accepted", "done"]
    assert "is over: hangup" in caplog.text


async def test_one_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    async with running(lambda caller: caller.wait_key(600), limit_s=60) as app:
        assert await app.side.line() == "WAIT FOR DIGIT 600000"
        clock.pass_by(61)
        marker = (await app.side.line()).removeprefix("GET FULL VARIABLE ")  # what is waited for is cut
        app.side.say(f"200 result=1\n200 result=1 ({marker})\n")
        await app.leaves("failed")


async def test_what_there_is_not_is_said_before_the_call_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    apps, side = Apps({"menu": AppConfig(function="nowhere_at_all:main")}), AsteriskSide()
    assert not await apps.take(cast(Any, Launcher(side, "agent=helpdesk")))
    with pytest.raises(ConfigError, match=r"no \[apps.x\].*there is: menu"):
        await apps.take(cast(Any, Launcher(side, "app=x")))
    with pytest.raises(ConfigError, match="cannot be imported"):
        await apps.take(cast(Any, Launcher(side, "app=menu")))
    monkeypatch.setattr("offhook.apps.running.MOST", 0)
    with pytest.raises(BusyError):
        await apps.take(cast(Any, Launcher(side, "app=menu")))
    side.hang_up()


def test_the_example_is_one(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples/agi/menu.py"
    assert load(AppConfig(function=f"{example}:main")).__name__ == "main"
    with pytest.raises(ConfigError, match="has no function nothing"):
        load(AppConfig(function=f"{example}:nothing"))
    with pytest.raises(ConfigError, match="is not there"):
        load(AppConfig(function=f"{tmp_path}/no.py:main"))
