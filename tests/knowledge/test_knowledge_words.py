"""Finding the fact that the caller's words are about, by the words alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.agents.loader import load_agent
from offhook.knowledge.words import WordIndex, content_words


class Shelf:
    """Texts with their index."""

    def __init__(self, *entries: tuple[str, tuple[str, ...]]) -> None:
        self.texts = [text for text, _ in entries]
        self.index = WordIndex(self.texts, [keywords for _, keywords in entries])

    def best(self, words: str) -> list[str]:
        return [self.texts[match.number] for match in self.index.best(words)]


@pytest.fixture(scope="module")
def receptionist() -> Iterator[Shelf]:
    shelf = Shelf(*((fact.text, tuple(fact.keywords)) for fact in load_agent("receptionist").facts))
    yield shelf
    shelf.index.close()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("What are your opening hours?", "Monday to Friday"),
        ("Where are you located?", "Harbour Street"),
        ("How much does a check up cost?", "forty-five"),
        ("Do you have parking?", "parking"),
        ("Can I book an appointment for Monday?", "appointment"),
        ("Do you take my insurance?", "insurance"),
        ("Do you treat children?", "children"),
        ("What should I do in an emergency?", "same day"),
        ("my tooth HURTS", "same day"),
    ],
)
def test_the_matching_text_is_found(receptionist: Shelf, words: str, part: str) -> None:
    (text,) = receptionist.best(words)
    assert part in text


@pytest.mark.parametrize("words", ["", "?!", "What about them?", "Who painted the Mona Lisa?", "asdf qwertz"])
def test_nothing_matches_when_nothing_fits(receptionist: Shelf, words: str) -> None:
    assert receptionist.best(words) == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("Hello, is anybody there?", "I'm here"),
        ("Good morning.", "I'm here"),
        ("Okay, thank you.", "welcome"),
        ("Can you hear me?", "I'm here"),
    ],
)
def test_a_keyword_that_is_all_that_was_said(receptionist: Shelf, words: str, part: str) -> None:
    number = receptionist.index.phrase(words)
    assert number is not None
    assert part in receptionist.texts[number]


@pytest.mark.parametrize(
    "words", ["", "Well, well.", "Hello, do you whiten teeth?", "Thank you for the parking."]
)
def test_a_keyword_beside_words_of_weight_is_not_all_that_was_said(receptionist: Shelf, words: str) -> None:
    assert receptionist.index.phrase(words) is None


def test_the_longest_keyword_decides() -> None:
    shelf = Shelf(
        ("Hello.", ("are you there",)), ("No, a machine.", ("are you there by yourself", "are you"))
    )
    assert shelf.index.phrase("um, are you there?") == 0
    assert shelf.index.phrase("are you there by yourself") == 1


def test_the_k_best_in_order() -> None:
    shelf = Shelf(("Apples are red.", ()), ("Apples and pears.", ()), ("Plums.", ()), ("Figs.", ()))
    both = shelf.index.best("apples", k=5)
    assert {match.number for match in both} == {0, 1}
    assert both[0].score >= both[1].score
    assert len(shelf.index.best("apples", k=1)) == 1


def test_how_much_of_the_question_a_text_covers() -> None:
    shelf = Shelf(("Red apples are sold by weight.", ("price",)), ("Plums.", ()))
    (match,) = shelf.index.best("What is the price of green apples?", k=3)
    assert match.number == 0
    assert match.covered == pytest.approx(2 / 3), "price and apples, not green"
    (whole,) = shelf.index.best("plum")
    assert whole.covered == 1


def test_words_are_stemmed_and_keywords_weigh_more() -> None:
    shelf = Shelf(("The booking desk.", ()), ("Come in.", ("book",)), ("X.", ()))
    assert shelf.best("I want to book") == ["Come in."]
    assert shelf.best("bookings") == ["Come in."]


def test_accents_make_no_difference() -> None:
    assert Shelf(("Our caf\u00e9 is upstairs.", ())).best("cafe") == ["Our caf\u00e9 is upstairs."]


@given(st.text(max_size=200))
def test_no_text_is_query_syntax(text: str) -> None:
    index = WordIndex(["Anything at all"], [("near", "and", "or", "not")])
    for match in index.best(text):
        assert 0 < match.covered <= 1
    index.phrase(text)
    index.close()


@pytest.mark.parametrize(
    "text", ['"', "a AND b", "NEAR(a b)", "text:*", "x* OR y", "'; DROP TABLE facts; --", "^a", "-a"]
)
def test_fts_syntax_is_harmless(receptionist: Shelf, text: str) -> None:
    receptionist.best(text)
    assert receptionist.best("parking")


def test_content_words_leave_out_what_says_nothing() -> None:
    assert content_words("Could you please tell me what's the price of parking?") == ["price", "parking"]


def test_an_index_of_nothing_finds_nothing() -> None:
    index = WordIndex([])
    assert index.best("parking") == []
    assert index.phrase("thank you") is None
