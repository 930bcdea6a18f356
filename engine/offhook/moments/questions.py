"""What to ask a caller whose words leave it open when."""

from __future__ import annotations

from datetime import datetime

from offhook.moments.naming import join, name_day, name_moment, phrase
from offhook.moments.wish import Doubt, Wish

_MAX_CHOICES = 3
"""More than three cannot be kept in mind; then the question is open."""


def question(wish: Wish, now: datetime, language: str) -> str | None:
    """The question for a doubtful ``wish``; None: nothing is open."""
    if wish.doubt is None:
        return None
    if wish.doubt in (Doubt.PAST, Doubt.NONE):
        return phrase("past" if wish.doubt is Doubt.PAST else "none", language)
    starts = [window.start for window in wish.windows]
    if wish.exact:
        named = [name_moment(start, now, language) for start in starts]
    else:
        named = [name_day(start.date(), now.date(), language) for start in starts]
    choices = list(dict.fromkeys(named))
    return phrase("which", language, choices=join(choices[:_MAX_CHOICES], language))
