"""The wait after the caller's last sound: what it depends on, and in which direction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook import languages
from offhook.end_of_turn import wait
from offhook.end_of_turn.wait import (
    DIAL,
    Asked,
    EndpointingSettings,
    Expected,
    PauseHabit,
    combined,
    log_odds,
    probability,
)
from tests.support.english import expectation, gives_time, is_preface, wait_ms

OPEN, FACT, NO_HABIT = Expected(), Expected(Asked.FACT), PauseHabit()
SURE, DOUBT = st.floats(0, 1), st.floats(0, 1)
TEXTS = st.sampled_from(
    [
        *("", "yes", "No.", "my number is five five", "I would like to", "four two seven one"),
        *("I want to book an appointment.", "I'd come on Monday.", "Do you have parking?"),
    ]
)
HABITS = st.builds(PauseHabit, st.just(3), st.floats(0, 2000), st.floats(0, 500))
EXPECTED = st.sampled_from(
    [
        OPEN,
        FACT,
        Expected(Asked.YES_NO),
        Expected(Asked.DIGITS, 4),
        Expected(Asked.DIGITS),
        Expected(Asked.SPELLING),
        Expected(Asked.EMAIL),
    ]
)


@given(TEXTS, st.floats(-1, 2), EXPECTED, HABITS, st.sampled_from(list(DIAL.values())))
def test_it_stays_between_its_limits(
    text: str, complete: float, expected: Expected, habit: PauseHabit, settings: EndpointingSettings
) -> None:
    wait = wait_ms(text, complete, expected, habit, settings)
    assert settings.shortest_ms <= wait <= settings.longest_ms or wait == settings.dictated_ms


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
    assert wait_ms("four two", 1.0, digits, NO_HABIT, settings) == settings.dictated_ms
    assert wait_ms("four two", 1.0, Expected(Asked.DIGITS), NO_HABIT, settings) == settings.dictated_ms
    assert wait_ms("It is S. M.", 1.0, OPEN, NO_HABIT, settings) > settings.shortest_ms
    assert wait_ms("l o p", 1.0, Expected(Asked.SPELLING), NO_HABIT, settings) == settings.dictated_ms


@pytest.mark.parametrize("name", DIAL)
def test_a_group_is_waited_for_longer_than_people_pause_between_groups(name: str) -> None:
    settings = DIAL[name]
    for text, expected in (
        ("two one two", Expected(Asked.DIGITS)),
        ("two one", Expected(Asked.DIGITS, 4)),
        ("my number is two one two", OPEN),
        ("B A R", Expected(Asked.SPELLING)),
        ("john at", Expected(Asked.EMAIL)),
    ):
        assert 1_500 < wait_ms(text, 1.0, expected, NO_HABIT, settings) <= 2_000


def test_what_may_be_one_group_more_is_waited_for_by_how_the_caller_pauses() -> None:
    """A card that is read in fours has as many digits after two of them as some telephone numbers."""
    settings, slow = DIAL["balanced"], NO_HABIT.learnt(1_200)
    eight, seven, ten = "4929 1234", "555 0123", "212 555 0123"
    number = Expected(Asked.DIGITS)
    assert wait_ms(eight, 1.0, number, slow, settings) >= 1_500
    assert wait_ms(eight, 1.0, number, NO_HABIT, settings) == settings.longest_ms
    assert wait_ms(seven, 0.1, number, NO_HABIT, settings) == settings.asked_ms
    assert wait_ms(ten, 0.1, number, slow, settings) == settings.shortest_ms


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
    assert habit.learnt(90) == habit, "the closure of a consonant is no pause"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Would you like to hear our opening hours?", Expected(Asked.YES_NO)),
        ("We are open until six. Would you also like our address?", Expected(Asked.YES_NO)),
        ("Is that right?", Expected(Asked.YES_NO)),
        ("How can I help you?", OPEN),
        ("Is there anything else I can help you with?", OPEN),
        ("Do you want tea or coffee?", FACT),
        ("What is your last name?", FACT),
        ("May I have your name, please?", FACT),
        ("Which day suits you?", FACT),
        ("What can I do for you?", OPEN),
        ("What would you like to know?", OPEN),
        ("Can you tell me what happened?", OPEN),
        ("What is your four digit customer number?", Expected(Asked.DIGITS, 4)),
        ("Please enter your 6-digit code.", Expected(Asked.DIGITS, 6)),
        ("What is your phone number?", Expected(Asked.DIGITS)),
        ("What is your seven digit telephone number?", Expected(Asked.DIGITS, 7)),
        ("What is your customer number, four digits, please?", Expected(Asked.DIGITS, 4)),
        ("Could you spell your name, please?", Expected(Asked.SPELLING)),
        ("What's the best number to reach you?", Expected(Asked.DIGITS)),
        ("Where can I reach you?", Expected(Asked.DIGITS)),
        ("What number can we call you back on?", Expected(Asked.DIGITS)),
        ("Tell me your PIN.", Expected(Asked.DIGITS)),
        ("Your account number, please.", Expected(Asked.DIGITS)),
        ("Could I get a callback number?", Expected(Asked.DIGITS)),
        ("I'll need your card number.", Expected(Asked.DIGITS, 16)),
        ("What are the last four digits of your card?", Expected(Asked.DIGITS, 4)),
        ("What is the number of people?", FACT),
        ("Is that your phone number?", Expected(Asked.YES_NO)),
        ("Would you like our phone number?", Expected(Asked.YES_NO)),
        ("Can we call you on this number?", Expected(Asked.YES_NO)),
        ("And your e-mail address?", Expected(Asked.EMAIL)),
        ("What's your postcode?", Expected(Asked.SPELLING)),
        ("What is the registration of your car?", Expected(Asked.SPELLING)),
        ("Please read me your IBAN.", Expected(Asked.SPELLING)),
        ("What's your member ID?", Expected(Asked.SPELLING)),
        ("Do you have your ID with you?", Expected(Asked.YES_NO)),
        ("Would you like to change your registration?", Expected(Asked.YES_NO)),
        ("Could I have your booking reference?", Expected(Asked.SPELLING)),
        ("What is your booking reference number?", Expected(Asked.DIGITS)),
        ("Which email should we send it to?", Expected(Asked.EMAIL)),
        ("Shall I send you an e-mail?", Expected(Asked.YES_NO)),
        ("And your date of birth, please?", Expected(Asked.BIRTH)),
        ("When were you born?", Expected(Asked.BIRTH)),
        ("Is your date of birth the third of May 1980?", Expected(Asked.YES_NO)),
        ("When is your birthday?", FACT),
        ("Your name, please.", FACT),
        ("So that's a table for two at seven, correct?", Expected(Asked.YES_NO)),
        ("You want Monday at nine, right?", Expected(Asked.YES_NO)),
        ("Monday at nine, okay?", Expected(Asked.YES_NO)),
        ("It's the red one or the blue one, isn't it?", Expected(Asked.YES_NO)),
        ("Your number is 5 5 5?", Expected(Asked.YES_NO)),
        ("What I have is five five five, one two three four. Right?", Expected(Asked.YES_NO)),
        ("A boiler service in Leeds?", Expected(Asked.YES_NO)),
        ("Anything else?", OPEN),
        ("Your order number is four two.", OPEN),
        ("We are open from eight to six.", OPEN),
        ("", OPEN),
    ],
)
def test_expectation(said: str, expected: Expected) -> None:
    assert expectation(said) == expected
    assert expectation(said).question is said.endswith("?")


@pytest.mark.parametrize(
    ("said", "language", "again"),
    [
        *((languages.language(code).defaults.unclear, code, True) for code in ("en", "de", "es", "fr")),
        ("Sorry, I didn't quite catch that.", "en", True),
        ("Could you repeat that, please?", "en", True),
        ("Das habe ich leider nicht verstanden.", "de", True),
        ("No le he entendido.", "es", True),
        ("Je n'ai pas bien compris.", "fr", True),
        ("Could you repeat your number?", "en", False),
        ("Would you like to say it with flowers?", "en", False),
        ("Shall we do the same once more?", "en", False),
    ],
)
def test_what_is_asked_once_more(said: str, language: str, again: bool) -> None:
    assert wait.expectation(said, language).again is again


@pytest.mark.parametrize(
    ("said", "gives"),
    [
        ("Sure, take your time.", True),
        ("No problem, I\u2019ll wait.", True),
        ("No rush. Just let me know when you have it.", True),
        ("Take your time. What is the number?", False),
        ("You can wait in the car.", False),
        ("We open at nine.", False),
    ],
)
def test_time_that_is_granted(said: str, gives: bool) -> None:
    assert gives_time(said) is gives


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


@pytest.mark.parametrize("name", DIAL)
@pytest.mark.parametrize("complete", [0.8, 0.95, 0.99])
def test_a_complete_statement_is_given_time_to_go_on(name: str, complete: float) -> None:
    settings = DIAL[name]
    stated, asked, timed = (
        wait_ms(text, complete, OPEN, NO_HABIT, settings)
        for text in ("I want to book an appointment.", "Can I book an appointment?", "I can come on Monday.")
    )
    # Doubtful words have waited that long already, whatever they are.
    assert asked < timed <= stated <= settings.statement_ms or asked >= settings.statement_ms


def test_a_pause_in_a_statement_is_outlasted() -> None:
    """At the balanced dial and the model's usual doubt; a certain end is answered as soon as ever."""
    settings = DIAL["balanced"]
    for pausing in ("It was the best of times.", "I want to book an appointment", "My name's on the list"):
        assert wait_ms(pausing, 0.98, OPEN, NO_HABIT, settings) >= 500
    assert wait_ms("I want to book an appointment", 1.0, OPEN, NO_HABIT, settings) == settings.shortest_ms
    assert wait_ms("What are your opening hours?", 0.98, OPEN, NO_HABIT, settings) <= 200


