"""Settings of the server that takes mail."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.config.values import ConfigPath, Section


class MailConfig(Section):
    """Who sends the agents' mail: a server that takes it, for tickets, messages and summaries."""

    host: str = ""
    """Empty: no mail is sent."""
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` for a server on this machine."""
    sender: str = Field("", pattern=r"^$|^[!-;=?A-~]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,250}$")
    """The address in From."""
    user: str = ""
    secret_env: str | None = None
    secret_file: ConfigPath | None = None
    ca_file: ConfigPath | None = None
    """Certificates that are trusted instead of the system's."""
    timeout_s: float = Field(20.0, gt=0, le=120)

    def problem(self) -> str | None:
        """Why no mail can be sent, in one line."""
        if not self.host:
            return "mail.host is not set: mail is wanted, and no server takes it"
        if not self.sender:
            return "mail.sender is not set: write the address that mail comes from"
        return None
