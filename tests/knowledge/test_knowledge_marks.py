"""Words that tell one part of a note from another."""

from __future__ import annotations

import pytest

from offhook.knowledge.marks import marks, telling


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("When are you open on Saturdays?", {"open", "sat"}),
        ("Mon-Wed 9 to 5", {"mon", "tue", "wed", "9", "5"}),
        ("Friday through Monday", {"fri", "sat", "sun", "mon"}),
        ("at the weekend", {"sat", "sun"}),
        ("ten kayaks", {"10", "kayak"}),
        ("forty litres", {"40", "litre"}),
        ("What is it?", set()),
        ("", set()),
    ],
)
def test_marks(text: str, expected: set[str]) -> None:
    assert marks(text) == expected


def test_what_all_parts_have_tells_nothing_and_figures_tell_most() -> None:
    parts = [marks("Locker A1, small"), marks("Locker A2, large")]
    assert telling(marks("How big is locker A2?"), parts) == [0, 3]
    assert telling(marks("Have you a large locker?"), parts) == [0, 1]
    assert telling(marks("Have you a locker?"), parts) == [0, 0]
    assert telling(frozenset(), []) == []
