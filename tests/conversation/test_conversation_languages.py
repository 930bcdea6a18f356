"""Callers who speak German, Spanish, French, or a language that offhook does not know."""

from __future__ import annotations

import logging
import re

import pytest

from offhook.conversation.details import Detail, details
from offhook.conversation.farewell import has_asked, is_farewell
from offhook.conversation.grounding import unsupported
from offhook.knowledge.acts import ActGuess
from offhook.languages import ENGLISH, language
from offhook.languages.wording import words

CERTAIN = ActGuess("farewell", 0.99)

FAREWELLS = {
    "de": [
        "Tschüss!",
        "Tschüssi, bis morgen.",
        "Ciao.",
        "Ade, schönen Tag noch.",
        "Danke, servus.",
        "Pfiat di.",
        "Auf Wiederhören, Frau Berger.",
        "Uf Wiederluege, merci vielmal.",
        "Nein danke, das war's.",
        "Das wäre alles, vielen Dank für Ihre Hilfe.",
        "Sonst nichts, danke.",
        "Okay, ich wünsche Ihnen ein schönes Wochenende.",
        "Machen Sie's gut.",
        "Alles klar, bis Donnerstag.",
    ],
    "es": [
        "Adiós.",
        "Chau, gracias.",
        "Vale, hasta luego.",
        "Nada más, gracias.",
        "No, eso es todo, muy amable.",
        "Hasta el viernes.",
        "Perfecto, que tenga buen día.",
        "Listo, nos vemos mañana.",
        "Muchas gracias por la información, buenas tardes.",
        "Bueno, que le vaya bien, señorita.",
    ],
    "fr": [
        "Au revoir.",
        "Bonne journée.",
        "Merci beaucoup, bonne fin de journée.",
        "C'est tout, merci.",
        "Non, rien d'autre.",
        "D'accord, à demain.",
        "Ciao, à plus.",
        "Très bien, à lundi prochain, madame.",
        "Merci pour votre aide, bonsoir.",
        "Non merci, ça ira.",
    ],
}
OTHERS = {
    "de": [
        "Servus!",
        "Servus, hier ist der Toni.",
        "Danke.",
        "Danke, und wann machen Sie zu?",
        "Das wär alles für Montag, und für Dienstag brauche ich zwei Plätze.",
        "Bis Freitag brauche ich das Rad wieder.",
        "Mein Mann hat gesagt, ich soll nicht ohne ein Tschüss auflegen.",
        "Nicht auflegen, bitte.",
        "Ja, das war's.",
        "Nein, das ist",
        "Nein, sonst habe ich",
    ],
    "es": [
        "Buenas noches.",
        "Hola, buenas tardes.",
        "Gracias.",
        "Gracias, ¿y los sábados abren?",
        "Hasta el lunes no lo necesito.",
        "Eso es todo lo que sé del pedido, me falta la factura.",
        "Le dije adiós al otro proveedor.",
        "Sí, eso es todo.",
        "No, no tengo otra.",
    ],
    "fr": [
        "Bonsoir.",
        "Salut, c'est Marc.",
        "Merci.",
        "Merci, et vous fermez quand?",
        "C'est tout pour le vin, il me faut encore du pain.",
        "À demain on verra, mais là je veux ma facture.",
        "Elle m'a dit au revoir.",
        "Ne raccrochez pas.",
        "Oui, c'est tout.",
    ],
}


def _all(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(code, said) for code, several in table.items() for said in several]


@pytest.mark.parametrize(("code", "said"), _all(FAREWELLS))
def test_a_farewell(code: str, said: str) -> None:
    assert is_farewell(said, language(code))
    assert is_farewell(re.sub(r"[.!]", "", said).lower(), language(code)), "marks are the recogniser's"


@pytest.mark.parametrize(("code", "said"), _all(OTHERS))
def test_no_farewell(code: str, said: str) -> None:
    assert not is_farewell(said, language(code))
    assert not is_farewell(re.sub(r"[^\w\s']", "", said).lower(), language(code))


