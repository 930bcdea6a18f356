"""Who may log in: a file with a line a user, ``NAME:scrypt:N:R:P:SALT:HASH``; never a password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from offhook.errors import ConfigError
from offhook.files import read_text, unwritable

N, R, P = 2**15, 8, 1
"""scrypt's costs: 32 MiB and some 80 ms a try (OWASP's second choice)."""
_MOST_MEMORY = 256 * 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
SHORTEST = 10
"""Characters of a password: guesses are few (:mod:`offhook.web.sessions`), and the file may be stolen."""
LONGEST = 1024


@dataclass(frozen=True, slots=True)
class _Hash:
    n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    @classmethod
    def of(cls, password: str) -> _Hash:
        salt = secrets.token_bytes(16)
        return cls(N, R, P, salt, _derive(password, salt, N, R, P))

    @classmethod
    def parse(cls, text: str) -> _Hash:
        kind, n, r, p, salt, key = text.split(":")
        if kind != "scrypt":
            raise ValueError(kind)
        found = cls(int(n), int(r), int(p), _decoded(salt), _decoded(key))
        if not (1 < found.n * found.r * 128 <= _MOST_MEMORY // 2 and 0 < found.p <= 16 and found.key):
            raise ValueError("costs")
        return found

    def fits(self, password: str) -> bool:
        return hmac.compare_digest(_derive(password, self.salt, self.n, self.r, self.p), self.key)

    def __str__(self) -> str:
        return f"scrypt:{self.n}:{self.r}:{self.p}:{_encoded(self.salt)}:{_encoded(self.key)}"


_NOBODY = _Hash(N, R, P, b"\0" * 16, b"\0" * 32)
"""What an unknown user's password is compared with: they wait as long as a known one."""


class Passwords:
    """The file as it is now: a user who is taken out cannot log in any more."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def users(self) -> list[str]:
        """Raises ConfigError in one line: no file, nobody in it, or a line that is none."""
        found = list(self._read())
        if not found:
            raise ConfigError(f"{self.path}: nobody is in it; `offhook web passwd` adds somebody")
        return found

    def fits(self, user: str, password: str) -> bool:
        """Whether that is the user's password.  Takes some 80 ms.  Raises ConfigError."""
        known = self._read().get(user)
        fits = (known or _NOBODY).fits(password[:LONGEST])
        return fits and known is not None

    def put(self, user: str, password: str) -> None:
        """Add ``user``, or give them another password.  Raises ConfigError."""
        if not _NAME.fullmatch(user):
            raise ConfigError(f"user {user[:80]!r}: letters, digits and . _ @ - are wanted, 64 at most")
        if not SHORTEST <= len(password) <= LONGEST:
            raise ConfigError(f"a password has {SHORTEST} to {LONGEST} characters")
        known = self._read() if self.path.exists() else {}
        known[user] = _Hash.of(password)
        self._write(known)

    def remove(self, user: str) -> None:
        """Raises ConfigError."""
        known = self._read()
        if known.pop(user, None) is None:
            raise ConfigError(f"{self.path}: no user {user[:80]!r}; there are: {', '.join(known) or 'none'}")
        self._write(known)

    def _read(self) -> dict[str, _Hash]:
        if not self.path.exists():
            raise ConfigError(
                f"{self.path}: there is no such file; `offhook web passwd` writes it, with a first user"
            )
        known = {}
        for number, line in enumerate(read_text(self.path).splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            user, _, rest = line.partition(":")
            try:
                known[user] = _Hash.parse(rest.strip())
            except ValueError:
                raise ConfigError(
                    f"{self.path}, line {number}: not as `offhook web passwd` writes it: run it again"
                ) from None
        return known

    def _write(self, known: dict[str, _Hash]) -> None:
        text = "".join(f"{user}:{each}\n" for user, each in sorted(known.items()))
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                file.write(text)
                if self.path.exists():  # whoever runs the pages keeps them readable for themselves
                    status = self.path.stat()
                    if os.geteuid() == 0:
                        os.fchown(fd, status.st_uid, status.st_gid)
                    os.fchmod(fd, status.st_mode & 0o640)
            new.replace(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be written: {unwritable(self.path, error)}") from error


def _derive(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=32)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, altchars=b"-_", validate=True)
