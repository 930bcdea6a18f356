"""The daemon's door: whoever else comes disturbs no call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.doors.eagi.handoff import Hello, Reason
from offhook.doors.eagi.listener import Listener
from offhook.doors.eagi.unix_socket import Peer, read_peer
from tests.support.handoffs import ACCEPTED, DONE, WAIT_S, Calls, Client, failed
from tests.support.launchers import open_descriptors
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left_open")


@pytest.mark.parametrize(
    ("packet", "count", "reason", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 0, Reason.PROTOCOL, "does not begin with OFFH"),
        (b"OFFH\1", 0, Reason.PROTOCOL, "shorter"),
        (Hello(("a",), True).encode()[:-1], 3, Reason.PROTOCOL, "announces"),
        (Hello(("a",), True).encode() + b"x" * 9000, 3, Reason.PROTOCOL, "longer"),
        (Hello(("a",), True).encode(), 0, Reason.PROTOCOL, "brings 0 descriptors"),
        (Hello(("a",), True).encode(), 2, Reason.PROTOCOL, "brings 2 descriptors"),
        (Hello(("a",), True).encode(), 4, Reason.PROTOCOL, "brings 4 descriptors"),
        (Hello(("a",), True).encode(), 60, Reason.PROTOCOL, "descriptors were lost"),
        (Hello(("a",), True, version=2).encode(), 3, Reason.VERSION, "install"),
    ],
    ids=["http", "short", "truncated", "oversize", "no-fds", "few-fds", "many-fds", "flood-fds", "version"],
)
async def test_bad_hello(
    socket_path: Path,
    caplog: pytest.LogCaptureFixture,
    packet: bytes,
    count: int,
    reason: Reason,
    words: str,
) -> None:
    calls = Calls()
    async with Listener(socket_path, calls):
        with Client(socket_path) as bad, Client(socket_path) as good:
            good.hello()
            await calls.next()
            bad.send(packet, count)
            assert await bad.answer() == failed(reason)
            assert await bad.answer() is None
            calls.release.set()
            assert await good.answer() == ACCEPTED
            assert await good.answer() == DONE
    assert words in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)


async def test_silent_client_is_closed(socket_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with Listener(socket_path, Calls(), hello_timeout_s=0.05):
        with Client(socket_path) as silent:
            assert await silent.answer() is None
    assert "did not say hello in time" in caplog.text


async def test_silent_clients_keep_nobody_out(socket_path: Path) -> None:
    calls = Calls()
    async with Listener(socket_path, calls, hello_timeout_s=WAIT_S, max_unknown=4):
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(Client(socket_path)) for _ in range(6)]
            good = stack.enter_context(Client(socket_path)).hello()
            assert await good.answer() == ACCEPTED
            for client in silent[:3]:  # the oldest had to go, 4 places less the good one's
                assert await client.answer() is None
            silent[-1].hello()
            assert await silent[-1].answer() == ACCEPTED
            calls.release.set()


async def test_client_that_leaves_at_once(socket_path: Path) -> None:
    calls = Calls()
    async with Listener(socket_path, calls):
        for _ in range(20):
            Client(socket_path).close()
        Client(socket_path).hello().close()  # the call comes, already hung up
        handoff = await calls.next()
        await asyncio.wait_for(handoff.closed.wait(), WAIT_S)
        calls.release.set()


NOBODY = Peer(pid=4711, uid=65534, gid=65534)


@pytest.mark.parametrize(
    ("peer", "allowed"),
    [
        (NOBODY, False),
        (Peer(1, 0, 0), True),
        (Peer(1, os.geteuid(), 65534), True),
        (Peer(1, 65534, os.getegid()), True),
        (Peer(1, 65534, 65534, frozenset({65534, os.getegid()})), True),
    ],
    ids=["stranger", "root", "own-user", "primary-group", "supplementary-group"],
)
async def test_who_may_come(
    socket_path: Path, caplog: pytest.LogCaptureFixture, peer: Peer, allowed: bool
) -> None:
    calls = Calls()
    calls.release.set()
    async with Listener(socket_path, calls, peer_of=lambda sock: peer):
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == (ACCEPTED if allowed else failed(Reason.NOT_ALLOWED))
    assert allowed or "launcher 4711 (uid 65534) refused" in caplog.text


def test_the_kernel_s_word_about_a_peer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        peer = read_peer(ours)
    assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.geteuid(), os.getegid())
    assert peer.groups == frozenset(os.getgroups())


async def test_out_of_descriptors(socket_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """accept() fails: the door says so, does not spin, and opens again."""
    calls = Calls()
    calls.release.set()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Listener(socket_path, calls):
        with Client(socket_path) as client:
            highest = max(int(entry.split()[0]) for entry in open_descriptors())
            filling = [os.dup(0) for _ in range(highest)]
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(filling) + 1, hard))
            try:
                client.hello()
                await eventually(lambda: "raise the daemon's LimitNOFILE" in caplog.text, "a word about it")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for fd in filling:
                    os.close(fd)
            assert await client.answer() == ACCEPTED
    assert caplog.text.count("LimitNOFILE") < 50


packets = st.one_of(
    st.binary(max_size=64),
    st.builds(lambda rest: b"OFFH" + rest, st.binary(max_size=64)),
    st.builds(
        lambda args, cut: Hello(tuple(args), True).encode()[:cut],
        st.lists(st.sampled_from(["a", "", "tenant=1"]), max_size=4),
        st.integers(0, 40),
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(packets, st.integers(0, 20)), min_size=1, max_size=12))
def test_any_crowd_leaves_a_good_call_alone(tmp_path: Path, crowd: list[tuple[bytes, int]]) -> None:
    logging.getLogger("offhook.doors.eagi.listener").setLevel(logging.CRITICAL)

    async def scene() -> None:
        socket_path = tmp_path / "offhook.sock"
        calls = Calls()
        async with Listener(socket_path, calls, hello_timeout_s=WAIT_S, max_unknown=30):
            with Client(socket_path) as good, contextlib.ExitStack() as stack:
                good.hello("good")
                await calls.next()
                for packet, count in crowd:
                    stack.enter_context(Client(socket_path)).send(packet, count)
                with Client(socket_path) as late:
                    late.hello("late")
                    assert await late.answer() == ACCEPTED
                    calls.release.set()
                    assert await good.answer() == ACCEPTED
                    assert await good.answer() == DONE

    before = open_descriptors()
    try:
        asyncio.run(scene())
    finally:
        logging.getLogger("offhook.doors.eagi.listener").setLevel(logging.NOTSET)
    assert open_descriptors() == before
