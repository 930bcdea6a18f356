"""A scripted telephone network for placed calls, and a daemon's outbound side in front of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from offhook.config import Config
from offhook.control.commands import Commands
from offhook.control.feed import Feed
from offhook.daemon.outbound import Outbound
from offhook.doors.ari.door import Dialled
from offhook.doors.base import CallOffer, Line

NOON = datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
"""In New York."""


class Network:
    """In an AriDoor's place: each call goes as the script says."""

    rate_hz = 8_000

    def __init__(self, *script: Dialled | Exception) -> None:
        self.script = list(script)
        self.dialled: list[tuple[str, CallOffer, str]] = []
        self.link = self
        self.is_up = self.is_accepting = True

    async def dial(
        self, endpoint: str, offer: CallOffer, take: object, *, caller_id: str = "", ring_s: int = 30
    ) -> Dialled:
        self.dialled.append((endpoint, offer, caller_id))
        found = self.script.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


async def no_line(line: Line) -> None:
    """In place of what takes answered calls."""
    raise AssertionError("the network is scripted")


def outbound_of(folder: Path, network: Network, commands: Commands, feed: Feed) -> Outbound:
    """That of a daemon at noon in New York, which may call its country; its door is ``network``."""
    settings = {"allow": ["+1"], "database": str(folder / "outbound.db"), "caller_id": "+12125550100"}
    config = Config.model_validate({"outbound": settings})
    made = Outbound(config, no_line, lambda offer: None, commands, feed, clock=lambda: NOON)
    made._door = network  # type: ignore[assignment]
    return made
