"""What is still there: native objects by kind, as the compiled core counts them; descriptors and the like."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from offhook.core import live_objects
from tests.support.launchers import open_descriptors


def check_all_freed(request: pytest.FixtureRequest, *kinds: str) -> None:
    """To be called after the test: no native object of these kinds is left."""
    request.node.funcargs.clear()  # pytest would keep the objects of fixtures until later
    gc.collect()
    live = live_objects()
    assert [live[kind] for kind in kinds] == [0] * len(kinds), live


class Left:
    """Descriptors, tasks and threads of this process, which the first of many rounds may have made."""

    def __init__(self) -> None:
        self._after_the_first: list[int] | None = None

    def is_no_more(self) -> bool:
        """At the end of each round, when all is quiet: no more than at the end of the first."""
        now = [len(open_descriptors()), len(asyncio.all_tasks()), threading.active_count()]
        if self._after_the_first is None:
            self._after_the_first = now
        return all(one <= first for one, first in zip(now, self._after_the_first, strict=True))
