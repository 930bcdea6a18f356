"""Whether a call is taken: decided from values, before anything is answered."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from offhook.tenants.snapshot import Number, Snapshot

if TYPE_CHECKING:
    from offhook.tenants.directory import DirectoryHealth


class Refusal(StrEnum):
    """Why a call is not taken; the words of OFFHOOK_RESULT in the dialplan."""

    UNKNOWN = "unknown"
    """Nobody's number: the trunk gets 404."""
    INACTIVE = "inactive"
    """Its tenant takes no calls: 403."""
    BUSY = "busy"
    """Its tenant has as many calls as it takes."""
    UNAVAILABLE = "unavailable"
    """Nothing is known at all, neither from the database nor from a file: whose number it is cannot be
    said.
    """


def admit(
    snapshot: Snapshot, health: DirectoryHealth, dialled: str, running: Mapping[str, int]
) -> Number | Refusal:
    """The number that was dialled, or why its call is not taken.

    ``running``: calls that go on, by the id of their tenant; the one that is asked about is not among them.
    """
    number = snapshot.find(dialled)
    if number is None:
        return Refusal.UNAVAILABLE if health.source == "nothing" else Refusal.UNKNOWN
    if not number.tenant.active:
        return Refusal.INACTIVE
    limit = number.tenant.max_calls
    if limit is not None and running.get(number.tenant.id, 0) >= limit:
        return Refusal.BUSY
    return number
