"""Finding the fact that the caller's words are about.

An in-memory SQLite full-text index: stemmed words, ranked by BM25.  It takes some
50 microseconds, and a model too small to know when to look something up need not.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from offhook.agents.loader import Fact

_KEYWORD_WEIGHT = 2.0
"""Keywords are put there on purpose; a word in the text may be there by chance."""

_STOP_WORDS_TEXT = """
a about after again all also am an and any anybody anyone anything are as at be been being but by
bye can cannot cant could couldn couldnt d did didn do does doesn doesnt doing don done dont else
ever every for from get gets getting give go goes going gonna good goodbye got great had has have
haven having he hear hello help her here hey hi him his how i id if ill im in into is isn isnt it
its just kind know let lets like ll look lot m make many may maybe me might mine minute moment more
much must my need no not now of off oh ok okay on one only or other our out over please possible
question quick re really right s say see shall she should so some somebody someone something sorry
sort still stop such sure t take tell than thank thanks that thats the their them then there these
they thing things think this those to too try uh um us use very wait wanna want was way we well were
what whats when where wheres which while who whos why will with won wonder wondering wont would
wouldn yeah yes yet you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())
"""Words that say nothing about which fact is meant."""


@dataclass(frozen=True, slots=True)
class Match:
    """A fact and how well it fits: higher is better, only comparable within one query."""

    fact: Fact
    score: float


class Knowledge:
    """An agent's facts, searchable.  Thread-safe."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = tuple(facts)
        self._phrases = {_plain(phrase): fact for fact in reversed(self._facts) for phrase in fact.keywords}
        self._lock = threading.Lock()
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute(
            "CREATE VIRTUAL TABLE facts USING fts5"
            "(text, keywords, tokenize='porter unicode61 remove_diacritics 2')"
        )
        self._index.executemany(
            "INSERT INTO facts(rowid, text, keywords) VALUES (?, ?, ?)",
            [(number, fact.text, " . ".join(fact.keywords)) for number, fact in enumerate(self._facts)],
        )

    def best(self, text: str, k: int = 1, min_score: float = 0.0) -> list[Match]:
        """The ``k`` facts that fit ``text`` best; none when no word of weight is shared."""
        said = _plain(text)
        if said in self._phrases:
            return [Match(self._phrases[said], float("inf"))]
        words = content_words(text)
        if not words:
            return self._by_phrase(said)
        # Each word in quotes: nothing a caller says is query syntax.
        query = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            rows = self._index.execute(
                "SELECT rowid, -bm25(facts, 1.0, ?) AS score FROM facts WHERE facts MATCH ?"
                " ORDER BY score DESC, rowid LIMIT ?",
                (_KEYWORD_WEIGHT, query, k),
            ).fetchall()
        return [Match(self._facts[number], score) for number, score in rows if score >= min_score]

    def _by_phrase(self, said: str) -> list[Match]:
        """Small talk has no words of weight: "hello, is anybody there" is found by a phrase in it."""
        found = [phrase for phrase in self._phrases if f" {phrase} " in f" {said} "]
        return [Match(self._phrases[max(found, key=len)], 0.0)] if found else []

    def close(self) -> None:
        """Free the index."""
        with self._lock:
            self._index.close()


def content_words(text: str) -> list[str]:
    """The words of ``text`` that say what it is about, each once."""
    return list(dict.fromkeys(word for word in _plain(text).split() if word not in STOP_WORDS))[:32]


def _plain(text: str) -> str:
    """Lower case, letters and digits, single spaces; "what's" is one word."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"['\u2019]", "", text.lower())))
