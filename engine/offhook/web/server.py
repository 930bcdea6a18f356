"""Where the pages are served, and where not."""

from __future__ import annotations

import ipaddress
import logging
import socket
from urllib.parse import urlsplit

import uvicorn

from offhook.config import WebConfig
from offhook.errors import ConfigError
from offhook.files import check_file
from offhook.web.app import build
from offhook.web.house import House
from offhook.web.passwords import Passwords
from offhook.web.unfinished import patient_protocol

_log = logging.getLogger("offhook.web")

LOCAL = ("localhost", "127.0.0.1", "::1")


def serve(house: House) -> None:
    """Serve until SIGTERM or SIGINT.  Raises ConfigError, in one line, when it must not or cannot begin."""
    server, sock = prepared(house)
    name, port = sock.getsockname()[:2]
    scheme = "http" if house.config.web.certificate is None else "https"
    _log.info("pages: %s://%s:%d/", scheme, f"[{name}]" if ":" in name else name, port)
    server.run(sockets=[sock])


def prepared(house: House) -> tuple[uvicorn.Server, socket.socket]:
    """The server, and the socket that it listens at.  Raises ConfigError."""
    settings = house.config.web
    where = urlsplit(f"//{settings.listen}")
    host, port = where.hostname or "", where.port or 0
    check_place(settings, host)
    passwords = Passwords(settings.password_file)
    _check_users(passwords, settings)
    sock = _bound(host, port, settings.listen)
    https = settings.certificate is not None
    hosts = frozenset({*LOCAL, host, *settings.hosts})
    app = build(house, passwords, hosts, https=https or settings.behind_proxy)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=patient_protocol(),
        ws="none",
        limit_concurrency=200,
        timeout_graceful_shutdown=1,
        proxy_headers=settings.behind_proxy,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.private_key or settings.certificate,
    )
    return _Server(config, house), sock


class _Server(uvicorn.Server):
    """Ends the streams before it waits for what goes on."""

    def __init__(self, config: uvicorn.Config, house: House) -> None:
        super().__init__(config)
        self._house = house

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._house.ending.set()
        await super().shutdown(sockets)


def check_place(settings: WebConfig, host: str) -> None:
    """Passwords and words of callers do not cross a network unencrypted.  Raises ConfigError."""
    for path in (settings.certificate, settings.private_key):
        if path is not None:
            check_file(path)
    if is_local(host) or settings.certificate is not None or settings.behind_proxy:
        return
    raise ConfigError(
        f"web.listen {settings.listen} can be reached from other machines: set web.certificate, or listen on"
        " 127.0.0.1 behind a web server that speaks HTTPS (then set web.behind_proxy)"
    )


def _check_users(passwords: Passwords, settings: WebConfig) -> None:
    """Somebody can come in: whoever has a password, or a program with a token.  Raises ConfigError."""
    try:
        passwords.users()
    except ConfigError as error:
        if settings.token_file is None or passwords.path.exists():
            raise
        _log.warning("only programs can come in, with the token of web.token_file: %s", error)


def is_local(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int, listen: str) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(128)
        except OSError:
            sock.close()
            raise
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"web.listen: cannot listen on {listen}: {getattr(error, 'strerror', None) or error}"
        ) from error
    return sock
