"""Access tokens for Google and Microsoft: as they are, or fetched by OAuth 2 and renewed in time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import httpx

from offhook.appointments.calendar import CalendarError
from offhook.errors import ConfigError

_EARLY_S = 60
"""A token is renewed so long before it ends."""
GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
MICROSOFT_TOKENS = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_MICROSOFT_SCOPE = "https://graph.microsoft.com/.default"


class BearerToken(httpx.Auth):
    """``Authorization: Bearer``.  ``secret`` is the token, or JSON that says how to get one.

    The JSON has ``client_id`` and ``client_secret``, and ``refresh_token`` (Google, Microsoft) or ``tenant``
    (Microsoft: the application by itself).  Raises ConfigError when it cannot be used.
    """

    def __init__(
        self,
        secret: str,
        token_url: str,
        http: httpx.AsyncClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._clock = clock
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._form: dict[str, str] | None = None
        self._token = secret
        self._url = token_url
        if secret.lstrip().startswith("{"):
            self._form = _form(secret)
            self._url = token_url.format(tenant=self._form.pop("tenant", "common"))

    def __repr__(self) -> str:
        return "BearerToken()"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As httpx wants it: the header, and one more try with a new token when the old one is refused."""
        request.headers["Authorization"] = f"Bearer {await self._current()}"
        response = yield request
        if response.status_code == 401 and self._form is not None:
            self._until = 0.0
            request.headers["Authorization"] = f"Bearer {await self._current()}"
            yield request

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        raise RuntimeError("tokens are for the asynchronous client")

    async def _current(self) -> str:
        if self._form is None:
            return self._token
        async with self._lock:
            if self._clock() >= self._until:
                await self._renew(self._form)
            return self._token

    async def _renew(self, form: dict[str, str]) -> None:
        try:
            response = await self._http.post(self._url, data=form, follow_redirects=False)
            answer = response.json()
            token, lives_s = str(answer["access_token"]), float(answer.get("expires_in", 300))
        except httpx.HTTPError as error:
            raise CalendarError("the server of access tokens does not answer", sent=False) from error
        except (ValueError, KeyError, TypeError) as error:
            # Nothing of the answer is shown: it may hold secrets.
            raise CalendarError(
                f"no access token was given ({response.status_code}): renew the secret", sent=False
            ) from error
        self._token, self._until = token, self._clock() + lives_s - _EARLY_S


def _form(secret: str) -> dict[str, str]:
    wanted = "the secret's JSON wants client_id, client_secret, and refresh_token or tenant"
    try:
        given: Any = json.loads(secret)
        form = {key: str(given[key]) for key in ("client_id", "client_secret")}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(wanted) from error
    if "refresh_token" in given:
        form |= {"grant_type": "refresh_token", "refresh_token": str(given["refresh_token"])}
        if "tenant" in given:
            form["tenant"] = str(given["tenant"])
        return form
    if "tenant" in given:
        return form | {
            "grant_type": "client_credentials",
            "scope": _MICROSOFT_SCOPE,
            "tenant": str(given["tenant"]),
        }
    raise ConfigError(wanted)
