"""A real Radicale behind the standard library's WSGI server, on a free port of this machine."""

from __future__ import annotations

import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
from radicale import config
from radicale.app import Application

USER, PASSWORD = "salon", "correct horse"


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class CalDavServer:
    """Serves until closed; ``url`` is a collection of :data:`USER`'s that exists."""

    def __init__(self, folder: Path) -> None:
        users = folder / "users"
        users.write_text(f"{USER}:{PASSWORD}\n")
        settings = config.load()
        settings.update(
            {
                "auth": {"type": "htpasswd", "htpasswd_filename": str(users), "htpasswd_encryption": "plain"},
                "storage": {"filesystem_folder": str(folder / "collections")},
                "logging": {"level": "critical"},
            },
            "tests",
        )
        self._server: WSGIServer = make_server("127.0.0.1", 0, Application(settings), handler_class=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/{USER}/diary"
        answer = httpx.request("MKCALENDAR", self.url + "/", auth=(USER, PASSWORD), trust_env=False)
        assert answer.status_code == 201, answer.text

    def put(self, name: str, text: str) -> None:
        """What somebody else has entered."""
        answer = httpx.put(
            f"{self.url}/{name}.ics", content=text.encode(), auth=(USER, PASSWORD), trust_env=False
        )
        assert answer.status_code == 201, answer.text

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
