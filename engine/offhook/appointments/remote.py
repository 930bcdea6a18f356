"""Requests to calendars on other people's servers: a deadline, a limit, one line for what went wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from offhook.appointments.calendar import CalendarError

TIMEOUT_S = 5.0
"""For one request and its answer: a caller waits."""
MAX_BYTES = 4_000_000
MAX_PAGES = 8
"""Of one list: some thousands of events within the weeks that are asked for are no calendar of a person."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """Raises CalendarError where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise CalendarError("the calendar's server answered something that is no JSON object")
        return found


class Remote:
    """One server, asked through a client that somebody else owns (it knows who may be called)."""

    def __init__(
        self, http: httpx.AsyncClient, base: str, auth: httpx.Auth | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._http = http
        self._base = base.rstrip("/")
        self._auth = auth
        self._timeout_s = timeout_s

    async def ask(
        self,
        method: str,
        url: str,
        *,
        allowed: tuple[int, ...] = (200,),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """``url`` is a path below the base, or whole; then it has to be of the same server.

        Raises CalendarError unless the status is among ``allowed``.
        """
        whole = url if "://" in url else f"{self._base}{url}"
        if _origin(whole) != _origin(self._base):
            raise CalendarError(f"{_host(self._base)} sends us to another server: not followed")
        request = self._http.build_request(
            method, whole, headers=headers, content=content, json=body, params=query
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.send(
                    request, auth=self._auth, stream=True, follow_redirects=False
                )
                try:
                    received = await _read(response)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CalendarError(f"{_host(whole)} cannot be reached", sent=False) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise CalendarError(f"{_host(whole)} does not answer: {type(error).__name__}") from error
        if response.status_code not in allowed:
            raise CalendarError(f"{_host(whole)} answers {response.status_code} to {method}{_hint(response)}")
        return Answer(response.status_code, received)


async def _read(response: httpx.Response) -> bytes:
    received = bytearray()
    async for block in response.aiter_bytes():
        received += block
        if len(received) > MAX_BYTES:
            raise CalendarError(f"the calendar's answer is larger than {MAX_BYTES:,} bytes")
    return bytes(received)


def _hint(response: httpx.Response) -> str:
    return {
        401: ": the secret is not taken, renew it",
        403: ": the account may not do that, share the calendar with it",
        404: ": there is no such calendar, correct its name or address",
        429: ": too many requests",
    }.get(response.status_code, "")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
