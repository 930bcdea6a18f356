"""A large file from the web: shown as it comes, taken up where it broke off, and checked before it counts.

What has come lies in ``TARGET.part``, with the server's name for that version (its ETag) beside it, so that a
later try goes on there and never glues two versions together.  Proxies and certificates are taken from the
environment, as httpx does.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from offhook.catalogue.progress import Progress, megabytes
from offhook.errors import ModelError

_TRIES = 5
"""In a row without a single byte; one that brings some begins the count anew."""
_PAUSE_S = (1.0, 2.0, 4.0, 8.0)
_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_TRY_AGAIN = (408, 425, 429)


def download(
    url: str,
    target: Path,
    *,
    size: int,
    sha256: str | None,
    progress: Progress | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> str:
    """Bring ``url`` to ``target`` and return its SHA-256.

    A connection that breaks is taken up again; with another length or SHA-256 than told the file is refused,
    and lies in ``TARGET.wrong``.  Raises ModelError with one line; OSError when ``target`` cannot be written.
    """
    download = _Download(url, target, size, progress or Progress(target.name))
    try:
        with httpx.Client(follow_redirects=True, timeout=_TIMEOUT) as client:
            download.run(client, pause)
    finally:
        download.progress.close()
    found = _sha256(download.part)
    if sha256 is not None and found != sha256:
        wrong = target.with_name(target.name + ".wrong")
        download.part.replace(wrong)
        download.note.unlink(missing_ok=True)
        raise ModelError(
            f"{url} is not the file that the catalogue knows: its SHA-256 is {found}, not {sha256};"
            f" it lies in {wrong}"
        )
    download.part.replace(target)
    download.note.unlink(missing_ok=True)
    return found


@dataclass
class _Answer:
    """What the server says about the body that follows."""

    begins_at: int
    total: int | None


class _RetryError(Exception):
    """Worth another try; its words are shown when there is none left."""


class _Download:
    """One file, over as many connections as it takes."""

    def __init__(self, url: str, target: Path, size: int, progress: Progress) -> None:
        self.url, self.size, self.progress = url, size, progress
        self.part = target.with_name(target.name + ".part")
        self.note = target.with_name(target.name + ".part.etag")

    def run(self, client: httpx.Client, pause: Callable[[float], None]) -> None:
        """Until it is whole."""
        tries = 0
        while True:
            before = self._have()
            if before == self.size:
                return
            try:
                self._fetch(client, before)
                if self._have() == self.size:
                    return
                problem = f"the connection was cut at {megabytes(self._have())}"
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
            except httpx.HTTPError as error:
                raise ModelError(f"{self.url}: {' '.join(str(error).split())}") from error
            except _RetryError as error:
                problem = str(error)
            tries = 1 if self._have() > before else tries + 1
            if tries >= _TRIES:
                raise ModelError(
                    f"{self.url} cannot be fetched: {problem}; what has come is kept: try again later"
                    " (behind a proxy, set HTTPS_PROXY)"
                )
            pause(_PAUSE_S[tries - 1])

    def _fetch(self, client: httpx.Client, have: int) -> None:
        headers = {"Accept-Encoding": "identity"}
        etag = self.note.read_text("utf-8") if have and self.note.is_file() else None
        if have and etag:
            headers |= {"Range": f"bytes={have}-", "If-Range": etag}
        with client.stream("GET", self.url, headers=headers) as response:
            answer = self._check(response, have)
            if answer.total is not None and answer.total != self.size:
                raise ModelError(
                    f"{self.url} is not the file that the catalogue knows: it has {answer.total:,} bytes, not"
                    f" {self.size:,}"
                )
            self._note(response)
            with self.part.open("ab" if answer.begins_at else "wb") as file:
                done = answer.begins_at
                for chunk in response.iter_raw():
                    done += len(chunk)
                    if done > self.size:
                        raise ModelError(f"{self.url} is not the file that the catalogue knows: it is longer")
                    file.write(chunk)
                    self.progress.at(done, self.size)

    def _check(self, response: httpx.Response, have: int) -> _Answer:
        status = response.status_code
        if status == 206:
            told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
            if told is None or int(told[1]) != have:
                self.note.unlink(missing_ok=True)  # the next try begins anew
                raise _RetryError("the server sent another part than was asked for")
            return _Answer(have, None if told[2] == "*" else int(told[2]))
        if status == 200:
            length = response.headers.get("content-length", "")
            return _Answer(0, int(length) if length.isdigit() else None)
        if status == 416:
            self.note.unlink(missing_ok=True)
            raise _RetryError("the server has no such part")
        problem = f"{self.url}: the server answers {status} {response.reason_phrase}".rstrip()
        if status in _TRY_AGAIN or status >= 500:
            raise _RetryError(problem.removeprefix(f"{self.url}: "))
        if status in (401, 403):
            problem += ": it wants a login; fetch the file yourself and use `offhook models import`"
        raise ModelError(problem)

    def _note(self, response: httpx.Response) -> None:
        etag = response.headers.get("etag", "")
        if etag and not etag.startswith("W/"):
            self.note.write_text(etag, "utf-8")
        else:  # nothing tells this version from another: it cannot be taken up
            self.note.unlink(missing_ok=True)

    def _have(self) -> int:
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
