"""Which facts are about what a question asks, and which part of a fact.

MiniLM, all of its layers trained further on questions to invented businesses (``bench/grounding``), compares
token with token: each token of the question looks for its nearest one in the fact (MaxSim, of ColBERT:
Khattab and Zaharia, 2020), counts as much as it matters, and has to come nearer than a threshold.  To that
comes the similarity of both as a whole; against it stands how likely such a question is answered by nothing.
Facts are encoded once, so a question costs one encoding and a matrix product.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError
from offhook.knowledge.base import Encoded, Floats
from offhook.knowledge.encoder import Encoder

_SIGN_AND_HALF = np.int32(-0x7FFFFFFF - 1 | 0x0FFFE000)
"""Of a 32-bit float: its sign, and where the exponent and the fraction of a 16-bit one come to lie."""
_EXPONENTS = np.float32(2.0**112)
"""What the exponents of both kinds are apart."""
FILE = Path(__file__).parent.parent / "assets" / "grounding" / "matcher.npz"


class Matcher:
    """Thread-safe.  See :class:`~offhook.knowledge.base.FactMatcher`."""

    weighs_context = True

    def __init__(self, path: Path = FILE, *, threads: int = 1) -> None:
        """Raises ModelError when a package or a file is missing."""
        if not path.is_file():
            raise ModelError(f"{path} is missing: install offhook again")
        content = path.read_bytes()
        self.key = f"minilm8-{hashlib.sha256(content).hexdigest()[:16]}"
        with np.load(io.BytesIO(content)) as held:
            weights = dict(held)
        heads = {name[5:]: weights.pop(name) for name in list(weights) if name.startswith("head.")}
        self._matters: Floats = heads["matters"]
        self._matters_in_part: Floats = heads["matters_in_part"]
        self._none: Floats = heads["none"]
        self._scales = {name: float(heads[name]) for name in ("whole", "bias", "token", "threshold", "part")}
        self._encoder = Encoder(weights, threads=threads)

    def encode(self, texts: Sequence[str | tuple[str, str]]) -> list[Encoded]:
        return self._encoder.encode(texts)

    def encode_facts(self, texts: Sequence[str], parts: Sequence[Sequence[str]] = ()) -> list[Encoded]:
        """The vectors of facts, those of their tokens of length 1.  Parts are found among the tokens."""
        return [replace(fact, tokens=_unit(fact.tokens)) for fact in self._encoder.encode(texts)]

    def scores(self, question: Encoded, facts: Sequence[Encoded]) -> Floats:
        if not facts:
            return np.zeros(0, np.float32)
        nearest = self._nearest(question, facts)
        weight = _softplus(question.tokens @ self._matters[:-1] + self._matters[-1])
        whole = np.stack([fact.vector for fact in facts]) @ question.vector
        scale = self._scales
        tokens: Floats = weight @ (nearest - scale["threshold"])
        none = float(question.vector @ self._none[:-1] + self._none[-1])
        found: Floats = scale["whole"] * whole + scale["token"] * tokens + np.float32(scale["bias"] - none)
        return found

    def parts(self, question: Encoded, fact: Encoded, part_of: NDArray[np.int64], count: int) -> Floats:
        asked = _unit(question.tokens)
        weight = _softplus(question.tokens @ self._matters_in_part[:-1] + self._matters_in_part[-1])
        near = asked @ _opened(fact.tokens).T
        scores = np.full(count, -np.inf, np.float32)
        for part in range(count):
            inside = part_of == part
            if inside.any():
                scores[part] = self._scales["part"] * float(weight @ near[:, inside].max(axis=1))
        shares = np.exp(scores - scores.max())
        normed: Floats = (shares / shares.sum()).astype(np.float32)
        return normed

    @staticmethod
    def _nearest(question: Encoded, facts: Sequence[Encoded]) -> Floats:
        """``[tokens of the question, facts]``: the cosine of each token with its nearest one in each fact."""
        starts = np.cumsum([0, *(len(fact.tokens) for fact in facts[:-1])])
        near = _unit(question.tokens) @ _opened(np.concatenate([fact.tokens for fact in facts])).T
        found: Floats = np.maximum.reduceat(near, starts, axis=1)
        return found


def _unit(vectors: Floats) -> Floats:
    normed: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return normed


def _opened(tokens: NDArray[np.floating]) -> Floats:
    """``tokens``, none of them infinite, with 32 bits each.

    NumPy opens 16-bit floats one by one; their bits moved as integers, many at a time, take a quarter of it.
    """
    if tokens.dtype != np.float16:
        return np.asarray(tokens, np.float32)
    bits = tokens.view(np.int16).astype(np.int32)  # the sign is in the upper half as well
    bits <<= 13
    bits &= _SIGN_AND_HALF
    opened: Floats = bits.view(np.float32)
    opened *= _EXPONENTS
    return opened


def _softplus(values: Floats) -> Floats:
    found: Floats = np.logaddexp(0.0, values)
    return found
