"""Who may read and enter what."""

from __future__ import annotations

import grp
import os
import pwd
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
        gids = frozenset([os.getegid(), *os.getgroups()])
        return cls("", os.geteuid(), os.getegid(), gids)


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
        if status.st_uid == user.uid:
            bit = 0o100
        elif status.st_gid in user.gids or status.st_gid == user.gid:
            bit = 0o010
        else:
            bit = 0o001
        if not status.st_mode & bit:
            return part
    return None
