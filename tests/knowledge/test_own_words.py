"""Words of an owner's that what was heard may have been."""

from __future__ import annotations

import pytest

from offhook.knowledge.own_words import ALIKE, OwnWords

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
    found = [one for one in SHOP.readings(words, [UNSURE] * len(words)) if one.alike >= ALIKE]
    assert [reading.text for reading in found][: len(read)] == read
    assert bool(found) == bool(read)


def test_words_that_the_recogniser_is_sure_of_are_not_read_otherwise() -> None:
    words = ["What's", "the", "fair", "for", "a", "child?"]
    assert SHOP.readings(words, [-0.01] * len(words)) == []


def test_what_is_less_alike_may_have_been_said_too_and_comes_behind() -> None:
    hire = OwnWords(["Deckchairs 5 a day", "Chairs are free"])
    words = ["how", "much", "are", "debt", "cheers?"]
    found = hire.readings(words, [UNSURE] * len(words))
    assert ("deckchairs", 3, 5) in [(one.text, one.first, one.end) for one in found]
    assert [one.alike for one in found] == sorted((one.alike for one in found), reverse=True)


def test_of_two_words_that_sound_the_same_a_recogniser_is_sure_too_early() -> None:
    pub, nearly = OwnWords(["Four real ales"]), -0.1
    assert [one.text for one in pub.readings(["what", "ails?"], [nearly, nearly])][:1] == ["ales"]
    assert pub.readings(["what", "eel?"], [nearly, nearly]) == [], "not what only sounds a little like it"


def test_nothing_is_read_across_a_full_stop() -> None:
    for heard, read in (("Mela hyde", ["Malahide"]), ("Mela. Hyde", [])):
        words = heard.split()
        found = SHOP.readings(words, [UNSURE] * len(words))
        assert [one.text for one in found if one.alike >= ALIKE] == read


def test_a_word_that_begins_a_note_is_none_of_a_name() -> None:
    words = ["fairs?"]
    assert [reading.text for reading in SHOP.readings(words, [UNSURE])] == ["fares"]
    assert OwnWords(["USB cables"]).readings(["usbi"], [UNSURE])[0].text == "USB"


@pytest.mark.parametrize("texts", [[], [""], ["12 34"], ["the of and"], ["!?"]])
def test_who_has_written_nothing_has_no_words(texts: list[str]) -> None:
    assert OwnWords(texts).readings(["beacon"], [UNSURE]) == []


def test_thousands_of_words_are_cut() -> None:
    many = OwnWords(
        f"word{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}{'uvwxyzabcd'[n // 100]}" for n in range(1000)
    )
    assert many.readings(["wurdaku"], [UNSURE])
