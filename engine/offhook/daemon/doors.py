"""The doors beside EAGI's: those that are configured, opened and closed together."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.config import DoorsConfig
from offhook.daemon.inherited import Inherited
from offhook.doors.announced import Announced
from offhook.doors.audiosocket.door import AudioSocketDoor
from offhook.doors.base import CallOffer, Line
from offhook.doors.fastagi.door import FastAgiDoor
from offhook.doors.media import Media
from offhook.doors.network import NetworkListener, is_local
from offhook.doors.tls import TlsRelay, server_context
from offhook.errors import ConfigError
from offhook.files import read_text

if TYPE_CHECKING:
    from offhook.daemon.ari import AriApplication
    from offhook.doors.ari.door import AriDoor

_log = logging.getLogger("offhook.daemon.doors")

_NO_CALLS = ("fastagi", "ari")
"""Doors whose connections are no calls."""


class OtherDoors:
    """One daemon's.  Lives on the event loop."""

    def __init__(self, config: DoorsConfig, group_id: int | None) -> None:
        """Check everything.  Raises ConfigError: an address that is none, a secret that is missing."""
        self._config = config
        self.announced = Announced()
        self._login: tuple[str, str] | None = None
        self._token: str | None = None
        self._listeners: dict[str, NetworkListener] = {}
        addresses = {
            "audiosocket": config.audiosocket.listen,
            "websocket": config.websocket.listen,
            "fastagi": config.fastagi.listen,
            "ari": config.ari.listen,
        }
        self._ari: AriApplication | None = None
        self._ari_host: str | None = None
        self._ari_password: str | None = None
        websocket = config.websocket
        self._tls: TlsRelay | None = None
        if websocket.listen is not None and websocket.certificate is not None:
            self._tls = TlsRelay(server_context(websocket.certificate, websocket.private_key))
        for door, address in addresses.items():
            if address is not None:
                tls = self._tls if door == "websocket" else None
                self._listeners[door] = NetworkListener(door, address, group_id=group_id, tls=tls)
        self._local = {door: is_local(address) for door, address in addresses.items() if address is not None}
        if "websocket" in self._local:
            password = self._secret("websocket", "password_file", config.websocket.password_file)
            self._login = None if password is None else (config.websocket.username, password)
            _need_websockets("doors.websocket")
        ari = config.ari
        if ari.url is not None and ari.listen is not None:
            raise ConfigError(
                "doors.ari: either we connect (url) or Asterisk does (listen): name one of them"
            )
        if ari.url is not None or ari.listen is not None:
            _need_websockets("doors.ari")
            self._ari_host = _media_host(config)
            self._ari_password = self._secret("ari", "password_file", ari.password_file)
        announced = "fastagi" in self._local or (self._ari_host is not None and ari.media == "audiosocket")
        nobody_may = not announced and not config.audiosocket.agents
        if not self._local.get("audiosocket", True) and nobody_may:
            raise ConfigError(
                "doors.audiosocket.listen can be reached from other machines, and no call there would be"
                " taken: open doors.fastagi, which announces calls, or name UUIDs in doors.audiosocket.agents"
            )
        if "fastagi" in self._local:
            self._token = self._secret("fastagi", "token_file", config.fastagi.token_file)

    @property
    def any(self) -> bool:
        """Whether one is configured."""
        return bool(self._listeners) or self._ari_host is not None

    @property
    def ari(self) -> AriDoor | None:
        """Where calls can be placed; None: nowhere."""
        return None if self._ari is None else self._ari.door

    @property
    def active_calls(self) -> int:
        """Calls, and whoever has not said yet what they want."""
        calls = sum(listener.active for door, listener in self._listeners.items() if door not in _NO_CALLS)
        return calls if self._ari is None else max(calls, self._ari.door.active)

    def bind(self, inherited: Inherited | None = None) -> None:
        """Claim the addresses, or take the sockets that listen there already.  Raises ConfigError."""
        for door, listener in self._listeners.items():
            if inherited is None:
                listener.bind()
            else:
                listener.bind(inherited.take(door, listener.where), activated=inherited.activated)
        if self._tls is not None:
            self._tls.start()

    def start(
        self,
        media: Media,
        take: Callable[[Line], Awaitable[None]],
        check: Callable[[CallOffer], str | None],
    ) -> None:
        """Take calls from now on.  ``take`` holds one to its end, ``check`` says whether it would."""
        config = self._config
        if self._ari_host is not None:
            # Its library is an extra: imported only where it is wanted.
            from offhook.daemon.ari import AriApplication

            self._ari = AriApplication(
                config.ari,
                self._ari_password,
                self._listeners.get("ari"),
                self._ari_host,
                self.announced,
                take,
                check,
            )
        for door, listener in self._listeners.items():
            if door == "audiosocket":
                listener.start(
                    AudioSocketDoor(
                        config.audiosocket.agents, self.announced, media, take, local=self._local[door]
                    ).serve
                )
            elif door == "websocket":
                # Its library is an extra: imported only where the door is open.
                from offhook.doors.websocket.door import WebSocketDoor

                path = config.websocket.path
                listener.start(WebSocketDoor(path, self._login, self.announced, media, take, check).serve)
            elif door == "fastagi":
                listener.start(FastAgiDoor(self._token, self.announced, check).serve)
            else:
                continue  # the application starts it
            _log.info("%s: listening on %s", door, listener.where)
        if self._ari is not None:
            self._ari.start()

    def sockets(self) -> dict[str, list[socket.socket]]:
        """Those that listen, by the doors' names."""
        return {door: list(listener.sockets) for door, listener in self._listeners.items()}

    def pause(self) -> None:
        """Let everybody queue for now."""
        for listener in self._listeners.values():
            listener.pause()

    def go_on(self) -> None:
        """Take who has queued."""
        for listener in self._listeners.values():
            listener.go_on()

    def hand_on(self) -> None:
        """Another process listens at the same sockets from now on; what has come in goes on here."""
        if self._ari is not None:
            self._ari.door.stop_accepting()
        for listener in self._listeners.values():
            listener.hand_on()

    def stop_accepting(self) -> None:
        """Take no more calls, but steps of the dialplan that ask how one went."""
        if self._ari is not None:
            self._ari.door.stop_accepting()
        for door, listener in self._listeners.items():
            if door not in _NO_CALLS:
                listener.stop_accepting()

    async def drained(self) -> None:
        """Wait until no call is left."""
        waiting = [listener.drained() for door, listener in self._listeners.items() if door not in _NO_CALLS]
        if self._ari is not None:
            waiting.append(self._ari.door.drained())
        await asyncio.gather(*waiting)

    async def close(self) -> None:
        """Any number of times."""
        for door, listener in self._listeners.items():
            if door not in _NO_CALLS:
                await listener.close()
        if self._ari is not None:
            await self._ari.close()
        for listener in self._listeners.values():
            await listener.close()
        if self._tls is not None:
            await asyncio.to_thread(self._tls.close)

    def _secret(self, door: str, key: str, path: Path | None) -> str | None:
        """What the file holds; None where none is needed."""
        if path is None:
            if self._local.get(door, False):
                return None
            if door == "ari" and self._config.ari.listen is None:
                raise ConfigError(
                    "doors.ari.url needs doors.ari.password_file: the password is that of ari.conf"
                )
            raise ConfigError(
                f"doors.{door}.listen can be reached from other machines: name a file with a secret in"
                f" doors.{door}.{key}, or listen on 127.0.0.1"
            )
        secret = read_text(path).strip()
        if not secret or len(secret.splitlines()) > 1:
            raise ConfigError(f"doors.{door}.{key} {path} has to hold the secret, on one line")
        return secret


def _need_websockets(door: str) -> None:
    if importlib.util.find_spec("websockets") is None:
        raise ConfigError(f"{door} needs a library: pip install 'offhook[websocket]'")


def _media_host(doors: DoorsConfig) -> str:
    """Where Asterisk finds the door of the audio.  Raises ConfigError when that is not open."""
    config = doors.ari
    listen = doors.audiosocket.listen if config.media == "audiosocket" else doors.websocket.listen
    if listen is None:
        raise ConfigError(
            f"doors.ari needs a door for the audio: set doors.{config.media}.listen, such as 127.0.0.1:9092"
        )
    if config.media_host is not None:
        return config.media_host
    if config.media == "websocket":
        return "offhook"
    if listen.startswith("/"):
        raise ConfigError(
            "doors.ari: Asterisk cannot bring audio to a Unix socket; name HOST:PORT in doors.ari.media_host"
        )
    return listen
