"""Both launchers, started as Asterisk starts them; the test is the daemon, and Asterisk."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offhook.protocol.handoff import (
    MAX_PAYLOAD_BYTES,
    Answer,
    AnswerKind,
    Descriptors,
    Hello,
    Reason,
    receive_hello,
)
from tests.support.launchers import (
    HEADER,
    WAIT_S,
    WITHOUT_OVERRIDE,
    WITHOUT_SIGHUP,
    Script,
    c_launcher,
    python_launcher,
    start,
    wait_without_reader,
)

Starter = Callable[..., Script]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return c_launcher(tmp_path_factory.mktemp("launcher"))


@pytest.fixture(params=["c", "python"])
def launcher(request: pytest.FixtureRequest, compiled: list[str]) -> list[str]:
    return compiled if request.param == "c" else python_launcher()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "offhook.sock"


@pytest.fixture
def run(launcher: list[str], path: Path) -> Iterator[Starter]:
    scripts: list[Script] = []

    def starter(*args: str | bytes, wrapper: tuple[str, ...] = (), **how: object) -> Script:
        script = start([*wrapper, *launcher, *args], how.pop("at", path), **how)  # type: ignore[arg-type]
        scripts.append(script)
        return script

    yield starter
    for script in scripts:
        script.close()


@pytest.fixture
def door(path: Path) -> Iterator[socket.socket]:
    """The daemon's listening socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(8)
        listening.settimeout(WAIT_S)
        yield listening


def take(door: socket.socket) -> tuple[socket.socket, Hello, Descriptors]:
    sock, _ = door.accept()
    sock.settimeout(WAIT_S)
    hello, descriptors = receive_hello(sock)
    return sock, hello, descriptors


