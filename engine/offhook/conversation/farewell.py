"""Whether a caller takes leave.

The end of a call cannot be taken back, a farewell that is missed costs a sentence.  So a farewell is one
only when all that was said is one: words that take leave, with nothing beside them but thanks and
courtesies, nothing asked, and no answer to a question of ours.
"""

from __future__ import annotations

import re

from offhook.knowledge.acts import NO_GUESS, ActGuess
from offhook.languages import Language
from offhook.languages.wording import words

_MOST_WORDS = 32
_BESIDE = 6
"""Words beside a last "bye" that are no courtesy: "see you at the gym".  More of them say something."""
_SURE, _CERTAIN = 0.6, 0.9
"""Probabilities from which the classifier counts: beside a closer with more than courtesies, and alone."""


def has_asked(audible_text: str, language: Language) -> bool:
    """True when our words end with a question to which "that's all" is an answer, and does not take leave."""
    last = re.split(r"(?<=[.!?])\s+", audible_text.strip())[-1]
    return last.endswith("?") and language.offers.search(" ".join(words(last))) is None


def is_farewell(
    caller_text: str, language: Language, *, asked: bool = False, guess: ActGuess = NO_GUESS
) -> bool:
    """True when ``caller_text`` takes leave, and does nothing else.

    ``asked``: :func:`has_asked` of our last words; "that's all" may be an answer then.  ``guess`` is what the
    classifier takes the words for: it finds farewells in other words than ``language`` knows.
    """
    said = " ".join(words(caller_text))
    if not said or len(said.split()) > _MOST_WORDS or language.asks.search(caller_text):
        return False
    if language.quoted_closers.search(said):
        return False
    without, closers = language.closers.subn(" ", said)
    without, dones = language.all_done.subn(" ", without)
    without = language.courtesies.sub(" ", without)
    beside = [word for word in without.split() if word not in language.fillers]
    likely = guess.probability if guess.act == "farewell" else 0.0
    if closers:
        few = len(beside) <= _BESIDE and language.last_words.search(said) is not None
        return not beside or few or likely >= _SURE
    if language.confirms.search(said) or asked:
        return False
    if dones and not beside and language.declines.search(said):
        return True
    if language.wants.search(said):
        return False
    return likely >= _CERTAIN and not language.request.search(said)
