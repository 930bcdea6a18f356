"""The daemon's door: who comes in, who does not, and that one never disturbs another."""
# ruff: noqa: ASYNC220, ASYNC240 - a test may touch its own small files and start a process

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import grp
import logging
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.errors import BusyError, ConfigError
from offhook.listener import Handoff, Listener
from offhook.protocol.handoff import Answer, AnswerKind, Hello, Reason, send_hello
from offhook.protocol.unix_socket import Peer, read_peer
from tests.support.launchers import ROOT, Script, c_launcher, open_descriptors, start
from tests.support.waiting import eventually

WAIT_S = 10.0


@pytest.fixture
async def leaks() -> AsyncIterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "offhook.sock"


class Calls:
    """An on_call that keeps every call until it is told what to do with it."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Handoff] = asyncio.Queue()
        self.release = asyncio.Event()

    async def __call__(self, handoff: Handoff) -> None:
        handoff.accepted()
        self.arrived.put_nowait(handoff)
        await self.release.wait()
        handoff.done()

    async def next(self) -> Handoff:
        return await asyncio.wait_for(self.arrived.get(), WAIT_S)


class Client:
    """A launcher's end of a connection, and Asterisk's ends of the pipes it brings."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.setblocking(False)
        self.sock.connect(str(path))
        in_read, self.replies = os.pipe()
        self.commands, out_write = os.pipe()
        audio_read, self.audio = os.pipe()
        self.launchers = [in_read, out_write, audio_read]

    def hello(self, *args: str, has_audio: bool = True) -> Client:
        send_hello(self.sock, Hello(args, has_audio), self.launchers[: 3 if has_audio else 2])
        return self

    def send(self, packet: bytes, count: int = 3) -> Client:
        with contextlib.suppress(BrokenPipeError):  # turned away already
            socket.send_fds(self.sock, [packet], (self.launchers * 20)[:count])
        return self

    async def answer(self) -> Answer | None:
        """The daemon's next answer; None when it has closed."""
        loop = asyncio.get_running_loop()
        try:
            packet = await asyncio.wait_for(loop.sock_recv(self.sock, 100), WAIT_S)
        except ConnectionResetError:
            return None
        return Answer.parse(packet) if packet else None

    def close(self) -> None:
        self.sock.close()
        for fd in (self.replies, self.commands, self.audio, *self.launchers):
            os.close(fd)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


ACCEPTED = Answer(AnswerKind.ACCEPTED)
BUSY = Answer(AnswerKind.BUSY)
DONE = Answer(AnswerKind.DONE)


def failed(reason: Reason) -> Answer:
    return Answer(AnswerKind.FAILED, reason)


# -- calls ----------------------------------------------------------------------------------


async def test_a_call_from_hello_to_done(path: Path, leaks: None) -> None:
    calls = Calls()
    async with Listener(path, calls) as listener:
        with Client(path) as client:
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


async def test_the_launcher_s_end_is_seen_at_once(path: Path, leaks: None) -> None:
    calls = Calls()
    async with Listener(path, calls):
        with Client(path) as client, Client(path) as other:
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


async def test_max_calls(path: Path, leaks: None) -> None:
    calls = Calls()
    async with Listener(path, calls, max_calls=1) as listener:
        with Client(path) as first, Client(path) as second, Client(path) as third:
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
        (BusyError("no sequence free"), BUSY),
        (ConfigError("no agent 'x'"), failed(Reason.AGENT)),
        (ZeroDivisionError(), failed(Reason.INTERNAL)),
        (None, failed(Reason.INTERNAL)),
    ],
    ids=["busy", "agent", "crash", "forgot"],
)
async def test_call_that_is_not_accepted(
    path: Path, leaks: None, error: Exception | None, answer: Answer
) -> None:
    async def on_call(handoff: Handoff) -> None:
        if error is not None:
            raise error

    async with Listener(path, on_call):
        with Client(path) as client:
            client.hello()
            assert await client.answer() == answer
            assert await client.answer() is None


async def test_call_that_fails_later(path: Path, leaks: None, caplog: pytest.LogCaptureFixture) -> None:
    async def on_call(handoff: Handoff) -> None:
        handoff.accepted()
        raise BusyError("too late to say so")

    async with Listener(path, on_call):
        with Client(path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED
            assert await client.answer() == failed(Reason.INTERNAL)
    assert "too late to say so" in caplog.text


async def test_answers_only_once(path: Path) -> None:
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

    async with Listener(path, on_call):
        with Client(path) as client:
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


async def test_a_second_packet_ends_the_call(path: Path, leaks: None) -> None:
    calls = Calls()
    async with Listener(path, calls):
        with Client(path) as client:
            client.hello()
            handoff = await calls.next()
            client.hello()
            await asyncio.wait_for(handoff.closed.wait(), WAIT_S)
            calls.release.set()


# -- whoever else comes -----------------------------------------------------------------------


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
    path: Path,
    leaks: None,
    caplog: pytest.LogCaptureFixture,
    packet: bytes,
    count: int,
    reason: Reason,
    words: str,
) -> None:
    calls = Calls()
    async with Listener(path, calls):
        with Client(path) as bad, Client(path) as good:
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


