"""Figures, days and names of an answer that stand nowhere are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.conversation.grounding import unsupported

FACTS = [
    "Single kayaks are $12.50 an hour, doubles $19; Mina Okafor runs the desk.",
    "Open Monday to Saturday 8:30-18:00 at the Harbour Jetty.",
    "We closed for repairs on 3 March.",
]


@pytest.mark.parametrize(
    "answer",
    [
        "Single kayaks are $12.50 an hour.",
        "Doubles cost $19, and Mina runs the desk.",
        "We're open from 8:30 on Mondays.",
        "Yes, we are on the Harbour Jetty.",
        "I'm glad that you asked, and I'll say it again.",
        "We closed on 3 March.",
        "",
    ],
)
def test_what_stands_somewhere_is_supported(answer: str) -> None:
    assert unsupported(answer, FACTS) == []


@pytest.mark.parametrize(
    ("answer", "made_up"),
    [
        ("Single kayaks are $13 an hour.", ["13"]),
        ("Single kayaks are $12 an hour.", ["12"]),
        ("Doubles are 1,900 dollars.", ["1,900"]),
        ("We open at 9:30 on Sundays.", ["9:30", "Sundays"]),
        ("We're closed on sunday.", ["sunday"]),
        ("Please ask for Otto at the desk.", ["Otto"]),
        ("We closed on 3 April.", ["April"]),
    ],
)
def test_what_is_made_up_is_named(answer: str, made_up: list[str]) -> None:
    assert set(unsupported(answer, FACTS)) == set(made_up)


def test_each_source_counts_and_no_other() -> None:
    assert unsupported("It is 42 for Zelda.", []) == ["42", "Zelda"]
    assert unsupported("It is 42 for Zelda.", ["42", "for zelda"]) == []


def test_a_figure_is_no_part_of_a_longer_one() -> None:
    assert unsupported("It is 5.", ["It is 15, or 5,000, or 5.50."]) == ["5"]


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=3))
def test_a_text_supports_itself(answer: str, sources: list[str]) -> None:
    unsupported(answer, sources)
    assert unsupported(answer, [*sources, answer]) == []
