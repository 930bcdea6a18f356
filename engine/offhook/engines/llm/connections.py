"""Connections to model servers: one pool for each, on the event loop that runs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import httpx

from offhook import __version__
from offhook.engines.llm.endpoint import Endpoint
from offhook.errors import ConfigError

_KEEP_ALIVE_S = 60.0
"""An idle connection is kept this long: a turn of the caller's, and the one after it."""


class Connections:
    """Made before there are calls: reading the trusted certificates takes its time."""

    def __init__(self, endpoints: Sequence[Endpoint], *, kept: int) -> None:
        """``kept`` idle connections to each stay open.  Contacts nobody.  Raises ConfigError."""
        self._kept = kept
        secure = any(endpoint.url.startswith("https:") for endpoint in endpoints)
        self._tls = _tls() if secure else False
        self._clients: dict[str, httpx.AsyncClient] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop that they belong to; None: nobody has used them."""

    def to(self, endpoint: Endpoint) -> httpx.AsyncClient:
        """Those of the running event loop."""
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self.loop = loop
            self._clients.clear()
        client = self._clients.get(endpoint.url)
        if client is None:
            client = self._clients[endpoint.url] = httpx.AsyncClient(
                verify=self._tls,
                http1=True,
                http2=False,
                follow_redirects=False,
                trust_env=not endpoint.is_local,  # proxies
                timeout=httpx.Timeout(None, connect=endpoint.connect_timeout_s),
                limits=httpx.Limits(
                    max_connections=None,  # bounded by the number of conversations
                    max_keepalive_connections=self._kept,
                    keepalive_expiry=_KEEP_ALIVE_S,
                ),
                # Compressed streams come in lumps.
                headers={"User-Agent": f"offhook/{__version__}", "Accept-Encoding": "identity"},
            )
        return client

    def take(self) -> list[httpx.AsyncClient]:
        """Those of the running event loop, to be closed; there are none any more then."""
        clients = list(self._clients.values()) if self.loop is asyncio.get_running_loop() else []
        self._clients.clear()
        return clients


def _tls() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # SSLError is one
        raise ConfigError(
            f"the trusted certificates cannot be read ({error.strerror}): check SSL_CERT_FILE"
        ) from error
