"""Words of an owner's that what was heard may have been."""

from __future__ import annotations

import pytest

from offhook.knowledge.own_words import OwnWords

SHOP = OwnWords(
    [
        "Shampoos are vegan; we deliver to Malahide.",
        "Fares: adult 3.20, child 1.60",
        "A surcharge of 40 pounds is due at night.",
        "Dorrin and Fintan repair rowing boats.",
        "USB cables on request",
    ]
)
UNSURE = -1.0


@pytest.mark.parametrize(
    ("heard", "read"),
    [
        ("What's the fair for a child?", ["fares"]),
        ("What's the search charge at night?", ["surcharge"]),
        ("Does fintin work today?", ["Fintan"]),
        ("Can I rent a wrong boat?", ["boats", "rowing boats"]),
        ("Are the shampoos vegan?", []),
        ("Is there a surcharge?", []),
        ("What is it you do?", []),
        ("Call me on 4 1 6", []),
        ("", []),
    ],
)
def test_what_sounds_like_an_own_word_is_read_as_it_too(heard: str, read: list[str]) -> None:
    words = heard.split()
    found = SHOP.readings(words, [UNSURE] * len(words))
    assert [reading.text for reading in found][: len(read)] == read
    assert bool(found) == bool(read)


def test_words_that_the_recogniser_is_sure_of_are_not_read_otherwise() -> None:
    words = ["What's", "the", "fair", "for", "a", "child?"]
    assert SHOP.readings(words, [-0.01] * len(words)) == []


def test_nothing_is_read_across_a_full_stop() -> None:
    for heard, read in (("Mela hyde", ["Malahide"]), ("Mela. Hyde", [])):
        words = heard.split()
        assert [reading.text for reading in SHOP.readings(words, [UNSURE] * len(words))] == read


def test_a_word_that_begins_a_note_is_none_of_a_name() -> None:
    words = ["fairs?"]
    assert [reading.text for reading in SHOP.readings(words, [UNSURE])] == ["fares"]
    assert [reading.text for reading in OwnWords(["USB cables"]).readings(["usbi"], [UNSURE])] == ["USB"]


@pytest.mark.parametrize("texts", [[], [""], ["12 34"], ["the of and"], ["!?"]])
def test_who_has_written_nothing_has_no_words(texts: list[str]) -> None:
    assert OwnWords(texts).readings(["beacon"], [UNSURE]) == []


def test_thousands_of_words_are_cut() -> None:
    many = OwnWords(
        f"word{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}{'uvwxyzabcd'[n // 100]}" for n in range(1000)
    )
    assert many.readings(["wurdaku"], [UNSURE])
