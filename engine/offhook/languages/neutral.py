"""Any language of which nothing is known: its marks are read, none of its words."""

from __future__ import annotations

import re

from offhook.languages.base import Language, Telling
from offhook.languages.en import ENGLISH

_NEVER = re.compile(r"(?!)")
_QUESTION = re.compile(r"[?\u037e\u061f\uff1f]")
"""Question marks: Latin, Greek, Arabic, full-width."""


def neutral(code: str) -> Language:
    """What is known of any language.  A caller takes leave when the classifier is certain of it, and asks
    with a question mark; what an agent says of its own is English unless its file says otherwise.
    """
    return Language(
        code=code,
        phrases=ENGLISH.phrases,
        defaults=ENGLISH.defaults,
        closers=_NEVER,
        last_words=_NEVER,
        quoted_closers=_NEVER,
        courtesies=_NEVER,
        all_done=_NEVER,
        declines=_NEVER,
        confirms=_NEVER,
        # Any question of ours may have been whether there is something else.
        offers=_NEVER,
        asks=_QUESTION,
        wants=_NEVER,
        request=_NEVER,
        next_question=re.compile(r"[?\u037e\u061f\uff1f]\s*(?=\S)"),
        alternatives=_NEVER,
        compares=_NEVER,
        denies=_NEVER,
        details=(),
        names=_NEVER,
        telling=Telling(
            figures={},
            tens=frozenset(),
            times={},
            email=_NEVER,
            day=_NEVER,
            clock=_NEVER,
            lead=_NEVER,
            day_and_clock="{day}, {clock}",
            address=_NEVER,
            address_order="{house} {street}{place}",
            named=_NEVER,
            dates=_NEVER,
        ),
    )
