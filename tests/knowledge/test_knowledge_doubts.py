"""Whether the best fact answers at all, in other languages than English."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhook.errors import ModelError
from offhook.knowledge.base import PLAIN, Encoded, Floats
from offhook.knowledge.doubts import LANGUAGES, Doubts, doubts, features, weighed
from offhook.knowledge.multilingual import stems

TELLING = {"haben": 0.2, "die": 0.1}
UNHEARD = 4.0


def encoded(text: str, *vector: float) -> Encoded:
    each = np.array(vector or (1.0, 0.0), np.float32)
    return Encoded(each, np.zeros((0, 2), np.float32), (), stems=stems(text))


def scores(*values: float) -> Floats:
    return np.array(values, np.float32)


FACTS = [encoded("Parkplatz im Hof"), encoded("Absage bis 24 Stunden vorher"), encoded("Montag Ruhetag")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_scores_are_moved_alike(language: str) -> None:
    before = scores(1.0, 4.0, -2.0)
    learnt = doubts(language)
    assert learnt is not None
    moved = learnt.weighed(encoded("Haben die einen Parkplatz"), FACTS, before)
    assert moved - moved[0] == pytest.approx(before - before[0], abs=1e-5)


@pytest.mark.parametrize("language", ["de-AT", "es-MX", "fr-CA"])
def test_a_region_has_what_its_language_has(language: str) -> None:
    assert doubts(language) is not None


@pytest.mark.parametrize("language", ["en", "it", "pt-BR"])
def test_of_other_languages_nothing_was_learnt(language: str) -> None:
    assert doubts(language) is None


def test_without_facts_nothing_is_weighed() -> None:
    learnt = doubts("de")
    assert learnt is not None
    assert len(learnt.weighed(encoded("Haben Sie offen"), [], scores())) == 0


@pytest.mark.parametrize(
    ("language", "fact", "asked", "missing"),
    [
        ("de", "Parkplatz im Hof", "Haben Sie einen Parkplatz", "Haben Sie einen Trampolin"),
        ("es", "Aparcamiento en el patio", "¿Tienen aparcamiento?", "¿Tienen trampolín?"),
        ("fr", "Parking dans la cour", "Vous avez un parking ?", "Vous avez un trampoline ?"),
    ],
)
def test_a_word_that_no_fact_has_is_doubted(language: str, fact: str, asked: str, missing: str) -> None:
    learnt = doubts(language)
    assert learnt is not None
    facts, alike = [encoded(fact), *FACTS[1:]], scores(5.0, -3.0, -3.0)
    known, unknown = (learnt.weighed(encoded(text, 0.6, 0.8), facts, alike)[0] for text in (asked, missing))
    assert known >= PLAIN > unknown


@pytest.mark.parametrize(
    ("best", "likely", "plain", "kept"),
    [(1.0, 1.0, False, True), (1.0, 3.0, True, False), (6.0, 1.0, False, False), (6.0, 3.0, True, True)],
)
def test_both_have_to_be_for_it_or_the_words_alone(
    best: float, likely: float, plain: bool, kept: bool
) -> None:
    found = weighed(best, likely)
    assert (found >= PLAIN) is plain
    assert (found == best) is kept


def test_what_is_doubted_is_found_all_the_same() -> None:
    assert weighed(9.0, -9.0) > 0.5


def test_what_is_seen_of_the_best_fact() -> None:
    asked = encoded("Haben die Parkplatz und Trampolin", 0.6, 0.8)
    best, near, alike, _, share, of_any, missing = features(asked, FACTS, scores(3, 3, -99), TELLING, UNHEARD)
    assert best == 3.0
    assert near == pytest.approx(np.log(2))
    assert alike == pytest.approx(0.6)
    # "haben" and "die" weigh next to nothing, "Parkplatz" a third of the other three.
    assert share == pytest.approx(UNHEARD / (3 * UNHEARD + 0.3), abs=1e-3)
    assert of_any == share
    assert missing == UNHEARD


def test_no_words_at_all_are_no_error() -> None:
    found = features(encoded(""), FACTS, scores(1, 0, 0), TELLING, UNHEARD)
    assert np.isfinite(found).all()
    assert found[-1] == 0.0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="install offhook again"):
        Doubts("de", tmp_path / "none.npz")