async def test_silent_client_is_closed(path: Path, leaks: None, caplog: pytest.LogCaptureFixture) -> None:
    async with Listener(path, Calls(), hello_timeout_s=0.05):
        with Client(path) as silent:
            assert await silent.answer() is None
    assert "did not say hello in time" in caplog.text


async def test_silent_clients_keep_nobody_out(path: Path, leaks: None) -> None:
    calls = Calls()
    async with Listener(path, calls, hello_timeout_s=WAIT_S, max_unknown=4):
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(Client(path)) for _ in range(6)]
            good = stack.enter_context(Client(path)).hello()
            assert await good.answer() == ACCEPTED
            for client in silent[:3]:  # the oldest had to go, 4 places less the good one's
                assert await client.answer() is None
            silent[-1].hello()
            assert await silent[-1].answer() == ACCEPTED
            calls.release.set()


async def test_client_that_leaves_at_once(path: Path, leaks: None) -> None:
    calls = Calls()
    async with Listener(path, calls):
        for _ in range(20):
            Client(path).close()
        Client(path).hello().close()  # the call comes, already hung up
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
    path: Path, leaks: None, caplog: pytest.LogCaptureFixture, peer: Peer, allowed: bool
) -> None:
    calls = Calls()
    calls.release.set()
    async with Listener(path, calls, peer_of=lambda sock: peer):
        with Client(path) as client:
            client.hello()
            assert await client.answer() == (ACCEPTED if allowed else failed(Reason.NOT_ALLOWED))
    assert allowed or "launcher 4711 (uid 65534) refused" in caplog.text


def test_the_kernel_s_word_about_a_peer() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        peer = read_peer(ours)
    assert (peer.pid, peer.uid, peer.gid) == (os.getpid(), os.geteuid(), os.getegid())
    assert peer.groups == frozenset(os.getgroups())


async def test_out_of_descriptors(path: Path, leaks: None, caplog: pytest.LogCaptureFixture) -> None:
    """accept() fails: the door says so, does not spin, and opens again."""
    calls = Calls()
    calls.release.set()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Listener(path, calls):
        with Client(path) as client:
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
    logging.getLogger("offhook.listener").setLevel(logging.CRITICAL)

    async def scene() -> None:
        path = tmp_path / "offhook.sock"
        calls = Calls()
        async with Listener(path, calls, hello_timeout_s=WAIT_S, max_unknown=30):
            with Client(path) as good, contextlib.ExitStack() as stack:
                good.hello("good")
                await calls.next()
                for packet, count in crowd:
                    stack.enter_context(Client(path)).send(packet, count)
                with Client(path) as late:
                    late.hello("late")
                    assert await late.answer() == ACCEPTED
                    calls.release.set()
                    assert await good.answer() == ACCEPTED
                    assert await good.answer() == DONE

    before = open_descriptors()
    try:
        asyncio.run(scene())
    finally:
        logging.getLogger("offhook.listener").setLevel(logging.NOTSET)
    assert open_descriptors() == before


# -- the socket ---------------------------------------------------------------------------------


async def test_mode_and_group(path: Path) -> None:
    group = grp.getgrgid(os.getegid()).gr_name
    async with Listener(path, Calls(), group=group):
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert found.st_gid == os.getegid()
    assert not path.exists()


async def test_socket_in_use(path: Path) -> None:
    async with Listener(path, Calls()):
        with pytest.raises(ConfigError, match=r"offhook\.sock: socket in use by a running daemon: stop"):
            await Listener(path, Calls()).bind()
        with Client(path) as client:  # the first is unharmed
            client.hello()
            assert await client.answer() == ACCEPTED


