"""What a conversation has to know of a language, as data.

Each pattern is a compiled regular expression over a caller's words in lower case, with inner
apostrophes and single spaces and without other punctuation (:func:`offhook.languages.wording.words`),
unless it says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Phrases:
    """What an agent says of its own, where its file says nothing else."""

    welcome: str
    """After thanks."""
    greeted: str
    """After "hello?"."""
    machine: str
    """After "am I talking to a robot?"; ``{name}`` is the agent's name."""
    no_transfer: str
    """When the caller wants a person, and nothing the agent knows says how."""
    no_action: str
    """When the caller wants something done that the agent has no means to do."""
    you_said: str
    """Reads a caller's detail back; ``{detail}``."""
    not_given: str
    """The caller asks for a detail that they have not given."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language's closed classes of words and turns of phrase."""

    code: str
    phrases: Phrases
    closers: re.Pattern[str]
    """Words that take leave by themselves: "bye", "have a nice day"."""
    last_words: re.Pattern[str]
    """What nobody says last but who leaves: a "bye" at the end."""
    quoted_closers: re.Pattern[str]
    """What makes a closer part of a sentence: "told me to say goodbye"."""
    courtesies: re.Pattern[str]
    """What people say around a farewell; none of it wants an answer."""
    all_done: re.Pattern[str]
    """"That's all": takes leave only with thanks or a no beside it."""
    declines: re.Pattern[str]
    """A no or thanks that make a leave of "that's all"."""
    confirms: re.Pattern[str]
    """A yes in front: then "that's all" answers a question."""
    offers: re.Pattern[str]
    """Our own question whether there is anything else: "that's all" answers it and takes leave."""
    asks: re.Pattern[str]
    """Anything that wants an answer, in the caller's text as it is."""
    wants: re.Pattern[str]
    """A wish that may be a question: "I'd like to know", in the caller's text as it is."""
    request: re.Pattern[str]
    """Wants something done: booked, ordered, passed on."""
    next_question: re.Pattern[str]
    """What stands between two questions of one turn; in the caller's text as it is."""
    alternatives: re.Pattern[str]
    """What stands between two things that are compared; in the caller's text as it is."""
    compares: re.Pattern[str]
    """Two things are compared; in the caller's text as it is."""
    details: tuple[tuple[str, re.Pattern[str]], ...]
    """Kinds of details that a read-back may ask for, by the words that name them."""
    names: re.Pattern[str]
    """Finds the name in a caller's text as it is; group ``name``."""
    fillers: frozenset[str] = field(default_factory=frozenset)
    """Words that mean nothing by themselves."""
