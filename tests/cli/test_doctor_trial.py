"""The doctor tries what daemon and Asterisk will do: it writes as the one and reads as the other."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.cli.checks import asterisk, places, trial
from offhook.cli.checks.finding import Level
from offhook.cli.checks.users import User, may_read
from tests.support.audio.findings import is_healthy
from tests.support.rights import as_nobody

GROUP, GID = "daemon", 1
"""A group that every system has; here it is the one that daemon and Asterisk share."""
DAEMON = User("offhook", 54_321, 54_321, frozenset({54_321}))
MEMBER = User("offhook", 54_321, 54_321, frozenset({54_321, GID}), frozenset({GROUP}))
ASTERISK = User("asterisk", 54_322, 54_322, frozenset({54_322}))
READER = User("asterisk", 54_322, 54_322, frozenset({54_322, GID}), frozenset({GROUP}))

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two other users")


@pytest.fixture
def house() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def folder_of(owner: User, gid: int, mode: int, path: Path) -> Path:
    path.mkdir()
    os.chown(path, owner.uid, gid)
    path.chmod(mode)
    return path


@only_root
@pytest.mark.parametrize(
    ("daemon", "reader", "group", "gid", "mode"),
    [
        pytest.param(DAEMON, DAEMON, None, 54_321, 0o700, id="one user for both"),
        pytest.param(MEMBER, READER, GROUP, 54_321, 0o750, id="a group in common"),
        pytest.param(MEMBER, READER, GROUP, GID, 0o2770, id="a group in common, handed down"),
        pytest.param(MEMBER, READER, None, GID, 0o770, id="a folder for the group"),
        pytest.param(User("asterisk", 0, 0), READER, GROUP, 0, 0o755, id="a daemon of root"),
    ],
)
def test_what_asterisk_can_read(
    daemon: User, reader: User, group: str | None, gid: int, mode: int, house: Path
) -> None:
    base = folder_of(daemon, gid, mode, house / "answers")
    finding = trial.check_answers(base, reader, daemon, group)
    assert is_healthy(finding), finding
    assert list(base.iterdir()) == [], "nothing is left behind"


@only_root
def test_what_is_made_for_the_trial_is_gone_after_it(house: Path) -> None:
    shm = folder_of(User("root", 0, 0), 0, 0o1777, house / "shm")
    assert is_healthy(trial.check_answers(shm / "a" / "b", READER, MEMBER, GROUP))
    assert list(shm.iterdir()) == []


@only_root
@pytest.mark.parametrize(
    ("daemon", "reader", "group", "mode", "what", "remedy"),
    [
        (DAEMON, ASTERISK, None, 0o755, "Permission denied", "set daemon.group to a group of asterisk"),
        (MEMBER, ASTERISK, GROUP, 0o755, "Permission denied", f"usermod -aG {GROUP} asterisk"),
        (DAEMON, READER, GROUP, 0o755, "Operation not permitted", f"usermod -aG {GROUP} offhook"),
        (DAEMON, READER, "no-such", 0o755, "no group 'no-such'", "offhook"),
    ],
)
def test_what_asterisk_cannot_read(
    daemon: User, reader: User, group: str | None, mode: int, what: str, remedy: str, house: Path
) -> None:
    base = folder_of(daemon, daemon.gid, mode, house / "answers")
    finding = trial.check_answers(base, reader, daemon, group)
    assert finding.level is Level.FAIL
    assert not is_healthy(finding)
    assert what in finding.what
    assert remedy in finding.remedy
    assert list(base.iterdir()) == []


@only_root
def test_a_closed_folder_on_the_way_and_one_that_the_daemon_may_not_write(house: Path) -> None:
    way = folder_of(MEMBER, 54_321, 0o700, house / "way")
    finding = trial.check_answers(way / "answers", READER, MEMBER, GROUP)
    assert finding.remedy.startswith(f"chmod o+x {way},")
    others = folder_of(User("root", 0, 0), 0, 0o755, house / "others")
    finding = trial.check_answers(others, READER, MEMBER, GROUP)
    assert "Permission denied" in finding.what
    assert "give user offhook a folder" in finding.remedy


def test_who_is_not_root_looks_at_what_was_written(house: Path) -> None:
    with as_nobody():
        me = User.current()
        base = Path(tempfile.mkdtemp())
    try:
        base.parent.stat()
        with as_nobody():
            assert is_healthy(trial.check_answers(base / "answers", me, me, None))
            finding = trial.check_answers(base / "answers", ASTERISK, me, None)
            assert finding.level is Level.FAIL
            assert "set daemon.group" in finding.remedy or finding.remedy.startswith("chmod o+x")
            if os.getuid() == 0:
                other = trial.check_answers(base / "answers", ASTERISK, DAEMON, None)
                assert other.level is Level.WARN
                assert "as root" in other.remedy
    finally:
        base.rmdir()


@pytest.mark.parametrize(
    ("mode", "user", "reads"),
    [
        (0o640, User("a", 54_321, 1), True),
        (0o240, User("a", 54_321, 1), False),
        (0o640, User("b", 7, 54_322), True),
        (0o600, User("b", 7, 54_322), False),
        (0o604, User("c", 7, 8), True),
        (0o640, User("c", 7, 8), False),
        (0o000, User("root", 0, 0), True),
    ],
)
@only_root
def test_modes(mode: int, user: User, reads: bool, house: Path) -> None:
    file = house / "file"
    file.touch()
    os.chown(file, 54_321, 54_322)
    file.chmod(mode)
    assert may_read(file, user) is reads


# --- what the daemon reads -------------------------------------------------------------------------


@only_root
def test_the_daemons_user_reads_what_it_is_started_with(house: Path) -> None:
    path = house / "offhook.toml"
    agents = folder_of(User("root", 0, 0), 0, 0o755, house / "agents")
    (agents / "mine.toml").write_text('name = "A"\ngreeting = "Hello."\n')
    (house / "model.gguf").write_bytes(b"GGUF")
    path.write_text('[agent]\nsearch = ["agents"]\ndefault = "mine"\n[llm]\nmodel = "model.gguf"\n')
    finding = trial.check_reading(path, DAEMON)
    assert finding is not None
    assert is_healthy(finding), finding
    for closed, remedy in ((house / "model.gguf", "o+r"), (agents, "o+rx"), (path, "o+r")):
        closed.chmod(0o600 if closed.is_file() else 0o700)
        finding = trial.check_reading(path, DAEMON)
        assert finding is not None
        assert finding.level is Level.FAIL
        assert str(closed) in finding.what
        assert finding.remedy.startswith(f"open it (chmod {remedy} {closed})")
    assert trial.check_reading(path, User("root", 0, 0)) is None


# --- who they are ----------------------------------------------------------------------------------


def test_whom_the_daemon_runs_as_is_asked_of_its_socket(house: Path) -> None:
    path = house / "d.sock"
    assert places.daemon_user(path) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(1)
        user = places.daemon_user(path)
    assert user is not None
    assert (user.uid, user.gid) == (os.geteuid(), os.getegid())


@only_root
def test_asterisk_tries_the_socket(house: Path) -> None:
    path = house / "d.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(path))
        listening.listen(8)
        os.chown(path, 0, GID)
        path.chmod(0o660)
        assert is_healthy(places.check_socket(path, READER))
        finding = places.check_socket(path, ASTERISK)
        assert finding.level is Level.FAIL
        assert "may not call it" in finding.what


def test_whom_asterisk_runs_as(house: Path) -> None:
    (house / "asterisk.conf").write_text("[options]\nrunuser = root ; here\n")
    user = asterisk.asterisk_user(house, [house])
    assert user is not None
    assert user.uid == 0
    (house / "asterisk.pid").write_text(f"{os.getpid()}\n")
    assert asterisk.asterisk_user(house, [house]) == User.current(), "the process that runs says more"
    (house / "asterisk.pid").write_text("none")
    assert asterisk.asterisk_user(house, [house]) == user