async def test_stale_socket_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(path))
    async with Listener(path, Calls()):
        with Client(path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED


async def test_a_file_in_the_way_is_not_deleted(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ConfigError, match="exists and is not a socket: move it away"):
        await Listener(path, Calls()).bind()
    assert path.read_text() == "precious"


async def test_a_link_in_the_way_is_not_followed(path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(ConfigError, match="exists and is not a socket"):
        await Listener(path, Calls()).bind()


async def test_another_program_s_socket(path: Path) -> None:
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ConfigError, match="in use by something else"):
            await Listener(path, Calls()).bind()
        assert path.exists()


@pytest.mark.parametrize(
    ("where", "group", "words"),
    [
        ("file/offhook.sock", None, "cannot be used for the socket: "),
        ("x" * 120, None, "longer than the 107 bytes of a socket path"),
        ("offhook.sock", "no-such-group", "no group 'no-such-group'"),
    ],
    ids=["folder-is-a-file", "long", "group"],
)
async def test_impossible_sockets(tmp_path: Path, where: str, group: str | None, words: str) -> None:
    (tmp_path / "file").touch()
    before = open_descriptors()
    with pytest.raises(ConfigError, match=words) as raised:
        await Listener(tmp_path / where, Calls(), group=group).bind()
    assert "\n" not in str(raised.value)
    assert open_descriptors() == before


async def test_two_daemons_starting_at_once(path: Path) -> None:
    path.parent.mkdir()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another daemon is starting there"):
            await Listener(path, Calls()).bind()
    finally:
        os.close(folder)


async def test_a_successor_s_socket_is_left_alone(path: Path) -> None:
    old = Listener(path, Calls())
    await old.bind()
    path.unlink()  # somebody forced the way
    async with Listener(path, Calls()):
        await old.close()
        assert path.exists()


# -- beginning and end ------------------------------------------------------------------------


async def test_bound_but_not_started_is_busy(path: Path, leaks: None) -> None:
    listener = Listener(path, Calls())
    await listener.bind()
    try:
        with Client(path) as client:
            client.hello()
            assert await client.answer() == BUSY
        listener.start()
        with Client(path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED
    finally:
        await listener.close()


async def test_draining(path: Path, leaks: None) -> None:
    calls = Calls()
    async with Listener(path, calls) as listener:
        with Client(path) as running, Client(path) as waiting:
            running.hello()
            await calls.next()
            waiting.hello()  # in the queue, not accepted yet: told why, not cut off
            listener.stop_accepting()
            assert await waiting.answer() == failed(Reason.STOPPING)
            assert not path.exists()
            with pytest.raises(FileNotFoundError):
                Client(path)
            drained = asyncio.ensure_future(listener.drained())
            assert not drained.done()
            calls.release.set()
            assert await running.answer() == ACCEPTED
            assert await running.answer() == DONE
            await asyncio.wait_for(drained, WAIT_S)


async def test_closing_gives_running_calls_up(path: Path, leaks: None) -> None:
    calls = Calls()
    listener = Listener(path, calls)
    await listener.bind()
    listener.start()
    with Client(path) as client, Client(path) as silent:
        client.hello()
        await calls.next()
        await listener.close()
        await listener.close()
        assert await client.answer() == ACCEPTED
        assert await client.answer() == failed(Reason.STOPPING)
        assert await silent.answer() is None


# -- with the real launcher -------------------------------------------------------------------


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return c_launcher(tmp_path_factory.mktemp("launcher"))


@pytest.fixture
def script(launcher: list[str], path: Path) -> Iterator[list[Script]]:
    scripts: list[Script] = []
    yield scripts
    for each in scripts:
        each.close()


async def test_real_launcher_and_hang_up(launcher: list[str], path: Path, script: list[Script]) -> None:
    calls = Calls()
    async with Listener(path, calls):
        call = start([*launcher, "helpdesk"], path)
        script.append(call)
        handoff = await calls.next()
        assert handoff.peer.pid == call.pid
        assert handoff.hello.args == ("helpdesk",)
        os.kill(call.pid, signal.SIGHUP)
        await asyncio.wait_for(handoff.closed.wait(), WAIT_S)
        calls.release.set()


async def test_real_launcher_when_the_daemon_is_killed(
    launcher: list[str], path: Path, script: list[Script]
) -> None:
    daemon = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, sys\n"
            "from pathlib import Path\n"
            "from offhook.listener import Listener\n"
            "async def on_call(handoff):\n"
            "    handoff.accepted()\n"
            "    print('call', flush=True)\n"
            "    await asyncio.Event().wait()\n"
            "async def main():\n"
            "    async with Listener(Path(sys.argv[1]), on_call):\n"
            "        print('ready', flush=True)\n"
            "        await asyncio.Event().wait()\n"
            "asyncio.run(main())\n",
            str(path),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
    )
    try:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"ready\n"
        call = start([*launcher, "helpdesk"], path)
        script.append(call)
        assert daemon.stdout.readline() == b"call\n"
        daemon.kill()
        assert call.read_command() == "SET VARIABLE OFFHOOK_RESULT failed"
        call.reply()
        code, rest, console = call.finish()
        assert (code, rest) == (0, "")
        assert "died during the call" in console
    finally:
        daemon.kill()
        daemon.communicate()
    async with Listener(path, Calls()):  # a new daemon takes the dead one's place
        pass
