"""The daemon's Unix sockets: binding them, and who is at the other end of a connection."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from offhook.errors import ConfigError
from offhook.files import group_id, let_group_in, make_folders

_MAX_PATH_BYTES = 107  # sun_path, less its NUL
_BACKLOG = 128
_MODE = 0o660
_SO_PEERGROUPS = 59  # Linux; the socket module has no name for it


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as the kernel saw it when it connected."""

    pid: int
    uid: int
    gid: int
    groups: frozenset[int] = frozenset()


def read_peer(sock: socket.socket) -> Peer:
    """Who connected ``sock``; raises OSError when the kernel does not say."""
    pid, uid, gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    groups: frozenset[int] = frozenset()
    with contextlib.suppress(OSError):  # more groups than fit: then the primary one has to do
        raw = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 65536)
        groups = frozenset(struct.unpack(f"{len(raw) // 4}I", raw))
    return Peer(pid, uid, gid, groups)


def require_short(path: Path) -> None:
    """Raises ConfigError for a path that no socket can have."""
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise ConfigError(
            f"{path}: longer than the {_MAX_PATH_BYTES} bytes of a socket path: choose a shorter one"
        )


@dataclass(frozen=True, slots=True)
class BoundSocket:
    """A listening socket (non-blocking), and the file it lies at."""

    sock: socket.socket
    path: Path
    gid: int
    """Group that owns the file: its members may connect."""
    inode: tuple[int, int] | None
    """Device and inode of the file, to know it again; None: it is somebody else's to remove."""

    @classmethod
    def bind(
        cls,
        path: Path,
        group: str | None = None,
        *,
        kind: int = socket.SOCK_SEQPACKET,
        key: str = "daemon.socket",
        folder_group: str | None = None,
        replaces: bool = False,
    ) -> BoundSocket:
        """Listen at ``path``, mode 0660, owned by ``group`` (None: the process's own).

        Makes the folder, replaces the socket file of a daemon that died; raises
        :class:`ConfigError` (one line, what to do) for everything else in the way.

        ``key`` is what the configuration calls it.  ``folder_group``: whose the folder is, where that is not
        ``group``.  ``replaces``: whoever listens there does so until we do, and no connection is refused.
        """
        require_short(path)
        gid = group_id(group)
        with _locked_folder(path.parent, group_id(folder_group) if folder_group else gid, key):
            made = path.with_name(f".{path.name[:64]}.{os.getpid()}") if replaces else path
            _clear_way(made, kind, key)
            sock = socket.socket(socket.AF_UNIX, kind)
            try:
                _bind_private(sock, made)
                try:
                    if gid is not None:
                        os.chown(made, -1, gid)
                    os.chmod(made, _MODE)  # noqa: PTH101 - the neighbour of chown
                    sock.listen(_BACKLOG)
                    sock.setblocking(False)
                    found = made.stat()
                    if made != path:
                        made.rename(path)
                except BaseException:
                    made.unlink(missing_ok=True)
                    raise
            except PermissionError as error:
                sock.close()
                raise ConfigError(
                    f"{path}: cannot be given to group {group!r}: run as root or as a member of it"
                    if group is not None
                    else f"{path}: {error.strerror}"
                ) from error
            except OSError as error:
                sock.close()
                raise ConfigError(f"{path}: cannot listen there: {error.strerror}") from error
        return cls(sock, path, found.st_gid, (found.st_dev, found.st_ino))

    @classmethod
    def adopt(cls, sock: socket.socket, path: Path, *, activated: bool) -> BoundSocket:
        """A socket that listens at ``path`` already; ``activated``: its file is the service manager's.

        Raises ConfigError when it is of another kind, or its file has gone.
        """
        if sock.type != socket.SOCK_SEQPACKET:
            raise ConfigError(f"{path}: the socket unit has to say ListenSequentialPacket={path}")
        try:
            found = path.stat()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be examined: {error.strerror}") from error
        sock.setblocking(False)
        return cls(sock, path, found.st_gid, None if activated else (found.st_dev, found.st_ino))

    def close(self, *, handed_on: bool = False) -> None:
        """Stop listening and remove the file, unless another daemon's lies there by now.

        ``handed_on``: another process listens at the same socket, and the file stays.
        """
        if handed_on or self.inode is None:
            self.sock.close()
            return
        with contextlib.suppress(OSError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == self.inode:
                self.path.unlink()
        self.sock.close()


@contextlib.contextmanager
def _locked_folder(folder: Path, gid: int | None, key: str) -> Iterator[None]:
    """Makes ``folder`` and keeps other starting daemons out of it for a moment.

    The group may enter what is made here, and what systemd has made for us (``RuntimeDirectory``): under
    another user than Asterisk's it belongs to the daemon's own group.
    """
    try:
        make_folders(folder, gid)
        if str(folder) in os.environ.get("RUNTIME_DIRECTORY", "").split(":"):
            let_group_in(folder, gid)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(
            f"{folder}: cannot be used for the socket: {error.strerror}: correct {key}"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"{folder}: another daemon is starting there: try again") from error
        yield
    finally:
        os.close(fd)


def _clear_way(path: Path, kind: int, key: str) -> None:
    """Remove the socket file of a daemon that died; refuse to touch anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be examined: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path}: exists and is not a socket: move it away or correct {key}")
    with socket.socket(socket.AF_UNIX, kind) as probe:
        probe.setblocking(False)
        problem = probe.connect_ex(str(path))
    if problem == errno.ECONNREFUSED:
        path.unlink(missing_ok=True)  # nobody listens: left behind by a daemon that died
    elif problem in (0, errno.EAGAIN):
        raise ConfigError(
            f"{path}: socket in use by a running daemon: stop that one, have `offhook upgrade` replace it,"
            f" or correct {key}"
        )
    elif problem != errno.ENOENT:
        raise ConfigError(f"{path}: socket in use by something else ({os.strerror(problem)}): correct {key}")


def _bind_private(sock: socket.socket, path: Path) -> None:
    """Bind so that nobody else can connect before the file has its group and mode."""
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
    finally:
        os.umask(before)
