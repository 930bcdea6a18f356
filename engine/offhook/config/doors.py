"""``[doors.*]``: ways in which Asterisk brings calls, beside EAGI."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.config.values import ConfigPath, Section


class AudioSocketConfig(Section):
    """The door for calls by AudioSocket; closed unless it listens."""

    listen: str | None = None
    """``HOST:PORT``, such as ``127.0.0.1:9092``, or the path of a Unix socket. Anybody who can connect there
    hears and speaks unencrypted: beyond this machine only in a network of your own, or through stunnel."""
    agents: dict[str, str] = {}
    """By UUID, the agent that answers there. Where not only this machine can connect, calls with other UUIDs
    are taken only when the dialplan has announced them (``[doors.fastagi]``)."""


class WebSocketConfig(Section):
    """The door for calls by chan_websocket; closed unless it listens."""

    listen: str | None = None
    """``HOST:PORT``, or the path of a Unix socket that a web server forwards to."""
    path: str = Field("/media", pattern=r"^/[A-Za-z0-9._~/-]*$")
    """Of the URI in websocket_client.conf."""
    username: str = "asterisk"
    """As in websocket_client.conf."""
    password_file: ConfigPath | None = None
    """File whose only line is the password; needed where not only this machine can connect."""
    certificate: ConfigPath | None = None
    """PEM file with a certificate, and its chain: then the door speaks TLS, ``wss://``."""
    private_key: ConfigPath | None = None
    """PEM file with the certificate's key; None: it is in the same file."""


class FastAgiConfig(Section):
    """Steps of the dialplan that announce a call to one of the doors, and ask how it went."""

    listen: str | None = None
    """``HOST:PORT``, such as ``127.0.0.1:4573``; None: closed."""
    token_file: ConfigPath | None = None
    """File whose only line every step has to bring as ``token=...``; needed where not only this machine can
    connect."""


class AriConfig(Section):
    """Asterisk's REST interface: calls that the dialplan gives to ``Stasis()``, and calls that we place."""

    url: str | None = None
    """Where Asterisk's HTTP server has ARI, such as ``http://127.0.0.1:8088/ari``: we connect to it."""
    listen: str | None = None
    """Or Asterisk connects to us (22.5 or newer, ``type = outbound_websocket``): ``HOST:PORT``, path /ari."""
    username: str = "offhook"
    """As in ari.conf; where Asterisk connects, as in websocket_client.conf."""
    password_file: ConfigPath | None = None
    """File whose only line is the password; with ``listen`` only where not only this machine can connect."""
    app: str = Field("offhook", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """``Stasis(offhook)``.  No other program may have the same."""
    media: Literal["audiosocket", "websocket"] = "audiosocket"
    """The door that the audio comes through; it has to be open."""
    media_host: str | None = None
    """Where Asterisk finds that door.  audiosocket: ``HOST:PORT``; None: where it listens.  websocket: a
    section of websocket_client.conf; None: ``offhook``."""
    wideband: bool = False
    """16 kHz instead of 8, for calls in G.722 or Opus."""
    actions: str = Field("offhook-actions", pattern=r"^[A-Za-z0-9._-]{1,79}$")
    """The dialplan's context for a callee whom the agent hands over: as ``[offhook-actions]``."""


class DoorsConfig(Section):
    """Ways in which Asterisk brings calls, beside EAGI: for a PBX on another machine."""

    audiosocket: AudioSocketConfig = AudioSocketConfig()
    websocket: WebSocketConfig = WebSocketConfig()
    fastagi: FastAgiConfig = FastAgiConfig()
    ari: AriConfig = AriConfig()
