"""Both launchers when the daemon takes no call, or gives one up: Asterisk's dialplan goes on."""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from offhook.doors.eagi.handoff import Reason, Verdict, VerdictKind
from tests.support.launchers import WITHOUT_OVERRIDE, Starter, fallen_back, take


def test_no_daemon(run: Starter, socket_path: Path) -> None:
    console = fallen_back(run("helpdesk"), "unavailable")
    assert console == f"offhook-eagi: no daemon at {socket_path}: start it with 'systemctl start offhookd'\n"


def test_socket_of_a_dead_daemon(run: Starter, socket_path: Path) -> None:
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(socket_path))
    assert "no daemon at" in fallen_back(run("helpdesk"), "unavailable")


def test_socket_without_permission(run: Starter, door: socket.socket, socket_path: Path) -> None:
    socket_path.chmod(0)
    console = fallen_back(run("helpdesk", wrapper=WITHOUT_OVERRIDE), "unavailable")
    assert "add Asterisk's user to the socket's group" in console


def test_socket_of_another_kind(run: Starter, socket_path: Path) -> None:
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(socket_path))
        assert "belongs to another program" in fallen_back(run("helpdesk"), "unavailable")


def test_path_longer_than_a_socket_address(run: Starter, tmp_path: Path) -> None:
    console = fallen_back(run("helpdesk", at=tmp_path / ("x" * 2000)), "unavailable")
    assert "too long for a socket path (107 bytes)" in console


def test_full_backlog_is_busy(run: Starter, socket_path: Path) -> None:
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stuck:
        stuck.bind(str(socket_path))
        stuck.listen(0)
        waiting = []
        try:
            while True:
                client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                waiting.append(client)
                client.setblocking(False)
                if client.connect_ex(str(socket_path)) == errno.EAGAIN:
                    break
            assert "takes no connections" in fallen_back(run("helpdesk"), "busy")
        finally:
            for client in waiting:
                client.close()


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.NONE, "is busy: every place for a call is taken"),
        (Reason.STARTING, "is still starting: its models are being loaded"),
        (Reason.UNWELL, "cannot answer anybody now: see its log"),
    ],
)
def test_busy(run: Starter, door: socket.socket, reason: Reason, words: str) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    with sock, descriptors:
        sock.send(Verdict(VerdictKind.BUSY, reason).encode())
        assert words in fallen_back(script, "busy")


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
        sock.send(Verdict(VerdictKind.FAILED, reason).encode())
        assert words in fallen_back(script, "failed")


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
    sock.send(Verdict(VerdictKind.ACCEPTED).encode())
    descriptors.close()
    sock.close()
    assert "died during the call" in fallen_back(script, "failed")


def test_daemon_dies_with_its_pipes_non_blocking_and_replies_unread(
    run: Starter, door: socket.socket
) -> None:
    script = run("helpdesk")
    sock, _, descriptors = take(door)
    sock.send(Verdict(VerdictKind.ACCEPTED).encode())
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
        (Verdict(VerdictKind.ACCEPTED).encode() + b"\0", "does not speak offhook's protocol"),
        (struct.pack("<4sHBB", b"OFFH", 1, 9, 0), "does not speak offhook's protocol"),
        (Verdict(VerdictKind.DONE).encode(), "does not speak offhook's protocol"),
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
        sock.send(Verdict(VerdictKind.BUSY).encode())
        assert script.read_command() == "SET VARIABLE OFFHOOK_RESULT busy"
        script.reply()
        assert script.wait() == 0
        assert sock.recv(100) == b""


@pytest.mark.parametrize("missing", [0, 1])
def test_without_asterisk(run: Starter, missing: int) -> None:
    assert run("helpdesk", without=(missing,)).wait() == 2
