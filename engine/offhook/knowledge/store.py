"""What an agent knows, and which of it answers a question.

:mod:`.matcher` compares the question with every fact (with the likelier ones, where there are many);
:mod:`.words` finds facts by their words, for keywords and for machines without the matcher's packages.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from offhook.agents.loader import Agent
from offhook.documents.passage import Passage
from offhook.errors import ModelError
from offhook.knowledge.acts import NO_GUESS, ActClassifier, ActGuess
from offhook.knowledge.base import Encoded, FactMatcher
from offhook.knowledge.doubts import doubts
from offhook.knowledge.items import Item, encode_items, marks_of_parts, needed, part_of, said_of
from offhook.knowledge.marks import marks, telling
from offhook.knowledge.moods import Mood, MoodClassifier, is_dictated
from offhook.knowledge.notes import parts
from offhook.knowledge.own_words import OwnWords
from offhook.knowledge.passages import read_passages
from offhook.knowledge.requests import RequestClassifier
from offhook.knowledge.vectors import VectorCache, fits
from offhook.knowledge.wish_kinds import WishKinds
from offhook.knowledge.words import WordIndex, WordMatch, content_words
from offhook.languages import language
from offhook.languages.codes import base_language
from offhook.languages.turns import turn_language

_log = logging.getLogger("offhook.knowledge")

COMPARED = 64
"""Facts that are compared token by token; of more, so many are chosen by their vectors and words."""
UNPACKED = 1_000
"""Up to so many facts have their tokens in memory with 32 bits each: a millisecond less a search; of more
they stay as they are kept, in half the room."""
BY_WORDS = 8
KEPT = 6
"""Candidates that a ranking holds."""
CONTEXT_WORDS = 18
"""So much of the end of the question before is read as well."""
ROOT, TELLING = 0.35, 0.75
"""How wanted a part is: a root of the share that the matcher gives it, which is too sure of itself, times
e to the so many-th for each word that tells it from the others.

Chosen on the businesses that the matcher was not trained on, where 0.75 of the facts with several parts are
cut to exactly the needed ones, and 0.87 hold at least these.
"""
KEYWORD = 3.0
"""Log-odds that a keyword adds: owners put it there for just these words of callers'."""
COVERED, STEEP = 0.66, 8.0
"""Without a matcher: the share of a question's words of weight of which half is held to answer it, and how
much each further share adds to the log-odds."""
_STATES = re.compile(
    r"(?:we(?:'re|'ve|'ll)?|our|there(?:'s| is| are)|it(?:'s| is)|open|closed|opening|hours)\b"
    r"|.*\d",
    re.IGNORECASE,
)
"""How a sentence of a persona begins, or what it holds, that says what is so ..."""
_INSTRUCTS = re.compile(
    r"\b(?:you|your|yourself|callers?|customers?|patients?|guests?|always|never|do not|don't|say|repeat"
    r"|answer|ask|tell|if (?:some|any)(?:body|one)|sentences?|words?)\b",
    re.IGNORECASE,
)
"""... and what shows that it says what to do."""


@dataclass(frozen=True, slots=True)
class Networks:
    """What finds facts by their meaning, and tells what callers do; shared by all agents of its languages."""

    matcher: FactMatcher
    acts: ActClassifier
    requests: RequestClassifier | None = None
    """Tells a wish that something be done from a question; None: likeness alone does."""
    moods: MoodClassifier | None = None
    """Tells how callers feel; None: nobody does."""
    kinds: WishKinds | None = None
    """Tells what kind of thing is wanted; None: likeness alone does."""


class Models:
    """The networks for English, and for the other languages: those are loaded when an agent needs them."""

    name = "MiniLM, trained on"

    def __init__(
        self, english: Networks, others: Callable[[], Networks], cache: VectorCache | None = None
    ) -> None:
        """``others`` raises ModelError where there are none: words alone find facts then.

        ``cache`` keeps the vectors of facts from one start to the next.
        """
        self.cache = cache
        self._english = english
        self._load_others = others
        self._others: Networks | None = None
        self._missing = False
        self._lock = threading.Lock()

    def of(self, language: str) -> Networks | None:
        """The networks for a language ("en", "de-AT").  Blocks while they are loaded."""
        if base_language(language) == "en":
            return self._english
        with self._lock:
            if self._others is None and not self._missing:
                try:
                    self._others = self._load_others()
                except ModelError as error:
                    self._missing = True
                    _log.warning("facts in other languages than English are found by words: %s", error)
            return self._others


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fact beside a question."""

    item: Item
    log_odds: float
    """That it answers the question; at 0 it is as likely as that nothing does."""
    wanted: tuple[float, ...]
    """For each part of the fact: how much of what is asked it has."""
    named: tuple[bool, ...] = ()
    """For each part: the question has words that tell it from the others."""

    def answer(self) -> str:
        """What of the fact is said: its wanted parts."""
        return said_of(self.item, self.wanted, named=any(self.named))

    def compared(self) -> str:
        """What of the fact is said where its parts are compared: those that are named, or wanted."""
        if not any(self.named):
            return self.answer()
        pairs = zip(self.wanted, self.named, strict=True)
        return said_of(self.item, [max(self.wanted) if is_named else share for share, is_named in pairs])

    def joined(self, other: Candidate) -> Candidate:
        """The same fact as the answer to two questions: what either wants."""
        pairs = zip(self._needed(), other._needed(), strict=True)
        return replace(self, wanted=tuple(float(one or two) for one, two in pairs))

    def _needed(self) -> list[bool]:
        return needed(self.item, self.wanted, named=any(self.named))


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found for one question, the likeliest first."""

    candidates: tuple[Candidate, ...]
    act: ActGuess = NO_GUESS
    """What the caller does with these words."""
    exact: Item | None = None
    """The fact one of whose keywords is all that was said."""
    mood: Mood | None = None
    """How the caller sounds by these words; None: nothing can tell."""
    anger: float | None = None
    """How nearly they are angry; see :func:`offhook.knowledge.moods.angry_together`."""

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None


