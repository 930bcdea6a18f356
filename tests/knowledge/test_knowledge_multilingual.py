"""Facts found in other languages than English."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from offhook.agents.loader import Agent
from offhook.engines.pool import load_knowledge_models
from offhook.errors import ModelError
from offhook.knowledge import multilingual
from offhook.knowledge.base import Floats
from offhook.knowledge.multilingual import Multilingual, shared_words, stems
from offhook.knowledge.store import Knowledge, Models

FACTS = {
    "de": (
        "Schlittschuhe leihen: Erwachsene 6 Euro, Kinder 4 Euro",
        "Die Halle hat von Oktober bis März geöffnet.",
        "Hunde dürfen nicht aufs Eis.",
    ),
    "es": (
        "Alquiler de patines: adultos 6 euros, niños 4 euros",
        "La pista abre de octubre a marzo.",
        "No se admiten perros en el hielo.",
    ),
    "fr": (
        "Location de patins : adultes 6 euros, enfants 4 euros",
        "La patinoire est ouverte d'octobre à mars.",
        "Les chiens ne sont pas admis sur la glace.",
    ),
}
QUESTIONS = {
    "de": ("Was kosten Schlittschuhe?", "Wann haben Sie geöffnet?", "Darf mein Hund mit?"),
    "es": ("¿Cuánto cuesta alquilar patines?", "¿Cuándo abren?", "¿Puedo llevar a mi perro?"),
    "fr": (
        "C'est combien, la location de patins ?",
        "Vous êtes ouverts quand ?",
        "Je peux venir avec mon chien ?",
    ),
}


@pytest.fixture(scope="module")
def models() -> Models:
    found = load_knowledge_models()
    assert found is not None
    return found


def known(language: str, models: Models | None) -> Knowledge:
    agent = Agent(name="Ice", greeting="Hello.", language=language, facts=FACTS[language.split("-")[0]])
    knowledge = Knowledge(agent, models)
    knowledge.prepare()
    return knowledge


@pytest.mark.parametrize("language", [*FACTS, "de-AT"])
def test_the_fact_that_answers_comes_first(language: str, models: Models) -> None:
    knowledge = known(language, models)
    for number, question in enumerate(QUESTIONS[language.split("-")[0]]):
        best = knowledge.search(question).best
        assert best is not None
        assert best.item.number == number, question


def test_a_question_that_answers_itself_is_not_read_with_the_one_before(models: Models) -> None:
    knowledge = known("de", models)
    first, _, third = QUESTIONS["de"]
    alone, after = knowledge.search(third), knowledge.search(third, before=first, answered=(0,))
    scores = [{each.item.number: each.log_odds for each in one.candidates} for one in (alone, after)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_the_networks_are_loaded_once_for_all_languages(models: Models) -> None:
    assert models.of("de") is models.of("es-MX")
    assert models.of("en-GB") is models.of("en")
    assert models.of("en") is not models.of("fr")


def test_without_the_package_words_decide_and_the_log_says_so_once(
    models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    tried = []

    def missing() -> None:
        tried.append(1)
        raise ModelError("the package is missing; install it")

    english = models.of("en")
    assert english is not None
    bare = Models(english, missing)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING):
        for language in ("de", "es"):
            best = known(language, bare).search(FACTS[language][1]).best
            assert best is not None
            assert best.item.number == 1
    assert len(tried) == len(caplog.records) == 1
    assert "install it" in caplog.text


def test_the_network_is_read_before_anybody_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy:
        read = 0

        def encode(self, texts: list[str]) -> Floats:
            Lazy.read += 1
            return np.ones((len(texts), multilingual.WIDTH), np.float32)

    monkeypatch.setattr(multilingual, "_encoder", Lazy)
    Multilingual()
    assert Lazy.read == 1, "its first text takes a second"


def test_words_are_compared_by_their_beginnings_without_accents() -> None:
    assert stems("Öffnungszeiten, die Öffnung; à 12 €") == {"offnu", "die", "12"}


def test_what_few_facts_hold_weighs_more() -> None:
    facts = [stems("hielo hoy"), stems("hielo perro"), stems("hielo tarde")]
    found = shared_words(stems("hielo perro"), facts)
    assert found[1].tolist() > found[0].tolist()
    assert found[0, 0] < found[1, 0] / 2
    assert shared_words(frozenset(), facts).tolist() == [[0, 0]] * 3
