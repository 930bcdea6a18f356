"""A WebSocket to a service: messages of JSON, errors of one line, and no secret in any log."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from offhook import __version__
from offhook.engines.remote.connections import trusted
from offhook.engines.remote.http import lasting
from offhook.engines.remote.refusals import Hints, broken, detail_of, refused, shown
from offhook.engines.remote.service import Service
from offhook.errors import ConfigError, DeadlineError, ModelError

_MAX_MESSAGE_BYTES = 4 << 20
_PING_S = 20.0
_INSTALL = "pip install 'offhook[websocket]'"

_quiet = logging.getLogger("offhook.engines.remote.websocket.wire")
_quiet.setLevel(logging.WARNING)  # below that, the library logs every header, keys included


class WebSocket:
    """One connection.  Raises DeadlineError, BusyError or ModelError."""

    def __init__(self, service: Service, connection: Any) -> None:
        self._service = service
        self._connection = connection

    async def send(self, message: Mapping[str, Any] | bytes) -> None:
        """A message as JSON, or audio."""
        from websockets.exceptions import ConnectionClosed

        data = message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False)
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise self._gone(error) from error

    async def receive(self) -> dict[str, Any]:
        """The next message that is a JSON object."""
        from websockets.exceptions import ConnectionClosed

        try:
            data = await self._connection.recv()
            value = json.loads(data)
        except ConnectionClosed as error:
            raise self._gone(error) from error
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{self._service.url} sends a message that is not JSON") from error
        if not isinstance(value, dict):
            raise ModelError(f"{self._service.url} sends a message that is not a JSON object")
        return value

    @property
    def is_open(self) -> bool:
        """Whether the server has not hung up."""
        return self._connection.close_code is None and self._connection.state.name == "OPEN"

    async def close(self) -> None:
        """Say goodbye; the server has a second to do so, too."""
        try:
            async with asyncio.timeout(1.0):
                await self._connection.close()
        except TimeoutError:
            self.abort()
        except asyncio.CancelledError:
            self.abort()
            raise

    def abort(self) -> None:
        """Hang up at once."""
        self._connection.transport.abort()

    def _gone(self, error: Any) -> ModelError:
        close = error.rcvd
        if close is None:
            return ModelError(f"{self._service.url}: the connection broke")
        why = shown(close.reason, self._service) or "no reason given"
        return ModelError(f"{self._service.url} hung up ({close.code}): {why}")


class WebSockets:
    """Opens connections to one service."""

    def __init__(self, service: Service, hints: Hints) -> None:
        """Contacts nobody.  Raises ConfigError where the library is missing, or certificates."""
        try:
            import websockets  # noqa: F401
        except ImportError as error:
            raise ConfigError(f"{service.section}.engine needs the package websockets: {_INSTALL}") from error
        self._service = service
        self._hints = hints
        self._tls: ssl.SSLContext | None = trusted(service) if service.url.startswith("https:") else None

    async def open(self, path: str, query: Mapping[str, Any]) -> WebSocket:
        """Connect.  Never goes where a redirect points: the key would go there, too."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidProxy, InvalidStatus, WebSocketException

        class Straight(connect):
            def process_redirect(self, exc: Exception) -> Exception | str:
                return exc

        service = self._service
        url = "ws" + service.url.removeprefix("http") + path
        if query:
            url += "?" + urlencode(query, doseq=True)
        tls: Any = {"ssl": self._tls} if self._tls is not None else {}
        try:
            connection = await Straight(
                url,
                additional_headers=service.headers(),
                user_agent_header=f"offhook/{__version__}",
                compression=None,
                open_timeout=service.connect_timeout_s,
                ping_interval=_PING_S,
                max_size=_MAX_MESSAGE_BYTES,
                max_queue=64,
                logger=_quiet,
                proxy=None if service.is_local else True,
                **tls,
            )
        except InvalidStatus as error:
            response = error.response
            detail = detail_of(bytes(response.body or b""))
            headers = dict(response.headers.raw_items())
            raise lasting(refused(response.status_code, headers, detail, service, self._hints)) from error
        except TimeoutError:
            raise DeadlineError(
                f"{service.url}: no connection within {service.connect_timeout_s:g} s:"
                f" is the server up, and {service.section}.base_url right?"
            ) from None
        except (OSError, EOFError) as error:
            failed = httpx.ConnectError(str(error))
            failed.__cause__ = error
            raise broken(failed, service, self._hints, begun=False) from error
        except (InvalidProxy, ImportError, ValueError):  # not shown: a password may be in it
            raise lasting(
                ModelError(
                    f"{service.url}: the proxy that the environment names cannot be used (HTTPS_PROXY,"
                    " HTTP_PROXY, ALL_PROXY): write it like http://192.0.2.3:3128; SOCKS needs the package"
                    " python-socks"
                )
            ) from None
        except WebSocketException as error:
            raise ModelError(
                f"{service.url} does not speak WebSocket: {shown(str(error), service)}"
            ) from error
        return WebSocket(service, connection)
