"""Two pages for monitoring: ``/metrics`` for Prometheus, ``/health`` for whoever asks whether calls can come.

Served by threads of their own, so that a slow reader costs no call anything.  Nothing that was said, no
telephone number and no tenant's name is on them.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable
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
    """The pages, from construction to :meth:`close`."""

    def __init__(self, listen: str, registry: CollectorRegistry, health: Health) -> None:
        """``listen``: ``HOST:PORT``; port 0 takes a free one.  Raises ConfigError when it cannot be had."""
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        try:
            self._server = make_server(
                host, int(port), _pages(registry, health), _server_class(host), handler_class=_Handler
            )
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"metrics.listen: cannot listen on {listen}: {reason}") from error
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="offhook-status", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the door; a page that is being read is finished."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _server_class(host: str) -> type[ThreadingWSGIServer]:
    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

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
