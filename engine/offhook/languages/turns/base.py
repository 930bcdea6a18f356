"""What taking turns has to know of a language, as data.

Patterns are searched in what their comments name: *words* are a caller's, in lower case, with inner
apostrophes and single spaces and without other punctuation (:func:`offhook.languages.wording.words`);
*sentence* is our own last sentence as it is written, with straight apostrophes.  Every default knows
nothing: a language that fills in nothing is :data:`offhook.languages.turns.neutral.NEUTRAL`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NEVER = re.compile(r"(?!)")
"""Matches nothing."""
_NONE: frozenset[str] = frozenset()


def word_set(text: str) -> frozenset[str]:
    """The words of ``text``, which are separated by white space."""
    return frozenset(text.split())


def pattern(text: str) -> re.Pattern[str]:
    """``text`` as a pattern that takes capital letters for small ones."""
    return re.compile(text, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Endings:
    """Which words can be the last of a turn."""

    open: frozenset[str] = _NONE
    """Last words after which something has to follow."""
    often_open: frozenset[str] = _NONE
    """Last words after which something follows more often than not."""
    open_end: re.Pattern[str] = NEVER
    """Words at the end that want more, whatever the last one is and ``closed_end`` says; in words."""
    often_open_end: re.Pattern[str] = NEVER
    """The same, more often than not."""
    noun_missing: re.Pattern[str] = NEVER
    """The same in the text as it is, where capital letters tell a noun from what stands before it."""
    closed_end: re.Pattern[str] = NEVER
    """Makes an exception of an open last word: "rufe morgen an", "chez vous"; in words."""
    elided: re.Pattern[str] = NEVER
    """What is written onto the front of a word and leaves its class alone: "qu'il", "d'un"."""
    reply: frozenset[str] = _NONE
    """Short replies consist of these."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How numbers and spelt words are said."""

    counting: Mapping[str, int] = field(default_factory=dict)
    """Words for the number of digits that somebody may be asked for."""
    phrases: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """Digits or a letter by the words that say them, the longest first: ("vingt", "deux") is "22"."""
    digits: frozenset[str] = _NONE
    teens: frozenset[str] = _NONE
    tens: Mapping[str, str] = field(default_factory=dict)
    """The first digit by the word; the second one may follow."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Digits by the words of ``digits`` and ``teens``."""
    rounds: Mapping[str, str] = field(default_factory=dict)
    """Zeros by the word: "hundred"."""
    fills: frozenset[str] = _NONE
    """What says the zeros of ``rounds`` after it."""
    times: Mapping[str, int] = field(default_factory=dict)
    """What is said before a digit that comes more than once: "double"."""
    all: frozenset[str] = _NONE
    """Every word of a number."""
    as_in: tuple[tuple[str, ...], ...] = ()
    """Between a letter and the word that makes it clear, whatever its first letter."""
    for_a_word: frozenset[str] = _NONE
    """The same; the word begins with the letter."""
    between: frozenset[str] = _NONE
    """Said between groups; part of none."""
    openers: frozenset[str] = _NONE
    """What is said before the first group, while it is looked for."""
    named: re.Pattern[str] = NEVER
    """What a number is called, in the caller's text in lower case."""
    refuses: frozenset[str] = _NONE
    """Words with which a caller says that there will be no number."""
    heard_as: Mapping[str, str] = field(default_factory=dict)
    """Where digits are expected, these are digits that a recogniser has spelt otherwise."""
    with_zero: tuple[int, int] | None = None
    """The fewest and the most digits of a telephone number that begins with 0; None: as in English."""
    without_zero: tuple[int, int] | None = None
    """The same of all others."""
    at: frozenset[str] = frozenset({"at"})
    dot: frozenset[str] = frozenset({"dot"})
    dash: frozenset[str] = frozenset({"dash", "hyphen"})
    underscore: frozenset[str] = frozenset({"underscore"})
    mail_is: frozenset[str] = _NONE
    """Between "my e-mail address" and the address."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How an agent asks; searched in sentences."""

    spell: re.Pattern[str] = NEVER
    """Wants something spelt."""
    so_many_digits: re.Pattern[str] = NEVER
    """Says how many digits; group ``n``, in figures or a word of ``Numbers.counting``."""
    card: re.Pattern[str] = NEVER
    number: re.Pattern[str] = NEVER
    """Names a number."""
    email: re.Pattern[str] = NEVER
    birth: re.Pattern[str] = NEVER
    """Wants a day with its year: when somebody was born."""
    again: re.Pattern[str] = NEVER
    """Wants the same once more, without a word of what it was."""
    request: re.Pattern[str] = NEVER
    """Asks without a question mark: "please", "tell me"."""
    ours: re.Pattern[str] = NEVER
    """Offers something, or asks whether it is so: names a number, and wants none."""
    yes_no_question: re.Pattern[str] = NEVER
    tag: re.Pattern[str] = NEVER
    """At the end of a statement: makes it a question for a yes."""
    open_inside: re.Pattern[str] = NEVER
    """In a question that looks like one for a yes: wants more than that."""
    one_thing: re.Pattern[str] = NEVER
    a_story: re.Pattern[str] = NEVER
    """Asks for more than one thing, whatever word it begins with."""
    gives_time: re.Pattern[str] = NEVER
    """Grants the caller time; in all that was said."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """What callers' sentences are."""

    yes_no: re.Pattern[str] = NEVER
    """All of the words are a yes or a no."""
    preface: re.Pattern[str] = re.compile(r"(?!)(?P<name>)")
    """All of the words open something; group ``name`` where they are the caller's name."""
    before_a_clause: frozenset[str] = _NONE
    """Words that stand before a clause and leave its kind alone."""
    subjects: frozenset[str] = _NONE
    """First words of a statement, in a language whose statements begin with their subject."""
    orders: frozenset[str] = _NONE
    """First words of a command."""
    statement_words: int | None = None
    """In other languages: so many words that ask nothing are a statement.  None: ``subjects`` tell."""
    asking_first: frozenset[str] = _NONE
    """Question words, first in a sentence."""
    asking: re.Pattern[str] = NEVER
    """Asks; in a sentence in lower case, with its punctuation."""
    time: frozenset[str] = _NONE
    """Last words that say when."""
    leaning: re.Pattern[str] = re.compile(r"(?!)(?P<rest>)")
    """All of the words lean on the question before, "and on sundays"; group ``rest`` behind the opening."""
    clausal: frozenset[str] = _NONE
    """Words that make a clause of what such an opening is followed by: pronouns as subjects, auxiliaries."""


