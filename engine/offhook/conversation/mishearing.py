"""A question that finds nothing may have been misheard: what else was possibly said is asked then as well.

Ears tell how much likelier each reading is, the matcher how surely a fact answers it.  Callers mostly ask
what a business can answer, so that a reading with an answer is likelier to be what they have said than ears
alone can know: both log-odds are added.  Where what was heard has an answer nothing is asked, and nothing is
changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from offhook.engines.stt.base import Otherwise
from offhook.knowledge.store import Ranking

_MOST, _LEAST = 8.0, -2.0
"""Log-odds of an answer beyond which it is as sure, or as little one."""


async def likeliest(
    others: Callable[[], Awaitable[Sequence[Otherwise]]],
    heard: Ranking,
    search: Callable[[str], Awaitable[Ranking]],
    *,
    plain: float,
    sure: float,
) -> tuple[str, int, Ranking]:
    """Which of ``others`` was said, counted from 1, and what it finds; "" and 0: what was heard.

    ``others`` are asked for where they may matter: it takes time to tell them.  ``heard`` is what that finds,
    ``search`` finds more.  What was heard has an answer from ``plain`` on
    (log-odds), another reading from ``sure`` on.  Raises as both do.
    """
    best, taken = _answer(heard), ("", 0, heard)
    if heard.exact is not None or _surest(heard) >= plain:
        return taken
    for number, other in enumerate(await others(), 1):
        if other.log_odds + _MOST <= best:
            continue  # however well a fact answers it
        found = await search(other.text)
        if _surest(found) >= sure and other.log_odds + _answer(found) > best:
            best, taken = other.log_odds + _answer(found), (other.text, number, found)
    return taken


def _surest(found: Ranking) -> float:
    return found.best.log_odds if found.best is not None else _LEAST


def _answer(found: Ranking) -> float:
    return min(max(_surest(found), _LEAST), _MOST)
