"""What a call looks up: once for the same words, off the event loop, and remembered in the call alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from offhook.conversation.base import FINAL
from offhook.conversation.history import History
from offhook.core import core_place
from offhook.knowledge.store import Knowledge, Ranking
from offhook.workers import Workers

T = TypeVar("T")
SEARCH_S = 5.0
"""A search takes milliseconds; one that takes longer than this hangs."""


def search_workers() -> Workers:
    """The thread for all calls' searches."""
    return Workers("offhook-knowledge", "the search for facts", limit_s=SEARCH_S, place=core_place)


async def off_the_loop(worker: Workers | None, work: Callable[[], T]) -> T:
    """What ``work`` comes to, on ``worker``; None: on a thread of the event loop's.

    Raises DeadlineError, and what ``work`` raises.
    """
    return await (asyncio.to_thread(work) if worker is None else worker.run(lambda job: work()))


async def look_up(
    knowledge: Knowledge,
    worker: Workers | None,
    text: str,
    history: History,
    *,
    before: str = "",
    answered: Sequence[int] = (),
) -> Ranking:
    """What answers ``text``; ``before`` and ``answered`` as in :meth:`.Knowledge.search`.

    ``worker`` runs the search; None: the event loop's own.  Raises DeadlineError.
    """
    # Final punctuation comes and goes while a caller is heard; what is asked stays.
    key = (text.rstrip(FINAL).lower(), before)
    if key not in history.found:
        history.keep(key, await off_the_loop(worker, partial(knowledge.search, text, before, answered)))
    kept: Ranking = history.found[key]
    return kept
