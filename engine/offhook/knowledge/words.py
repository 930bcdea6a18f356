"""Finding facts by their words.

An in-memory SQLite full-text index: stemmed words, ranked by BM25.  It takes some 50 microseconds.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass

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
class WordMatch:
    """A text's number and how well it fits: higher is better, only comparable within one query."""

    number: int
    score: float
    covered: float
    """The share of the query's words of weight that the text holds; 0 to 1."""


class WordIndex:
    """Texts, searchable by their words.  Thread-safe."""

    def __init__(self, texts: Sequence[str], keywords: Sequence[Sequence[str]] = ()) -> None:
        """``keywords[n]`` are words that callers use for text ``n`` and that it does not hold."""
        self._keywords = list(keywords) or [()] * len(texts)
        self._phrases = {
            _plain(phrase): number
            for number in reversed(range(len(texts)))
            for phrase in self._keywords[number]
        }
        self._lock = threading.Lock()
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute(
            "CREATE VIRTUAL TABLE facts USING fts5"
            "(text, keywords, tokenize='porter unicode61 remove_diacritics 2')"
        )
        self._index.executemany(
            "INSERT INTO facts(rowid, text, keywords) VALUES (?, ?, ?)",
            [(n, text, " . ".join(self._keywords[n])) for n, text in enumerate(texts)],
        )

    def best(self, text: str, k: int = 1) -> list[WordMatch]:
        """The ``k`` texts that share most with ``text``; none when no word of weight is shared."""
        words = content_words(text)
        with self._lock:
            rows = self._ranked(words, k)
            return [WordMatch(number, score, self._covered(number, words)) for number, score in rows]

    def numbers(self, text: str, k: int) -> list[int]:
        """Which texts :meth:`best` finds."""
        with self._lock:
            return [number for number, _ in self._ranked(content_words(text), k)]

    def _ranked(self, words: Sequence[str], k: int) -> list[tuple[int, float]]:
        if not words:
            return []
        # Each word in quotes: nothing a caller says is query syntax.
        query = " OR ".join(f'"{word}"' for word in words)
        return self._index.execute(
            "SELECT rowid, -bm25(facts, 1.0, ?) AS score FROM facts WHERE facts MATCH ?"
            " ORDER BY score DESC, rowid LIMIT ?",
            (_KEYWORD_WEIGHT, query, k),
        ).fetchall()

    def phrase(self, text: str) -> int | None:
        """The text one of whose keywords is all that was said: "thank you", "anybody there".

        Also where a keyword stands among words without any weight.
        """
        said = _plain(text)
        if said in self._phrases:
            return self._phrases[said]
        if content_words(text):
            return None
        found = [phrase for phrase in self._phrases if f" {phrase} " in f" {said} "]
        return self._phrases[max(found, key=len)] if found else None

    def close(self) -> None:
        """Free the index."""
        with self._lock:
            self._index.close()

    def _covered(self, number: int, words: Sequence[str]) -> float:
        hits = sum(
            self._index.execute(
                "SELECT 1 FROM facts WHERE rowid = ? AND facts MATCH ?", (number, f'"{word}"')
            ).fetchone()
            is not None
            for word in words
        )
        return hits / len(words)


def content_words(text: str) -> list[str]:
    """The words of ``text`` that say what it is about, each once."""
    return list(dict.fromkeys(word for word in _plain(text).split() if word not in STOP_WORDS))[:32]


def _plain(text: str) -> str:
    """Lower case, letters and digits, single spaces; "what's" is one word."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"['\u2019]", "", text.lower())))
