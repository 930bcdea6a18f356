"""What calls leave is collected once nobody is on the line."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref

from offhook.daemon.garbage import collect_between_calls
from tests.support.waiting import eventually


class Left:
    """Refers to itself."""

    def __init__(self) -> None:
        self.self = self


async def test_what_a_call_has_left_is_collected_when_it_is_over() -> None:
    calls = 1
    gc.disable()
    try:
        looking = asyncio.create_task(collect_between_calls(lambda: calls, every_s=0))
        seen = weakref.ref(Left())
        await asyncio.sleep(0.01)
        assert seen() is not None, "somebody is on the line"
        calls = 0
        await eventually(lambda: seen() is None, "it is gone")
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
    finally:
        gc.enable()