@pytest.mark.parametrize(
    ("code", "ours", "asked"),
    [
        ("de", "Wir haben bis acht offen. Kann ich sonst noch etwas für Sie tun?", False),
        ("de", "Ist das Ihre ganze Bestellung?", True),
        ("es", "Abrimos a las ocho. ¿Puedo ayudarle en algo más?", False),
        ("es", "¿Es ese todo el pedido?", True),
        ("fr", "C'est noté. Puis-je faire autre chose pour vous ?", False),
        ("fr", "Est-ce toute la commande ?", True),
    ],
)
def test_thats_all_answers_our_question_or_takes_leave(code: str, ours: str, asked: bool) -> None:
    done = {"de": "Das ist alles, danke.", "es": "Eso es todo, gracias.", "fr": "C'est tout, merci."}[code]
    assert has_asked(ours, language(code)) is asked
    assert is_farewell(done, language(code), asked=asked) is not asked


@pytest.mark.parametrize("code", ["de", "es", "fr"])
def test_our_own_offers_are_known_as_offers(code: str) -> None:
    known = language(code)
    for ours in (known.phrases.welcome, known.defaults.otherwise):
        assert not has_asked(ours, known)


@pytest.mark.parametrize("code", ["it", "tr", "xx-YY"])
def test_no_english_list_decides_about_another_language(code: str) -> None:
    known = language(code)
    assert not is_farewell("Bye.", known)
    assert not is_farewell("That's all, thanks.", known)
    assert is_farewell("Arrivederci, buona giornata.", known, guess=CERTAIN)
    assert not is_farewell("Arrivederci?", known, guess=CERTAIN)
    # "I do", "can you" and "may" are words of other languages, too.
    assert known.asks.search("Can you do it is there what time") is None
    assert known.asks.search("Quanto costa?")
    assert known.next_question.split("Quanto costa? E dove siete?") == ["Quanto costa", "E dove siete?"]
    assert details("My name is Ada, five five five, oh one two, on Monday at 5 pm", known) == []


def test_the_log_says_which_language_has_no_words_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "offhook.languages"):
        assert language("qq") is language("qq-QQ")
        assert language("de_AT").code == "de"
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["language qq"]


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (
            "de",
            "Meine Nummer ist null eins sieben sechs, vierundzwanzig, doppel drei, zwo.",
            ("number", "0176-2433-2"),
        ),
        ("de", "Mein Name ist Anna von Berg.", ("name", "Anna von Berg")),
        ("de", "Ich heiße Özdemir.", ("name", "Özdemir")),
        (
            "de",
            "anna punkt berger at beispiel punkt de",
            ("email", "anna punkt berger at beispiel punkt de"),
        ),
        ("de", "Am Freitag um halb drei.", ("time", "Am Freitag, halb drei")),
        (
            "de",
            "Passt der dritte Mai, nein, am vierten Mai gegen 15 Uhr 30?",
            ("time", "am vierten Mai, 15 Uhr 30"),
        ),
        ("de", "Ich wohne in der Lindenstraße 12a in Köln.", ("address", "Lindenstraße 12a in Köln")),
        ("de", "Bergstraße einundzwanzig", ("address", "Bergstraße 21")),
        ("es", "Es el seis uno dos, doble cuatro, treinta y dos, cero nueve.", ("number", "612 443 209")),
        ("es", "Me llamo Lucía Gómez.", ("name", "Lucía Gómez")),
        (
            "es",
            "ana punto lopez arroba ejemplo punto es",
            ("email", "ana punto lopez arroba ejemplo punto es"),
        ),
        (
            "es",
            "El viernes a las cinco y media de la tarde.",
            ("time", "viernes a las cinco y media de la tarde"),
        ),
        ("es", "Vivo en la calle Mayor 12, Madrid", ("address", "calle Mayor 12, Madrid")),
        (
            "fr",
            "C'est le zéro six douze trente-quatre soixante-dix-huit quatre-vingt-dix-sept.",
            ("number", "06 12 34 78 97"),
        ),
        ("fr", "nonante-deux septante et un", ("number", "92 71")),
        ("fr", "Je m'appelle Claire Dubois.", ("name", "Claire Dubois")),
        (
            "fr",
            "claire tiret dubois arobase exemple point fr",
            ("email", "claire tiret dubois arobase exemple point fr"),
        ),
        ("fr", "Vendredi à quinze heures trente.", ("time", "Vendredi à quinze heures trente")),
        ("fr", "J'habite 12 rue de la Paix à Lyon.", ("address", "12 rue de la Paix à Lyon")),
    ],
)
def test_what_callers_tell_is_found(code: str, said: str, told: tuple[str, str]) -> None:
    assert Detail(*told) in details(said, language(code))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("de", "Ich hätte gern zwei Brote."),
        ("es", "Quiero dos o tres panes."),
        ("fr", "Deux pains, s'il vous plaît."),
    ],
)
def test_amounts_are_no_numbers_of_the_callers(code: str, said: str) -> None:
    assert details(said, language(code)) == []


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        ("de", "Welche Telefonnummer haben Sie von mir?", "number"),
        ("de", "Wie haben Sie meinen Namen geschrieben?", "name"),
        ("de", "Welche E-Mail-Adresse steht da?", "email"),
        ("es", "¿Qué número le di?", "number"),
        ("es", "¿Cómo escribió mi apellido?", "name"),
        ("es", "¿Qué dirección tiene mía?", "address"),
        ("fr", "Quel numéro je vous ai donné ?", "number"),
        ("fr", "Vous avez quelle adresse mail ?", "email"),
        ("fr", "C'était quelle heure ?", "time"),
    ],
)
def test_what_is_to_be_read_back(code: str, said: str, kind: str) -> None:
    found = [name for name, named in language(code).details if named.search(" ".join(words(said)))]
    assert found[0] == kind


