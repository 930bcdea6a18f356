"""What is dictated, and whether all of it is there."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.end_of_turn import dictation
from offhook.end_of_turn.dictation import Missing
from offhook.languages.turns import turn_language
from tests.support.english import (
    missing_digits,
    missing_letters,
    missing_of_birth,
    missing_of_email,
    missing_unasked,
    runs,
)

NOTHING, PERHAPS, GROUP, MORE = Missing.NOTHING, Missing.PERHAPS, Missing.A_GROUP, Missing.MORE


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("Two one two, uh, five five five.", ["212555"]),
        ("oh double one three", ["0113"]),
        ("one eight hundred, five five five", ["1800555"]),
        ("nine hundred and twenty three", ["923"]),
        ("ninety three eight six", ["9386"]),
        ("four two. No, four three.", ["42", "43"]),
        ("B-A-R, as they say", ["bar"]),
        ("B as in bravo, A for alpha", ["ba"]),
        ("L S one, four A P", ["ls14ap"]),
        ("I have a car", []),
        ("", []),
    ],
)
def test_runs(text: str, characters: list[str]) -> None:
    assert [run.characters for run in runs(text)] == characters


@pytest.mark.parametrize(
    ("text", "wanted", "missing"),
    [
        ("two one two", None, MORE),
        ("212-555", None, MORE),
        ("It's 555-0123.", None, PERHAPS),
        ("212-555-0123", None, NOTHING),
        ("oh one one three, four nine six", None, MORE),
        ("0113 496 0123", None, NOTHING),
        ("07700 900", None, MORE),
        ("07700 900 123", None, NOTHING),
        ("one eight hundred, five five five", None, MORE),
        ("4929 1234 5678", None, GROUP),
        ("4929 1234 5678 9012", None, NOTHING),
        ("612 34 56", None, GROUP),
        ("six one two, thirty four, fifty six", None, GROUP),
        ("555 12 34", None, GROUP),
        ("612 34 56 78", None, GROUP),
        ("4929 1234", 16, MORE),
        ("4929 1234 5678 9012", 16, NOTHING),
        ("four two", 4, MORE),
        ("Four to seven won.", 4, NOTHING),
        ("four two, no, four three", 4, MORE),
        ("Sure, it's", None, MORE),
        ("Um, let me see", 4, MORE),
        ("I don't have one.", None, None),
        ("Why do you need that?", None, None),
        ("212 555 0123, thank you", None, None),
        ("Two, one, two, time, time, time.", None, MORE),  # "five five five", misheard
        ("I know, Vic.", None, MORE),  # "nine oh six", misheard
        ("Which number, please?", None, None),
        ("I would rather tell your colleague.", None, None),
    ],
)
def test_numbers(text: str, wanted: int | None, missing: Missing | None) -> None:
    assert missing_digits(text, wanted) is missing


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("B A R", MORE),
        ("Bar.", MORE),
        ("Be a are", MORE),
        ("Emma, then, like,", MORE),  # "m as in mike", misheard
        ("Barker. B A R", MORE),
        ("Barker. B A R K E R.", NOTHING),
        ("L S one", MORE),
        ("LS1 4AP", NOTHING),
        ("I would rather not say that.", None),
    ],
)
def test_what_is_spelt(text: str, missing: Missing | None) -> None:
    assert missing_letters(text) is missing


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Um, it's", MORE),
        ("the fourteenth", MORE),
        ("The fourteenth of March,", MORE),
        ("the fourteenth of March nineteen", MORE),
        ("the fourteenth of March nineteen eighty six", NOTHING),
        ("the fourteenth of March, eighty six", NOTHING),
        ("March 14th, 1986.", NOTHING),
        ("14/3/1986", NOTHING),
        ("May the fifth, two thousand", PERHAPS),
        ("4, 7", MORE),
        ("oh four, oh seven", MORE),
        ("oh four, oh seven, sixty nine", NOTHING),
        ("4 7 1969", NOTHING),
        ("1969", PERHAPS),
        ("I'd rather not say.", None),
        ("Why do you want to know that?", None),
    ],
)
def test_dates_of_birth(text: str, missing: Missing | None) -> None:
    assert missing_of_birth(text) is missing


@pytest.mark.parametrize(
    ("text", "language", "missing"),
    [
        ("am vierzehnten März", "de", MORE),
        ("vierzehnter dritter sechsundachtzig", "de", NOTHING),
        ("catorce de marzo", "es", MORE),
        ("catorce de marzo de 1986", "es", NOTHING),
        ("le 14 mars", "fr", MORE),
        ("le quatorze mars 1986", "fr", NOTHING),
    ],
)
def test_dates_of_birth_in_other_languages(text: str, language: str, missing: Missing) -> None:
    assert dictation.missing_of_birth(text, turn_language(language)) is missing


@pytest.mark.parametrize(
    ("text", "asked", "missing"),
    [
        ("john", True, MORE),
        ("It's john dot smith", True, MORE),
        ("john at", True, MORE),
        ("john at gmail", True, MORE),
        ("john at gmail dot", True, MORE),
        ("john at gmail dot com", True, NOTHING),
        ("john@gmail.com.", True, NOTHING),
        ("jo at firm dot co", True, PERHAPS),
        ("jo at firm dot co dot uk", True, NOTHING),
        ("My email is john at", False, MORE),
        ("I don't have one.", True, None),
        ("Can we meet at ten?", False, None),
        ("I'm at home", False, None),
    ],
)
def test_addresses(text: str, asked: bool, missing: Missing | None) -> None:
    assert missing_of_email(text, asked=asked) is missing


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("my number is two one two", MORE),
        ("My number is two", MORE),
        ("Call me on 0113 496", MORE),
        ("It's five five five", MORE),
        ("My number is 212 555 0123.", NOTHING),
        ("Smith, S M I", MORE),
        ("Smith, S M I T H", NOTHING),
        ("A table for two at seven", None),
        ("It's two thirty.", None),
        ("At 2:30.", None),
        ("It costs 4.50", None),
        ("On 03/04/2027", None),
        ("I was born in 1985", None),
        ("At nine a m", None),
        ("What do you charge?", None),
    ],
)
def test_nobody_asked(text: str, missing: Missing | None) -> None:
    assert missing_unasked(text) is missing


@given(
    st.text(alphabet=string.ascii_letters + string.digits + " .,@?!'-:/\u2019\u4f60\n", max_size=200),
    st.integers(1, 20),
)
def test_any_text_can_be_read(text: str, wanted: int) -> None:
    found = [missing_digits(text, wanted), missing_digits(text, None), missing_letters(text)]
    found += [missing_of_email(text, asked=True), missing_unasked(text)]
    assert all(each is None or each in Missing for each in found)


def test_long_texts_are_read_quickly() -> None:
    """No regular expression runs away: a pathological text would hang here."""
    for piece in ("a ", "1 ", "1.", "a@", "one ", "at dot ", "as in "):
        text = piece * 20_000
        missing_digits(text, None)
        missing_letters(text)
        missing_of_email(text, asked=True)
        missing_unasked(text)
