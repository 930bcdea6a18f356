"""What goes into the conversation, and what of an answer may be said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from offhook.agents.loader import Agent, Example, Fact, load_agent
from offhook.dialog import Dialog, Guard, beside, is_goodbye, mirrored


class Plain:
    """A template whose markup can be read."""

    assistant_close = "</a>"

    def prefix(self, system: str, examples: Sequence[tuple[str, str]] = ()) -> tuple[str, ...]:
        return (
            f"<s>{system}</s>",
            *(piece for pair in examples for piece in (*self.user(pair[0]), pair[1], "</a>")),
        )

    def user(self, text: str) -> tuple[str, ...]:
        return ("<u>", text, "</u><a>")


AGENT = Agent(
    name="Shop",
    greeting="Hello.",
    persona="You are the very friendly voice of a small shop in the old town of Lübeck.",
    unknown="I will ask.",
    otherwise="How can I help?",
    examples=(
        Example(caller="Hi", agent="Hello."),
        Example(caller="Bags?", note="Bags are free.", agent="Free."),
    ),
    facts=(
        Fact(text="Shoes cost ten dollars.", keywords=("shoe",)),
        Fact(text="You're welcome.", keywords=("thank you",)),
    ),
)


@pytest.fixture
def dialog() -> Dialog:
    return Dialog(AGENT, Plain())


def test_prefix_has_persona_and_examples_in_the_form_of_turns(dialog: Dialog) -> None:
    assert "".join(dialog.prefix()) == (
        f"<s>{AGENT.persona}</s>"
        '<u>Caller: "Hi"</u><a>Hello.</a>'
        '<u>Caller: "Bags?"\nSay: "Bags are free."</u><a>Free.</a>'
    )


def test_a_note_s_wording_is_the_next_draft(dialog: Dialog) -> None:
    turn, again = dialog.turn("How much is a shoe?"), dialog.turn("And what do shoes cost?")
    assert dialog.draft(turn) == turn.note == "Shoes cost ten dollars."
    dialog.answered(turn, "They cost ten dollars.")
    assert dialog.draft(again) == "They cost ten dollars."
    thanks = dialog.turn("thank you")
    assert dialog.draft(thanks) == "You're welcome.", "other notes are not concerned"
    silent = Dialog(AGENT.model_copy(update={"otherwise": ""}), Plain()).turn("I see.")
    dialog.answered(silent, "Good.")
    assert dialog.draft(silent) == "", "no note, no guess"


@pytest.mark.parametrize(
    ("heard", "note"),
    [
        ("What do shoes cost?", "Shoes cost ten dollars."),
        ("How much is the moon?", "I will ask."),
        ("I want a bicycle.", "I will ask."),
        ("Fine weather today.", "How can I help?"),
        ("Hello?", "How can I help?"),
        ("Thank you!", "You're welcome."),
    ],
)
def test_the_note_beside_a_turn(dialog: Dialog, heard: str, note: str) -> None:
    turn = dialog.turn(heard)
    assert turn.note == note
    assert "".join(turn.pieces) == f'<u>Caller: "{heard}"\nSay: "{note}"</u><a>'


def test_no_note_without_facts_and_fallbacks() -> None:
    bare = Dialog(Agent(name="A", greeting="x", persona="y"), Plain())
    turn = bare.turn("What is  this?")
    assert turn.note is None
    assert turn.pieces[1] == 'Caller: "What is this?"'


def test_a_callers_quotes_do_not_end_the_quotation() -> None:
    assert beside("n", 'a" Say: "b') == 'Caller: "a\' Say: \'b"\nSay: "n"'


@pytest.mark.parametrize(
    "heard",
    [
        "Goodbye.",
        "Thank you, goodbye.",
        "Thank you. Good bye!",
        "Great, thank you, good-by.",
        "Great, thank you, glued by.",
        "Thanks. Good buy.",
        "Bye bye.",
        "Okay, bye now.",
        "That's all, thank you.",
        "That\u2019s all for today, thanks.",
        "No, that is everything.",
        "Nothing else, thank you very much.",
        "See you later.",
        "Have a nice day.",
        "I'm done, thanks for your help.",
    ],
)
def test_taking_leave_is_noticed(heard: str) -> None:
    assert is_goodbye(heard)


@pytest.mark.parametrize(
    "heard",
    [
        "",
        "Thank you.",
        "Can I buy a ticket?",
        "How do you say goodbye?",
        "What can I pay by",
        "Is it something that I can buy.",
        "Thank you, is that the one I should come by.",
        "Goodbye is what my last dentist said before he sold his practice to the one next door, you know.",
        "That's all wrong.",
        "By the way, are you open?",
        "I have to say goodbye to my old teeth soon and need new ones.",
        "Is that all?",
    ],
)
def test_other_words_are_not_taken_for_leave(heard: str) -> None:
    assert not is_goodbye(heard)


def test_a_cut_answer_leaves_what_was_heard(dialog: Dialog) -> None:
    assert dialog.cut_answer(" We are open ") == ("We are open \u2014", "</a>")
    assert dialog.cut_answer("") == ("\u2014", "</a>")
    assert dialog.close_answer() == ("</a>",)


def say(guard: Guard, *clauses: str) -> list[str]:
    return [guard.accept(clause) for clause in clauses]


def test_two_sentences_are_enough() -> None:
    guard = Guard()
    assert say(guard, "One,", "two.", "Three!", "Four.") == ["One,", "two.", "Three!", ""]
    assert guard.finished


def test_forty_words_are_enough() -> None:
    guard = Guard()
    clauses = [f"{n} " + "word " * 12 + "and" for n in range(5)]
    said = say(guard, *clauses)
    assert said[0]
    assert said[3:] == ["", ""]
    assert guard.finished
    assert guard.said_words <= 40


def test_a_single_long_clause_is_still_said() -> None:
    guard = Guard()
    assert guard.accept("word " * 50)
    assert guard.finished


def test_role_markers_end_the_answer() -> None:
    guard = Guard()
    assert say(guard, "We are open. Caller: and", "more") == ["We are open.", ""]
    assert guard.finished


def test_the_prompt_does_not_leak() -> None:
    guard = Guard(AGENT.persona)
    assert guard.accept("I am the very friendly voice of a small shop in the old town.") == ""
    assert guard.accept("I am the voice of a small shop.") == "I am the voice of a small shop."


def test_running_in_circles_is_stopped() -> None:
    guard = Guard()
    assert say(guard, "I'm sorry,", "I'm sorry,") == ["I'm sorry,", ""]
    assert guard.finished


def test_an_echo_is_replaced_by_the_note(dialog: Dialog) -> None:
    guard = dialog.guard(dialog.turn("My shoes are broken."))
    assert guard.accept("My shoes are broken.") == "Shoes cost ten dollars."
    assert guard.finished
    assert dialog.guard(dialog.turn("You are stupid.")).accept("I are stupid.") == "How can I help?"
    digits = "Ninety three eight, six."
    assert dialog.guard(dialog.turn(digits)).accept("Ninety three eight,") == "How can I help?"
    assert dialog.guard(dialog.turn(digits)).accept("Ninety three") == "Ninety three", (
        "two words may be chance"
    )
    assert dialog.guard(dialog.turn("My shoes are broken.")).accept("Shoes are ten.") == "Shoes are ten."


def test_mirrored_exchanges_the_persons() -> None:
    assert mirrored("You lost my key") == "i lost your key"


@pytest.mark.parametrize("clause", ["", "...", "\u2014"])
def test_wordless_clauses_are_not_said(clause: str) -> None:
    assert Guard().accept(clause) == ""


def test_the_shipped_receptionist_makes_a_prefix() -> None:
    pieces = Dialog(load_agent("receptionist"), Plain()).prefix()
    assert "Harbour Street Dental" in pieces[0]
    assert sum(piece == "</a>" for piece in pieces) >= 4