def test_a_statement_that_says_what_was_asked_for_is_an_answer() -> None:
    settings = DIAL["balanced"]
    for answer in ("My last name is Smith.", "I can come on Monday.", "My name is Jane Miller."):
        assert wait_ms(answer, 0.98, FACT, NO_HABIT, settings) <= 150
        assert wait_ms(answer, 0.98, OPEN, NO_HABIT, settings) >= 400
        assert wait_ms(answer, 0.98, Expected(Asked.YES_NO), NO_HABIT, settings) >= 400


def test_words_that_cannot_end_wait_longer_than_a_statement_that_can() -> None:
    settings = DIAL["balanced"]
    assert wait_ms("I want to book an", 0.01, OPEN, NO_HABIT, settings) > settings.asked_ms


def test_two_opinions_are_one() -> None:
    assert combined(0.8, None) == 0.8
    assert combined(0.5, 0.9) == pytest.approx(0.75)
    assert 0 < combined(0.0, 1.0) < 1


@given(st.floats(1e-5, 1 - 1e-5))
def test_log_odds_and_probability_are_inverse(p: float) -> None:
    assert probability(log_odds(p)) == pytest.approx(p)


@pytest.mark.parametrize("p", [-1.0, 0.0, 1.0, 2.0])
def test_nothing_is_certain(p: float) -> None:
    assert 0 < probability(log_odds(p)) < 1
