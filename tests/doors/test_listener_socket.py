"""The socket at the daemon's door: whose it is, and what lies in its place."""
# ruff: noqa: ASYNC240 - a test may touch its own small files

from __future__ import annotations

import fcntl
import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from offhook.doors.eagi.listener import Listener
from offhook.errors import ConfigError
from tests.support.handoffs import ACCEPTED, Calls, Client
from tests.support.launchers import open_descriptors

pytestmark = pytest.mark.usefixtures("nothing_left_open")


async def test_mode_and_group(socket_path: Path) -> None:
    group = grp.getgrgid(os.getegid()).gr_name
    async with Listener(socket_path, Calls(), group=group):
        found = socket_path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o660
        assert found.st_gid == os.getegid()
    assert not socket_path.exists()


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
async def test_the_group_may_enter_the_sockets_folder(
    umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = grp.getgrgid(1 if os.geteuid() == 0 else os.getegid())
    given = tmp_path / "given"  # systemd's RuntimeDirectory, of the daemon's own group
    given.mkdir()
    given.chmod(0o700)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(given))
    before = os.umask(umask)
    try:
        for folder in (tmp_path / "made", given):
            async with Listener(folder / "offhook.sock", Calls(), group=group.gr_name):
                found = folder.stat()
                assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (group.gr_gid, 0o750)
    finally:
        os.umask(before)


async def test_a_folder_that_was_there_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    async with Listener(tmp_path / "offhook.sock", Calls(), group=grp.getgrgid(os.getegid()).gr_name):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


async def test_socket_in_use(socket_path: Path) -> None:
    async with Listener(socket_path, Calls()):
        with pytest.raises(ConfigError, match=r"offhook\.sock: socket in use by a running daemon: stop"):
            await Listener(socket_path, Calls()).bind()
        with Client(socket_path) as client:  # the first is unharmed
            client.hello()
            assert await client.answer() == ACCEPTED


async def test_stale_socket_is_replaced(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as dead:
        dead.bind(str(socket_path))
    async with Listener(socket_path, Calls()):
        with Client(socket_path) as client:
            client.hello()
            assert await client.answer() == ACCEPTED


async def test_a_file_in_the_way_is_not_deleted(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    socket_path.write_text("precious")
    with pytest.raises(ConfigError, match="exists and is not a socket: move it away"):
        await Listener(socket_path, Calls()).bind()
    assert socket_path.read_text() == "precious"


async def test_a_link_in_the_way_is_not_followed(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    socket_path.symlink_to(socket_path.parent / "elsewhere")
    with pytest.raises(ConfigError, match="exists and is not a socket"):
        await Listener(socket_path, Calls()).bind()


async def test_another_program_s_socket(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(socket_path))
        other.listen()
        with pytest.raises(ConfigError, match="in use by something else"):
            await Listener(socket_path, Calls()).bind()
        assert socket_path.exists()


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


async def test_two_daemons_starting_at_once(socket_path: Path) -> None:
    socket_path.parent.mkdir()
    folder = os.open(socket_path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another daemon is starting there"):
            await Listener(socket_path, Calls()).bind()
    finally:
        os.close(folder)


async def test_a_successor_s_socket_is_left_alone(socket_path: Path) -> None:
    old = Listener(socket_path, Calls())
    await old.bind()
    socket_path.unlink()  # somebody forced the way
    async with Listener(socket_path, Calls()):
        await old.close()
        assert socket_path.exists()
