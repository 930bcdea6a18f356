"""Settings of who is taken: before the caller hears anything from us, others are sent to the next box."""

from __future__ import annotations

from pydantic import Field

from offhook.config.values import ConfigPath, Section


class AdmissionConfig(Section):
    """When new calls are declined although there are places; see ``docs/howto/sizing.md``."""

    p95_ms: float | None = Field(None, ge=200, le=60_000)
    """One more call is declined (busy) where with it 95 of 100 answers would take longer, as the calls of
    the last minute say, and where there is none `offhook bench-box`. None: only places count. [ms]"""
    reserved: dict[str, int] = Field({}, max_length=100)
    """Of ``daemon.max_calls`` so many places are for this tenant alone: ``{ clinic = 2 }``, by its name for
    commands."""
    table: ConfigPath | None = None
    """What `offhook bench-box --save` has written. None: box.json in the cache folder."""
