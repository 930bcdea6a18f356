"""The wait after the caller's last sound: what it depends on, and in which direction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.endpointing import (
    DIAL,
    Asked,
    EndpointingSettings,
    Expected,
    PauseHabit,
    combined,
    count_digits,
    ends_in_digits,
    expectation,
    is_preface,
    is_yes_or_no,
    wait_ms,
)

OPEN, NO_HABIT = Expected(), PauseHabit()
SURE, DOUBT = st.floats(0, 1), st.floats(0, 1)
TEXTS = st.sampled_from(["", "yes", "No.", "my number is five five", "I would like to", "four two seven one"])
HABITS = st.builds(PauseHabit, st.just(3), st.floats(0, 2000), st.floats(0, 500))
EXPECTED = st.sampled_from(
    [
        OPEN,
        Expected(Asked.YES_NO),
        Expected(Asked.DIGITS, 4),
        Expected(Asked.DIGITS),
        Expected(Asked.SPELLING),
    ]
)


@given(TEXTS, st.floats(-1, 2), EXPECTED, HABITS, st.sampled_from(list(DIAL.values())))
def test_it_stays_between_its_limits(
    text: str, complete: float, expected: Expected, habit: PauseHabit, settings: EndpointingSettings
) -> None:
    assert settings.shortest_ms <= wait_ms(text, complete, expected, habit, settings) <= settings.longest_ms


@given(TEXTS, SURE, DOUBT, EXPECTED, HABITS)
def test_surer_words_never_wait_longer(
    text: str, one: float, other: float, expected: Expected, habit: PauseHabit
) -> None:
    settings = DIAL["balanced"]
    sure, doubtful = max(one, other), min(one, other)
    assert wait_ms(text, sure, expected, habit, settings) <= wait_ms(
        text, doubtful, expected, habit, settings
    )


@given(TEXTS, SURE, EXPECTED, HABITS)
def test_a_patient_dial_never_answers_before_a_snappy_one(
    text: str, complete: float, expected: Expected, habit: PauseHabit
) -> None:
    waits = [
        wait_ms(text, complete, expected, habit, DIAL[name]) for name in ("patient", "balanced", "snappy")
    ]
    assert waits == sorted(waits, reverse=True)


@given(SURE)
def test_it_is_smooth(complete: float) -> None:
    """No cliff: a little more doubt is a little more waiting, away from certainty."""
    settings = EndpointingSettings(half=0.5, steepness=1.0)
    here = wait_ms("x", complete, OPEN, NO_HABIT, settings)
    assert abs(wait_ms("x", complete - 0.01, OPEN, NO_HABIT, settings) - here) <= 8


def test_what_was_asked_decides() -> None:
    settings = DIAL["balanced"]
    yes_no, digits = Expected(Asked.YES_NO), Expected(Asked.DIGITS, 4)
    assert wait_ms("Yes, please.", 0.1, yes_no, NO_HABIT, settings) == settings.shortest_ms
    assert wait_ms("Yes, please.", 0.1, OPEN, NO_HABIT, settings) > settings.shortest_ms
    assert settings.shortest_ms < wait_ms("Yes.", 1.0, yes_no, NO_HABIT, settings) <= 220  # please?
    assert wait_ms("four two seven one", 0.1, digits, NO_HABIT, settings) == settings.shortest_ms
    assert wait_ms("Four to seven won.", 0.1, digits, NO_HABIT, settings) == settings.shortest_ms
    assert wait_ms("four two", 1.0, digits, NO_HABIT, settings) == settings.longest_ms
    assert wait_ms("four two", 1.0, Expected(Asked.DIGITS), NO_HABIT, settings) == settings.asked_ms
    assert wait_ms("It is S. M.", 1.0, OPEN, NO_HABIT, settings) > settings.shortest_ms
    assert wait_ms("l o p", 1.0, Expected(Asked.SPELLING), NO_HABIT, settings) == settings.asked_ms


def test_a_caller_who_pauses_long_is_given_time() -> None:
    settings = DIAL["balanced"]
    slow = NO_HABIT
    for _ in range(4):
        slow = slow.learnt(700)
    assert wait_ms("x", 0.7, OPEN, slow, settings) > wait_ms("x", 0.7, OPEN, NO_HABIT, settings)
    assert wait_ms("x", 1.0, OPEN, slow, settings) == settings.shortest_ms


def test_the_habit_follows_the_pauses() -> None:
    habit = NO_HABIT
    for _ in range(40):
        habit = habit.learnt(300)
    assert habit.mean_ms == pytest.approx(300)
    assert habit.usual_ms == pytest.approx(300, abs=5)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Would you like to hear our opening hours?", Expected(Asked.YES_NO)),
        ("We are open until six. Would you also like our address?", Expected(Asked.YES_NO)),
        ("Is that right?", Expected(Asked.YES_NO)),
        ("How can I help you?", OPEN),
        ("Is there anything else I can help you with?", OPEN),
        ("Do you want tea or coffee?", OPEN),
        ("Can you tell me what happened?", OPEN),
        ("What is your four digit customer number?", Expected(Asked.DIGITS, 4)),
        ("Please enter your 6-digit code.", Expected(Asked.DIGITS, 6)),
        ("What is your phone number?", Expected(Asked.DIGITS)),
        ("What is your seven digit telephone number?", Expected(Asked.DIGITS, 7)),
        ("What is your customer number, four digits, please?", Expected(Asked.DIGITS, 4)),
        ("Could you spell your name, please?", Expected(Asked.SPELLING)),
        ("Your order number is four two.", OPEN),
        ("We are open from eight to six.", OPEN),
        ("", OPEN),
    ],
)
def test_expectation(said: str, expected: Expected) -> None:
    assert expectation(said) == expected


@pytest.mark.parametrize(
    ("text", "short", "digits", "ends"),
    [
        ("Yes.", True, 0, False),
        ("yeah, sure", True, 0, False),
        ("No thank you.", True, 0, False),
        ("Mm-hm.", True, 0, False),
        ("No, I want to book", False, 0, False),
        ("What?", False, 0, False),
        ("four two seven one", False, 4, True),
        ("4 2, 71", False, 4, True),
        ("double five three", False, 3, True),
        ("Ninety three, eight, six.", False, 4, True),
        ("twenty, nineteen", False, 4, False),
        ("my number is two oh two", False, 3, True),
        ("at nine", False, 1, False),
    ],
)
def test_short_answers(text: str, short: bool, digits: int, ends: bool) -> None:
    assert is_yes_or_no(text) is short
    assert count_digits(text) == digits
    assert ends_in_digits(text) is ends


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        "Hi, good morning.",
        "I have a question.",
        "Can I ask you something?",
        "Um",
        "My name is Jane Miller.",
    ],
)
def test_what_opens_something_is_not_the_end(text: str) -> None:
    settings = DIAL["balanced"]
    assert is_preface(text)
    assert wait_ms(text, 1.0, OPEN, NO_HABIT, settings) == settings.asked_ms


@pytest.mark.parametrize(
    "text", ["Hello, are you open?", "I have a question about parking.", "No.", "My tooth hurts."]
)
def test_what_says_something_is(text: str) -> None:
    assert not is_preface(text)


def test_two_opinions_are_one() -> None:
    assert combined(0.8, None) == 0.8
    assert combined(0.5, 0.9) == pytest.approx(0.75)
    assert 0 < combined(0.0, 1.0) < 1
