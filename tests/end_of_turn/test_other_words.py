"""What was learnt of how German, Spanish and French utterances end, and questions that lean on others."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.end_of_turn.closed_classes import CLOSED, LETTERS, closed_class
from offhook.end_of_turn.completeness import completeness
from offhook.end_of_turn.other_words import LANGUAGES, OtherWords, features, other_words
from offhook.end_of_turn.wait import DIAL, Expected, PauseHabit, wait_ms
from offhook.errors import ModelError
from offhook.languages.turns import turn_language
from offhook.languages.wording import is_statement, leans

# A verb that waits for another one or for its object, an article, a pronoun before its verb, half a negation.
PAIRS = (
    ("de", "Können Sie mir die Speisekarte", "Können Sie mir die Speisekarte schicken"),
    ("de", "Ich habe letzten Sommer bei Ihnen", "Ich habe letzten Sommer bei Ihnen gewohnt"),
    ("es", "Me gustaría alquilar una", "Me gustaría alquilar una furgoneta"),
    ("fr", "Est-ce que vous pourriez me", "Est-ce que vous pourriez me l'envoyer"),
    ("fr", "J'aimerais louer une", "J'aimerais louer une camionnette"),
    ("fr", "La lampe de l'escalier ne", "La lampe de l'escalier ne marche plus"),
)


@pytest.mark.parametrize(("language", "cut_off", "whole"), PAIRS)
def test_what_is_cut_off_sounds_less_finished(language: str, cut_off: str, whole: str) -> None:
    learnt = other_words(language)
    assert learnt is not None
    assert learnt.log_odds(cut_off) < learnt.log_odds(whole)
    assert completeness(cut_off, None, language) < completeness(whole, None, language)


def test_marks_and_forms_of_apostrophes_change_nothing() -> None:
    assert features("¿A qué hora abren?", frozenset(), "es") == features(
        "a qué hora abren", frozenset(), "es"
    )
    common = frozenset({"l'heure"})
    assert features("Quelle est l\u2019heure ?", common, "fr") == features("quelle est l'heure", common, "fr")


def test_a_german_noun_is_known_by_its_capital_letter_and_a_name_elsewhere() -> None:
    assert "k N" not in features("Die Pumpe", frozenset({"die"}), "de")
    assert "kdie N" in features("Die Pumpe", frozenset({"die"}), "de")
    assert "kdie -pe" in features("die pumpe", frozenset({"die"}), "de")
    assert "kde P" in features("Soy de Soria", frozenset({"soy", "de"}), "es")


def test_closed_classes_cover_what_is_learnt_and_see_behind_an_apostrophe() -> None:
    assert sorted(CLOSED) == sorted(LANGUAGES)
    assert all(set(classes.values()) <= LETTERS for classes in CLOSED.values())
    assert [closed_class(word, "fr") for word in ("avec", "qu'elle", "l'avion", "pain")] == [
        "P",
        "'S",
        None,
        None,
    ]
    behind = {
        language: [one for one in features(text, frozenset(), language) if one.startswith("V")]
        for language, text in (
            ("de", "Zwei Karten für"),
            ("es", "dos billetes con"),
            ("fr", "deux billets avec"),
        )
    }
    assert "V< x x P" in behind["fr"]
    assert all(each[-1].endswith(" P") for each in behind.values())


def test_only_these_languages_were_learnt(tmp_path: Path) -> None:
    assert [code for code in ("en", "de", "es", "fr", "it", "zh") if other_words(code)] == list(LANGUAGES)
    with pytest.raises(ModelError, match="install offhook again"):
        OtherWords("de", tmp_path / "none.npz")


LEANING = (
    ("de", "Und am Feiertag?"), ("de", "Okay, und für Anfänger"), ("de", "Wie sieht es mit Parkplätzen"),
    ("es", "¿Y los festivos?"), ("es", "Vale, y con niños"), ("es", "¿Qué pasa con la fianza?"),
    ("fr", "Et les jours fériés ?"), ("fr", "D'accord, et pour deux"), ("fr", "ou en train"),
)  # fmt: skip
NOT_LEANING = (
    ("de", "Und"), ("de", "Am Feiertag"), ("de", "Und ich komme später"), ("de", "und wann ist das"),
    ("es", "Y"), ("es", "Los festivos"), ("es", "Y necesito una factura"), ("es", "¿Y cuánto tarda?"),
    ("fr", "Et"), ("fr", "Les jours fériés"), ("fr", "Et je suis en retard"), ("fr", "Et c'est loin"),
)  # fmt: skip


@pytest.mark.parametrize(("language", "text"), [*LEANING, *NOT_LEANING])
def test_questions_that_lean_on_the_one_before(language: str, text: str) -> None:
    known = turn_language(language)
    assert leans(text, known) is ((language, text) in LEANING)
    if leans(text, known):
        assert not is_statement(text, known)
        complete = completeness(text, None, language)
        balanced = DIAL["balanced"]
        assert wait_ms(text, complete, Expected(), PauseHabit(), balanced, language) < balanced.statement_ms
