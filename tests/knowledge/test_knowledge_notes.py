"""Notes taken apart into what can be said alone, and put together again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.knowledge.notes import Part, assemble, parts


def texts(note: str) -> list[str]:
    return [note[part.start : part.stop].strip(" ,;\n") for part in parts(note)]


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("We rent kayaks by the hour.", ["We rent kayaks by the hour."]),
        (
            "Kayaks are $12 an hour. Bring a towel.",
            ["Kayaks are $12 an hour.", "Bring a towel."],
        ),
        ("Single kayak $12, double kayak $19", ["Single kayak $12", "double kayak $19"]),
        (
            "Single kayak $12, double kayak $19, and paddles are free",
            ["Single kayak $12", "double kayak $19", "and paddles are free"],
        ),
        (
            "Tubs, paddles and vests are at the jetty.",
            ["Tubs, paddles and vests are at the jetty."],
        ),
        (
            "Lena teaches beginners; Otto teaches the rest.",
            ["Lena teaches beginners", "Otto teaches the rest."],
        ),
        ("If you are late, we have to shorten it.", ["If you are late, we have to shorten it."]),
        (
            "When it rains, tours are off, and tickets are refunded.",
            ["When it rains, tours are off", "and tickets are refunded."],
        ),
        ("Ask for Dr. Amari at the desk.", ["Ask for Dr. Amari at the desk."]),
        ("The pool opens at 7 a.m. on weekdays.", ["The pool opens at 7 a.m. on weekdays."]),
        ("Open daily!\nClosed in May.", ["Open daily!", "Closed in May."]),
        (
            "Lockers (small $1, large $2. Coins only) are downstairs. Bring a lock.",
            ["Lockers (small $1, large $2. Coins only) are downstairs.", "Bring a lock."],
        ),
    ],
)
def test_parts(note: str, expected: list[str]) -> None:
    assert texts(note) == expected


def test_what_goes_on_is_not_said_alone() -> None:
    note = "The sauna costs $9, with towels it costs $11, the pool costs $6"
    assert texts(note) == ["The sauna costs $9, with towels it costs $11", "the pool costs $6"]


def test_days_are_cut_apart_and_ranges_are_not() -> None:
    note = "We're open Monday to Friday from 7:30 to 5:30 and Saturdays from 9 to 1."
    assert texts(note)[1] == "and Saturdays from 9 to 1."
    assert assemble(note, parts(note)[1:]) == "Saturdays from 9 to 1."
    assert len(parts("It takes between 5 and 9 days.")) == 1
    assert len(parts("12 months / 12,000 miles warranty on parts, whichever comes first")) == 1
    assert len(parts("P1 = site down, reply within an hour")) == 1


@pytest.mark.parametrize(
    "figure",
    [
        "1,250.50",
        "7:30-5:30",
        "12,000 miles",
        "$3.25",
        "10-12 people",
        "0161 496 0123",
        "24/7",
        "2.5 l",
        "5/8",
    ],
)
@pytest.mark.parametrize(
    "note",
    ["The big one is {}, the small one is 3.", "It says {} on the sign. Ask Mina.", "Until {}; then no."],
)
def test_figures_are_never_cut_apart(note: str, figure: str) -> None:
    written = note.format(figure)
    assert sum(figure in text for text in texts(written)) == 1, texts(written)


def test_a_list_of_whole_thousands() -> None:
    assert texts("Service at 12,000 miles, 24,000 miles") == ["Service at 12,000 miles", "24,000 miles"]


@pytest.mark.parametrize(
    ("note", "numbers", "said"),
    [
        ("Single kayak $12, double kayak $19", [1], "Double kayak $19."),
        ("Single kayak $12, double kayak $19", [0, 1], "Single kayak $12, double kayak $19."),
        ("Kayaks are $12. Bring a towel.", [0, 1], "Kayaks are $12. Bring a towel."),
        ("Kayaks are $12. Bring a towel.", [1], "Bring a towel."),
        (
            "Lena teaches beginners; Otto teaches the rest",
            [0, 1],
            "Lena teaches beginners. Otto teaches the rest.",
        ),
        ("Single kayak $12 / double kayak $19", [1], "Double kayak $19."),
        ("Single kayak $12 / double kayak $19", [0, 1], "Single kayak $12, double kayak $19."),
        (
            "Open from 7 a.m., closed from 9 at night. Ring twice.",
            [0, 1, 2],
            "Open from 7 a.m., closed from 9 at night. Ring twice.",
        ),
        ("kayaks are $12", [0], "Kayaks are $12."),
        ("Is it open? Yes!", [0, 1], "Is it open? Yes!"),
        ("info@kayaks.example is read daily", [0], "info@kayaks.example is read daily."),
    ],
)
def test_assembled(note: str, numbers: list[int], said: str) -> None:
    found = parts(note)
    assert assemble(note, [found[number] for number in numbers]) == said


@pytest.mark.parametrize(
    ("note", "number", "said"),
    [
        ("Pepper plants: small 2.20, large 4.50", 0, "Pepper plants: small 2.20."),
        ("Pepper plants: small 2.20, large 4.50", 1, "Pepper plants: large 4.50."),
        ("Opening hours: Mon 9-5, Sat 10-2", 1, "Opening hours: Sat 10-2."),
        ("Mon: 9-5 and Sat 10-2", 1, "Sat 10-2."),  # a day is the title of nothing but its own hours
        ("Guides: Ines (nights), Marek (weekends)", 1, "Guides: Marek (weekends)."),
    ],
)
def test_an_item_is_said_with_its_list_s_title(note: str, number: int, said: str) -> None:
    assert assemble(note, [parts(note)[number]]) == said


@pytest.mark.parametrize(
    ("note", "alone"),
    [
        (
            "Implantat ab 1.850 € inkl. Krone. Beratung gratis.",
            ["Implantat ab 1.850 € inkl. Krone.", "Beratung gratis."],
        ),
        ("Urlaub vom 4. bis 22. August", ["Urlaub vom 4. bis 22. August."]),
        ("Offen 9-5.30. August zu.", ["Offen 9-5.30.", "August zu."]),
        (
            "Unterricht: 30 Min. CHF 720, 45 Min. CHF 980",
            ["Unterricht: 30 Min. CHF 720.", "Unterricht: 45 Min. CHF 980."],
        ),
        ("Dirección: Av. Sur 13, frente al mercado", ["Dirección: Av. Sur 13, frente al mercado."]),
        ("Dra. Nava (piel), Dr. Ochoa (aves)", ["Dra. Nava (piel).", "Dr. Ochoa (aves)."]),
        ("Tél. 04 78 55 50 12", ["Tél. 04 78 55 50 12."]),
        (
            "Contracts over 1, 12 or 24 months, leaving costs 9",
            ["Contracts over 1, 12 or 24 months.", "Leaving costs 9."],
        ),
        ("Two people 80, 3 or 4 people 100", ["Two people 80.", "3 or 4 people 100."]),
    ],
)
def test_figures_and_abbreviations_that_go_on_are_not_torn_apart(note: str, alone: list[str]) -> None:
    assert [assemble(note, [part]) for part in parts(note)] == alone


@pytest.mark.parametrize("leaning", ["Not certified.", "Only by appointment.", "Except in May."])
def test_a_short_sentence_that_leans_on_the_one_before_is_never_said_alone(leaning: str) -> None:
    assert texts(f"We service lifts. {leaning} Ring twice.") == [
        f"We service lifts. {leaning}",
        "Ring twice.",
    ]
    assert texts(f"We service lifts. {leaning}")[0].endswith(leaning)


def test_a_sentence_that_has_what_it_needs_stands_alone() -> None:
    assert texts("We service lifts. No dogs.") == ["We service lifts.", "No dogs."]


def test_names_with_a_word_on_each_are_told_apart() -> None:
    assert texts("Guides: Ines (head guide, speaks French), Marek (weekends), Tove") == [
        "Guides: Ines (head guide, speaks French)",
        "Marek (weekends)",
        "Tove",
    ]


def test_nothing_chosen_is_nothing_said() -> None:
    assert assemble("Kayaks are $12.", []) == ""
    assert parts("") == []
    assert parts(" \n ") == []


PIECES = st.sampled_from(
    [
        *("kayaks", "cost", "is", "free", "Dr", "St", "and", "with", "Mon", "e.g", "no", "May", "We", "it"),
        *("$12", "1,250.50", "7:30-5:30", "12,000", "3", "12", "2 May"),
        *(",", ".", ";", "!", "?", ":", "-", "\u2013", "/", "(", ")", "\n", "...", "caf\u00e9"),
    ]
)
NOTES = st.one_of(
    st.text(max_size=120),
    st.lists(st.tuples(PIECES, st.sampled_from(["", " ", " ", "  "])), max_size=25).map(
        lambda pairs: "".join(piece + space for piece, space in pairs)
    ),
)


@given(NOTES)
def test_no_word_is_lost_and_parts_are_in_order(note: str) -> None:
    found = parts(note)
    last = 0
    for part in found:
        assert last <= part.start < part.stop <= len(note)
        last = part.stop
    held = "".join(note[part.start : part.stop] for part in found)
    assert letters(held) == letters(note)


@given(NOTES)
def test_an_assembly_holds_every_word_once(note: str) -> None:
    found = parts(note)
    assert letters(assemble(note, found)) == letters(note)


@given(NOTES, st.data())
def test_any_choice_of_parts_can_be_said(note: str, data: st.DataObject) -> None:
    found: list[Part] = parts(note)
    kept = [part for part in found if data.draw(st.booleans())]
    said = assemble(note, kept)
    held = letters("".join(note[part.start : part.stop] for part in kept))
    # Of a part that is said without the one before it, an "and" that joins them is left out.
    assert letters(said) == held or letters(said).replace("and", "") == held.replace("and", "")
    if said:
        assert said[-1] in ".!?"


def letters(text: str) -> str:
    """What can be heard of a text, big letters or small."""
    return "".join(char for char in text.upper().casefold() if char.isalnum())
