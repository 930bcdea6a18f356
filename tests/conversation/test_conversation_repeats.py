"""Announcements that come round again, and callers who say something twice."""

from __future__ import annotations

import pytest

from offhook.conversation.history import FAILED, Exchange
from offhook.conversation.repeats import is_announcement

HOLD = "Your call is important to us. Please stay on the line."


def exchanges(*texts: str, answer: str = "How can I help?") -> list[Exchange]:
    return [Exchange(text, answer, answer) for text in texts]


@pytest.mark.parametrize(
    ("text", "before"),
    [
        pytest.param(HOLD, [HOLD] * 3, id="word for word"),
        pytest.param("Your call is important to us", [HOLD] * 3, id="its beginning"),
        pytest.param(f"{HOLD} {HOLD}", [HOLD] * 3, id="twice without a pause"),
        pytest.param("your call's important to us, please stay on the line", [HOLD] * 3, id="misheard"),
        pytest.param(HOLD, [HOLD, "You are number two in the queue.", "Hello?"] * 2 + [HOLD], id="in turn"),
        pytest.param("Please hold.", ["Please hold."] * 3, id="short, and answered alike"),
    ],
)
def test_an_announcement(text: str, before: list[str]) -> None:
    assert is_announcement(text, exchanges(*before))


@pytest.mark.parametrize(
    ("text", "before"),
    [
        pytest.param(HOLD, [], id="first"),
        pytest.param(HOLD, [HOLD] * 2, id="third"),
        pytest.param(
            "I want to speak to a human being.", ["I want to speak to a human being."] * 2, id="angry"
        ),
        pytest.param("Yes.", ["Yes."] * 5, id="yes to all"),
        pytest.param("And a table for two on Monday?", ["And a table for two?"] * 3, id="something new"),
        pytest.param("", [""] * 3, id="nothing"),
    ],
)
def test_a_caller(text: str, before: list[str]) -> None:
    assert not is_announcement(text, exchanges(*before))


def test_who_moves_on_with_one_word_is_answered() -> None:
    answers = [Exchange("Next.", f"Number {n}.", f"Number {n}.") for n in range(5)]
    assert not is_announcement("Next.", answers)
    long_ago = [*exchanges(*[HOLD] * 3), *exchanges(*(f"Question number {n} is this." for n in range(8)))]
    assert not is_announcement(HOLD, long_ago)


def test_who_was_asked_to_say_it_once_more_does() -> None:
    again = [Exchange(HOLD, "Could you say it once more?", "Could you say it once more?", (), FAILED)] * 5
    assert not is_announcement(HOLD, [*again, *exchanges(HOLD, HOLD)])
    assert is_announcement(HOLD, [*again, *exchanges(HOLD, HOLD, HOLD)])
