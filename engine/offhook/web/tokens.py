"""What lets programs in where people log in: a token, which they bring with every request."""

from __future__ import annotations

import hmac
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offhook.errors import ConfigError
from offhook.files import read_text
from offhook.web.sessions import Tries

PREFIX = "/api/"
SHORTEST_TOKEN = 24
"""Characters; nobody guesses ``openssl rand -hex 16``, which has 32."""


class Token:
    """What programs show."""

    def __init__(self, path: Path | None) -> None:
        """None: no program may anything.  Raises ConfigError."""
        self._token: bytes | None = None
        if path is None:
            return
        lines = read_text(path).split()
        if len(lines) != 1 or len(lines[0]) < SHORTEST_TOKEN or not lines[0].isascii():
            raise ConfigError(
                f"web.token_file {path} has to hold one word of {SHORTEST_TOKEN} characters or more:"
                f" openssl rand -hex 16 > {path}"
            )
        self._token = lines[0].encode()

    @property
    def is_set(self) -> bool:
        return self._token is not None

    def fits(self, request: Request) -> bool:
        """Whether the request brings it."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if self._token is None or kind.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)


class Keeper:
    """Lets programs in that bring the token; says to others why not."""

    def __init__(self, token: Token, tries: Tries) -> None:
        self._token = token
        self._tries = tries

    def refused(self, request: Request) -> Response | None:
        """None: come in."""
        if not self._token.is_set:
            return problem("no program may place calls here: set web.token_file", 404)
        address = request.client.host if request.client is not None else ""
        wait_s = self._tries.wait_s(address)
        if wait_s > 0:
            answer = problem(f"too many wrong tokens: wait {wait_s:.0f} seconds", 429)
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        if not self._token.fits(request):
            if "authorization" in request.headers:
                self._tries.failed(address)
            answer = problem("the token of web.token_file is needed: Authorization: Bearer ...", 401)
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        return None


def problem(words: str, status: int) -> JSONResponse:
    return JSONResponse({"error": words}, status)
