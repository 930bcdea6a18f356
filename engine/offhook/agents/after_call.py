"""How an agent's file says what follows a call: ``[after_call]``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from offhook.config import Section, clipped

EventName = Literal["call.completed", "call.transferred", "booking.created", "ticket.created"]
EVENTS: tuple[EventName, ...] = ("call.completed", "call.transferred", "booking.created", "ticket.created")


class WebhookSettings(Section):
    """Who is told by HTTP, signed after the rules of Standard Webhooks."""

    url: str
    events: tuple[EventName, ...] = ("call.completed",)
    secret_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Names an environment variable with ``whsec_...``; several, separated by spaces, while one is
    exchanged."""
    secret_file: str | None = None
    secret: SecretStr | None = None
    """For tenants' agents, which lie in a database; a file names secret_env or secret_file."""
    transcript: bool = False
    """What was said goes with it, where it may be kept."""

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")) or any(sign.isspace() for sign in url):
            raise ValueError(f"{clipped(url)} is not a URL: write it like https://crm.example/calls")
        return url

    @model_validator(mode="after")
    def _signed(self) -> Self:
        given = [key for key in ("secret_env", "secret_file", "secret") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("a webhook is signed: set secret_env or secret_file, and only one of them")
        return self


class SummaryMail(Section):
    """Who gets a mail about a call."""

    to: tuple[str, ...] = Field(min_length=1, max_length=10)
    when: Literal["always", "follow_up"] = "follow_up"
    """``follow_up``: only when somebody has to do something."""
    transcript: bool = False

    @field_validator("to")
    @classmethod
    def _addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        for one in to:
            if one.count("@") != 1 or any(sign.isspace() or sign in "<>,;" for sign in one):
                raise ValueError(f"{clipped(one)} is no mail address")
        return to


class AfterCall(Section):
    """What follows a call."""

    summary: Literal["auto", "rules", "model"] = "auto"
    """``rules``: counted and quoted; ``model``: written by the agent's own language model.  ``auto``: by the
    model where it also writes the answers."""
    webhooks: tuple[WebhookSettings, ...] = Field((), max_length=10)
    mail: SummaryMail | None = None

    def __bool__(self) -> bool:
        """Somebody is told."""
        return bool(self.webhooks) or self.mail is not None
