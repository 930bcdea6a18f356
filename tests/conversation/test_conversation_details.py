"""What callers tell about themselves, found for being read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.conversation.details import Detail, details, numbers
from offhook.languages import ENGLISH


def found(text: str, kind: str) -> list[str]:
    return [detail.value for detail in details(text, ENGLISH) if detail.kind == kind]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I live at 12 Rope Walk Lane, Alderby.", ["12 Rope Walk Lane, Alderby"]),
        ("it's 4b mill road", ["4b mill road"]),
        ("I walked for 3 hours to the road", []),
        ("twenty three Quarry Lane in Alderby", ["23 Quarry Lane in Alderby"]),
        ("it's one-oh-four Mill Road, thanks", ["104 Mill Road"]),
        ("I'm at 14 Quarry Lane, no, 40 Quarry Lane", ["14 Quarry Lane", "40 Quarry Lane"]),
    ],
)
def test_addresses(text: str, expected: list[str]) -> None:
    assert found(text, "address") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My number is 415 555 0132.", ["415 555 0132"]),
        ("It's (415) 555-0132", ["(415) 555-0132"]),
        ("four one five, five five five, oh one three two", ["415-555-0132"]),
        ("five five five oh one three two", ["555-0132"]),
        ("Double five five, oh one, treble", ["555-01"]),
        ("double seven, triple nine", ["7799-9"]),
        ("The order is eight eight one four.", ["8814"]),
        ("+44 161 496 0123", ["+44 161 496 0123"]),
        ("Call 555 0132 or 555 0199", ["555 0132", "555 0199"]),
        ("For three people at seven", []),
        ("oh one six one, four nine six, twenty three ten", ["0161-4962-310"]),
        ("five five five, twenty, thirty-one", ["555-2031"]),
        ("seven ninety oh four", ["7900-4"]),
        ("It costs 120 dollars", []),
        ("It was 12,000 dollars, or 1,250.50 pounds", []),
        ("It's 415,555,0132", ["415-555-0132"]),
        ("Between 7:30 and 5:30", []),
        ("", []),
    ],
)
def test_numbers(text: str, expected: list[str]) -> None:
    got = numbers(text)
    assert [digits(number) for number in got] == [digits(number) for number in expected]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("four one five, five five five, oh one three two", "415-555-0132"),
        ("five five five oh one three two", "555-0132"),
        ("eight eight one four two", "8814-2"),
        ("415 555 0132", "415 555 0132"),
    ],
)
def test_numbers_are_written_in_groups(text: str, written: str) -> None:
    assert numbers(text) == [written]


@pytest.mark.parametrize(
    ("text", "emails"),
    [
        ("It's mina.okafor@kayaks.example, please", ["mina.okafor@kayaks.example"]),
        ("mina dot okafor at kayaks dot example", ["mina dot okafor at kayaks dot example"]),
        ("I am at the jetty.", []),
    ],
)
def test_emails(text: str, emails: list[str]) -> None:
    assert found(text, "email") == emails


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("My name is Mina Okafor.", ["Mina Okafor"]),
        ("Hi, this is Otto, I have a booking", ["Otto"]),
        ("It's under Okafor-Lund", ["Okafor-Lund"]),
        ("I'm Lena, but the booking's under Brandt", ["Brandt"]),
        ("I'm late", []),
        ("The name's O'Hara", ["O'Hara"]),
        ("What is your name?", []),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert found(text, "name") == names


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Tomorrow at half past three", ["Tomorrow at half past three"]),
        ("On Friday evening, around seven thirty", ["Friday evening at seven thirty"]),
        ("Next Tuesday. No, sorry, next Wednesday at 4 pm", ["next Wednesday at 4 pm"]),
        ("At noon", ["noon"]),
        ("The third of June", ["The third of June"]),
        ("May 12th at 10:30", ["May 12th at 10:30"]),
        ("For four of us", []),
        ("I want two kayaks", []),
    ],
)
def test_times(text: str, when: list[str]) -> None:
    assert found(text, "time") == when


def test_several_in_one_turn() -> None:
    told = details("This is Mina Okafor, five five five oh one three two, for Saturday at nine.", ENGLISH)
    assert {detail.kind for detail in told} == {"name", "number", "time"}
    assert Detail("name", "Mina Okafor") in told


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    for detail in details(text, ENGLISH):
        assert detail.value.strip()


@given(st.lists(st.sampled_from("0123456789"), min_size=4, max_size=16))
def test_no_digit_is_lost_or_invented(said: list[str]) -> None:
    names = "zero one two three four five six seven eight nine".split()  # noqa: SIM905
    (number,) = numbers(" ".join(names[int(digit)] for digit in said))
    assert digits(number) == "".join(said)


def digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit())
