"""HTTP to whom tools may talk to, and to nobody else.

An agent's file may be a tenant's, and what it names is asked from inside the operator's network.  So a name
is looked up once, every address that it has is checked, and the connection goes to the address that was
checked: a name that means something else a moment later changes nothing.  Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Sequence

import httpx

from offhook.errors import ConfigError, ToolError

for _library in ("httpx", "httpcore"):
    # Below that they log every address that is asked, and callers' numbers are in those.
    logging.getLogger(_library).setLevel(logging.WARNING)

MOST_BYTES = 1_000_000
"""Of an answer."""
CONNECT_S = 1.5

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach:
    """Who may be called: everybody (``anywhere``), or public addresses and those that are named."""

    def __init__(self, named: Sequence[str] = (), *, anywhere: bool = False) -> None:
        """``named``: hosts, addresses and networks.  Raises ConfigError."""
        self._anywhere = anywhere
        self._hosts: set[str] = set()
        self._networks: list[_Network] = []
        for each in named:
            try:
                self._networks.append(ipaddress.ip_network(each, strict=False))
            except ValueError:
                if "/" in each or " " in each or not each:
                    raise ConfigError(
                        f"tools.tenants_may_reach: {each!r} is no host, address or network like 10.1.2.0/24"
                    ) from None
                self._hosts.add(each.lower())

    def allows(self, host: str, address: str) -> bool:
        """Whether ``host`` may be called at one of its addresses."""
        if self._anywhere or host.lower() in self._hosts:
            return True
        found: _Address = ipaddress.ip_address(address.split("%")[0])
        if isinstance(found, ipaddress.IPv6Address):
            # An address of the old kind in the clothes of the new one is what it is underneath.
            found = found.ipv4_mapped or found.sixtofour or found
        if any(found.version == network.version and found in network for network in self._networks):
            return True
        return found.is_global and not found.is_multicast


class CheckedTransport(httpx.AsyncBaseTransport):
    """Looks up, checks, and connects to what was checked."""

    def __init__(self, reach: Reach, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._reach = reach
        self._inner = inner or httpx.AsyncHTTPTransport(retries=0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        address = await self._address(
            host, request.url.port or (443 if request.url.scheme == "https" else 80)
        )
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def _address(self, host: str, port: int) -> str:
        """The address to connect to.  Raises ToolError, and nothing was sent."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ToolError(f"{host} is not known: {error.strerror or error}", sent=False) from error
        addresses = [str(each[4][0]) for each in found]
        refused = [each for each in addresses if not self._reach.allows(host, each)]
        if refused or not addresses:
            raise ToolError(
                f"{host} is {refused[0] if refused else 'nowhere'}, which tenants' tools may not call"
                " (tools.tenants_may_reach)",
                sent=False,
            )
        return addresses[0]

    async def aclose(self) -> None:
        await self._inner.aclose()


def client(reach: Reach, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """For one agent's tools; ``transport`` replaces the network."""
    return httpx.AsyncClient(
        transport=CheckedTransport(reach, transport),
        timeout=httpx.Timeout(None, connect=CONNECT_S),  # the executor's deadline is for the whole
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=8),
        follow_redirects=False,
        trust_env=False,
    )


async def fetch(
    http: httpx.AsyncClient, request: httpx.Request, *, most_bytes: int = MOST_BYTES
) -> tuple[int, bytes, str]:
    """Status, body and content type.  Raises ToolError, with whether anything may have been sent."""
    try:
        response = await http.send(request, stream=True)
        try:
            body = bytearray()
            async for block in response.aiter_bytes():
                body += block
                if len(body) > most_bytes:
                    raise ToolError(f"the answer is larger than {most_bytes:,} bytes")
            return response.status_code, bytes(body), response.headers.get("content-type", "")
        finally:
            await response.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        raise ToolError(f"{request.url.host} cannot be reached: {_why(error)}", sent=False) from error
    except httpx.HTTPError as error:
        raise ToolError(f"{request.url.host}: {_why(error)}") from error


def _why(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
