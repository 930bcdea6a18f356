"""What kind of thing callers want done, by the shipped weights, and what that says of an agent's tools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from offhook.conversation.forms.weighing import score
from offhook.knowledge.base import FactMatcher
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.multilingual import Multilingual
from offhook.knowledge.wish_kinds import FILE, KINDS, MULTILINGUAL_FILE, WishKinds, evidence
from offhook.knowledge.wishes import WishFinder

Finders = Callable[[str], tuple[FactMatcher, WishKinds]]


@pytest.fixture(scope="module")
def networks() -> Finders:
    english, others = (Matcher(), WishKinds(FILE)), (Multilingual(), WishKinds(MULTILINGUAL_FILE))
    return lambda language: english if language == "en" else others


@pytest.mark.parametrize(
    ("language", "said", "kind"),
    [
        ("en", "Could I get an appointment for the harp lesson?", "book"),
        ("en", "I have to call off my harp lesson on Monday.", "cancel"),
        ("en", "Could my harp lesson be moved to the evening?", "move"),
        ("en", "Please ask the teacher to phone me.", "callback"),
        ("en", "Where can I leave the harp during the lesson?", "none"),
        ("de", "Ich muss die Harfenstunde am Montag leider absagen.", "cancel"),
        ("de", "Kann man die Harfenstunde auf den Abend verschieben?", "move"),
        ("de", "Wie lange dauert eine Harfenstunde?", "none"),
        ("es", "Tengo que cancelar la clase de arpa del lunes.", "cancel"),
        ("es", "Que me llame la profesora, por favor.", "callback"),
        ("es", "¿Cuánto dura una clase de arpa?", "none"),
        ("fr", "Je dois annuler le cours de harpe de lundi.", "cancel"),
        ("fr", "Je voudrais déplacer mon cours de harpe à un autre jour.", "move"),
        ("fr", "Combien de temps dure un cours de harpe ?", "none"),
    ],
)
def test_a_kind_of_wish_is_told(networks: Finders, language: str, said: str, kind: str) -> None:
    matcher, kinds = networks(language)
    (encoded,) = matcher.encode([said])
    assert KINDS[int(kinds.shares(encoded.vector).argmax())] == kind


def test_of_two_tools_that_name_a_day_the_one_of_the_wished_kind_comes_first(networks: Finders) -> None:
    matcher, kinds = networks("en")
    sentences = {"new": ["A lesson on Monday"], "gone": ["A lesson on Monday"]}
    finder = WishFinder(sentences, matcher, None, kinds, known_kinds={"new": "book", "gone": "cancel"})
    finder.prepare()
    assert finder.rank("I need to call off the lesson on Monday").ranked[0].name == "gone"
    assert finder.rank("I'd like to book a lesson on Monday").ranked[0].name == "new"


def test_what_an_owners_sentences_are_taken_for_is_no_evidence_against_their_wish(networks: Finders) -> None:
    matcher, kinds = networks("en")
    sentences = {"mine": ["I want to cancel my lesson", "Call off my lesson"]}
    told = WishFinder(sentences, matcher, None, kinds)
    known = WishFinder(sentences, matcher, None, kinds, known_kinds={"mine": "cancel"})
    none = WishFinder(sentences, matcher, None, kinds, kindless=["mine"])
    for finder in (told, known, none):
        finder.prepare()
    against, for_it = "Where are you?", "Please cancel my lesson"
    assert known.rank(against).ranked[0].kind < 0
    assert told.rank(against).ranked[0].kind == 0
    assert told.rank(for_it).ranked[0].kind == known.rank(for_it).ranked[0].kind > 0
    assert none.rank(for_it).kind == none.rank(against).kind == 0


def test_an_owners_own_sentence_is_known_as_such(networks: Finders) -> None:
    matcher, kinds = networks("en")
    finder = WishFinder(
        {"when": ["When is my harp lesson?"], "where": ["Where is it?"]}, matcher, None, kinds
    )
    finder.prepare()

    def by_owner(said: str) -> list[str]:
        return [wished.name for wished in finder.rank(said).ranked if wished.by_owner]

    assert by_owner("when is my harp lesson") == ["when"]
    assert by_owner("How long does a harp lesson take?") == []


def test_sentences_of_no_kind_make_no_kind(networks: Finders) -> None:
    matcher, kinds = networks("en")
    vectors = [
        each.vector for each in matcher.encode(["Where are you?", "How much is it?", "Lovely weather"])
    ]
    assert kinds.of_tool(vectors) is None


def test_evidence_is_bounded_and_counts_in_the_score() -> None:
    sure, no = np.eye(len(KINDS), dtype=np.float32)[[3, 0]]
    assert evidence(sure, 3) == -evidence(no, 3) == 4.0

    def found(kind: float) -> float:
        return score(0.0, 0.2, 0, 0.0, kind=kind, asks=False, opens=False)

    assert found(1.0) - found(0.0) > found(0.0) - found(-1.0) > 0
