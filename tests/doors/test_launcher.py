"""Both launchers, started as Asterisk starts them: what they hand over, and when they end.

The test is the daemon, and Asterisk.  What they do without a daemon is in test_launcher_fallback.py.
"""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from offhook.doors.eagi.handoff import MAX_PAYLOAD_BYTES, Hello, Reason, Verdict, VerdictKind
from tests.support.launchers import (
    HEADER,
    WITHOUT_SIGHUP,
    Starter,
    closed,
    fallen_back,
    take,
    wait_without_reader,
)


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
        sock.send(Verdict(VerdictKind.ACCEPTED).encode())
        sock.send(Verdict(VerdictKind.DONE).encode())
    assert script.finish() == (0, "", "")


def test_keeps_no_copy_of_the_audio(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock:
        sock.send(Verdict(VerdictKind.ACCEPTED).encode())
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


def test_given_up_in_mid_call(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Verdict(VerdictKind.ACCEPTED).encode())
        sock.send(Verdict(VerdictKind.FAILED, Reason.INTERNAL).encode())
        assert "gave up the call" in fallen_back(script, "failed")


def test_hang_up_kills_it_and_the_daemon_sees_it(run: Starter, door: socket.socket) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Verdict(VerdictKind.ACCEPTED).encode())
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
        sock.send(Verdict(VerdictKind.ACCEPTED).encode())
        for _ in range(3):
            os.kill(script.pid, signal.SIGSTOP)
            os.kill(script.pid, signal.SIGCONT)
        sock.send(Verdict(VerdictKind.DONE).encode())
    assert script.finish() == (0, "", "")


@pytest.mark.parametrize(("option", "words"), [("--help", "usage: EAGI("), ("--version", "offhook-eagi ")])
def test_by_hand(run: Starter, option: str, words: str) -> None:
    code, out, console = run(option, audio=False).finish()
    assert (code, console) == (0, "")
    assert out.startswith(words)


def test_on_a_terminal_it_points_to_the_simulator(launcher: list[str], socket_path: Path) -> None:
    ours, theirs = os.openpty()
    pid = os.posix_spawn(
        launcher[0],
        [*launcher, "helpdesk"],
        {**os.environ, "OFFHOOK_SOCKET": str(socket_path)},
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs, fd) for fd in (0, 1, 2)],
    )
    _, status = os.waitpid(pid, 0)
    said = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert os.waitstatus_to_exitcode(status) == 2
    assert b"offhook call" in said
