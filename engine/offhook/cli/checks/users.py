"""Who may read and enter what."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class User:
    """A user of the system, with groups."""

    name: str
    uid: int
    gid: int
    gids: frozenset[int] = frozenset()
    groups: frozenset[str] = frozenset()

    @classmethod
    def named(cls, name: str) -> User | None:
        """None when there is no such user."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return None
        gids = frozenset(os.getgrouplist(name, entry.pw_gid))
        groups = frozenset(group.gr_name for group in grp.getgrall() if group.gr_gid in gids)
        return cls(name, entry.pw_uid, entry.pw_gid, gids, groups)

    @classmethod
    def current(cls) -> User:
        return cls.numbered(os.geteuid(), os.getegid(), os.getgroups())

    @classmethod
    def numbered(cls, uid: int, gid: int, gids: Iterable[int] = ()) -> User:
        """The user that a process runs as, with the groups that it has, without those given since."""
        every = frozenset([gid, *gids])
        groups = frozenset(group.gr_name for group in grp.getgrall() if group.gr_gid in every)
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        return cls(name, uid, gid, every, groups)

    @classmethod
    def of_process(cls, pid: int, proc: Path = Path("/proc")) -> User | None:
        """Whom the process runs as; None when there is no such process, or it may not be looked at."""
        try:
            status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        try:
            uid, gid = (int(fields[name].split()[1]) for name in ("Uid", "Gid"))  # the effective ones
            return cls.numbered(uid, gid, map(int, fields.get("Groups", "").split()))
        except (KeyError, IndexError, ValueError):
            return None


def may_read(file: Path, user: User) -> bool:
    """Whether modes and owners let ``user`` read ``file``, which somebody else may only look at."""
    if user.uid == 0:
        return True
    if first_closed(file.parent, user) is not None:
        return False
    return bool(file.stat().st_mode & _bit(file.stat(), user) << 2)


def first_closed(folder: Path, user: User, top: Path = Path("/")) -> Path | None:
    """The first folder on the way from ``top`` down to ``folder`` that ``user`` may not enter."""
    if user.uid == 0:
        return None
    for part in (*reversed(folder.parents), folder):
        if not part.is_relative_to(top):
            continue
        try:
            status = part.stat()
        except PermissionError:
            return part.parent  # closed to whoever asks; whether to ``user`` as well they cannot see
        except OSError:
            return None  # not made yet
        if not status.st_mode & _bit(status, user):
            return part
    return None


def _bit(status: os.stat_result, user: User) -> int:
    """The bit of ``st_mode`` that lets ``user`` enter; two to the left of it is the one that lets read."""
    if status.st_uid == user.uid:
        return 0o100
    return 0o010 if status.st_gid in user.gids or status.st_gid == user.gid else 0o001
