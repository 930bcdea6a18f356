"""How finished words sound, without a model: order and bounds.  How well is measured in bench/."""

from __future__ import annotations

import math

import pytest

from tests.support.english import completeness

PAIRS = (
    ("I would like to order a cake", "I would like to order a"),
    ("Where is the station", "Where is the"),
    ("My name is Daniel Harris", "My name is"),
    ("Yes please", "Yes but"),
    ("Tomorrow", "And then"),
    ("I need an appointment", "I need an"),
    ("I don\u2019t have it with me", "I\u2019m"),
)


@pytest.mark.parametrize(("finished", "cut_off"), PAIRS)
@pytest.mark.parametrize("end_probability", [None, 0.001, 0.05, 0.6])
def test_of_two_phrases_the_finished_one_sounds_more_finished(
    finished: str, cut_off: str, end_probability: float | None
) -> None:
    assert completeness(finished, end_probability) > completeness(cut_off, end_probability)


@pytest.mark.parametrize("words", [pair[0] for pair in PAIRS])
def test_a_more_probable_end_sounds_more_finished(words: str) -> None:
    judged = [completeness(words, p) for p in (0.0, 1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0)]
    assert judged == sorted(judged)
    assert judged[0] < 0.3
    assert judged[-1] > 0.99


def test_clear_cases_by_the_words_alone() -> None:
    assert completeness("I'd like some information about your opening hours", None) > 0.7
    assert completeness("I wanted to ask if", None) < 0.2


@pytest.mark.parametrize("end_probability", [None, 0.0, 0.3, 1.0])
@pytest.mark.parametrize("words", ["", "  ", "...", "\u4f60\u597d", "x" * 10_000, "a\n" * 999, "9"])
def test_whatever_was_recognised_gives_a_probability(words: str, end_probability: float | None) -> None:
    judged = completeness(words, end_probability)
    assert 0.0 <= judged <= 1.0
    assert math.isfinite(judged)


def test_no_words_are_no_turn() -> None:
    assert completeness(" . ", 0.9) == 0.0


def test_case_and_punctuation_do_not_matter() -> None:
    assert completeness("Do you have parking?", 0.2) == completeness("do you have parking", 0.2)
