"""An Asterisk that brings calls by AudioSocket and chan_websocket, and a daemon with those doors open."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.asterisk.asterisk_install import AsteriskInstall
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer

EXTENSIONS = {"audiosocket": "701", "websocket": "702"}
"""What the shipped softphone dials to come through a door."""
MODULES = (
    "res_audiosocket",
    "chan_audiosocket",
    "res_http_websocket",
    "res_websocket_client",
    "chan_websocket",
)
_PASSWORD = "change-me"
"""As the shipped websocket_client.conf has it."""


@dataclass(frozen=True)
class Doors:
    """The addresses of one daemon's."""

    fastagi: str
    audiosocket: str
    websocket: str

    @classmethod
    def free(cls) -> Doors:
        """Ports that nobody has now."""
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        try:
            return cls(*(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets))
        finally:
            for each in sockets:
                each.close()

    def settings(self, folder: Path, certificate: tuple[Path, Path] | None = None) -> str:
        """For the daemon's configuration; the password's file is written into ``folder``."""
        secure = ""
        if certificate is not None:
            named = zip(("certificate", "private_key"), certificate, strict=True)
            secure = "".join(f"{key} = {json.dumps(str(path))}\n" for key, path in named)
        password = folder / "password"
        password.write_text(_PASSWORD)
        return (
            f"[doors.fastagi]\nlisten = {json.dumps(self.fastagi)}\n"
            f"[doors.audiosocket]\nlisten = {json.dumps(self.audiosocket)}\n"
            f"[doors.websocket]\nlisten = {json.dumps(self.websocket)}\n"
            f"password_file = {json.dumps(str(password))}\n{secure}"
        )


@contextmanager
def asterisk_of_doors(
    install: AsteriskInstall,
    doors: Doors,
    certificate: Path | None = None,
    scripts: Sequence[Path] = (),
) -> Iterator[AsteriskServer]:
    """The shipped files; only the ports are others.  ``certificate``: the websocket is encrypted."""

    def adjust(etc: Path) -> None:
        files = ("extensions.conf", "offhook-doors.conf")
        addresses = f"OFFHOOK_FASTAGI = {doors.fastagi}\nOFFHOOK_AUDIOSOCKET = {doors.audiosocket}\n"
        included = "".join(f'#include "{SHIPPED / name}"\n' for name in files)
        (etc / "extensions.conf").write_text(f"{included}[globals](+)\n{addresses}")
        with (etc / "modules.conf").open("a") as modules:
            modules.write("\n[modules](+)\n" + "".join(f"load = {name}.so\n" for name in MODULES))
        client = (SHIPPED / "websocket_client.conf").read_text()
        assert "127.0.0.1:8765" in client
        client = client.replace("127.0.0.1:8765", doors.websocket)
        if certificate is not None:
            client = client.replace("ws://", "wss://")
            client = client.replace("tls_enabled = no", f"tls_enabled = yes\nca_list_file = {certificate}")
        (etc / "websocket_client.conf").write_text(client)
        (etc / "chan_websocket.conf").write_text((SHIPPED / "chan_websocket.conf").read_text())
        (etc / "http.conf").write_text("[general]\nenabled = no\n")

    with AsteriskServer(install, scripts, adjust) as server:
        yield server
