"""What a caller who has just heard us will say: a yes or no, one thing, digits, letters, anything.

Judged by the last sentence of what we said.  By the words that ask and by what they name, which
:class:`~offhook.languages.turns.base.Asking` has for each language; a sentence that reads a caller's
number back asks for a yes, not for the number.  Pure.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from offhook.end_of_turn.dictation import CARD_DIGITS, runs
from offhook.languages.turns import TurnLanguage, turn_language


class Asked(enum.Enum):
    """What kind of answer the caller was asked for."""

    OPEN = "open"
    YES_NO = "yes_no"
    FACT = "fact"
    """Something short: a name, a time, one of two."""
    DIGITS = "digits"
    SPELLING = "spelling"
    EMAIL = "email"
    BIRTH = "birth"
    """A day, its month and its year."""


DICTATED = frozenset({Asked.DIGITS, Asked.SPELLING, Asked.EMAIL, Asked.BIRTH})
"""Said in groups, with pauses between them that end nothing."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller was asked for last."""

    asked: Asked = Asked.OPEN
    digits: int | None = None
    """How many digits, where that is known."""
    question: bool = field(default=False, compare=False)
    """It ended in a question: then "yes" or "okay" into its last word answers it."""
    again: bool = field(default=False, compare=False)
    """It wants once more what was asked for before, which is what the caller will answer."""


_READ_BACK_DIGITS = 3
"""A question with so many digits in it reads them back."""
_QUESTION_MARKS = ("?", "\uff1f", "\u061f", "\u037e")
"""Latin, full-width, Arabic, Greek."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f\u0964\u061f])\s*")


def gives_time(said: str, language: str) -> bool:
    """Whether ``said`` grants the caller time: "Sure, take your time.", whatever they had said to get it."""
    said = said.strip().replace("\u2019", "'")
    asking = turn_language(language).asking
    return not said.endswith(_QUESTION_MARKS) and asking.gives_time.search(said) is not None


def expectation(said: str, language: str, *, again: bool = False) -> Expected:
    """What a caller who has just heard ``said`` will answer, judged by its last sentence.

    A language that nothing is known of expects anything.  ``again``: it is known to ask once more for what
    was asked for before.
    """
    sentences = [sentence for sentence in _SENTENCE_END.split(said.strip()) if sentence]
    last = sentences[-1].replace("\u2019", "'") if sentences else ""
    question = last.endswith(_QUESTION_MARKS)
    known = turn_language(language)
    asked, digits = _asked(last, question, known) if known.known else (Asked.OPEN, None)
    again = again or (asked not in DICTATED and known.asking.again.search(last) is not None)
    return Expected(asked, digits, question, again)


def _asked(last: str, question: bool, language: TurnLanguage) -> tuple[Asked, int | None]:
    asking = language.asking
    wanted = question or asking.request.search(last) is not None
    if question and (asking.tag.search(last) or _reads_back(last, language)):
        return Asked.YES_NO, None
    if wanted and not asking.ours.search(last):
        if asking.spell.search(last):
            return Asked.SPELLING, None
        if found := asking.so_many_digits.search(last):
            n = found["n"]
            return Asked.DIGITS, int(n) if n.isdigit() else language.numbers.counting[n.lower()]
        if asking.email.search(last):
            return Asked.EMAIL, None
        if asking.birth.search(last):
            return Asked.BIRTH, None
        if asking.number.search(last):
            return Asked.DIGITS, CARD_DIGITS if asking.card.search(last) else None
    if wanted and asking.one_thing.search(last) and not asking.a_story.search(last):
        return Asked.FACT, None
    if question and (asking.yes_no_question.search(last) or not asking.a_story.search(last)):
        return (Asked.OPEN if asking.open_inside.search(last) else Asked.YES_NO), None
    return Asked.OPEN, None


def _reads_back(last: str, language: TurnLanguage) -> bool:
    read = any(run.digits >= _READ_BACK_DIGITS for run in runs(last, language))
    return read and not language.asking.so_many_digits.search(last)
