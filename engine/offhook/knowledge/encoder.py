"""Meaning of short texts, as vectors: MiniLM from its wheel.

Two views of a text: one vector for the whole of it, and one for each token.  The weights of the layers can be
exchanged for others that were trained from them.  A question of 15 tokens takes 2 ms on one core.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.catalogue.embedded import SENTENCES, find_file
from offhook.errors import ModelError
from offhook.knowledge.base import Encoded
from offhook.knowledge.network import OUTPUT, network, signs_add_up

WIDTH = 384
MAX_TOKENS = 96
"""Longer texts are cut: the network is made for sentences."""
_BATCH = 32
"""Rows that are read at once."""
_ONE_ROW = 2 * MAX_TOKENS
"""Texts of so many tokens together are read in one row, so that none is padded."""


class Encoder:
    """Thread-safe; one inference at a time."""

    def __init__(self, weights: Mapping[str, NDArray[Any]] | None = None, *, threads: int = 1) -> None:
        """Load the network; ``weights`` replace the file's, by its names.

        Raises ModelError when its wheels are missing.
        """
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelError(f"the sentence encoder needs {error.name}: pip install {error.name}") from error
        self._lock = threading.Lock()
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file()))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        made = network(model_file(), weights or {}, signed=signs_add_up())
        self._session = onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])

    def encode(self, texts: Sequence[str | tuple[str, str]]) -> list[Encoded]:
        """The vectors of ``texts``; a pair is read as one text with a mark between its halves."""
        encodings = self._tokenizer.encode_batch(list(texts))
        lengths = [len(each.ids) for each in encodings]
        found: dict[int, Encoded] = {}
        for rows in _batches(lengths):
            longest = max(sum(lengths[number] for number in row) for row in rows)
            ids, places, owners = np.zeros((3, len(rows), longest), np.int64)
            spans: list[tuple[int, int, int]] = []
            for at, row in enumerate(rows):
                begin = 0
                for owner, number in enumerate(row, start=1):  # 0: nobody's, at the end of a short row
                    end = begin + lengths[number]
                    ids[at, begin:end] = encodings[number].ids
                    places[at, begin:end] = np.arange(end - begin)
                    owners[at, begin:end] = owner
                    spans.append((number, at, begin))
                    begin = end
            inputs = {"input_ids": ids, "position_ids": places, "text_ids": owners}
            with self._lock:
                (last,) = self._session.run([OUTPUT], inputs)
            for number, at, begin in spans:
                tokens = last[at, begin : begin + lengths[number]]
                mean = tokens.mean(axis=0)
                vector = mean / max(float(np.linalg.norm(mean)), 1e-9)
                found[number] = Encoded(vector, tokens.copy(), tuple(encodings[number].offsets))
        return [found[number] for number in range(len(texts))]


def _batches(lengths: Sequence[int]) -> Iterator[list[list[int]]]:
    """Which texts are read at once: rows of one or more, by their numbers."""
    order = sorted(range(len(lengths)), key=lambda number: lengths[number])
    if order and sum(lengths) <= _ONE_ROW:
        yield [order]
        return
    for begin in range(0, len(order), _BATCH):
        yield [[number] for number in order[begin : begin + _BATCH]]


def model_file() -> Path:
    return find_file(SENTENCES, "model.onnx")


def tokenizer_file() -> Path:
    return find_file(SENTENCES, "tokenizer.json")
