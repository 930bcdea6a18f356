"""An Asterisk whose calls come by ARI, and that places calls to telephones of the tests."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.asterisk.asterisk_install import AsteriskInstall
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer

EXTENSION = "703"
"""What the shipped softphone dials."""
PASSWORD = "change-me"
"""As the shipped files have it."""
MODULES = (
    "app_dial",
    "bridge_simple",
    "res_audiosocket",
    "chan_audiosocket",
    "res_http_websocket",
    "res_websocket_client",
    "chan_websocket",
    "res_stasis",
    "res_stasis_answer",
    "res_stasis_playback",
    "res_stasis_recording",
    "res_stasis_snoop",
    "res_ari",
    "res_ari_model",
    "res_ari_applications",
    "res_ari_asterisk",
    "res_ari_bridges",
    "res_ari_channels",
    "res_ari_events",
    "res_ari_recordings",
    "app_stasis",
)


@dataclass(frozen=True)
class AriAddresses:
    """Where one daemon and its Asterisk find each other."""

    media: str
    """The door that the audio comes through, ``audiosocket`` or ``websocket`` ..."""
    door: str
    """... and where it listens."""
    relay: str
    """What is connected to ..."""
    behind_relay: str
    """... and what listens: Asterisk's HTTP server (classic), or the daemon."""
    classic: bool

    @classmethod
    def free(cls, *, classic: bool, media: str = "audiosocket") -> AriAddresses:
        """Ports that nobody has now."""
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        try:
            first, second, third = (f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
            return cls(media, first, second, third, classic)
        finally:
            for each in sockets:
                each.close()

    def settings(self, folder: Path, more: str = "") -> str:
        """For the daemon's configuration; the password's file is written into ``folder``."""
        password = folder / "ari-password"
        password.write_text(PASSWORD)
        url, listen = f"http://{self.relay}/ari", self.behind_relay
        way = f"url = {json.dumps(url)}" if self.classic else f"listen = {json.dumps(listen)}"
        named = f"password_file = {json.dumps(str(password))}\n"
        return (
            f"[doors.{self.media}]\nlisten = {json.dumps(self.door)}\n{named * (self.media == 'websocket')}"
            f"[doors.ari]\n{way}\nmedia = {json.dumps(self.media)}\n{named}{more}"
        )


@contextmanager
def asterisk_of_ari(
    install: AsteriskInstall,
    addresses: AriAddresses,
    scripts: Sequence[Path] = (),
    more_modules: tuple[str, ...] = (),
) -> Iterator[AsteriskServer]:
    """The shipped files; only the ports are others, and an endpoint for each telephone that is called."""

    def adjust(etc: Path) -> None:
        files = ("extensions.conf", "offhook-doors.conf", "offhook-ari.conf")
        (etc / "extensions.conf").write_text("".join(f'#include "{SHIPPED / name}"\n' for name in files))
        with (etc / "modules.conf").open("a") as modules:
            names = (*MODULES, *more_modules)
            modules.write("\n[modules](+)\n" + "".join(f"load = {name}.so\n" for name in names))
        host, _, port = addresses.behind_relay.rpartition(":")
        ari, client, http = (
            (SHIPPED / f"{name}.conf").read_text() for name in ("ari", "websocket_client", "http")
        )
        client = client.replace("127.0.0.1:8765", addresses.door)
        if addresses.classic:
            assert "8088" in http
            http = http.replace("8088", port)
        else:
            http = "[general]\nenabled = no\n"
            ari = _uncommented(ari, "offhook-out")
            client = _uncommented(client, "offhook-ari").replace("127.0.0.1:8767", addresses.relay)
        (etc / "http.conf").write_text(http)
        (etc / "ari.conf").write_text(ari)
        (etc / "websocket_client.conf").write_text(client)
        (etc / "chan_websocket.conf").write_text((SHIPPED / "chan_websocket.conf").read_text())
        with (etc / "pjsip.conf").open("a") as pjsip:
            pjsip.write("[callee]\ntype = endpoint\ncontext = offhook-phones\ndisallow = all\nallow = ulaw\n")
            pjsip.write(f"direct_media = no\nfrom_domain = {host}\n")

    with AsteriskServer(install, scripts, adjust) as server:
        yield server


def _uncommented(text: str, section: str) -> str:
    """The shipped file with the semicolons of one section taken off."""
    head, found, rest = text.partition(f";[{section}]")
    assert found, f"the file has no section {section}"
    lines = [
        line.removeprefix(";") if not line.startswith("; ") else line for line in (found + rest).splitlines()
    ]
    return head + "\n".join(lines) + "\n"
