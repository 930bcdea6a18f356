"""The doctor on made-up folders: file systems, sockets, and who may enter."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from offhook.cli.checks import places
from offhook.cli.checks.finding import Level
from offhook.cli.checks.users import User, first_closed
from tests.support.audio.findings import is_healthy

MOUNTS = """\
21 1 0:19 / / rw,relatime - overlay overlay rw
22 21 0:20 / /dev rw - devtmpfs udev rw
23 22 0:21 / /dev/shm rw,nosuid shared:4 - tmpfs tmpfs rw
24 21 8:1 / /with\\040space rw - ext4 /dev/sda1 rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "overlay"),
        ("/home/x", "overlay"),
        ("/dev/shm/offhook/1", "tmpfs"),
        ("/dev/shmother", "devtmpfs"),
        ("/with space/x", "ext4"),
    ],
)
def test_file_systems(path: str, kind: str) -> None:
    assert places.filesystem_of(Path(path), MOUNTS) == kind
    assert places.filesystem_of(Path(path), "") is None


def test_playback(tmp_path: Path) -> None:
    mounts = f"1 0 0:1 / {tmp_path} rw - tmpfs tmpfs rw\n"
    assert is_healthy(places.check_playback(tmp_path / "not" / "yet", mounts))
    slow = places.check_playback(tmp_path, mounts.replace("tmpfs", "ext4"))
    assert slow.level is Level.WARN
    assert is_healthy(slow) is False
    (tmp_path / "file").touch()
    assert places.check_playback(tmp_path / "file" / "x", mounts).level is Level.FAIL
    assert places.check_playback(Path("/proc/offhook"), mounts).level is Level.FAIL
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "nothing is left behind"


@pytest.mark.parametrize(
    ("mode", "gid_matches", "enters"),
    [(0o755, False, True), (0o750, False, False), (0o750, True, True), (0o705, True, False)],
)
def test_a_folder_on_the_way(tmp_path: Path, mode: int, gid_matches: bool, enters: bool) -> None:
    door = tmp_path / "door"
    (door / "inner").mkdir(parents=True)
    tmp_path.chmod(0o755)
    door.chmod(mode)
    user = User("asterisk", 54321, door.stat().st_gid if gid_matches else 54321)
    assert first_closed(door / "inner", user, tmp_path) == (None if enters else door)
    assert first_closed(door / "inner", User("root", 0, 0)) is None


def test_socket(tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    missing = places.check_socket(path)
    assert missing.level is Level.WARN
    assert not is_healthy(missing)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(1)
        assert is_healthy(places.check_socket(path))
    stale = places.check_socket(path)
    assert stale.level is Level.WARN
    assert "refused" in stale.what
    assert places.check_socket(Path("/proc/nowhere/d.sock")).level is Level.FAIL
    no_socket = places.check_socket(tmp_path / ("x" * 120))
    assert no_socket.level is Level.FAIL
    assert "107 bytes" in no_socket.what


def test_cache(tmp_path: Path) -> None:
    assert is_healthy(places.check_cache(tmp_path / "a" / "b"))
    (tmp_path / "file").touch()
    assert places.check_cache(tmp_path / "file" / "x").level is Level.FAIL
