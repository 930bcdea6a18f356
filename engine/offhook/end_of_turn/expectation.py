"""What a caller who has just heard us will say: a yes or no, one thing, digits, letters, anything.

Judged by the last sentence of what we said.  English, by the words that ask and by what they name; a
sentence that reads a caller's number back asks for a yes, not for the number.  Pure.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

from offhook.end_of_turn.dictation import CARD_DIGITS, runs
from offhook.languages.wording import COUNTING


class Asked(enum.Enum):
    """What kind of answer the caller was asked for."""

    OPEN = "open"
    YES_NO = "yes_no"
    FACT = "fact"
    """Something short: a name, a time, one of two."""
    DIGITS = "digits"
    SPELLING = "spelling"
    EMAIL = "email"


DICTATED = frozenset({Asked.DIGITS, Asked.SPELLING, Asked.EMAIL})
"""Said in groups, with pauses between them that end nothing."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller was asked for last."""

    asked: Asked = Asked.OPEN
    digits: int | None = None
    """How many digits, where that is known."""
    question: bool = field(default=False, compare=False)
    """It ended in a question: then "yes" or "okay" into its last word answers it."""


_READ_BACK_DIGITS = 3
"""A question with so many digits in it reads them back."""
_SPELL = re.compile(r"\b(?:spell|spelling|letter by letter|post ?code|postal code)\b", re.IGNORECASE)
_SO_MANY_DIGITS = re.compile(
    rf"\b(?P<n>\d{{1,2}}|{'|'.join(COUNTING)})(?:[- ]digits?\b| (?:numbers|figures)\b)", re.IGNORECASE
)
_CARD = re.compile(r"(?<!gift )(?<!loyalty )(?<!insurance )(?<!membership )\bcard number\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\bnumbers?\b(?! of\b)|\b(?:pin|digits|passcode|mobile|zip(?: code)?)\b"
    r"|\b(?:access|area|booking|confirmation|customer|order|pin|reference|security|sort|verification) code\b"
    r"|\b(?:reach|call|ring|phone|text|contact) you(?: back)?(?: on| at)?\?$",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"\be-?\s?mail\b", re.IGNORECASE)
_REQUEST = re.compile(
    r"^(?:please|now|and)\b|\bplease\.?$"
    r"|(?:^|\b(?:please|just|and|then|or) )(?:say|enter|type|give|tell|read|dial|key in|provide|confirm)\b"
    r"|\b(?:tell|give) me\b|\blet me (?:have|know|take|get)\b"
    r"|\bneed (?:to (?:have|know|take|get) )?(?:your|a|the)\b",
    re.IGNORECASE,
)
_FIRST = r"(?:(?:and|so|okay|ok|or|well|then|right|great|now)[,\s]+)*"
_OURS = re.compile(
    r"\b(?:our|my|their|his|her) (?:\w+ ){0,2}(?:number|code|pin|e-?mail|mobile)\b"
    r"|\bwould you (?:like|prefer|want)\b|\bdo you want\b"
    r"|\b(?:shall|should|can|could|may) (?:i|we) (?:give|tell|send|read|e-?mail)\b"
    rf"|^{_FIRST}(?:is|are|was|were|did|does|has|am|isn't|aren't|wasn't|didn't)\b"
    rf"|^{_FIRST}(?:can|could|may|shall|should|do|will|would)\b.*\b(?:this|that|same) (?:\w+ )?number\b",
    re.IGNORECASE,
)
"""Offers something, or asks whether it is so: names a number, and wants none."""
_YES_NO_QUESTION = re.compile(
    r"(?:^|[.!?,;:]\s+|\b(?:and|so|or|then|okay|well)\s+)"
    r"(?:do|does|did|is|are|was|were|will|would|can|could|shall|should|may|have|has|am)\s(?:[^.!?]*)\?$",
    re.IGNORECASE,
)
_TAG = re.compile(
    r"[,;:\u2013\u2014-]\s*(?:(?:is|does|would|am|have|did) (?:that|this|it|i)(?: got that)? )?"
    r"(?:correct|right|ok|okay|all ?right|yes|yeah|yep|no|eh|deal|sounds? (?:good|right|ok|okay|fine)"
    r"|work|works|fine)(?: (?:for|with) you)?\?$"
    r"|[,;]\s*(?:is|are|was|were|do|does|did|have|has|can|could|will|would|should|am)(?:n't| not)?"
    r" (?:it|you|we|they|he|she|i|that|there)(?: not)?\?$",
    re.IGNORECASE,
)
"""At the end of a statement: makes it a question for a yes."""
_OPEN_INSIDE = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how)\b|\bor\b|\bhelp you\b|\btell me\b|\banything else\b",
    re.IGNORECASE,
)
_ONE_THING = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|how (?:many|much|long|old|often|far|late|early))\b|\bor\b"
    r"|\byour (?:\w+ ){0,2}(?:name|surname|birthday|date of birth|address|city)\b",
    re.IGNORECASE,
)
_A_STORY = re.compile(
    r"\b(?:help|happen\w*|problem|matter|wrong|else|why|about|reason|question|describe|explain|do for you"
    r"|what (?:would you like|do you want|do you need|brings you|is it)|like to know)\b",
    re.IGNORECASE,
)
"""Asks for more than one thing, whatever word it begins with."""


_GIVES_TIME = re.compile(
    r"\b(?:take (?:your|all the) time|no (?:rush|hurry)|(?:i'll|i will|i can|happy to) (?:wait|hold)\b"
    r"|(?:whenever|when|once) you(?:'re| are) (?:ready|back)|let me know when)",
    re.IGNORECASE,
)


def gives_time(said: str) -> bool:
    """Whether ``said`` grants the caller time: "Sure, take your time.", whatever they had said to get it."""
    said = said.strip().replace("\u2019", "'")
    return not said.endswith("?") and _GIVES_TIME.search(said) is not None


def expectation(said: str) -> Expected:
    """What a caller who has just heard ``said`` will answer, judged by its last sentence."""
    sentences = re.split(r"(?<=[.!?])\s+", said.strip())
    last = sentences[-1].replace("\u2019", "'") if sentences else ""
    question = last.endswith("?")
    asked, digits = _asked(last, question)
    return Expected(asked, digits, question)


def _asked(last: str, question: bool) -> tuple[Asked, int | None]:
    wanted = question or _REQUEST.search(last) is not None
    if question and (_TAG.search(last) or _reads_back(last)):
        return Asked.YES_NO, None
    if wanted and not _OURS.search(last):
        if _SPELL.search(last):
            return Asked.SPELLING, None
        if found := _SO_MANY_DIGITS.search(last):
            n = found["n"]
            return Asked.DIGITS, int(n) if n.isdigit() else COUNTING.index(n.lower())
        if _EMAIL.search(last):
            return Asked.EMAIL, None
        if _NUMBER.search(last):
            return Asked.DIGITS, CARD_DIGITS if _CARD.search(last) else None
    if wanted and _ONE_THING.search(last) and not _A_STORY.search(last):
        return Asked.FACT, None
    if question and (_YES_NO_QUESTION.search(last) or not _A_STORY.search(last)):
        return (Asked.OPEN if _OPEN_INSIDE.search(last) else Asked.YES_NO), None
    return Asked.OPEN, None


def _reads_back(last: str) -> bool:
    return any(run.digits >= _READ_BACK_DIGITS for run in runs(last)) and not _SO_MANY_DIGITS.search(last)
