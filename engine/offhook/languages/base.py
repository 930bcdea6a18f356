"""What a conversation has to know of a language, as data.

Each pattern is a compiled regular expression over a caller's words in lower case, with inner
apostrophes and single spaces and without other punctuation (:func:`offhook.languages.wording.words`),
unless it says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    disclosure: str
    """Before the greeting, where callers are to know at once what they talk to; ``{name}``."""
    no_transfer: str
    """When the caller wants a person, and nothing the agent knows says how."""
    offer_person: str
    """To a caller who is angry; ``{name}`` is who they would be put through to.  A question that a yes
    answers."""
    offer_message: str
    """The same where people get something that is taken down."""
    briefing: str
    """To a person whom a caller is put through to, before they are connected: ``{name}`` is the agent's,
    ``{about}`` :attr:`briefing_about` or nothing."""
    briefing_about: str
    """``{words}``: the caller's own."""
    no_action: str
    """When the caller wants something done that the agent has no means to do."""
    you_said: str
    """Reads a caller's detail back; ``{detail}``."""
    not_given: str
    """The caller asks for a detail that they have not given."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an agent's file need not have, by the names of its keys (:class:`offhook.agents.loader.Agent`)."""

    goodbye: str
    apology: str
    unclear: str
    excuse: str
    still_there: str
    holding: str
    take_your_time: str
    unknown: str
    unsure: str
    otherwise: str
    returned: str
    resumed: str


@dataclass(frozen=True, slots=True)
class Telling:
    """How callers tell what is to be read back; patterns are over their text as it is, in any case."""

    figures: Mapping[str, str]
    """Digits by the words that stand for them, in lower case: "oh" and "zero" are "0", "twelve" is "12"."""
    tens: frozenset[str]
    """Words of :attr:`figures` whose zero the next digit replaces: "twenty three".  Empty where
    :attr:`figures` has every number below a hundred as it is said: "treinta y dos"."""
    times: Mapping[str, int]
    """What is said before a digit that comes more than once: "double"."""
    email: re.Pattern[str]
    """An e-mail address in words: "anna dot berger at example dot com"."""
    day: re.Pattern[str]
    clock: re.Pattern[str]
    lead: re.Pattern[str]
    """What stands before a day or a time and is not part of it: "around"."""
    day_and_clock: str
    """``{day}`` and ``{clock}`` in one."""
    address: re.Pattern[str]
    """Groups ``house``, ``street``, and ``place``, which may be None."""
    address_order: str
    """How the groups of :attr:`address` are put together."""
    named: re.Pattern[str]
    """What says for certain that a name follows, in the words before it."""
    dates: re.Pattern[str]
    """Weekdays and months: an answer never makes them up."""
    group_size: int | None = None
    """Digits that are said together in a telephone number; None: as North America writes it."""
    nouns_are_capital: bool = False
    """A capital letter tells no name, then."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language's closed classes of words and turns of phrase."""

    code: str
    phrases: Phrases
    defaults: Defaults
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
    denies: re.Pattern[str]
    """What makes a statement say no; in an owner's text as it is."""
    details: tuple[tuple[str, re.Pattern[str]], ...]
    """Kinds of details that a read-back may ask for, by the words that name them."""
    names: re.Pattern[str]
    """Finds the name in a caller's text as it is; group ``name``."""
    telling: Telling
    fillers: frozenset[str] = field(default_factory=frozenset)
    """Words that mean nothing by themselves."""


def any_of(*alternatives: str) -> re.Pattern[str]:
    """One of ``alternatives``, as whole words."""
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")(?!['\w])")
