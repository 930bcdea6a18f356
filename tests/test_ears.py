"""Words ahead of the turn's end: which of them are sure."""

from __future__ import annotations

import pytest

from offhook.ears import common


@pytest.mark.parametrize(
    ("before", "now", "sure"),
    [
        ("", "", ""),
        ("", "What", ""),
        ("What", "What are", "What"),
        ("What are", "What are your opening", "What are"),
        ("What are your open", "What are your opening hours", "What are your"),
        ("What are your.", "What are your opening", "What are"),
        ("I would like,", "I would like, to book", "I would like"),
        ("Where is", "There is a", ""),
        ("What are you", "What are you", "What are"),
    ],
)
def test_sure_words(before: str, now: str, sure: str) -> None:
    assert " ".join(common(before.split(), now.split())) == sure
