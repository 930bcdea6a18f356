"""Who complains is not angry: the shipped classifier on sentences that it was not made from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from offhook.engines.pool import load_knowledge_models
from offhook.knowledge.store import Models

HELD = Path(__file__).parents[2] / "bench" / "grounding" / "moods.json"


@pytest.fixture(scope="module")
def models() -> Models:
    loaded = load_knowledge_models()
    assert loaded is not None
    return loaded


@pytest.mark.parametrize(("language", "noticed"), [("en", 0.4), ("de", 0.2), ("es", 0.2), ("fr", 0.2)])
def test_complaints_are_not_taken_for_anger_and_anger_is_noticed(
    models: Models, language: str, noticed: float
) -> None:
    networks = models.of(language)
    assert networks is not None
    assert networks.moods is not None
    found = {}
    for mood, said in json.loads(HELD.read_text(encoding="utf-8"))[language].items():
        untouched = said[1::2]
        guesses = [networks.moods.guess(one.vector) for one in networks.matcher.encode(untouched)]
        found[mood] = np.mean([guess == "angry" for guess in guesses])
    assert found["neutral"] <= 0.01
    assert found["angry"] >= noticed


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