def closed(sock: socket.socket) -> bool:
    """Waits for the other end to close.  With an answer of ours unread, that is a reset."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def fallen_back(script: Script, result: str) -> str:
    """The launcher sets the variable, waits for the reply and exits; what it said on the console."""
    assert script.read_command() == f"SET VARIABLE OFFHOOK_RESULT {result}"
    script.reply()
    code, rest, console = script.finish()
    assert (code, rest) == (0, "")
    assert console.startswith("offhook-eagi: ")
    assert console.count("\n") == 1
    assert console.endswith("\n")
    return console


def test_hands_over_its_own_descriptors(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk", "1699.7")
    sock, hello, descriptors = take(door)
    with sock, descriptors:
        assert hello == Hello(("helpdesk", "1699.7"), has_audio=True)
        assert os.read(descriptors.command_in, 4096) == HEADER, "the launcher leaves the header alone"
        os.write(descriptors.command_out, b"NOOP\n")
        assert script.read_command() == "NOOP"
        assert script.audio is not None
        assert descriptors.audio is not None
        os.write(script.audio, b"\1\2" * 160)
        assert os.read(descriptors.audio, 4096) == b"\1\2" * 160


def test_says_nothing_when_the_call_is_done(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Answer(AnswerKind.ACCEPTED).encode())
        sock.send(Answer(AnswerKind.DONE).encode())
    assert script.finish() == (0, "", "")


def test_keeps_no_copy_of_the_audio(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock:
        sock.send(Answer(AnswerKind.ACCEPTED).encode())
        descriptors.close()
        assert script.audio is not None
        assert wait_without_reader(script.audio)


def test_plain_agi_has_no_audio(run: Starter, door: socket.socket) -> None:
    run("helpdesk", audio=False)
    sock, hello, descriptors = take(door)
    with sock, descriptors:
        assert not hello.has_audio
        assert descriptors.audio is None
        assert len(descriptors) == 2


def test_a_file_on_fd_3_is_not_audio(run: Starter, door: socket.socket, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        run("helpdesk", audio=log.fileno())
        sock, hello, descriptors = take(door)
    with sock, descriptors:
        assert not hello.has_audio


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("",),
        ("", "two words", 'quo"tes\\', "new\nline\ttab", "--help"),
        tuple(str(n) for n in range(128)),
        ("x" * (MAX_PAYLOAD_BYTES - 1),),
        ("tenant=42", "café", "日本"),
    ],
    ids=["none", "empty", "odd", "many", "longest", "unicode"],
)
def test_carries_arguments_unchanged(run: Starter, door: socket.socket, args: tuple[str, ...]) -> None:
    run(*args)
    sock, hello, descriptors = take(door)
    with sock, descriptors:
        assert hello.args == args


def test_arguments_that_are_not_utf8_arrive_printable(run: Starter, door: socket.socket) -> None:
    run(b"caf\xe9")
    sock, hello, descriptors = take(door)
    with sock, descriptors:
        assert hello.args == ("caf\ufffd",)


@pytest.mark.parametrize("args", [("x" * MAX_PAYLOAD_BYTES,), ("",) * 129], ids=["long", "many"])
def test_too_many_arguments_fail(run: Starter, door: socket.socket, args: tuple[str, ...]) -> None:
    console = fallen_back(run(*args), "failed")
    assert "too many arguments in the dialplan: at most 128, 8192 bytes together" in console
    door.setblocking(False)
    with pytest.raises(BlockingIOError):
        door.accept()


def test_no_daemon(run: Starter, path: Path) -> None:
    console = fallen_back(run("helpdesk"), "unavailable")
    assert console == f"offhook-eagi: no daemon at {path}: start it with 'systemctl start offhookd'\n"


def test_socket_of_a_dead_daemon(run: Starter, path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(path))
    assert "no daemon at" in fallen_back(run("helpdesk"), "unavailable")


def test_socket_without_permission(run: Starter, door: socket.socket, path: Path) -> None:
    path.chmod(0)
    console = fallen_back(run("helpdesk", wrapper=WITHOUT_OVERRIDE), "unavailable")
    assert "add Asterisk's user to the socket's group" in console


def test_socket_of_another_kind(run: Starter, path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        assert "belongs to another program" in fallen_back(run("helpdesk"), "unavailable")


def test_path_longer_than_a_socket_address(run: Starter, tmp_path: Path) -> None:
    console = fallen_back(run("helpdesk", at=tmp_path / ("x" * 2000)), "unavailable")
    assert "too long for a socket path (107 bytes)" in console


def test_full_backlog_is_busy(run: Starter, path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stuck:
        stuck.bind(str(path))
        stuck.listen(0)
        waiting = []
        try:
            while True:
                client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                waiting.append(client)
                client.setblocking(False)
                if client.connect_ex(str(path)) == errno.EAGAIN:
                    break
            assert "takes no connections" in fallen_back(run("helpdesk"), "busy")
        finally:
            for client in waiting:
                client.close()


def test_busy(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Answer(AnswerKind.BUSY).encode())
        assert "is busy: every place for a call is taken" in fallen_back(script, "busy")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.PROTOCOL, "another release"),
        (Reason.VERSION, "another release"),
        (Reason.NOT_ALLOWED, "add Asterisk's user"),
        (Reason.STOPPING, "shutting down"),
        (Reason.AGENT, "cannot use the agent"),
        (Reason.INTERNAL, "see its log"),
    ],
)
def test_refused(run: Starter, door: socket.socket, reason: Reason, words: str) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Answer(AnswerKind.FAILED, reason).encode())
        assert words in fallen_back(script, "failed")


def test_given_up_in_mid_call(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Answer(AnswerKind.ACCEPTED).encode())
        sock.send(Answer(AnswerKind.FAILED, Reason.INTERNAL).encode())
        assert "gave up the call" in fallen_back(script, "failed")


def test_daemon_closes_before_it_answers(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    descriptors.close()
    sock.close()
    assert "closed the connection" in fallen_back(script, "failed")


def test_daemon_that_never_took_the_hello(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _ = door.accept()
    sock.recv(1, socket.MSG_PEEK)  # it has come, and stays unread: closing resets the connection
    sock.close()
    assert "closed the connection" in fallen_back(script, "failed")


def test_daemon_dies_in_mid_call(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    sock.send(Answer(AnswerKind.ACCEPTED).encode())
    descriptors.close()
    sock.close()
    assert "died during the call" in fallen_back(script, "failed")


def test_daemon_dies_with_its_pipes_non_blocking_and_replies_unread(
    run: Starter, door: socket.socket
) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    sock.send(Answer(AnswerKind.ACCEPTED).encode())
    os.set_blocking(descriptors.command_in, False)
    os.set_blocking(descriptors.command_out, False)
    script.reply(b"200 result=0 endpos=160\n")  # to a command of the daemon's; nobody reads it any more
    descriptors.close()
    sock.close()
    fallen_back(script, "failed")


def test_silent_daemon_is_left_although_it_holds_the_pipes(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk", environment={"OFFHOOK_ANSWER_MS": "50"})
    sock, _, descriptors = take(door)
    with sock, descriptors:
        assert script.read_command() == "SET VARIABLE OFFHOOK_RESULT unavailable"
        script.reply()
        assert script.read_command() == "failure", "at this line Asterisk leaves the script"
        assert script.wait() == 0


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (b"HTTP/1.1", "does not speak offhook's protocol"),
        (b"OFFH", "does not speak offhook's protocol"),
        (Answer(AnswerKind.ACCEPTED).encode() + b"\0", "does not speak offhook's protocol"),
        (struct.pack("<4sHBB", b"OFFH", 1, 9, 0), "does not speak offhook's protocol"),
        (Answer(AnswerKind.DONE).encode(), "does not speak offhook's protocol"),
        (struct.pack("<4sHBB", b"OFFH", 2, 1, 0), "another release"),
        (struct.pack("<4sHBB", b"OFFH", 0x101, 1, 0), "another release"),
    ],
    ids=["foreign", "short", "long", "unknown", "done-first", "version-2", "version-257"],
)
def test_odd_answers(run: Starter, door: socket.socket, packet: bytes, words: str) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(packet)
        assert words in fallen_back(script, "failed")


def test_hang_up_kills_it_and_the_daemon_sees_it(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Answer(AnswerKind.ACCEPTED).encode())
        os.kill(script.pid, signal.SIGHUP)
        assert closed(sock)
        assert script.wait() == -signal.SIGHUP
        descriptors.close()
        assert script.finish()[1:] == ("", "")


def test_hang_up_kills_it_although_sighup_was_ignored(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk", wrapper=WITHOUT_SIGHUP)
    sock, _, descriptors = take(door)
    with sock, descriptors:
        os.kill(script.pid, signal.SIGHUP)
        assert closed(sock)
        assert script.wait() == -signal.SIGHUP


def test_stop_and_continue_change_nothing(run: Starter, door: socket.socket) -> None:
    """A stopped process returns from its system calls with EINTR when it goes on."""
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        for _ in range(3):
            os.kill(script.pid, signal.SIGSTOP)
            os.kill(script.pid, signal.SIGCONT)
        sock.send(Answer(AnswerKind.ACCEPTED).encode())
        for _ in range(3):
            os.kill(script.pid, signal.SIGSTOP)
            os.kill(script.pid, signal.SIGCONT)
        sock.send(Answer(AnswerKind.DONE).encode())
    assert script.finish() == (0, "", "")


def test_exits_when_asterisk_never_replies(run: Starter) -> None:
    script = run("helpdesk")
    assert script.read_command() == "SET VARIABLE OFFHOOK_RESULT unavailable"
    assert script.wait() == 0


def test_exits_when_asterisk_reads_nothing(run: Starter) -> None:
    """A full command pipe must not hold the launcher: Asterisk would wait for it for ever."""
    assert run("helpdesk", commands_full=True).wait() == 0


def test_exits_when_asterisk_is_gone(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    os.close(script.commands)
    descriptors.close()
    sock.close()
    assert script.wait() == 0
    script.commands = os.open("/dev/null", os.O_RDONLY)


def test_without_a_console(run: Starter, door: socket.socket) -> None:
    """The socket must not become fd 2, or a complaint would be sent to the daemon."""
    script = run("helpdesk", without=(2,))
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Answer(AnswerKind.BUSY).encode())
        assert script.read_command() == "SET VARIABLE OFFHOOK_RESULT busy"
        script.reply()
        assert script.wait() == 0
        assert sock.recv(100) == b""


@pytest.mark.parametrize("missing", [0, 1])
def test_without_asterisk(run: Starter, missing: int) -> None:
    assert run("helpdesk", without=(missing,)).wait() == 2


@pytest.mark.parametrize(("option", "words"), [("--help", "usage: EAGI("), ("--version", "offhook-eagi ")])
def test_by_hand(run: Starter, option: str, words: str) -> None:
    code, out, console = run(option, audio=False).finish()
    assert (code, console) == (0, "")
    assert out.startswith(words)


def test_on_a_terminal_it_points_to_the_simulator(launcher: list[str], path: Path) -> None:
    ours, theirs = os.openpty()
    pid = os.posix_spawn(
        launcher[0],
        [*launcher, "helpdesk"],
        {**os.environ, "OFFHOOK_SOCKET": str(path)},
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs, fd) for fd in (0, 1, 2)],
    )
    _, status = os.waitpid(pid, 0)
    said = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert os.waitstatus_to_exitcode(status) == 2
    assert b"offhook call" in said
