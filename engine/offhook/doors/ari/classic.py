"""ARI as every Asterisk since 12 has it: we connect for events, and send requests by HTTP."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from urllib.parse import urlencode, urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from offhook.doors.ari.link import REQUEST_S, Broken, Link
from offhook.doors.ari.messages import Request, Response, body_of
from offhook.errors import AriError, ConfigError, ProtocolError

MAX_MESSAGE_BYTES = 1 << 20
_CONNECT_S = 5.0
_PING_S = 10.0
"""A peer that has vanished without a word is noticed after about twice so long."""

_quiet = logging.getLogger("offhook.doors.ari.wire")
_quiet.setLevel(logging.WARNING)  # below that, the library logs every header, the password included


class _Client:
    """The library's connection, as a :class:`Socket`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str, /) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise Broken from error

    async def messages(self) -> AsyncIterator[str | bytes]:
        async for message in self._connection:
            yield message


class Classic:
    """One Asterisk's HTTP server.  Lives on the event loop."""

    def __init__(self, url: str, username: str, password: str, app: str) -> None:
        """``url``: up to and with ``/ari``.  Contacts nobody.  Raises ConfigError for what is no URL."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"doors.ari.url {url!r}: write one such as http://127.0.0.1:8088/ari")
        self._url = url.rstrip("/")
        self._app = app
        self._login = (username, password)
        self._http = httpx.AsyncClient(
            auth=self._login,
            timeout=httpx.Timeout(REQUEST_S, connect=_CONNECT_S),
            trust_env=False,
            follow_redirects=False,
        )

    async def request(self, request: Request) -> Response:
        try:
            answer = await self._http.request(
                request.method, f"{self._url}/{request.path}", params=dict(request.query), json=request.body
            )
        except httpx.HTTPError as error:
            raise Broken from error
        return Response(answer.status_code, answer.reason_phrase, body_of(answer.content))

    async def connect(self, link: Link) -> None:
        """Hold the events' connection until it ends.

        Raises OSError, ProtocolError or AriError when there is none to be had.
        """
        query = urlencode({"app": self._app, "subscribeAll": "false"})
        login = b64encode(":".join(self._login).encode()).decode()
        try:
            async with connect(
                f"ws{self._url.removeprefix('http')}/events?{query}",
                additional_headers={"Authorization": f"Basic {login}"},
                compression=None,
                proxy=None,
                open_timeout=_CONNECT_S,
                close_timeout=1.0,
                ping_interval=_PING_S,
                max_size=MAX_MESSAGE_BYTES,
                logger=_quiet,
            ) as connection:
                link.use(self)
                await link.serve(_Client(connection))
        except InvalidStatus as error:
            status = error.response.status_code
            hints = {401: "check doors.ari.username and its password", 404: "is res_ari loaded?"}
            hint = hints.get(status, "")
            raise AriError(f"{self._url} refuses: {status} {hint}".rstrip(), status) from error
        except WebSocketException as error:
            raise ProtocolError(f"{self._url} does not speak ARI: {error}") from error

    async def close(self) -> None:
        await self._http.aclose()
