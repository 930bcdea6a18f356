"""Every language that offhook has words of has all of them: callers book in it, leave tickets, say when."""

from __future__ import annotations

from datetime import datetime
from string import Formatter

import pytest

from offhook.after_call import summary
from offhook.appointments import phrases
from offhook.languages import is_known
from offhook.moments.naming import name_moment, phrase
from offhook.moments.words import words_of
from offhook.tools.builtin import ticket_words
from offhook.tools.builtin.wishes import asked_for

OTHERS = ("de", "es", "fr")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("table", [phrases._ALL, ticket_words._ALL], ids=["appointments", "tickets"])
def test_a_language_says_all_that_english_says_of_the_same_things(
    language: str, table: dict[str, dict[str, str]]
) -> None:
    assert is_known(language)
    assert {key: places(text) for key, text in table[language].items()} == {
        key: places(text) for key, text in table["en"].items()
    }


@pytest.mark.parametrize("language", OTHERS)
def test_callers_ask_for_it_in_their_words(language: str) -> None:
    for kind in ("book", "find", "move", "cancel", "message", "callback", "ticket", "order"):
        asked = asked_for(kind, language)
        assert asked
        assert set(asked).isdisjoint(asked_for(kind, "en"))
    assert len(phrases.when_service(["x"], language)) == len(phrases.when_service(["x"], "en"))


def test_a_language_that_offhook_has_nothing_of_has_no_sentences() -> None:
    assert asked_for("book", "tr") == ()


@pytest.mark.parametrize(
    ("language", "named"),
    [("de", "Freitag, 4. Dezember um 15:00 Uhr"), ("es", "viernes 4 de diciembre a las 15:00"),
     ("fr", "vendredi 4 décembre à 15:00")],
)  # fmt: skip
def test_days_are_heard_named_and_summed_up(language: str, named: str) -> None:
    assert words_of(language) is not None
    assert name_moment(datetime(2026, 12, 4, 15), datetime(2026, 11, 25, 9), language) == named
    assert phrase("past", language) != phrase("past", "en")
    assert summary._WORDS[language].keys() == summary._WORDS["en"].keys()
