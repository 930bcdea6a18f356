"""Which of the things that an agent can do a caller wants done.

Each is known by sentences of its owner's: what it is, and how callers ask for it.  The caller's words are
compared with them by their vectors; whether anything is wanted at all, :mod:`.requests` tells, and of what
kind it is, :mod:`.wish_kinds`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.knowledge.base import FactMatcher
from offhook.knowledge.requests import RequestClassifier
from offhook.knowledge.wish_kinds import KINDS, Shares, WishKinds, evidence
from offhook.knowledge.words import content_words

BY_WORDS = 0.75
"""Without a network: so like is a sentence that shares all its words with the caller's."""

ALIKE, ALIKE_MULTILINGUAL = 0.5, 0.35
"""A cosine that says nothing: of MiniLM's vectors, and of the multilingual encoder's."""
KIND = 0.2
"""A cosine that a unit of the kind's log-odds is worth."""
OWNERS_WORDS = 0.95
"""A cosine from which a sentence is one of the owner's, but for a word or two."""
MOST_CLAUSES = 4
CLAUSE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Wished:
    """How near a caller's words are to one thing that can be done."""

    name: str
    likeness: float
    """The cosine with the nearest of its sentences, less what is between any two of a language's."""
    kind: float = 0.0
    """Log-odds that something of its kind is wanted; 0 where nothing can tell."""
    by_owner: bool = False
    """The whole of it is what its owner wrote down: there is nothing to be guessed."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was found for one utterance."""

    request: float
    """Log-odds that something be done is wanted; 0 where nothing can tell."""
    ranked: tuple[Wished, ...]
    """The likeliest first."""

    @property
    def kind(self) -> float:
        """The most that speaks for any by its kind."""
        return max((wished.kind for wished in self.ranked), default=0.0)


class WishFinder:
    """One agent's.  Thread-safe; :meth:`rank` takes milliseconds: off the event loop."""

    def __init__(
        self,
        sentences: Mapping[str, Sequence[str]],
        matcher: FactMatcher | None = None,
        requests: RequestClassifier | None = None,
        kinds: WishKinds | None = None,
        known_kinds: Mapping[str, str] | None = None,
        kindless: Container[str] = (),
    ) -> None:
        """``sentences`` by name; without ``matcher`` words alone are compared.

        ``known_kinds`` says of which kind some are; ``kindless`` are of none of those that ``kinds`` tells
        apart; of the others their sentences tell.
        """
        self._owners = [name for name, several in sentences.items() for _ in several]
        self._texts = [text for several in sentences.values() for text in several]
        self._matcher = matcher
        self._requests = requests
        self._kinds = kinds
        self._known_kinds = {name: KINDS.index(kind) for name, kind in (known_kinds or {}).items()}
        self._kindless = kindless
        self._kinds_of: dict[str, int] = {}
        self._nothing = ALIKE if matcher is None or matcher.weighs_context else ALIKE_MULTILINGUAL
        self._vectors: NDArray[np.float32] | None = None
        self._making = threading.Lock()

    def prepare(self) -> None:
        """Compute the sentences' vectors: some 5 ms each."""
        with self._making:
            if self._vectors is None and self._matcher is not None and self._texts:
                encoded = self._matcher.encode(self._texts)
                if self._kinds is not None:
                    self._kinds_of = self._told(self._kinds, [each.vector for each in encoded])
                self._vectors = np.stack([each.vector for each in encoded])

    def rank(self, said: str) -> Wishes:
        """How near ``said`` is to each."""
        if not self._texts or not said.strip():
            return Wishes(0.0, ())
        if self._vectors is None or self._matcher is None:
            return Wishes(0.0, self._ranked([each - ALIKE for each in self._shared(said)]))
        whole, *parts = self._matcher.encode([said, *clauses(said)])
        request = 0.0 if self._requests is None else self._requests.log_odds(whole.vector)
        heard = np.stack([whole.vector, *(part.vector for part in parts)])
        likenesses = (self._vectors @ heard.T).max(axis=1)
        shares = [] if self._kinds is None else [self._kinds.shares(vector) for vector in heard]
        kinds = {name: self._evidence(shares, name) for name in self._kinds_of}
        same = (self._vectors @ whole.vector >= OWNERS_WORDS).nonzero()[0]
        by_owner = {self._owners[number] for number in same}
        ranked = self._ranked([float(each) - self._nothing for each in likenesses], kinds, by_owner)
        return Wishes(request, ranked)

    def _told(self, kinds: WishKinds, vectors: Sequence[NDArray[np.float32]]) -> dict[str, int]:
        """The number of each one's kind, as far as it is of any."""
        found = dict(self._known_kinds)
        for name in dict.fromkeys(self._owners):
            if name not in found and name not in self._kindless:
                own = [vector for vector, owner in zip(vectors, self._owners, strict=True) if owner == name]
                kind = kinds.of_tool(own)
                if kind is not None:
                    found[name] = kind
        return found

    def _evidence(self, heard: Sequence[Shares], name: str) -> float:
        found = max(evidence(shares, self._kinds_of[name]) for shares in heard)
        # What a few sentences of an owner's are taken for is no evidence against their wish.
        return found if name in self._known_kinds else max(0.0, found)

    def nearest(self, said: str, names: Sequence[str]) -> list[float]:
        """How like ``said`` is to each of a few names, by meaning: "shots" and "vaccination"."""
        if self._matcher is None or not names:
            return [0.0] * len(names)
        first, *others = self._matcher.encode([said, *names])
        return [float(first.vector @ each.vector) for each in others]

    def _shared(self, said: str) -> list[float]:
        heard = set(content_words(said))
        found = []
        for text in self._texts:
            wanted = set(content_words(text))
            found.append(BY_WORDS * len(wanted & heard) / len(wanted) if wanted else 0.0)
        return found

    def _ranked(
        self,
        likenesses: Sequence[float],
        kinds: Mapping[str, float] | None = None,
        by_owner: Container[str] = (),
    ) -> tuple[Wished, ...]:
        best: dict[str, float] = {}
        for name, likeness in zip(self._owners, likenesses, strict=True):
            best[name] = max(best.get(name, -1.0), likeness)
        found = [
            Wished(name, likeness, (kinds or {}).get(name, 0.0), name in by_owner)
            for name, likeness in best.items()
        ]
        return tuple(sorted(found, key=lambda one: -(one.likeness + KIND * one.kind)))


def clauses(said: str) -> list[str]:
    """The first parts of a long utterance: what is wanted is mostly said in one of them."""
    parts = [part.strip() for part in re.split(r"[.!?;,]+\s", said)]
    long_enough = [part for part in parts if len(part.split()) >= CLAUSE_WORDS]
    return long_enough[:MOST_CLAUSES] if len(parts) > 1 else []
