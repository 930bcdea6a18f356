"""Who complains is not angry: the shipped classifier on sentences that it was not made from."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from offhook.engines.pool import load_knowledge_models
from offhook.knowledge.moods import angry_together, is_dictated
from offhook.knowledge.store import Models
from offhook.languages.turns import turn_language

HELD = Path(__file__).parents[2] / "bench" / "grounding" / "moods.json"


@pytest.fixture(scope="module")
def models() -> Models:
    loaded = load_knowledge_models()
    assert loaded is not None
    return loaded


@pytest.mark.parametrize(
    ("language", "noticed", "twice"),
    [("en", 0.4, 0.55), ("de", 0.2, 0.3), ("es", 0.2, 0.3), ("fr", 0.2, 0.3)],
)
def test_complaints_are_not_taken_for_anger_and_anger_is_noticed(
    models: Models, language: str, noticed: float, twice: float
) -> None:
    """One turn by itself, and two in a row."""
    networks = models.of(language)
    assert networks is not None
    assert networks.moods is not None
    found, pairs = {}, {}
    for mood, said in json.loads(HELD.read_text(encoding="utf-8"))[language].items():
        untouched = said[1::2]
        vectors = [one.vector for one in networks.matcher.encode(untouched)]
        guesses = [networks.moods.guess(vector) == "angry" for vector in vectors]
        angers = [networks.moods.anger(vector) for vector in vectors]
        found[mood] = np.mean(guesses)
        both = [
            (guesses[one] and guesses[other]) or angry_together(angers[one], angers[other])
            for one, other in combinations(range(len(untouched)), 2)
        ]
        pairs[mood] = np.mean(both)
    assert found["neutral"] <= 0.01
    assert found["angry"] >= noticed
    assert pairs["neutral"] <= 0.01
    assert pairs["angry"] >= twice


def test_a_complaint_a_caller_who_is_angry_and_one_who_is_pleased(models: Models) -> None:
    networks = models.of("en")
    assert networks is not None
    assert networks.moods is not None
    moods = {
        "My boiler is broken and there's water everywhere.": "neutral",
        "You should be ashamed of yourselves.": "angry",
        "Oh, that's wonderful, thank you so much!": "pleased",
    }
    for said, mood in moods.items():
        assert networks.moods.guess(networks.matcher.encode([said])[0].vector) == mood, said


@pytest.mark.parametrize(
    ("said", "dictated"),
    [
        ("K A S T N E R", True),
        ("That's B, O, Y, L, E.", True),
        ("five five five, oh one, seven six", True),
        ("0171 55 01 38", True),
        ("I rang you on the fifth and I rang you on the sixth.", False),
        ("No.", False),
    ],
)
def test_what_is_spelt_or_counted_has_no_mood(said: str, dictated: bool) -> None:
    assert is_dictated(said, turn_language("en").numbers.digits) is dictated
