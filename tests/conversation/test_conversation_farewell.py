"""Whether a caller takes leave: an end cannot be taken back, a farewell that is missed costs a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.conversation.farewell import is_farewell
from offhook.knowledge.acts import ActGuess
from offhook.languages import ENGLISH

FAREWELLS = [
    "Goodbye.",
    "Bye bye!",
    "Okay, thank you, bye bye.",
    "Thank you. Good bye!",
    "Great, thank you, goodbye.",
    "Okay, bye now.",
    "Right, cheers, bye.",
    "See you later.",
    "See you on Thursday then.",
    "Talk to you soon, bye.",
    "Have a nice day.",
    "Thanks for your help, have a lovely weekend!",
    "You too, take care.",
    "Thanks a million, Rosalind, bye.",
    "All right, I'd better go. Bye.",
    "No, that's all, thanks.",
    "No, that\u2019s everything, thank you very much.",
    "That's it for today. Have a nice day.",
    "That's all I needed to know, thanks.",
    "That's all, thank you.",
    "No, nothing else, thank you.",
    "No thanks, I'm all set.",
    "Nope, I'm good, thanks.",
    "Um, okay, good night then.",
    # As the recogniser hears a goodbye on a telephone line.
    "Great, thank you, good-by.",
]
OTHERS = [
    "",
    " ... ",
    # What other people's agents have hung up on.
    "I'd like two croissants and a baguette, that's all.",
    "Yes, that's it.",
    "Yes that's everything.",
    "No, I want the big one, that's it.",
    "I need to see you soon.",
    "Can I come in and see you later",
    "Please don't hang up.",
    "What happens when I'm done",
    "It was a good buy.",
    "Thank you, it was a good buy.",
    "Thank you, is that the one I should come by.",
    "Is it something that I can buy.",
    "One more thing before we hang up",
    "She told me to say goodbye.",
    "My order number is seven one two, that's all I need.",
    # Thanks and courtesies alone leave the floor to us.
    "Thank you.",
    "Okay, great.",
    "No.",
    "No, thank you.",
    # Something is asked.
    "Bye for now, but when do you open?",
    "Goodbye. Oh, do you have kayaks on Sunday",
    "Is that all?",
    "Thanks, and how much is the double one? Bye.",
    "Before I go, one more question.",
    # A word of leave inside of something else.
    "The wait is so long.",
    "It's for my colleague's farewell.",
    "Good night rates please.",
    "I have to run a marathon in May.",
    "I said good morning, not goodbye.",
    "How do I say goodbye in French",
    "I kissed my old canoe goodbye last year and want a new one.",
    "I have to take care of my mother on Friday, so I want to cancel.",
    "That's all wrong, I ordered the green one.",
    "My sister is called Bye Larsson and she has left her paddle with you.",
    "When I'm done with the form I will send it to you.",
]


@pytest.mark.parametrize("said", FAREWELLS)
def test_a_farewell(said: str) -> None:
    assert is_farewell(said, ENGLISH)
    assert is_farewell(said.rstrip(".!"), ENGLISH), "marks are the recogniser's"
    assert is_farewell(said.lower(), ENGLISH)


@pytest.mark.parametrize("said", OTHERS)
def test_no_farewell(said: str) -> None:
    assert not is_farewell(said, ENGLISH)
    assert not is_farewell(said.lower(), ENGLISH)


@pytest.mark.parametrize("said", ["No, that's all, thanks.", "That's it, thank you.", "No thanks, I'm good."])
def test_an_answer_to_our_question_is_no_farewell(said: str) -> None:
    assert is_farewell(said, ENGLISH, asked=False)
    assert not is_farewell(said, ENGLISH, asked=True)


@pytest.mark.parametrize("said", ["Goodbye.", "No thank you, bye.", "Have a nice day."])
def test_words_of_leave_are_one_whatever_we_asked(said: str) -> None:
    assert is_farewell(said, ENGLISH, asked=True)


SURE = ActGuess("farewell", 0.99)
"""What the classifier says of words that take leave."""


@pytest.mark.parametrize(
    "said", ["I'll let you get back to your boats.", "Cheerio Mina", "That will do for today."]
)
def test_other_words_of_leave_are_the_classifiers_to_find(said: str) -> None:
    assert is_farewell(said, ENGLISH, guess=SURE)
    assert not is_farewell(said, ENGLISH, guess=ActGuess("farewell", 0.4))
    assert not is_farewell(said, ENGLISH, guess=ActGuess("thanks", 0.99))


@pytest.mark.parametrize(
    "said",
    [
        "When do you close?",
        "Bye for now, but when do you open?",
        "Yes, that's it.",
        "I want the big one, that's it.",
        "I'd like two tents, that's all.",
        "She told me to say goodbye.",
        "Please don't hang up.",
        "Book me in for nine, that will do.",
    ],
)
def test_the_classifier_alone_ends_no_call_in_which_something_is_open(said: str) -> None:
    assert not is_farewell(said, ENGLISH, guess=SURE)


def test_nor_one_in_which_we_have_asked_something() -> None:
    assert is_farewell("That will do for today.", ENGLISH, guess=SURE)
    assert not is_farewell("That will do for today.", ENGLISH, asked=True, guess=SURE)


def test_a_long_speech_is_none() -> None:
    assert not is_farewell("Thank you so much. " * 20 + "Bye.", ENGLISH)


@given(st.text(max_size=200), st.booleans())
def test_a_question_is_never_one_and_no_text_breaks_it(text: str, asked: bool) -> None:
    assert not is_farewell(f"{text}?", ENGLISH, asked=asked, guess=SURE)
    is_farewell(text, ENGLISH, asked=asked)


@given(
    st.sampled_from(FAREWELLS),
    st.sampled_from(["Where do I return the key?", "I still need a tent for four."]),
)
def test_a_farewell_beside_something_to_do_is_none(farewell: str, rest: str) -> None:
    assert not is_farewell(f"{farewell} {rest}", ENGLISH)