@pytest.mark.parametrize(
    ("code", "said", "count"),
    [
        ("de", "Wann machen Sie auf und was kostet der Eintritt?", 2),
        ("de", "Haben Sie Brot und Kuchen?", 1),
        ("es", "¿A qué hora abren y cuánto cuesta la entrada?", 2),
        ("es", "¿Tienen pan y leche?", 1),
        ("fr", "Vous ouvrez quand et combien coûte l'entrée ?", 2),
        ("fr", "Vous avez du pain et du lait ?", 1),
    ],
)
def test_two_questions_in_a_turn(code: str, said: str, count: int) -> None:
    assert len(language(code).next_question.split(said)) == count


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("de", "Ist der Bus billiger als die Bahn?"),
        ("es", "¿Es más barato el tren o el autobús?"),
        ("fr", "Le train est-il moins cher que le bus ?"),
    ],
)
def test_two_things_are_compared(code: str, said: str) -> None:
    known = language(code)
    assert known.compares.search(said)
    assert len(known.alternatives.split(said)) == 2


@pytest.mark.parametrize(
    ("code", "request_", "question"),
    [
        ("de", "Ich möchte einen Tisch reservieren.", "Gibt es bei Ihnen Parkplätze"),
        ("es", "Quisiera reservar una mesa.", "Cuánto cuesta la entrada"),
        ("fr", "Je voudrais réserver une table.", "Combien coûte l'entrée"),
    ],
)
def test_requests_and_questions_without_marks(code: str, request_: str, question: str) -> None:
    known = language(code)
    assert known.request.search(" ".join(words(request_)))
    assert known.wants.search(request_)
    assert known.asks.search(question)
    assert not known.request.search(" ".join(words(question)))


def test_days_are_never_made_up_and_nouns_are_no_names() -> None:
    german = language("de")
    assert unsupported("Das Museum ist am Montag offen.", ["Wir öffnen Dienstag."], german) == ["Montag"]
    assert unsupported("El museo abre el lunes.", ["abre el martes"], language("es")) == ["lunes"]
    assert unsupported("Das ist offen.", ["Das ist offen."], ENGLISH) == []
