"""Settings of how a running daemon is looked at and told what to do."""

from __future__ import annotations

from offhook.config.values import ConfigPath, Section


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
