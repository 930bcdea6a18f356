"""Is somebody there, or does an announcement come round again?

"Your call is important to us" comes every quarter of a minute, word for word, whatever we answer; a caller
who is not understood says something again, too, but hardly ever a fourth time in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

from offhook.barge_in.words import longest_common
from offhook.conversation.history import FAILED, Exchange
from offhook.languages.wording import is_yes_or_no, words

TIMES = 3
"""What has been answered so often is not answered again."""
_RECENT = 8
"""Turns that are looked at: two or three announcements may take turns."""
_LONG = 4
"""Words from which a sentence is told by its words alone; shorter ones only when our answers agree too."""
_MOST_WORDS = 40
_SAME = 0.8
"""Share of the words that are the same, in the same order: recognisers mishear."""


def is_announcement(text: str, exchanges: Sequence[Exchange]) -> bool:
    """Whether ``text``, or what it is a part of, was said :data:`TIMES` times in the call's latest turns."""
    said = words(text)[:_MOST_WORDS]
    # Who was asked to say it once more does.
    exchanges = [each for each in exchanges if each.act != FAILED]
    if len(said) >= _LONG:
        return sum(_is_part(said, words(each.caller_text)) for each in exchanges[-_RECENT:]) >= TIMES
    latest = exchanges[-TIMES:]
    if not said or len(latest) < TIMES or is_yes_or_no(text):
        return False
    return all(words(each.caller_text) == said and each.whole_text == latest[0].whole_text for each in latest)


def _is_part(said: list[str], before: list[str]) -> bool:
    """Whether most of ``said`` is in ``before`` or in two of it, in order."""
    if len(before) < _LONG:
        return False
    return longest_common(said, (before + before)[: 2 * _MOST_WORDS]) >= _SAME * len(said)
