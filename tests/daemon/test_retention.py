"""The daily job: at once, then after a day, or sooner where it failed."""

from __future__ import annotations

import asyncio

import pytest

from offhook.daemon.retention import DAY_S, RETRY_S, keep_purging
from offhook.errors import DatabaseError


async def test_old_calls_are_deleted_daily_and_a_failure_is_tried_again_sooner() -> None:
    slept: list[float] = []
    outcomes = iter((None, DatabaseError("away"), None, None))

    def purge() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 4:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_purging(purge, sleep)
    assert slept == [DAY_S, RETRY_S, DAY_S, DAY_S]
