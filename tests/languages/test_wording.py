"""How a caller's words read."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.languages.wording import ends_in_letters, words
from tests.support.english import (
    count_digits,
    ends_in_digits,
    ends_in_time,
    is_preface,
    is_question,
    is_statement,
    is_yes_or_no,
    leans,
)

READINGS = (
    *(ends_in_digits, ends_in_letters, ends_in_time),
    *(is_preface, is_question, is_statement, is_yes_or_no, leans),
)


@pytest.mark.parametrize(
    ("text", "short", "digits", "ends"),
    [
        ("Yes.", True, 0, False),
        ("yeah, sure", True, 0, False),
        ("No thank you.", True, 0, False),
        ("Mm-hm.", True, 0, False),
        ("That\u2019s right.", True, 0, False),
        ("No, I want to book", False, 0, False),
        ("Yes, four", False, 1, False),
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
    ("text", "opens"),
    [
        ("Hello.", True),
        ("Hi there, good morning!", True),
        ("I have a quick question.", True),
        ("Hello, are you open?", False),
        ("I have a question about parking.", False),
        ("No.", False),
        ("My tooth hurts.", False),
    ],
)
def test_prefaces(text: str, opens: bool) -> None:
    assert is_preface(text) is opens
    assert is_preface(text, named=True) is opens


def test_a_name_opens_something_unless_it_was_asked_for() -> None:
    assert is_preface("Hi, my name is Jane Miller.")
    assert not is_preface("Hi, my name is Jane Miller.", named=True)


STATEMENTS = (
    "I want to book an appointment.",
    "Hello. Yes, I'd like to order a pizza",
    "It was the best of times, it was the worst of times.",
    "My last name is Smith.",
    "The printer stopped working.",
    "Please send it to my office.",
    "There\u2019s water on the floor.",
    "It costs 4.50 a day.",
    "I don't think that I can.",
    "Are you open? I need a haircut.",
)
QUESTIONS = (
    "What are your opening hours?",
    "do you have parking",
    "Good morning, can I pay by card",
    "My tooth hurts, and what should I do",
    "My tooth hurts. What should I do",
    "I'd like to know when you close.",
    "Tell me what it costs",
    "I have an appointment at ten?",
    "how much is a ticket",
)
OTHERS = (
    "", "...", "Yes.", "Tomorrow", "On Friday at ten", "Two adults and one child", "Thank you very much",
    "That would be great", "Goodbye and thank you", "Hi there", "Maple Street", "four two seven",
)  # fmt: skip


@pytest.mark.parametrize("text", [*STATEMENTS, *QUESTIONS, *OTHERS])
def test_kinds_of_sentences(text: str) -> None:
    assert is_statement(text) is (text in STATEMENTS)
    assert is_question(text) is (text in QUESTIONS)


LEANING = (
    "And on Sundays?", "And the small one", "What about a tent,", "Okay, and for two nights",
    "How about Friday",
    "It's for my son. And without a licence?", "or by train",
)  # fmt: skip
NOT_LEANING = (
    "", "And", "What about", "On Sundays", "And I'm late", "And is there a lift", "Ham and eggs",
    "And the heating in the upstairs bathroom broke", "What about it",
)  # fmt: skip


@pytest.mark.parametrize("text", [*LEANING, *NOT_LEANING])
def test_what_leans_on_the_question_before(text: str) -> None:
    assert leans(text) is (text in LEANING)
    assert text not in LEANING or not is_statement(text)


def test_ends() -> None:
    assert ends_in_time("I could come next Monday.")
    assert not ends_in_time("On Monday we had a call.")
    assert ends_in_letters("It is S. M.")
    assert not ends_in_letters("It is I")


def test_words() -> None:
    assert words("It\u2019s 5 O'Clock - mm-hm, caf\u00e9_x!") == [
        *("it's", "5", "o'clock", "mm", "hm", "caf\u00e9", "x"),
    ]


@given(st.text(alphabet=string.ascii_letters + string.digits + " .,?!'-\u2019\u4f60\n", max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    for reading in READINGS:
        assert reading(text) in (True, False)
    assert 0 <= count_digits(text) <= count_digits(text + " 7") - 1
    assert not (is_statement(text) and is_question(text))


def test_long_texts_are_read_quickly() -> None:
    """No regular expression runs away: a pathological text would hang here."""
    for piece in ("a ", "and ", ". ", "how ", "hello ", "what " * 3, "is "):
        for reading in READINGS:
            reading(piece * 20_000)
