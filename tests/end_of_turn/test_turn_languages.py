"""Turns in other languages than English: ends, numbers, what was asked, backchannels, clauses, the wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.barge_in import is_backchannel
from offhook.end_of_turn.completeness import completeness
from offhook.end_of_turn.dictation import Missing, missing_digits, missing_letters, missing_of_email, runs
from offhook.end_of_turn.wait import DIAL, Asked, Expected, PauseHabit, expectation, gives_time, wait_ms
from offhook.languages.turns import ENGLISH, FRENCH, GERMAN, NEUTRAL, SPANISH, turn_language
from offhook.languages.wording import is_preface, is_question, is_statement, is_yes_or_no

BALANCED = DIAL["balanced"]
NOTHING, MORE = Missing.NOTHING, Missing.MORE


def waited(text: str, language: str, expected: Expected | None = None) -> int:
    complete = completeness(text, None, language)
    return wait_ms(text, complete, expected or Expected(), PauseHabit(), BALANCED, language)


def test_a_tag_finds_its_language_and_any_other_knows_no_word() -> None:
    assert turn_language("en-GB") is ENGLISH
    assert turn_language("de_AT") is GERMAN
    assert turn_language("ES") is SPANISH
    assert turn_language("fr-CA") is FRENCH
    assert turn_language("zh") is NEUTRAL
    assert turn_language("") is NEUTRAL
    assert not NEUTRAL.known


@pytest.mark.parametrize(
    ("language", "finished", "cut_off"),
    [
        ("de", "Ich wollte fragen ob Sie heute offen haben", "Ich wollte fragen ob"),
        ("de", "Ich rufe Sie morgen wieder an", "Ich rufe an wegen der"),
        ("de", "Wann machen Sie zu", "Wann machen Sie denn die"),
        ("de", "Ich hätte gern einen neuen Termin", "Ich hätte gern einen neuen"),
        ("de", "Weil mein Bruder krank ist", "Weil mein Bruder"),
        ("es", "Quiero una cita para mañana", "Quiero una cita para"),
        ("es", "Eso es para usted", "Le llamo porque mi"),
        ("es", "Cuánto es", "El precio es"),
        ("fr", "Je voudrais un rendez-vous demain", "Je voudrais un rendez-vous pour le"),
        ("fr", "Je passe chez vous", "Est-ce que vous"),
        ("fr", "Il est venu avec lui", "Je crois qu'il"),
    ],
)
@pytest.mark.parametrize("end_probability", [None, 0.001, 0.6])
def test_of_two_phrases_the_finished_one_sounds_more_finished(
    language: str, finished: str, cut_off: str, end_probability: float | None
) -> None:
    assert completeness(finished, end_probability, language) > completeness(
        cut_off, end_probability, language
    )
    assert waited(cut_off, language) > 2 * BALANCED.shortest_ms
    assert waited(cut_off, language) > waited(finished, language)


@pytest.mark.parametrize(
    ("language", "text", "characters"),
    [
        ("de", "null eins sieben sechs", ["0176"]),
        ("de", "zweiundzwanzig, dreihundertzwölf", ["22312"]),
        ("de", "B wie Berta, A wie Anton", ["ba"]),
        ("es", "seis uno dos, treinta y cuatro", ["61234"]),
        ("es", "doble siete cinco", ["775"]),
        ("es", "novecientos dos", ["902"]),
        ("fr", "zéro six douze trente-quatre", ["061234"]),
        ("fr", "quatre-vingt-dix, soixante et onze", ["9071"]),
        ("fr", "septante-deux nonante", ["7290"]),
        ("zh", "我的号码是 138 0013", ["1380013"]),
    ],
)
def test_numbers(language: str, text: str, characters: list[str]) -> None:
    assert [run.characters for run in runs(text, turn_language(language))] == characters


@pytest.mark.parametrize(
    ("language", "text", "missing"),
    [
        ("de", "null eins sieben sechs vier vier", MORE),
        ("de", "null eins sieben sechs vier vier acht null zwei drei vier fünf", NOTHING),
        ("es", "seis uno dos treinta y cuatro", MORE),
        ("es", "55 12 34 56 78", NOTHING),
        ("fr", "zéro six douze trente-quatre", MORE),
        ("fr", "zéro", MORE),
        ("fr", "zéro six douze trente-quatre cinquante-six soixante-dix-huit", NOTHING),
        ("fr", "non, je n'ai pas de téléphone", None),
    ],
)
def test_missing_digits(language: str, text: str, missing: Missing | None) -> None:
    assert missing_digits(text, None, turn_language(language)) is missing


@pytest.mark.parametrize(
    ("language", "cut_off", "whole"),
    [
        ("de", "maria punkt klein at", "maria punkt klein at example punkt de"),
        ("es", "maria arroba ejemplo", "maria arroba ejemplo punto es"),
        ("fr", "marie arobase", "marie arobase exemple point fr"),
    ],
)
def test_addresses(language: str, cut_off: str, whole: str) -> None:
    known = turn_language(language)
    assert missing_of_email(cut_off, known, asked=True) is MORE
    assert missing_of_email(whole, known, asked=True) is NOTHING
    assert missing_letters("M Ü L", known) is MORE


@pytest.mark.parametrize(
    ("language", "said", "expected"),
    [
        ("de", "Wie lautet Ihre Telefonnummer?", Expected(Asked.DIGITS)),
        ("de", "Nennen Sie mir bitte Ihre vierstellige PIN.", Expected(Asked.DIGITS, 4)),
        ("de", "Können Sie den Namen bitte buchstabieren?", Expected(Asked.SPELLING)),
        ("de", "Wie lautet Ihr Kennzeichen?", Expected(Asked.SPELLING)),
        ("de", "An welche E-Mail-Adresse soll ich Ihnen das schicken?", Expected(Asked.EMAIL)),
        ("de", "Soll ich Ihnen eine E-Mail schicken?", Expected(Asked.YES_NO)),
        ("es", "¿Cuál es la matrícula de su coche?", Expected(Asked.SPELLING)),
        ("es", "¿A qué correo le mando la factura?", Expected(Asked.EMAIL)),
        ("es", "¿Le mando un correo?", Expected(Asked.YES_NO)),
        ("fr", "Quelle est l'immatriculation de votre voiture ?", Expected(Asked.SPELLING)),
        ("fr", "À quelle adresse mail je vous envoie la facture ?", Expected(Asked.EMAIL)),
        ("fr", "Je vous envoie un mail ?", Expected(Asked.YES_NO)),
        ("de", "Passt Ihnen Dienstag?", Expected(Asked.YES_NO)),
        ("de", "Wie heißen Sie?", Expected(Asked.FACT)),
        ("de", "Wie kann ich Ihnen helfen?", Expected()),
        ("de", "Ihre Nummer ist 0176 44 80, richtig?", Expected(Asked.YES_NO)),
        ("es", "¿Cuál es su número de teléfono?", Expected(Asked.DIGITS)),
        ("es", "Dígame su correo electrónico, por favor.", Expected(Asked.EMAIL)),
        ("es", "¿Le viene bien el martes?", Expected(Asked.YES_NO)),
        ("es", "¿En qué puedo ayudarle?", Expected()),
        ("fr", "Quel est votre numéro de téléphone ?", Expected(Asked.DIGITS)),
        ("fr", "Pouvez-vous épeler votre nom ?", Expected(Asked.SPELLING)),
        ("fr", "Est-ce que mardi vous convient ?", Expected(Asked.YES_NO)),
        ("fr", "Comment puis-je vous aider ?", Expected()),
        ("zh", "您的电话号码是多少\uff1f", Expected()),
        ("en", "What is your telephone number?", Expected(Asked.DIGITS)),
    ],
)
def test_expectation(language: str, said: str, expected: Expected) -> None:
    assert expectation(said, language) == expected
    assert expectation(said, language).question is (said[-1] in "?\uff1f")


def test_time_is_given_in_the_agents_language() -> None:
    assert gives_time("Lassen Sie sich Zeit.", "de")
    assert gives_time("Tómese su tiempo.", "es")
    assert gives_time("Prenez votre temps.", "fr")
    assert not gives_time("Take your time.", "zh")


@pytest.mark.parametrize(
    ("language", "yes", "opening", "question", "statement"),
    [
        (
            "de",
            "Ja, genau.",
            "Ich hätte da eine Frage.",
            "Haben Sie Parkplätze",
            "Mein Auto ist kaputt",
        ),
        ("es", "Sí, claro.", "Tengo una pregunta.", "Hasta qué hora abren", "Mi coche no arranca"),
        (
            "fr",
            "Oui, tout à fait.",
            "J'ai une question.",
            "Vous fermez à quelle heure",
            "Mon vélo est cassé",
        ),
    ],
)
def test_sentences(language: str, yes: str, opening: str, question: str, statement: str) -> None:
    known = turn_language(language)
    assert [is_yes_or_no(text, known) for text in (yes, opening, question, statement)] == [1, 0, 0, 0]
    assert [is_preface(text, known) for text in (yes, opening, question, statement)] == [0, 1, 0, 0]
    assert [is_question(text, known) for text in (yes, question, statement)] == [0, 1, 0]
    assert [is_statement(text, known) for text in (yes, question, statement)] == [0, 0, 1]


def test_a_yes_that_was_asked_for_is_answered_soon() -> None:
    asked = Expected(Asked.YES_NO)
    for language, yes in (("de", "Ja genau"), ("es", "Sí claro"), ("fr", "Oui merci")):
        assert waited(yes, language, asked) == BALANCED.shortest_ms
    assert waited("Ja genau", "zh", asked) >= BALANCED.asked_ms


@pytest.mark.parametrize(
    ("language", "hum", "answer"),
    [
        ("de", "Ja, alles klar.", "Nein, am Dienstag"),
        ("es", "Ajá, de acuerdo", "No, el martes"),
        ("fr", "Oui, je vois", "Non, mardi"),
        ("zh", "mm", "mhm"),
    ],
)
def test_backchannels(language: str, hum: str, answer: str) -> None:
    assert is_backchannel(hum, language) is (language != "zh")
    assert not is_backchannel(answer, language)


@given(st.text(max_size=60), st.none() | st.floats(0, 1), st.sampled_from([*Asked]))
def test_where_no_word_is_known_the_short_wait_is_never_taken(
    text: str, end_probability: float | None, asked: Asked
) -> None:
    complete = completeness(text, end_probability, "ja")
    wait = wait_ms(text, complete, Expected(asked), PauseHabit(), BALANCED, "ja")
    assert BALANCED.asked_ms <= wait <= BALANCED.dictated_ms


@given(st.text(max_size=60), st.floats(-1, 2), st.sampled_from(["de", "es", "fr"]))
def test_any_text_has_a_wait_between_the_limits(text: str, complete: float, language: str) -> None:
    wait = wait_ms(text, complete, Expected(), PauseHabit(), BALANCED, language)
    assert BALANCED.shortest_ms <= wait <= BALANCED.longest_ms or wait == BALANCED.dictated_ms
