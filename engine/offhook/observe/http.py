"""Two pages for monitoring: ``/metrics`` for Prometheus, ``/health`` for whoever asks whether calls can come.

Served by threads of their own, so that a slow reader costs no call anything.  Nothing that was said, no
telephone number and no tenant's name is on them.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from offhook.errors import ConfigError

_log = logging.getLogger("offhook.observe.http")

READ_TIMEOUT_S = 5.0
"""Who sends nothing for so long is let go."""

Health = Callable[[], dict[str, Any]]
"""What is known of the daemon, as JSON; ``problem`` is why no call can come, None while they can.

Asked on a thread of this server: it must not wait.
"""


class StatusServer:
    """The pages, from :meth:`begin` to :meth:`close`."""

    def __init__(
        self,
        listen: str,
        registry: CollectorRegistry,
        health: Health,
        inherited: Sequence[socket.socket] = (),
    ) -> None:
        """``listen``: ``HOST:PORT``; port 0 takes a free one.  Raises ConfigError when it cannot be had.

        ``inherited``: a socket that listens there already.
        """
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        self._closed = False
        try:
            kind = _server_class(host, inherited[0] if inherited else None)
            self._server = make_server(
                host, int(port), _pages(registry, health), kind, handler_class=_Handler
            )
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"metrics.listen: cannot listen on {listen}: {reason}") from error
        self.port = self._server.server_port
        self._thread: threading.Thread | None = None

    @property
    def sockets(self) -> list[socket.socket]:
        """Those that listen: for a successor of this process."""
        return [] if self._closed else [self._server.socket]

    def begin(self) -> None:
        """Serve them from now on; until then who asks has to wait."""
        self._thread = threading.Thread(target=self._server.serve_forever, name="offhook-status", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the door; a page that is being read is finished.  Any number of times; waits up to 0.5 s."""
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def _server_class(host: str, inherited: socket.socket | None) -> type[ThreadingWSGIServer]:
    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True
        request_queue_size = 16

        def server_bind(self) -> None:
            if inherited is None:
                super().server_bind()
                return
            self.socket.close()
            self.socket = inherited
            self.socket.setblocking(True)
            name = self.socket.getsockname()
            self.server_address = name
            self.server_name, self.server_port = str(name[0]), int(name[1])
            self.setup_environ()

    return Server


class _Handler(WSGIRequestHandler):
    timeout = READ_TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:
        """Not a line for every scrape."""
        _log.debug(format, *args)


def _pages(registry: CollectorRegistry, health: Health) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                page: Iterable[bytes] = metrics(environ, start_response)
                return page
            case "/health":
                state = health()
                status = "200 OK" if state.get("problem") is None else "503 Service Unavailable"
                start_response(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
                return [json.dumps(state).encode() + b"\n"]
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
                return [b"the pages are /metrics and /health\n"]

    return app
