"""Settings of what is recorded, and where to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from offhook.config.values import ConfigPath, Section


class RecordingConfig(Section):
    """Calls written to files of two channels: left the caller, right the agent."""

    folder: ConfigPath | None = None
    """Where to, with a folder for each tenant below it; None records nothing.  Tenants' calls are recorded
    where tenant and number want it (``offhook tenants``, ``offhook numbers``)."""
    format: Literal["wav", "flac", "opus"] = "wav"
    """At 8 kHz an hour takes 115 MB as ``wav``, about half as ``flac``, some 15 MB as ``opus``, which costs
    1.5 % of a core for each call; the last two need ``pip install 'offhook[recording]'``."""
    agents: tuple[str, ...] = ()
    """Agents of the box's own whose calls are recorded, by the names of their files; what callers have to be
    told of it belongs into their greeting."""
    keep_days: int = Field(30, ge=1, le=3650)
    """Recordings of the box's own agents are deleted after so many days; tenants' after their retention."""
    min_free_mb: int = Field(1_000, ge=0)
    """With less room on the disk nothing is recorded."""
