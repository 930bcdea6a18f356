"""Settings of how a running daemon is looked at and told what to do: a socket, pages, spans, its log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from offhook.config.values import ConfigPath, KeyPath, Section


class ControlConfig(Section):
    """The socket by which ``offhook calls live``, ``offhook top`` and ``offhook web`` reach the daemon."""

    enabled: bool = True
    socket: ConfigPath | None = None
    """None: beside ``daemon.socket``, with the ending ``.ctl``."""
    group: str | None = None
    """Who may use it besides the daemon's user and root: the members of this group.  None: of the daemon's
    own.  They can hear and end calls, so let it not be Asterisk's."""
    words: bool = False
    """What is said with agents of the box's own can be read while they talk.  Tenants' calls can where the
    tenant lets transcripts be kept."""


class WebConfig(Section):
    """``offhook web``: the daemon and its tenants in a browser."""

    listen: str = Field("127.0.0.1:8470", pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")
    """``HOST:PORT``.  Beyond this machine only with a certificate, or with ``behind_proxy``."""
    password_file: ConfigPath = Path("/etc/offhook/web.passwd")
    """Who may log in; `offhook web passwd` writes it."""
    certificate: ConfigPath | None = None
    """PEM file with a certificate and its chain: then it speaks HTTPS."""
    private_key: ConfigPath | None = None
    """PEM file with its key; None: in the same file."""
    behind_proxy: bool = False
    """A web server in front speaks HTTPS and forwards to us; cookies are for HTTPS then."""
    token_file: ConfigPath | None = None
    """File whose only line is what programs bring as ``Authorization: Bearer ...`` to place calls by HTTP
    (``/api/v1``); None: no program may."""
    hosts: tuple[str, ...] = ()
    """Names by which browsers call it, besides the address that it listens at."""
    session_hours: float = Field(12.0, gt=0, le=720)


class TelemetryConfig(Section):
    """What is told of each turn to a collector of OpenTelemetry's, and how the log is written."""

    log_format: Literal["text", "json"] = "text"
    """json: one object a line, each with the call that it is about."""
    endpoint: str | None = Field(None, pattern=r"^https?://\S+$")
    """Where spans are sent by OTLP over HTTP, such as ``http://127.0.0.1:4318``; None: nowhere."""
    service_name: str = Field("offhook", min_length=1, max_length=200)
    headers_file: KeyPath | None = None
    """File with a line ``NAME: VALUE`` for each header of the collector's, such as its key."""
    content: bool = False
    """Spans hold what was said, in attributes with ``pii`` in their names, where the tenant lets transcripts
    be kept."""
