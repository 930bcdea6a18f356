"""Folders and the socket."""

from __future__ import annotations

import os
import re
import socket
import tempfile
from pathlib import Path

from offhook.cli.checks.finding import Finding, fail, ok, one_line, warn
from offhook.cli.checks.trial import as_user
from offhook.cli.checks.users import User, first_closed
from offhook.doors.eagi.probe import ask, starts
from offhook.doors.eagi.unix_socket import read_peer, require_short
from offhook.errors import ConfigError

_IN_MEMORY = ("tmpfs", "ramfs")


def check_cache(folder: Path) -> Finding:
    """The folder where prepared models are kept can be made and written."""
    if why_not_writable(folder) is not None:
        return fail(f"model cache {folder} cannot be written", "set OFFHOOK_CACHE to a folder that can")
    return ok(f"model cache {folder}")


def check_playback(folder: Path, mounts: str) -> Finding:
    """The folder for answers is in memory and can be written; ``mounts`` is mountinfo's text."""
    what = f"playback folder {folder}"
    problem = why_not_writable(folder)
    if problem is not None:
        remedy = "see asterisk/offhook.tmpfiles, or change daemon.playback_dir"
        return fail(f"{what} cannot be written: {problem}", remedy)
    kind = filesystem_of(_nearest_existing(folder).resolve(), mounts)
    if kind not in _IN_MEMORY:
        return warn(f"{what} is on {kind or 'an unknown disk'}", "use a tmpfs: a slow disk would be heard")
    return ok(f"{what} on {kind}")


def daemon_user(path: Path) -> User | None:
    """Whom the daemon that listens at ``path`` runs as; None when none does, or it may not be asked."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
            probe.settimeout(2.0)
            probe.connect(str(path))
            peer = read_peer(probe)
    except OSError:
        return None
    return User.numbered(peer.uid, peer.gid, peer.groups)


def check_socket(path: Path, asterisk: User | None = None) -> Finding:
    """A daemon listens, and Asterisk's user, if it is known, may call it; when none does, one could."""
    try:
        require_short(path)
    except ConfigError as error:
        what, do = str(error).rsplit(": ", 1)
        return fail(what, do)
    try:
        answer = ask(path)
        if asterisk is not None and os.geteuid() == 0:
            said = as_user(asterisk, lambda: "yes" if ask(path) else "no answer")
            if said.startswith("!"):
                closed = first_closed(path.parent, asterisk) or path
                return fail(
                    f"daemon at {path}: user {asterisk.name} may not call it ({closed} is closed)",
                    f"set daemon.group to a group of {asterisk.name}, or run the daemon as {asterisk.name}",
                )
        if starts(answer):
            return warn(f"daemon at {path} is still starting", "wait until its models are loaded")
        return ok(f"daemon at {path}")
    except PermissionError:
        return fail(f"daemon at {path}: no permission", "join the socket's group, or use sudo")
    except OSError as error:
        problem = error
    if why_not_writable(path.parent) is not None:
        what = f"no daemon, and {path.parent} cannot be written"
        return fail(what, "make it for the daemon's user, or change daemon.socket")
    return warn(f"no daemon at {path} ({one_line(problem)})", "start it: offhook serve")


def why_not_writable(folder: Path) -> str | None:
    """Tries it, in the nearest folder that exists: root's permissions say little."""
    nearest = _nearest_existing(folder)
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
    except OSError as error:
        return error.strerror or str(error)
    return None


def filesystem_of(path: Path, mounts: str) -> str | None:
    """The kind of file system that ``path`` (resolved) is on, from mountinfo's text."""
    best, kind = -1, None
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        parts = fields.split()
        if len(parts) < 5 or not rest:
            continue
        # Blanks and the like are octal escapes there.
        point = Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), parts[4]))
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split()[0]
    return kind


def _nearest_existing(path: Path) -> Path:
    """The last part of the way to ``path`` that somebody made: a link that leads nowhere is one, too.

    What lies behind a closed folder counts as not there: the folder itself is tried then.
    """
    path = path.absolute()
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path
