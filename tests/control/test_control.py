"""The control socket: who may use it, what it shows of calls, and what it can have them do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from offhook.agents.tools import Target, ToolEntry
from offhook.cli.main import main
from offhook.config import Config, Section
from offhook.control.client import Control
from offhook.control.commands import Done, Stream
from offhook.control.feed import MOST_WAITING, Reader
from offhook.control.live import LiveCall
from offhook.control.opening import control_socket
from offhook.control.server import allowed
from offhook.doors.eagi.unix_socket import Peer
from offhook.errors import BusyError, ConfigError, OffhookError, TakenError
from offhook.tools.base import ToolSpec
from offhook.tools.builtin.handover import transfer
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from tests.support.clock import Clock, reached
from tests.support.controlled import STATE, Controlled, begun, controlled
from tests.support.scripted_call import ScriptedCall, scripted_call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@contextlib.asynccontextmanager
async def one_call(
    tmp_path: Path, clock: Clock, *, words: bool = False, tools: Any = None
) -> AsyncIterator[Controlled]:
    """A controlled daemon with one call in it."""
    async with controlled(tmp_path, words=words) as daemon:
        with contextlib.ExitStack() as stack:
            lives: list[LiveCall] = []

            def fill(call: ScriptedCall) -> None:
                if tools is not None:
                    call.policy.toolbox = tools
                lives.append(stack.enter_context(daemon.watched(call)))

            playback = tmp_path / "playback"
            async with scripted_call(playback, clock, [["Until six."]], fill=fill, greeted=False) as call:
                await begun(call, lives[0])
                daemon.call, daemon.live = call, lives[0]
                yield daemon


def desk() -> Toolbox:
    entry = ToolEntry(use="transfer", targets={"desk": Target(name="the front desk")}, pattern="_2XX")
    (tool,) = transfer(entry, ToolSpec("transfer", ""), cast(Any, None))
    return Toolbox({"transfer": tool}, Ledger.in_file(None))


async def test_what_a_call_does_is_told_as_it_happens(tmp_path: Path, clock: Clock) -> None:
    async with one_call(tmp_path, clock, words=True) as daemon:
        (shown,) = (await daemon.get("/v1/calls"))["calls"]
        assert (shown["id"], shown["agent"], shown["floor"], shown["turns"]) == (
            "fake-1",
            "bakery",
            "listening",
            0,
        )
        async with daemon.events("?words=1") as told, daemon.events() as wordless:
            first = await anext(told)
            assert (first["type"], [each["id"] for each in first["calls"]]) == ("calls", ["fake-1"])
            await anext(wordless)
            await daemon.call.says("When do you close?")
            kinds: list[tuple[str, str | None]] = []
            async for event in told:
                kinds.append((event["type"], event.get("floor")))
                if event["type"] == "turn":
                    break
            floors = [floor for kind, floor in kinds if kind == "floor"]
            assert floors[:2] == ["hearing", "preparing"]
            assert {"committed", "speaking"} < set(floors)
            assert ("answer", None) in kinds, (
                "the latency is told when the answer begins, not when it has ended"
            )
            assert (event["caller_text"], event["audible_text"]) == ("When do you close?", "Until six.")
            async for event in wordless:
                if event["type"] == "turn":
                    break
            assert "caller_text" not in event
            assert event["stages_ms"]
        state = await daemon.get("/v1/state")
        assert state["turns"] == 1
        assert state["turnaround_ms"]["p95"] == (await daemon.get("/v1/calls/fake-1"))["turnaround_ms"]


async def test_what_is_said_is_kept_out_unless_it_may_be_shown(tmp_path: Path, clock: Clock) -> None:
    async with one_call(tmp_path, clock) as daemon, daemon.events("?words=1") as told:
        await daemon.call.says("My name is Ada.")
        async for event in told:
            assert "Ada" not in str(event)
            if event["type"] == "turn":
                break


@pytest.mark.parametrize(
    ("command", "arguments", "result", "said"),
    [
        ("hangup", {}, "ok", 1),
        ("hangup", {"goodbye": True}, "ok", 2),
        ("handover", {"target": "the front desk", "summary": "a cake"}, "transfer", 1),
        ("handover", {"target": "desk"}, "transfer", 1),
        ("handover", {"target": "217"}, "transfer", 1),
    ],
)
async def test_an_operator_ends_a_call(
    tmp_path: Path, clock: Clock, command: str, arguments: dict[str, Any], result: str, said: int
) -> None:
    async with one_call(tmp_path, clock, tools=desk()) as daemon:
        page = f"/v1/calls/fake-1/{command}"
        assert (await daemon.http.post(page, json=arguments)).status_code == 200
        assert await daemon.call.ended() == result
        assert len(daemon.call.line.said) == said, "the greeting, and a goodbye where one is wanted"
        if result == "transfer":
            wanted = "217" if arguments["target"] == "217" else "desk"
            assert daemon.call.line.variables["OFFHOOK_TARGET"] == wanted


class Colour(Section):
    colour: str


async def test_commands_are_added_by_others_and_fail_in_one_line(tmp_path: Path, clock: Clock) -> None:
    raised: list[OffhookError] = [BusyError("no room"), TakenError("somebody was first"), ConfigError("no")]

    async def paint(live: LiveCall, arguments: Colour) -> Done:
        if arguments.colour == "red":
            raise raised.pop(0)
        return {"painted": arguments.colour, "call": live.id}

    async def never(arguments: Section) -> Done:
        await asyncio.Event().wait()
        return {}

    async with one_call(tmp_path, clock, tools=desk()) as daemon:
        daemon.commands.add_for_call("paint", "change its colour", Colour, paint)
        daemon.commands.add("sleep", "take too long", Section, never, within_s=0.01)
        post = daemon.http.post
        assert (await post("/v1/calls/fake-1/paint", json={"colour": "blue"})).json() == {
            "painted": "blue",
            "call": "fake-1",
        }
        known = {each["name"]: each for each in (await daemon.get("/v1/commands"))["commands"]}
        assert known["paint"]["of"] == "call"
        assert "colour" in known["paint"]["arguments"]
        for page, body, status, line in (
            ("/v1/calls/fake-1/paint", '{"colour": "red"}', 503, "no room"),
            ("/v1/calls/fake-1/paint", '{"colour": "red"}', 409, "somebody was first"),
            ("/v1/calls/fake-1/paint", '{"colour": "red"}', 400, "no"),
            ("/v1/calls/fake-1/paint", '{"color": "red"}', 400, "paint: "),
            ("/v1/calls/fake-1/paint", "[1]", 400, "paint: "),
            ("/v1/calls/fake-1/paint", "not JSON", 400, "the request is no JSON"),
            ("/v1/calls/fake-1/paint", " " * 70_000, 400, "longer than"),
            ("/v1/calls/gone/hangup", "", 404, "no call 'gone' goes on"),
            ("/v1/calls/fake-1/sing", "", 404, "no command 'sing'; there are: handover, hangup, "),
            ("/v1/daemon/sing", "", 404, "no command 'sing'; there are: sleep"),
            ("/v1/daemon/sleep", "", 504, "in time"),
            ("/v1/calls/fake-1/handover", '{"target": "911"}', 400, "its targets are: desk"),
            ("/v1/nowhere", "", 404, "no page POST /v1/nowhere"),
        ):
            answer = await post(page, content=body)
            assert (answer.status_code, line in answer.json()["error"]) == (status, True), answer.json()
        assert daemon.calls.get("fake-1") is daemon.live, "it goes on"


async def test_a_call_that_has_not_begun_cannot_be_told_anything(tmp_path: Path, clock: Clock) -> None:
    async with one_call(tmp_path, clock) as daemon:
        daemon.live.handle = None
        answer = await daemon.http.post("/v1/calls/fake-1/hangup")
        assert (answer.status_code, answer.json()["error"]) == (404, "call 'fake-1' has not begun yet")


async def test_a_call_can_be_listened_to_by_who_adds_a_stream(tmp_path: Path, clock: Clock) -> None:
    readers: list[Reader[bytes]] = []
    closed: list[bool] = []

    def listen(live: LiveCall, reader: Reader[bytes]) -> Callable[[], None]:
        readers.append(reader)
        return lambda: closed.append(True)

    async with one_call(tmp_path, clock) as daemon:
        daemon.commands.add_stream(Stream("listen", "its sound", "audio/l16", listen))
        async with daemon.http.stream("GET", "/v1/calls/fake-1/streams/listen") as response:
            assert response.headers["content-type"] == "audio/l16"
            readers[0].put(b"hello")
            assert await anext(response.aiter_bytes()) == b"hello"
            assert not closed
        readers[0].put(b"nobody hears this")
        await reached(lambda: bool(closed), "the stream is closed when its reader has gone")


async def test_a_reader_that_takes_nothing_costs_the_daemon_nothing(tmp_path: Path) -> None:
    async with controlled(tmp_path) as daemon:
        reader, writer = await asyncio.open_unix_connection(daemon.path, limit=1024)
        writer.write(b"GET /v1/events HTTP/1.1\r\nHost: offhook\r\n\r\n")
        await reader.readuntil(b"\n\n")
        for _ in range(40 * MOST_WAITING):
            daemon.calls.feed.publish("floor", call="x", floor="y" * 400)
        assert (await daemon.get("/v1/calls"))["calls"] == [], "others are served meanwhile"
        found = b""
        while b"event: lost" not in found:
            found = found[-20:] + await reader.read(65536)
        writer.close()


async def test_the_sockets_mode_is_the_groups_and_it_is_gone_afterwards(tmp_path: Path) -> None:
    async with controlled(tmp_path) as daemon:
        status = daemon.path.stat()
        assert (stat.S_ISSOCK(status.st_mode), stat.S_IMODE(status.st_mode)) == (True, 0o660)
        config = Config.model_validate({"daemon": {"socket": str(tmp_path / "o.sock")}})
        with pytest.raises(
            ConfigError, match=r"in use by a running daemon: stop that one.* or correct control"
        ):
            async with control_socket(config, daemon.calls, daemon.commands, dict):
                pytest.fail("two at one place")
    assert not daemon.path.exists()


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        (Peer(1, 0, 0), True),
        (Peer(1, os.geteuid(), 99), True),
        (Peer(1, 4242, 77), True),
        (Peer(1, 4242, 99, frozenset({5, 77})), True),
        (Peer(1, 4242, 99, frozenset({5})), False),
    ],
)
def test_who_may_control_a_daemon(peer: Peer, may: bool) -> None:
    assert allowed(peer, 77) is may


async def test_commands_show_and_tell(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    async with one_call(tmp_path, clock, tools=desk()) as daemon:

        async def offhook(*words: str) -> tuple[int, str, str]:
            status = await asyncio.to_thread(main, [*words, "--control", str(daemon.path)])
            out, err = capsys.readouterr()
            return status, out, err

        status, out, _ = await offhook("calls", "live")
        assert status == 0
        assert out.splitlines()[1].split()[:4] == ["fake-1", "-", "bakery", "fake"]
        assert '"floor": "listening"' in (await offhook("calls", "live", "--json"))[1]
        status, out, _ = await offhook("top", "--once")
        assert "calls 0 of 8" in out
        assert "fake-1" in out
        assert f'"places": {STATE["places"]}' in (await offhook("top", "--json"))[1]
        status, _, err = await offhook("calls", "handover", "fake-1", "moon")
        assert (status, err.count("\n")) == (2, 1)
        assert "its targets are: desk" in err
        status, out, _ = await offhook("calls", "hangup", "fake-1")
        assert (status, await daemon.call.ended()) == (0, "ok")


def test_no_daemon_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "live", "--control", str(tmp_path / "nobody.ctl")]) == 2
    assert "no daemon answers there: is `offhook serve` running" in capsys.readouterr().err
    with pytest.raises(ConfigError), Control(tmp_path / "nobody.ctl") as control:
        control.get("/v1/calls")
