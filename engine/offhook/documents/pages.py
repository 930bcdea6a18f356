"""A page of the web as a document: fetched once, when an operator names it."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from offhook.documents.blocks import Document
from offhook.documents.reading import MAX_BYTES, read_content
from offhook.errors import DocumentError

TIMEOUT_S = 20.0
"""For each of its steps."""
_ALL_S = 120.0
"""For the whole page."""
_REDIRECTS = 5
_KINDS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
Addresses = Callable[[str], list[str]]


def is_url(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def addresses_of(host: str) -> list[str]:
    """The IP addresses of ``host``; none when it has none."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return []


def read_page(
    url: str, *, private: bool = False, addresses: Addresses = addresses_of
) -> tuple[Document, str]:
    """What the page says, and the SHA-256 of it.  Raises DocumentError, in one line.

    ``private``: also of hosts inside one's own network.  Without it neither a page nor where it redirects to
    may lie there, so that no link that somebody passed on reads what only this machine can see.
    """
    try:
        with httpx.Client(
            timeout=TIMEOUT_S, follow_redirects=False, headers={"user-agent": "offhook"}
        ) as client:
            for _ in range(_REDIRECTS + 1):
                allowed = _check(url, private=private, addresses=addresses)
                with contextlib.closing(_asked(client, url, allowed)) as response:
                    if response.is_redirect:
                        url = urljoin(url, response.headers.get("location", ""))
                        continue
                    if response.status_code != 200:
                        raise DocumentError(f"{url}: the server answers {response.status_code}")
                    content = _body(response, url)
                return read_content(content, _kind(response, url), url, _title(url)), hashlib.sha256(
                    content
                ).hexdigest()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError(f"{url}: cannot be fetched: {error or type(error).__name__}") from error
    raise DocumentError(f"{url}: redirects again and again")


def _asked(client: httpx.Client, url: str, allowed: list[str]) -> httpx.Response:
    """The page's answer, its body still to be read, from one of the addresses that were ``allowed``.

    The name is not looked up again: whoever owns it could then answer with an address inside.  None are
    allowed where a proxy looks names up.
    """
    parts = httpx.URL(url)
    if not allowed:
        return client.send(client.build_request("GET", parts), stream=True)
    for last, address in enumerate(allowed, 1 - len(allowed)):
        request = client.build_request(
            "GET",
            parts.copy_with(host=address),
            headers={"host": parts.netloc.decode()},
            extensions={"sni_hostname": parts.raw_host.decode()},
        )
        try:
            return client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if not last:
                raise
    raise AssertionError("one is tried last")


def _check(url: str, *, private: bool, addresses: Addresses) -> list[str]:
    """The addresses that may be asked; none: whichever there are.  Raises DocumentError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DocumentError(f"{url}: http:// or https:// and a host are wanted")
    if private:
        return []
    found = addresses(parts.hostname)
    inside = [each for each in found if not ipaddress.ip_address(each.split("%")[0]).is_global]
    if inside:
        raise DocumentError(
            f"{url}: {parts.hostname} is inside your own network: say --private if you mean it"
        )
    proxied = parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname)
    return [] if proxied else list(dict.fromkeys(found))


def _body(response: httpx.Response, url: str) -> bytes:
    found = bytearray()
    until_s = time.monotonic() + _ALL_S
    for part in response.iter_bytes():
        found += part
        if time.monotonic() > until_s:
            raise DocumentError(f"{url}: takes longer than {_ALL_S:.0f} s: save it, and add the file")
        if len(found) > MAX_BYTES:
            raise DocumentError(f"{url}: is larger than {MAX_BYTES:,} bytes")
    return bytes(found)


def _kind(response: httpx.Response, url: str) -> str:
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    return _KINDS.get(kind) or PurePosixPath(urlsplit(url).path).suffix or ".html"


def _title(url: str) -> str:
    parts = urlsplit(url)
    return unquote(PurePosixPath(parts.path).stem) or parts.hostname or url
