"""What a call looks up: once for the same words, off the event loop, and remembered in the call alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from offhook.conversation.base import FINAL
from offhook.conversation.history import History
from offhook.knowledge.store import Knowledge, Ranking


async def look_up(
    knowledge: Knowledge,
    worker: Executor | None,
    text: str,
    history: History,
    *,
    before: str = "",
    answered: Sequence[int] = (),
) -> Ranking:
    """What answers ``text``; ``before`` and ``answered`` as in :meth:`.Knowledge.search`.

    ``worker`` runs the search; None: the event loop's own.
    """
    # Final punctuation comes and goes while a caller is heard; what is asked stays.
    key = (text.rstrip(FINAL).lower(), before)
    if key not in history.found:
        loop = asyncio.get_running_loop()
        history.keep(key, await loop.run_in_executor(worker, knowledge.search, text, before, answered))
    found: Ranking = history.found[key]
    return found
