"""Cutting an answer into clauses that can be spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.speech.clauses import clean
from tests.support.english import ClauseSplitter, split

CASES = [
    # The first clause is short, later ones are sentences.
    (
        "We are open every weekday, and on Saturdays until noon, unless it is a holiday. Anything else?",
        [
            "We are open every weekday,",
            "and on Saturdays until noon, unless it is a holiday.",
            "Anything else?",
        ],
    ),
    ("Yes. We do.", ["Yes.", "We do."]),
    ("Yes, of course, we do.", ["Yes, of course,", "we do."]),
    (
        "Our practice is located at the harbour and you can find us near the old station.",
        ["Our practice is located at the harbour", "and you can find us near the old station."],
    ),
    # Numbers, prices, times.
    ("It is 1,250.00 dollars in all. Fine?", ["It is 1,250.00 dollars in all.", "Fine?"]),
    ("That costs $4.50, or $9 for two.", ["That costs $4.50,", "or $9 for two."]),
    ("We open at 9:30 a.m. on weekdays.", ["We open at 9:30 a.m. on weekdays."]),
    ("We open at 9 a.m. Please come early.", ["We open at 9 a.m.", "Please come early."]),
    ("Version 2.5 is out. It works.", ["Version 2.5 is out.", "It works."]),
    # Abbreviations, initials, addresses.
    ("You can see Dr. Smith or Mrs. Jones.", ["You can see Dr. Smith or Mrs. Jones."]),
    ("Go to St. Mary's church. Then left.", ["Go to St. Mary's church.", "Then left."]),
    ("Bring a card, e.g. a passport. Thanks.", ["Bring a card,", "e.g. a passport.", "Thanks."]),
    ("J. R. Smith is in today.", ["J. R. Smith is in today."]),
    ("Write to info@example.com. We answer.", ["Write to info@example.com.", "We answer."]),
    (
        "See https://a.example/x.html?b=1,2 for more. Bye.",
        ["See https://a.example/x.html?b=1,2 for more.", "Bye."],
    ),
    # Markup, emoji, control characters.
    ("**Hello!** \U0001f600 I am _here_.", ["Hello!", "I am here."]),
    ("Visit [our site](https://x.example/?q=a.b) today. Bye.", ["Visit our site today.", "Bye."]),
    ("# Prices\n- A check, *small*\n- A cleaning", ["Prices", "A check, small", "A cleaning"]),
    ("1. Open the lid.\n2. Close it.", ["1. Open the lid.", "2. Close it."]),
    ("One\x00two\x1b[31m three.", ["One two [31m three."]),
    ("It is \u22125 \u00b0C outside. Cold.", ["It is \u22125 \u00b0C outside.", "Cold."]),
    # Punctuation of its own.
    ("Wait... what? Really?!", ["Wait...", "what?", "Really?!"]),
    ("We are open\u2014every day\u2014at nine.", ["We are open \u2014", "every day \u2014 at nine."]),
    ('He said "Yes, we do." Then he left.', ['He said "Yes,', 'we do."', "Then he left."]),
    # Nothing to say.
    ("", []),
    ("   \n ", []),
    ("... !? \U0001f600", []),
]


@pytest.mark.parametrize(("text", "clauses"), CASES)
def test_clauses(text: str, clauses: list[str]) -> None:
    assert split(text) == clauses


def test_first_clause_comes_before_the_text_is_complete() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("We are open") == []
    assert splitter.push(" every day,") == []
    assert splitter.push(" ") == []
    assert splitter.push("a") == ["We are open every day,"]
    assert splitter.flush() == ["a"]


def test_a_long_text_without_punctuation_is_cut() -> None:
    clauses = split("word " * 200)
    assert len(clauses) > 3
    assert all(len(clause.split()) <= 45 for clause in clauses)


FRAGMENTS = """
Yes we open at 9:30 a.m. and close $4.50 1,250.00 Dr. St. Smith J. , . ? ! ; : \u2014 ... # ** _ ` [ ](x.y) ]
\U0001f600 \x00 info@a.example https://a.example/b.c,d 2. e.g. (maybe) " I the
"""
SPACES = [" ", "  ", "\n", "\n- ", "\n# "]
texts = st.lists(st.sampled_from([*FRAGMENTS.split(), *SPACES]), max_size=60).map("".join)
texts = texts | st.text(max_size=120)


@given(texts, st.randoms(use_true_random=False))
def test_cuts_do_not_depend_on_the_pieces(text: str, random: object) -> None:
    splitter, clauses, at = ClauseSplitter(), [], 0
    while at < len(text):
        size = random.randint(1, 9)  # type: ignore[attr-defined]
        clauses += splitter.push(text[at : at + size])
        at += size
    assert [*clauses, *splitter.flush()] == split(text)


@given(texts)
def test_nothing_is_lost_or_added(text: str) -> None:
    spoken, whole = " ".join(split(text)), clean(text)
    assert whole.startswith(spoken)
    rest = whole[len(spoken) :]
    assert not any(char.isalnum() for char in rest), "only a wordless end may be left out"


@given(texts)
def test_every_clause_can_be_spoken(text: str) -> None:
    for clause in split(text):
        assert any(char.isalnum() for char in clause)
        assert clause == " ".join(clause.split())
        assert clause.isprintable()
