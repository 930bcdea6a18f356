"""When the interpreter looks for garbage that refers to itself, as what a call leaves does.

Left alone it looks at everything once that has grown by a quarter: models, tenants and modules included, with
some hundred ms in which nobody is served, and seldom, so that the audio of hundreds of calls waits for it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

from offhook.call.tasks import Tasks

EVERY_S = 2.0


def keep_clean(tasks: Tasks, running: Callable[[], int]) -> None:
    """What is there by now stays: no later look goes over it, so that looks are short, and come sooner.

    From now on ``tasks`` looks between calls, too.  ``running``: how many there are.
    """
    gc.collect()
    gc.freeze()
    tasks.spawn(collect_between_calls(running), "garbage")


async def collect_between_calls(running: Callable[[], int], *, every_s: float = EVERY_S) -> None:
    """Until cancelled: look as soon as nobody is on the line any more."""
    before = 0
    while True:
        await asyncio.sleep(every_s)
        now = running()
        if before and not now:
            gc.collect()
        before = now
