"""The daemon's door: calls that come in, and how it opens and closes."""
# ruff: noqa: ASYNC240 - a test may look at its own small files

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from offhook.cli.call import require_daemon
from offhook.cli.checks.finding import Level
from offhook.cli.checks.places import check_socket
from offhook.doors.base import unless_ended
from offhook.doors.eagi.handoff import Hello, Reason, Verdict, VerdictKind
from offhook.doors.eagi.listener import Handoff, Listener
from offhook.doors.eagi.probe import ask, starts
from offhook.errors import BusyError, ConfigError
from tests.support.handoffs import ACCEPTED, BUSY, DONE, WAIT_S, Calls, Client, failed

pytestmark = pytest.mark.usefixtures("nothing_left_open")


# -- calls ----------------------------------------------------------------------------------


async def test_a_call_from_hello_to_done(socket_path: Path) -> None:
    calls = Calls()
    async with Listener(socket_path, calls) as listener:
        with Client(socket_path) as client:
            client.hello("helpdesk", "1699.7")
            handoff = await calls.next()
            assert await client.answer() == ACCEPTED
            assert handoff.hello == Hello(("helpdesk", "1699.7"), has_audio=True)
            assert (handoff.peer.pid, handoff.peer.uid) == (os.getpid(), os.getuid())
            assert listener.active_calls == 1
            assert not handoff.closed.is_set()
            os.write(client.replies, b"agi_request: x\n\n")
            assert os.read(handoff.descriptors.command_in, 100) == b"agi_request: x\n\n"
            calls.release.set()
            assert await client.answer() == DONE
            assert await client.answer() is None
            assert len(handoff.descriptors) == 0
            await listener.drained()
            assert listener.active_calls == 0


async def test_the_launcher_s_end_is_seen_at_once(socket_path: Path) -> None:
    calls = Calls()
    async with Listener(socket_path, calls):
        with Client(socket_path) as client, Client(socket_path) as other:
            client.hello()
            handoff = await calls.next()
            other.hello()
            unharmed = await calls.next()
            client.sock.close()
            await asyncio.wait_for(handoff.closed.wait(), WAIT_S)
            assert not unharmed.closed.is_set()
            calls.release.set()  # done() to nobody is harmless
            assert await other.answer() == ACCEPTED
            assert await other.answer() == DONE


async def test_max_calls(socket_path: Path) -> None:
    calls = Calls()
    async with Listener(socket_path, calls, max_calls=1) as listener:
        with Client(socket_path) as first, Client(socket_path) as second, Client(socket_path) as third:
            first.hello()
            await calls.next()
            second.hello()
            assert await second.answer() == BUSY
            assert await second.answer() is None
            calls.release.set()
            assert await first.answer() == ACCEPTED
            assert await first.answer() == DONE
            await listener.drained()
            third.hello()
            assert await third.answer() == ACCEPTED


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (BusyError("no sequence free"), Verdict(VerdictKind.BUSY, Reason.UNWELL)),
        (ConfigError("no agent 'x'"), failed(Reason.AGENT)),
        (ZeroDivisionError(), failed(Reason.INTERNAL)),
        (None, failed(Reason.INTERNAL)),
    ],
    ids=["busy", "agent", "crash", "forgot"],
)
async def test_call_that_is_not_accepted(socket_path: Path, error: Exception | None, answer: Verdict) -> None:
    async def on_call(handoff: Handoff) -> None:
        if error is not None:
            raise error

    async with Listener(socket_path, on_call):
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == answer
            assert await client.answer() is None


