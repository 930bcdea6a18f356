"""Moonshine's vocabulary: tokens to words, and words to tokens.

Byte pair encoding as by SentencePiece (Kudo and Richardson, 2018): a token's number is its rank, and a word
begins with the mark U+2581.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from offhook.catalogue.embedded import ADVICE
from offhook.errors import ModelError

EOS = 2
_BEGINS = "\u2581".encode()
_PUNCTUATION = frozenset(b".,;:!?\"'")


class Vocabulary:
    """Of one model.  Thread-safe."""

    def __init__(self, tokens: list[bytes]) -> None:
        """``tokens`` as :func:`read_tokenizer` has read them."""
        self.tokens = tokens
        self._numbers: dict[bytes, int] = {}
        for number, token in enumerate(tokens):
            self._numbers.setdefault(token, number)

    def __len__(self) -> int:
        return len(self.tokens)

    def text(self, numbers: Sequence[int]) -> str:
        """What so many tokens say."""
        return detokenize([self.tokens[number] for number in numbers])

    def words(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """From which token to before which each word goes."""
        first = [at for at, number in enumerate(numbers) if not at or self.tokens[number][:3] == _BEGINS]
        return list(zip(first, [*first[1:], len(numbers)], strict=True))

    def without_punctuation(self, numbers: Sequence[int], end: int) -> int:
        """Where a word that ends before token ``end`` ends without its punctuation."""
        while end and _PUNCTUATION.issuperset(self.tokens[numbers[end - 1]]):
            end -= 1
        return end

    def encode(self, text: str) -> list[int]:
        """The tokens of ``text``, which begins with a word: of two neighbours that are one token together
        those become it that have the lowest number, again and again."""
        parts = [letter.encode() for letter in f"\u2581{text}".replace(" ", "\u2581")]
        while True:
            pairs = [a + b for a, b in itertools.pairwise(parts)]
            joined = min(
                (pair for pair in pairs if pair in self._numbers), key=self._numbers.__getitem__, default=None
            )
            if joined is None:
                break
            at = pairs.index(joined)
            parts[at : at + 2] = [joined]
        return [number for part in parts for number in self._number(part)]

    def _number(self, part: bytes) -> list[int]:
        number = self._numbers.get(part)
        if number is not None:
            return [number]
        return [self._numbers.get(b"<0x%02X>" % byte, 0) for byte in part]


def read_tokenizer(path: Path) -> list[bytes]:
    """The vocabulary: for each token its length (one byte, or two from 128 on) and its bytes."""
    data = path.read_bytes()
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128 and at < len(data):
            length = data[at] * 128 + length - 128
            at += 1
        if at + length > len(data):
            raise ModelError(f"{path}: cut short or not a Moonshine tokenizer; {ADVICE}")
        tokens.append(data[at : at + length])
        at += length
    if len(tokens) <= EOS:
        raise ModelError(f"{path}: cut short or not a Moonshine tokenizer; {ADVICE}")
    return tokens


def detokenize(tokens: list[bytes]) -> str:
    """Join token bytes; markers such as ``<s>`` and ``<<ST_3>>`` are not words."""
    words = b"".join(token for token in tokens if not (token[:1] == b"<" and token[-1:] == b">"))
    return " ".join(words.decode("utf-8", "replace").replace("\u2581", " ").split())
