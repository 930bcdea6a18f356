"""Files and folders that people name: found, read, or one line that says why not and what to do.

Whoever opens a path of a configuration, an option or a dialplan comes through here, so that all paths are
treated alike: ``~`` is a home folder, a relative path lies beside the file that names it, and what is
closed, missing or of the wrong kind is told by the place that is to blame, not by the path alone.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from offhook.errors import ConfigError, ModelError, UnreadableError


def at_home(path: Path) -> Path:
    """``~`` and ``~name`` at the beginning are home folders.  Raises ValueError when there is none."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"no home folder is known for {path.parts[0]!r}: write the path in full") from error


def placed(path: Path, folder: Path | None) -> Path:
    """``path`` as a file in ``folder`` means it; None: as whoever runs this means it.

    Raises ValueError as :func:`at_home` does.
    """
    path = at_home(path)
    return path if folder is None or path.is_absolute() else folder / path


def folder_of(path: Path) -> Path | None:
    """Where relative paths in the file ``path`` begin; None when it is no file (a pipe, ``/dev/stdin``)."""
    return path.absolute().parent if os.path.isfile(path) else None  # noqa: PTH113 - which never raises


def file_exists(path: Path) -> bool:
    """Whether there is such a file.  Raises UnreadableError when a closed folder hides that."""
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: no file has such a name
        return False
    except OSError as error:
        raise unreadable(path, error) from error


def check_file(path: Path) -> None:
    """Open ``path`` for reading, as a model's library will.  Raises UnreadableError."""
    with _opened(path, os.O_RDONLY) as fd:
        mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        raise _unusable(path, "is a folder" if stat.S_ISDIR(mode) else "is no ordinary file", "name a file")


def check_folder(path: Path) -> None:
    """Open the folder ``path`` for listing.  Raises UnreadableError."""
    with _opened(path, os.O_RDONLY | os.O_DIRECTORY):
        pass


def named(path: Path) -> bool:
    """Whether anything is called so, a link that leads nowhere too: somebody meant a file to be there."""
    return file_exists(path) or os.path.lexists(path)


def read_text(path: Path) -> str:
    """The file's text, which has to be UTF-8.  Raises UnreadableError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise _unusable(path, str(error), "correct the path") from error
    return _decoded(path, raw)


@contextlib.contextmanager
def model_errors() -> Iterator[None]:
    """What cannot be read is part of a model: UnreadableError becomes ModelError."""
    try:
        yield
    except UnreadableError as error:
        raise ModelError(str(error)) from error


def unreadable(path: Path, error: OSError) -> UnreadableError:
    """What to say of a file or folder that cannot be read: which place, which user, and what to do."""
    if isinstance(error, PermissionError):
        return _closed(path)
    if isinstance(error, IsADirectoryError):
        return _unusable(path, "is a folder", "name a file in it")
    if isinstance(error, NotADirectoryError) and os.path.exists(path):  # noqa: PTH110 - which never raises
        return _unusable(path, "is a file", "name the folder that it lies in")
    why = f"cannot be read: {error.strerror or error}"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        why += _where_it_ends(path)
    if error.errno == errno.ELOOP:
        return _unusable(path, why, "its links lead to each other; make one of them lead to a file")
    return _unusable(path, why, "correct the path, or put it there")


def unwritable(path: Path, error: OSError) -> str:
    """Why ``path`` cannot be written, and what to do: one line, without the path."""
    why = error.strerror or str(error)
    if isinstance(error, PermissionError):
        return f"{why}: user {user_name()!r} has to be allowed to write it, and to enter {path.parent}"
    if isinstance(error, FileNotFoundError):
        return f"{why}: make the folder {path.parent} first"
    return why


def make_folders(folder: Path, gid: int | None) -> None:
    """Make ``folder`` and what is missing on the way to it, each for its owner and a group (None: our own).

    Raises OSError.
    """
    for one in reversed([part for part in (folder, *folder.parents) if not part.exists()]):
        one.mkdir(mode=0o750, exist_ok=True)
        let_group_in(one, gid)


def let_group_in(folder: Path, gid: int | None) -> None:
    """Open ``folder`` to a group (None: the one that it has), whatever the umask was when it was made.

    A folder that is not ours, or that everybody may enter, stays as it is.  Raises OSError.
    """
    status = folder.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o001:
        return
    if gid is not None and status.st_gid != gid:
        os.chown(folder, -1, gid)
    if status.st_mode & 0o750 != 0o750:
        folder.chmod(stat.S_IMODE(status.st_mode) | 0o750)


def cache_folder() -> Path:
    """For what can be made again: ``$OFFHOOK_CACHE``, ``$XDG_CACHE_HOME/offhook`` or ``~/.cache/offhook``."""
    if named := os.environ.get("OFFHOOK_CACHE"):
        return Path(named)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "offhook"
    try:
        return Path.home() / ".cache" / "offhook"
    except RuntimeError:  # a daemon's user may have none
        return Path("/nonexistent")


def group_id(group: str | None) -> int | None:
    """The number of ``daemon.group``.  Raises ConfigError when there is no such group."""
    if group is None:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(
            f"daemon.group: this system has no group {group!r}: name Asterisk's group, or leave it out"
        ) from None


def user_name() -> str:
    """The user whose rights hold, or their number when they have no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        # O_NONBLOCK: a pipe that nobody writes must not hold whoever asks.
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise _unusable(path, str(error), "correct the path") from error
    try:
        yield fd
    finally:
        os.close(fd)


def _unusable(path: Path, what: str, remedy: str) -> UnreadableError:
    return UnreadableError(f"{path}: {what}", remedy)


def _closed(path: Path) -> UnreadableError:
    # Links are followed: the folder to open is the one that they lead to.
    real = Path(os.path.realpath(path))
    closed = next((one for one in reversed(real.parents) if not _may(one, os.X_OK)), real)
    folder = closed != real or os.path.isdir(real)  # noqa: PTH112 - which never raises
    bits = "o+r" if not folder else "o+rx" if closed in (real, real.parent) else "o+x"
    return UnreadableError(
        f"{path}: cannot be read: user {user_name()!r} may not {'look into' if folder else 'read'} {closed}",
        f"open it (chmod {bits} {closed}), or run offhook as a user that may",
    )


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _where_it_ends(path: Path) -> str:
    """Which part of the way is to blame, where that is not the path itself."""
    for part in (*reversed(path.absolute().parents), path.absolute()):
        if not os.path.exists(part):  # noqa: PTH110 - which never raises
            if os.path.islink(part):  # noqa: PTH114
                return f": {part} is a link to {os.readlink(part)}, where nothing is"  # noqa: PTH115
            return f": there is no folder {part}" if part != path.absolute() else ""
        if not os.path.isdir(part) and part != path.absolute():  # noqa: PTH112
            return f": {part} is a file"
    return ""


def _decoded(path: Path, raw: bytes) -> str:
    """UTF-8, with the mark at its beginning and the line ends that Windows writes."""
    try:
        return raw.decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise _unusable(path, "not UTF-8 but UTF-16 text", "save the file as UTF-8") from error
        line, byte = raw[: error.start].count(b"\n") + 1, raw[error.start : error.start + 1]
        read_as = f"{byte.decode('latin-1')!r} in Latin-1?"
        raise _unusable(
            path,
            f"not UTF-8 text: line {line} has the byte 0x{byte.hex().upper()} ({read_as})",
            "save the file as UTF-8",
        ) from error
