"""What was learnt of last words: order, bounds, the shipped weights.  How well it does is in bench/."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.end_of_turn.hashed import places
from offhook.end_of_turn.last_words import FILE, LastWords, features, last_words
from offhook.errors import ModelError
from offhook.languages.words import words
from tests.support.english import completeness

SAME_LAST_WORD = (
    ("Could somebody deliver that", "I ordered the lamp that"),
    ("Which window do I hand it in at", "We will be with you at"),
    ("Who should I send it to", "Is it possible to"),
    ("What else should I think about", "I have a question about"),
    ("Do you know what it is", "What I mean is"),
    ("Is that all there is to pay for", "Do you have a sofa for"),
)
"""A list of words cannot tell the first, which are over, from the second ones."""


@pytest.mark.parametrize(("finished", "cut_off"), SAME_LAST_WORD)
def test_what_stands_before_the_last_word_tells(finished: str, cut_off: str) -> None:
    shipped = last_words()
    assert words(finished)[-1] == words(cut_off)[-1]
    assert shipped.log_odds(words(finished)) > shipped.log_odds(words(cut_off))
    for end_probability in (None, 0.01):
        assert completeness(finished, end_probability) > completeness(cut_off, end_probability)


@pytest.mark.parametrize(
    "said", [["a"], ["9"], ["zyzzyva"], ["what"], ["word"] * 500, ["\u00fcber", "x" * 9_999]]
)
def test_every_utterance_has_as_many_features(said: list[str]) -> None:
    """Training stacks them; and each is one of the table's."""
    found = features(said, frozenset({"what"}))
    assert len(found) == len(features(["where", "is", "the", "museum"], frozenset()))
    assert len({feature[0] for feature in found}) >= 12
    assert all(0 <= place < 64 for place in places(found, 64))


def test_where_a_weight_stands_is_the_same_everywhere() -> None:
    """By CRC-32, whose published check value for these digits is 0xCBF43926."""
    assert places(["123456789"], 1 << 16) == [0x3926]


def test_no_words_have_no_last_one() -> None:
    with pytest.raises(IndexError):
        last_words().log_odds([])


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.npz is missing: install offhook again"):
        LastWords(tmp_path / "gone.npz")


def test_the_weights_are_small() -> None:
    assert FILE.stat().st_size < 400_000
