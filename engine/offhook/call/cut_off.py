"""What was said in calls that run, in files of memory: the daemon after one that was killed goes on with it.

One file a call, mode 0600, named by a hash of its tenant and channel; it is written anew behind each turn, is
erased when the call ends, and is taken once.  A daemon that starts leaves others' files alone for as long as
their callers may come back, and then erases them.  The folder has to be a tmpfs: nothing of it is on a disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.call.resumption import MOST_EXCHANGES, Kept
from offhook.conversation.history import Exchange
from offhook.errors import ConfigError

if TYPE_CHECKING:
    from offhook.observe.bill import Bill
    from offhook.observe.trace import TurnTrace

_log = logging.getLogger("offhook.call.cut_off")

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_SUFFIX = ".call"
_ACT = "generated"
"""Of answers whose kind is not written down: they can be repeated."""


class CutOff:
    """One daemon's.  Lives on the event loop; writes on a thread of its own, the latest of each call."""

    def __init__(self, folder: Path, keep_s: float) -> None:
        """Raises ConfigError when ``folder`` cannot be used, or is on a disk."""
        self._folder = folder
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Path, bytes | None] = OrderedDict()
        """What is to be in each file; None: nothing, it is erased."""
        self._complained = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            kind = _file_system(folder)
        except OSError as error:
            raise ConfigError(f"daemon.resume_folder {folder} cannot be used: {error.strerror}") from error
        if kind not in _IN_MEMORY:
            raise ConfigError(
                f"daemon.resume_folder {folder} is on a disk ({kind}): name a folder in memory, such as"
                " /run/offhook/calls"
            )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="offhook-cut-off")
        self.sweep()

    def follow(self, kept: Kept) -> Following:
        """Somebody to be told of a call's turns; ``kept`` is what there is of it already."""
        return Following(self, kept)

    def write(self, kept: Kept) -> None:
        """Returns at once."""
        self._put(self._path(kept.tenant, kept.call_id), json.dumps(asdict(_without_tones(kept))).encode())

    def erase(self, kept: Kept) -> None:
        """Returns at once."""
        self._put(self._path(kept.tenant, kept.call_id), None)

    def take(self, call_id: str, tenant: str | None, why: str) -> Kept | None:
        """The conversation of a call that was cut off, once; None: there is none.  Reads some KB."""
        path = self._path(tenant, call_id)
        try:
            fresh = time.time() - path.stat().st_mtime < self._keep_s
            plain = json.loads(path.read_bytes())
            path.unlink()
            exchanges = tuple(
                Exchange(**{**each, "facts": tuple(each["facts"])}) for each in plain["exchanges"]
            )
            return Kept(**{**plain, "exchanges": exchanges, "why": why}) if fresh else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def sweep(self) -> None:
        """Erase what nobody may come back for any more."""
        with contextlib.suppress(OSError):
            for path in self._folder.glob(f"*{_SUFFIX}"):
                if time.time() - path.stat().st_mtime >= self._keep_s:
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Write what waits."""
        self._thread.shutdown()

    def _path(self, tenant: str | None, call_id: str) -> Path:
        name = hashlib.sha256(f"{tenant or ''}\0{call_id}".encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{name}{_SUFFIX}"

    def _put(self, path: Path, content: bytes | None) -> None:
        with self._lock:
            idle = not self._waiting
            self._waiting[path] = content
        if idle:
            self._thread.submit(self._write_all)

    def _write_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                path, content = next(iter(self._waiting.items()))
            try:
                _replace(path, content)
            except OSError as error:
                if not self._complained:
                    self._complained = True
                    _log.warning("%s: %s: a crash would end conversations", self._folder, error.strerror)
            with self._lock:
                if self._waiting.get(path) is content:
                    del self._waiting[path]


class Following:
    """One call's turns, as they come."""

    def __init__(self, files: CutOff, kept: Kept) -> None:
        self._files = files
        self._kept = kept

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        said = Exchange(caller_text, audible_text, audible_text, act=_ACT)
        self._kept = replace(self._kept, exchanges=(*self._kept.exchanges, said)[-MOST_EXCHANGES:])
        self._files.write(self._kept)

    def ended(self, result: str, bill: Bill) -> None:
        if result != "failed":  # the dialplan may bring its caller back
            self._files.erase(self._kept)


def _replace(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
        return
    descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _file_system(folder: Path) -> str:
    """The kind of file system that ``folder`` is on, as the kernel calls it."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, what = line.partition(" - ")
        if mount.split()[2] == wanted:
            return what.split()[0]
    return "unknown"


def _without_tones(kept: Kept) -> Kept:
    """How a caller's voice sounds is written nowhere."""
    return replace(kept, exchanges=tuple(replace(each, tone=None) for each in kept.exchanges))