@dataclass(frozen=True, slots=True)
class Backchannels:
    """What only says "go on"."""

    words: frozenset[str] = _NONE
    phrases: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Clauses:
    """Where our own sentences may be cut."""

    never_last: frozenset[str] = _NONE
    """Abbreviations that something follows: their full stop ends no sentence."""
    sometimes_last: frozenset[str] = _NONE
    """Abbreviations that may end a sentence: they do when a capital letter follows."""
    joints: frozenset[str] = _NONE
    """Words before which a speaker may breathe."""
    bound: frozenset[str] = _NONE
    """Words that belong to the next one."""
    ordinal_stop: bool = False
    """A full stop after a figure makes it an ordinal: "am 3. Mai"."""


@dataclass(frozen=True, slots=True)
class TurnLanguage:
    """One language as turn-taking sees it."""

    code: str
    endings: Endings = field(default_factory=Endings)
    numbers: Numbers = field(default_factory=Numbers)
    asking: Asking = field(default_factory=Asking)
    sentences: Sentences = field(default_factory=Sentences)
    backchannels: Backchannels = field(default_factory=Backchannels)
    clauses: Clauses = field(default_factory=Clauses)

    @property
    def known(self) -> bool:
        """Whether its words say anything; if not, only silence does."""
        return bool(self.endings.open)