def statements(persona: str) -> list[str]:
    """The sentences of a persona that say what is so; owners put hours and prices there."""
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(persona.split()))
    return [each for each in sentences if _STATES.match(each) and not _INSTRUCTS.search(each)]


@dataclass(slots=True)
class _Known:
    """The vectors of all items."""

    encoded: list[Encoded]
    part_of: list[NDArray[np.int64]]
    """For each item the part to which each of its tokens belongs; -1 for none."""
    keywords: list[list[frozenset[str]]]
    """For each item the telling words of each of its keywords."""
    marks: list[list[frozenset[str]]]
    """For each item the telling words of each of its parts."""
    vectors: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.vectors = np.stack([each.vector for each in self.encoded])


class Knowledge:
    """One agent's knowledge.  Thread-safe; :meth:`search` takes milliseconds: off the event loop."""

    def __init__(
        self, agent: Agent, models: Models | None = None, passages: ReadPassages | None = None
    ) -> None:
        """``passages`` reads what documents say, beside those that the agent's file names."""
        self._agent = agent
        facts = [(fact.text, tuple(fact.keywords)) for fact in agent.facts]
        facts += [(text, ()) for text in statements(agent.persona)]
        self._denies = language(agent.language).denies
        self.items = tuple(
            self._item(number, text, keywords) for number, (text, keywords) in enumerate(facts)
        )
        self.stated = len(self.items)
        """Items below this number stand in the agent's file, the others in documents."""
        self._read = passages
        self._models = models
        self._networks = models.of("en") if models and base_language(agent.language) == "en" else None
        self._index = _index_of(self.items)
        self._known: _Known | None = None
        self._doubts = doubts(agent.language)
        self.own_words: OwnWords | None = None
        """What is known, for ears; after :meth:`prepare`, in languages that it is of use in."""
        self._prepared = False
        self._making = threading.Lock()

    def prepare(self) -> None:
        """Read the documents, and get the vectors of all that is known: some 5 ms each, unless they are kept.

        Until that is done, words decide alone, and among the facts of the agent's file.
        """
        with self._making:
            if self._prepared:
                return
            passages = read_passages(self._agent)
            if self._read is not None:
                passages += self._read()
            stored = self._add(passages)
            if self._models is not None and self.items:
                self._networks = networks = self._models.of(self._agent.language)
                if networks is not None:
                    self._known = _known(self.items, networks.matcher, self._models.cache, stored)
            if base_language(self._agent.language) == "en":
                self.own_words = OwnWords(text for item in self.items for text in (item.text, *item.keywords))
            self._prepared = True

    def _add(self, passages: Sequence[Passage]) -> dict[int, Passage]:
        """Those that say something new are items from now on; which are which."""
        items, added = list(self.items), dict[int, Passage]()
        seen = {item.text.casefold() for item in items}
        for passage in passages:  # the same sentence stands in many documents, and is one answer
            if passage.text.casefold() not in seen:
                seen.add(passage.text.casefold())
                added[len(items)] = passage
                items.append(self._item(len(items), passage.text, (), passage.about, passage.source))
        if added:
            index = _index_of(items)
            # First the items: numbers that the index finds are theirs.
            self.items, self._index = tuple(items), index
        return added

    def _item(
        self, number: int, text: str, keywords: tuple[str, ...], about: str = "", source: str = ""
    ) -> Item:
        cut = tuple(parts(text))
        denies = tuple(self._denies.search(text, part.start, part.stop) is not None for part in cut)
        return Item(number, text, cut, keywords, about, source, denies, self._agent.language)

    @property
    def networks(self) -> Networks | None:
        """What compares by meaning, once :meth:`prepare` is done; None: words alone do."""
        return self._networks

    def search(self, question: str, before: str = "", answered: Sequence[int] = ()) -> Ranking:
        """What answers ``question``.

        ``before`` is what the caller asked just before, ``answered`` the numbers of the facts that they
        were told: "and on Sundays?" is understood by them.
        """
        exact = self._index.phrase(question)
        item = None if exact is None else self.items[exact]
        networks = self._networks
        if networks is None or not question.strip():
            return Ranking(tuple(self._by_words(question)), exact=item)
        texts: list[str | tuple[str, str]] = [question]
        if before:
            texts.append((" ".join(before.split()[-CONTEXT_WORDS:]), question))
        encoded = networks.matcher.encode(texts)
        act = networks.acts.guess(encoded[0].vector)
        mood, anger = self._sounds(question, encoded[0], networks.moods)
        known = self._known
        if known is None:
            return Ranking(tuple(self._by_words(question)), act, item, mood, anger)
        asked = encoded[-1] if networks.matcher.weighs_context else encoded[0]
        found = self._match(question, asked, known, answered)
        if asked is not encoded[-1] and (not found or found[0].log_odds < 0):
            found = self._match(question, encoded[-1], known, answered)
        return Ranking(tuple(found), act, item, mood, anger)

    def _sounds(
        self, said: str, encoded: Encoded, moods: MoodClassifier | None
    ) -> tuple[Mood | None, float | None]:
        """The mood of what was said, and how nearly it is anger."""
        if moods is None:
            return None, None
        if is_dictated(said, turn_language(self._agent.language).numbers.digits):
            return "neutral", None
        return moods.guess(encoded.vector), moods.anger(encoded.vector)

    def shared_words(self, question: str, most: int) -> list[WordMatch]:
        """What shares most words with ``question``, whatever it means."""
        return self._index.best(question, most)

    def cosines(self, question: str) -> NDArray[np.float32] | None:
        """How alike ``question`` and each item are as a whole, ``[items]``; None without a network."""
        if self._networks is None or self._known is None:
            return None
        alike: NDArray[np.float32] = self._known.vectors @ self._networks.matcher.encode([question])[0].vector
        return alike

    def _match(
        self, question: str, asked: Encoded, known: _Known, answered: Sequence[int]
    ) -> list[Candidate]:
        assert self._networks is not None
        numbers = list(range(len(known.encoded)))
        if len(numbers) > COMPARED:
            near = known.vectors @ asked.vector
            likely = np.argpartition(-near, COMPARED)[:COMPARED]
            by_words = self._index.numbers(question, BY_WORDS)
            numbers = list(dict.fromkeys([*answered, *by_words, *(int(n) for n in likely)]))
        matcher = self._networks.matcher
        facts = [known.encoded[number] for number in numbers]
        scores = matcher.scores(asked, facts)
        if self._doubts is not None:
            scores = self._doubts.weighed(asked, facts, scores)
        asked_for = marks(question)
        for place, number in enumerate(numbers):
            if any(keyword and keyword <= asked_for for keyword in known.keywords[number]):
                scores[place] += KEYWORD
        found: list[Candidate] = []
        for place in np.argsort(-scores)[:KEPT]:
            number = numbers[int(place)]
            item = self.items[number]
            wanted: tuple[float, ...] = (1.0,)
            named: tuple[bool, ...] = (False,)
            if len(item.parts) > 1:
                shares = matcher.parts(asked, known.encoded[number], known.part_of[number], len(item.parts))
                told = telling(asked_for, known.marks[number])
                pairs = zip(shares, told, strict=True)
                wanted = tuple(float(share) ** ROOT * math.exp(TELLING * each) for share, each in pairs)
                named = tuple(each > 0 for each in told)
            found.append(Candidate(item, float(scores[place]), wanted, named))
        return found

    def _by_words(self, question: str) -> list[Candidate]:
        asked = content_words(question)
        found: list[Candidate] = []
        for match in self._index.best(question, BY_WORDS):
            item = self.items[match.number]
            shared = [
                sum(word in content_words(item.text[part.start : part.stop]) for word in asked)
                for part in item.parts
            ]
            most = max(shared, default=0)
            wanted = tuple(float(share == most) for share in shared)
            found.append(Candidate(item, STEEP * (match.covered - COVERED), wanted))
        return found


ReadPassages = Callable[[], Sequence[Passage]]
"""Blocks; does not raise."""


def _index_of(items: Sequence[Item]) -> WordIndex:
    return WordIndex(
        [f"{item.text} {item.about}".rstrip() for item in items], [item.keywords for item in items]
    )


def _known(
    items: Sequence[Item], matcher: FactMatcher, cache: VectorCache | None, stored: Mapping[int, Passage]
) -> _Known:
    usable = {
        number: one.vectors
        for number, one in stored.items()
        if one.vectors and one.model == matcher.key and fits(one.vectors, len(items[number].parts))
    }
    encoded = encode_items(items, matcher, cache, usable)
    if len(encoded) <= UNPACKED:
        encoded = [replace(each, tokens=each.tokens.astype(np.float32)) for each in encoded]
    belongs = [part_of(item, each) for item, each in zip(items, encoded, strict=True)]
    told = [marks_of_parts(item) for item in items]
    keywords = [[marks(keyword) for keyword in item.keywords] for item in items]
    return _Known(encoded, belongs, keywords, told)
