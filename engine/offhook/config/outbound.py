"""``[outbound]``: calls that we place."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from offhook.config.values import ConfigPath, Section

_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_WINDOW = re.compile(rf"{_TIME}-({_TIME}|24:00)")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class OutboundWebhook(Section):
    """Who is told what came of a placed call, signed after the rules of Standard Webhooks."""

    url: str = Field(pattern=r"^https?://\S+$")
    secret_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    secret_file: ConfigPath | None = None


class OutboundConfig(Section):
    """Nothing is dialled before ``allow`` says what may be, and ``[doors.ari]`` is set up."""

    allow: tuple[str, ...] = ()
    """How numbers begin that may be dialled, such as ``+1212`` or ``+49``: what you would pay for."""
    endpoint: str = Field("PJSIP/{number}@trunk", pattern=r"^[A-Za-z]+/[^\s&,|]*\{number\}[^\s&,|]*$")
    """What Asterisk is to ring."""
    caller_id: str = Field("", pattern=r"^(\+[0-9]{4,15})?$")
    """The number that callees see; a tenant's calls show its own."""
    ring_s: int = Field(30, ge=5, le=120)
    at_once: int = Field(1, ge=1, le=200)
    """Calls at the same time, ringing ones included; they also count as ``daemon.max_calls``."""
    per_minute: float = Field(6.0, gt=0, le=600)
    """Calls that are begun."""
    retries: int = Field(2, ge=0, le=10)
    """Further tries, when nobody answered or the line was engaged."""
    retry_after_min: float = Field(60.0, ge=0, le=10_080)
    window: str = "09:00-20:00"
    """When callees may be called, by the clock where they live.  One that ends before it begins goes on past
    midnight, and is of the day on which it began; ``00:00-24:00`` is all day."""
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat")
    require_consent: bool = True
    """A call says how its callee has agreed to it, or is not placed."""
    database: ConfigPath | None = None
    """What is to be called, what came of it, and who never is; None: /var/lib/offhook/outbound.db."""
    keep_days: int = Field(90, ge=1, le=3_650)
    """What came of calls is deleted after so long; who is never to be called stays."""
    webhook: OutboundWebhook | None = None

    @field_validator("allow")
    @classmethod
    def _prefixes(cls, allow: tuple[str, ...]) -> tuple[str, ...]:
        for one in allow:
            if not (one.startswith("+") and one[1:].isdigit()):
                raise ValueError(f"{one[:20]!r}: write + and a country code, such as '+1'")
        return allow

    @field_validator("window")
    @classmethod
    def _window(cls, window: str) -> str:
        begin, _, end = window.partition("-")
        if _WINDOW.fullmatch(window) is None or begin == end:
            raise ValueError(
                f"{window[:24]!r}: write from when until when, such as 09:00-20:00, or 00:00-24:00"
            )
        return window
