"""Trying what the daemon and Asterisk will do, as the users that they are.

Reasoning about owners, groups, masks and access lists goes wrong where it matters; a file that is written
and read does not.  Only root may be somebody else for a moment; anybody else looks at what was written.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from offhook.cli.checks.finding import Finding, fail, ok, one_line, warn
from offhook.cli.checks.users import User, first_closed, may_read
from offhook.config import load_config
from offhook.engines import chosen
from offhook.errors import OffhookError, UnreadableError
from offhook.files import check_file, group_id

_ANSWER_BYTES = 65536
_AS_ROOT = "run the doctor as root (sudo): it can then try it as the users that they are"


def check_answers(folder: Path, asterisk: User | None, daemon: User, group: str | None) -> Finding:
    """Answers are written as the daemon writes them, and Asterisk's user reads them.

    ``daemon`` is the user that it runs as, ``group`` is ``daemon.group``.  Nothing is left behind.
    """
    if asterisk is None:
        return warn(f"answers in {folder}: Asterisk's user is unknown", "make sure that it may read them")
    if os.geteuid() not in (0, daemon.uid):
        return warn(f"answers of user {daemon.name} in {folder} cannot be tried by this user", _AS_ROOT)
    what = f"answers that user {daemon.name} writes in {folder}"
    try:
        importlib.import_module("offhook.playout.folder")  # by us: the other users may not be able to
    except ImportError as error:
        return warn(f"{what} cannot be tried: {one_line(error)}", "build it: make build")
    with _as_it_was(folder):
        said = as_user(daemon, lambda: _write(folder, group))
        if said.startswith("!"):
            return fail(f"{what}: {said[1:]}", _remedy_to_write(folder, daemon, group))
        files = [Path(name) for name in said.splitlines()]
        try:
            denied = _unreadable(files, asterisk)
        finally:
            for file in files:
                shutil.rmtree(folder / file.relative_to(folder).parts[0], ignore_errors=True)
    if denied is None:
        return ok(f"{what} are read by {asterisk.name}")
    place, why = denied
    return fail(
        f"{what} are not read by {asterisk.name}: {place}: {why}",
        _remedy_to_read(place, folder, asterisk, daemon, group),
    )


def check_reading(path: Path | None, daemon: User) -> Finding | None:
    """The daemon's user reads what it is started with: configuration, agent, the files of models.

    ``path`` is where the configuration is; None as it is found.  None is returned where there is nothing
    to try: whoever asks is that user, and the other checks have read all of it, or may not be anybody else.
    """
    if os.geteuid() != 0 or daemon.uid == 0:
        return None
    what, _, remedy = as_user(daemon, lambda: _read(path)).partition("\n")
    if remedy:
        return fail(f"user {daemon.name}, the daemon's: {what}", remedy)
    return ok(f"user {daemon.name}, the daemon's, reads configuration, agent and models")


def _read(path: Path | None) -> str:
    """Read what a daemon reads at its start.  What may not be read, and the remedy, on two lines."""
    try:
        from offhook.agents.loader import load_agent

        config = load_config(path)
        load_agent(config.agent.default, config.agent.search)
        parts = chosen.recogniser(config.stt), chosen.language_model(config.llm), chosen.voice(config.tts)
        for file in (file for part in parts for file in part.files()):
            check_file(file)
    except UnreadableError as error:
        return f"{error.what}\n{error.remedy}"
    except OffhookError:
        pass  # faulty, and read: others say what is wrong with it
    return "read"


def as_user(user: User, work: Callable[[], str]) -> str:
    """What ``work`` returns, done by a process of ``user``; ours, when we are that user.

    An OffhookError or OSError comes back as its line, with "!" before it.
    """
    if os.geteuid() == user.uid:
        return _result(work)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child is not watched
        with contextlib.suppress(BaseException):
            os.setgroups(sorted(user.gids))
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
            os.write(write, _result(work).encode(errors="replace")[:_ANSWER_BYTES])
        os._exit(0)
    os.close(write)
    with open(read, "rb") as answer:
        said = answer.read().decode(errors="replace")
    os.waitpid(pid, 0)
    return said or "!it could not be tried"


def _result(work: Callable[[], str]) -> str:
    try:
        return work()
    except OffhookError as error:
        return "!" + one_line(error)
    except OSError as error:
        return f"!{error.filename or ''}: {one_line(error)}"


def _write(folder: Path, group: str | None) -> str:
    """Write what a call would write; the files' names, one a line."""
    import numpy as np

    from offhook.core import PlayoutThread
    from offhook.playout.folder import PlaybackFolder

    playback = PlaybackFolder(folder, group_id=group_id(group))
    with PlayoutThread() as thread:
        growing = playback.shelf("doctor").grow(thread, 8_000)
        growing.write(np.zeros(160, np.int16))
        files = [growing.file, playback.silence(8_000).file]
    return "\n".join(map(str, files))


def _unreadable(files: list[Path], user: User) -> tuple[Path, str] | None:
    """The first place that keeps ``user`` from reading one of the files, and why."""
    for file in files:
        if os.geteuid() in (0, user.uid):
            said = as_user(user, lambda file=file: file.read_bytes()[:2].hex())  # type: ignore[misc]
            why = said.rpartition(": ")[2] if said.startswith("!") else None
        else:
            why = None if may_read(file, user) else "Permission denied"
        if why is not None:
            return first_closed(file.parent, user) or file, why
    return None


def _remedy_to_write(folder: Path, daemon: User, group: str | None) -> str:
    if daemon.uid != 0 and group is not None and group not in daemon.groups:
        return f"make user {daemon.name} a member: usermod -aG {group} {daemon.name}, and restart the daemon"
    return f"give user {daemon.name} a folder: asterisk/offhook.tmpfiles, or daemon.playback_dir"


def _remedy_to_read(place: Path, folder: Path, asterisk: User, daemon: User, group: str | None) -> str:
    if not place.is_relative_to(folder):
        return f"chmod o+x {place}, or set daemon.playback_dir to another folder"
    if group is None:
        return f"set daemon.group to a group of {asterisk.name}, or run the daemon as {asterisk.name}"
    if group not in asterisk.groups:
        return f"usermod -aG {group} {asterisk.name}, and restart Asterisk"
    return f"chgrp {group} {place} && chmod g+rx {place}"


@contextlib.contextmanager
def _as_it_was(folder: Path) -> Iterator[None]:
    """Whatever folders are made on the way to ``folder``, and ``folder`` itself, are gone afterwards."""
    folder = folder.absolute()
    missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    try:
        yield
    finally:
        for one in missing:
            with contextlib.suppress(OSError):
                one.rmdir()
