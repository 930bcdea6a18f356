"""Connections to servers: one pool for each, on the event loop that runs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import httpx

from offhook import __version__
from offhook.engines.remote.service import Service
from offhook.errors import ConfigError

_KEEP_ALIVE_S = 60.0
"""An idle connection is kept this long: a turn of the caller's, and the one after it."""


class Connections:
    """Made before there are calls: reading the trusted certificates takes its time."""

    def __init__(self, services: Sequence[Service], *, kept: int) -> None:
        """``kept`` idle connections to each stay open.  Contacts nobody.  Raises ConfigError."""
        self._kept = kept
        for service in services:
            check_proxies(service)
        secure = {service.ca_file: service for service in services if service.url.startswith("https:")}
        self._tls = {ca_file: trusted(service) for ca_file, service in secure.items()}
        self._clients: dict[str, httpx.AsyncClient] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop that they belong to; None: nobody has used them."""

    def to(self, service: Service) -> httpx.AsyncClient:
        """Those of the running event loop."""
        loop = asyncio.get_running_loop()
        if self.loop is not loop:
            self.loop = loop
            self._clients.clear()
        client = self._clients.get(service.url)
        if client is None:
            client = self._clients[service.url] = httpx.AsyncClient(
                verify=self._tls[service.ca_file] if service.url.startswith("https:") else False,
                http1=True,
                http2=False,
                follow_redirects=False,
                trust_env=not service.is_local,  # proxies
                timeout=httpx.Timeout(None, connect=service.connect_timeout_s),
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


def trusted(service: Service) -> ssl.SSLContext:
    """Whose certificates are believed: the system's authorities, or those of the file that is named.

    Reads files.  Raises ConfigError.
    """
    try:
        if service.ca_file is not None:
            return ssl.create_default_context(cafile=service.ca_file)
        return httpx.create_ssl_context()
    except OSError as error:  # SSLError is one
        what = "the trusted certificates" if service.ca_file is None else str(service.ca_file)
        check = "SSL_CERT_FILE" if service.ca_file is None else f"{service.section}.ca_file"
        raise ConfigError(f"{what} cannot be read ({error.strerror or error}): check {check}") from error


def check_proxies(service: Service) -> None:
    """Raise ConfigError for proxies that the environment names and that cannot be used.

    They are not shown: a password may be in them.
    """
    if service.is_local:
        return
    where = "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
    try:
        httpx.AsyncClient(verify=False)
    except ImportError:
        raise ConfigError(
            f"{service.url}: the environment names a SOCKS proxy ({where}), which needs the package socksio:"
            " pip install 'httpx[socks]'"
        ) from None
    except (ValueError, httpx.InvalidURL):
        raise ConfigError(
            f"{service.url}: the environment names a proxy that is none ({where}): write it like"
            " http://192.0.2.3:3128"
        ) from None