async def test_call_that_fails_later(socket_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def on_call(handoff: Handoff) -> None:
        handoff.accepted()
        raise BusyError("too late to say so")

    async with Listener(socket_path, on_call):
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED
            assert await client.answer() == failed(Reason.INTERNAL)
    assert "too late to say so" in caplog.text


async def test_answers_only_once(socket_path: Path) -> None:
    seen: asyncio.Queue[type[Exception] | None] = asyncio.Queue()

    async def on_call(handoff: Handoff) -> None:
        for step in (
            handoff.done,
            handoff.accepted,
            handoff.accepted,
            handoff.busy,
            handoff.done,
            handoff.done,
        ):
            try:
                step()
                seen.put_nowait(None)
            except RuntimeError:
                seen.put_nowait(RuntimeError)

    async with Listener(socket_path, on_call):
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED
            assert await client.answer() == DONE
            assert await client.answer() is None
    assert [seen.get_nowait() for _ in range(6)] == [
        RuntimeError,
        None,
        RuntimeError,
        RuntimeError,
        None,
        None,
    ]


async def test_a_second_packet_ends_the_call(socket_path: Path) -> None:
    calls = Calls()
    async with Listener(socket_path, calls):
        with Client(socket_path) as client:
            client.hello()
            handoff = await calls.next()
            client.hello()
            await asyncio.wait_for(handoff.closed.wait(), WAIT_S)
            calls.release.set()


async def test_what_is_made_ready_for_a_caller_ends_when_they_hang_up(socket_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def for_ever() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def seven() -> int:
        return 7

    async def wrong() -> None:
        raise BusyError("no place")

    async def on_call(handoff: Handoff) -> None:
        handoff.accepted()
        assert await unless_ended(handoff.closed, seven()) == 7
        with pytest.raises(BusyError, match="no place"):
            await unless_ended(handoff.closed, wrong())
        await unless_ended(handoff.closed, for_ever())

    async with Listener(socket_path, on_call) as listener:
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED
            await asyncio.wait_for(begun.wait(), WAIT_S)
        await asyncio.wait_for(listener.drained(), WAIT_S)
    assert ended.is_set()


# -- who brings no call ----------------------------------------------------------------------------


async def test_whoever_asks_is_told_how_it_is_and_no_line_warns_of_them(
    socket_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Calls()
    listener = Listener(socket_path, calls, max_calls=1)
    await listener.bind()
    try:
        assert starts(await asyncio.to_thread(ask, socket_path))
        with pytest.raises(ConfigError, match="is still starting: try again"):
            await asyncio.to_thread(require_daemon, socket_path)
        assert "still starting" in (await asyncio.to_thread(check_socket, socket_path)).what
        listener.start()
        assert await asyncio.to_thread(ask, socket_path) == DONE
        await asyncio.to_thread(require_daemon, socket_path)
        assert (await asyncio.to_thread(check_socket, socket_path)).level is Level.OK
        with Client(socket_path) as client:
            client.hello()
            await calls.next()
            assert await asyncio.to_thread(ask, socket_path) == BUSY
            calls.release.set()
        for _ in range(2):  # gone without a word, as older probes were
            with Client(socket_path):
                pass
        with pytest.raises(ConfigError, match="in use by a running daemon"):
            await Listener(socket_path, calls).bind()
    finally:
        await listener.close()
    assert [one.message for one in caplog.records if one.levelname != "DEBUG"] == []


async def test_something_else_that_listens_is_no_daemon_that_starts(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind(str(socket_path))
        other.listen(1)

        def answer() -> None:
            with other.accept()[0] as sock:
                sock.send(b"hello?")

        answering = asyncio.create_task(asyncio.to_thread(answer))
        assert await asyncio.to_thread(ask, socket_path) is None
        await answering


# -- beginning and end ------------------------------------------------------------------------


async def test_bound_but_not_started_is_busy_and_says_why(socket_path: Path) -> None:
    listener = Listener(socket_path, Calls())
    await listener.bind()
    try:
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == Verdict(VerdictKind.BUSY, Reason.STARTING)
        listener.start()
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED
    finally:
        await listener.close()


async def test_draining(socket_path: Path) -> None:
    calls = Calls()
    async with Listener(socket_path, calls) as listener:
        with Client(socket_path) as running, Client(socket_path) as waiting:
            running.hello()
            await calls.next()
            waiting.hello()  # in the queue, not accepted yet: told why, not cut off
            listener.stop_accepting()
            assert await waiting.answer() == failed(Reason.STOPPING)
            assert not socket_path.exists()
            with pytest.raises(FileNotFoundError):
                Client(socket_path)
            drained = asyncio.ensure_future(listener.drained())
            await asyncio.sleep(0)  # it begins to wait
            assert not drained.done()
            calls.release.set()
            assert await running.answer() == ACCEPTED
            assert await running.answer() == DONE
            await asyncio.wait_for(drained, WAIT_S)


async def test_closing_gives_running_calls_up(socket_path: Path) -> None:
    calls = Calls()
    listener = Listener(socket_path, calls)
    await listener.bind()
    listener.start()
    with Client(socket_path) as client, Client(socket_path) as silent:
        client.hello()
        await calls.next()
        await listener.close()
        await listener.close()
        assert await client.answer() == ACCEPTED
        assert await client.answer() == failed(Reason.STOPPING)
        assert await silent.answer() is None
