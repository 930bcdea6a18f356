"""Meaning of short texts, as vectors: MiniLM from its wheel.

Two views of a text: one vector for the whole of it, and one for each token.  The weights of the layers can be
exchanged for others that were trained from them.  A question of 15 tokens takes 3 to 5 ms on one core.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.catalogue.embedded import ADVICE, SENTENCES, find_file
from offhook.errors import ModelError
from offhook.knowledge.base import Encoded

WIDTH = 384
MAX_TOKENS = 96
"""Longer texts are cut: the network is made for sentences."""
_LAST = "last_hidden_state"
_BATCH = 32


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
        self._session = onnxruntime.InferenceSession(
            _network(model_file(), weights or {}), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str | tuple[str, str]]) -> list[Encoded]:
        """The vectors of ``texts``; a pair is read as one text with a mark between its halves."""
        encodings = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda number: len(encodings[number].ids))
        found: dict[int, Encoded] = {}
        for begin in range(0, len(order), _BATCH):
            numbers = order[begin : begin + _BATCH]
            batch = [encodings[number] for number in numbers]
            longest = max(len(each.ids) for each in batch)
            ids = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros_like(ids)
            for row, each in enumerate(batch):
                ids[row, : len(each.ids)] = each.ids
                mask[row, : len(each.ids)] = 1
            inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            with self._lock:
                (last,) = self._session.run([_LAST], inputs)
            for row, number in enumerate(numbers):
                length = len(batch[row].ids)
                mean = last[row, :length].mean(axis=0)
                vector = mean / max(float(np.linalg.norm(mean)), 1e-9)
                found[number] = Encoded(vector, last[row, :length].copy(), tuple(batch[row].offsets))
        return [found[number] for number in range(len(texts))]


def _network(path: Path, weights: Mapping[str, NDArray[Any]]) -> bytes:
    """The file's network with ``weights`` in place of its own."""
    try:
        import onnx
    except ImportError as error:
        raise ModelError(f"the sentence encoder needs {error.name}: pip install {error.name}") from error
    model = onnx.load(str(path))
    named = {each.name: each for each in model.graph.initializer}
    if not weights.keys() <= named.keys():
        raise ModelError(f"{path}: not the sentence encoder that offhook knows; {ADVICE}")
    for name, value in weights.items():
        named[name].CopyFrom(onnx.numpy_helper.from_array(value, name))
    content: bytes = model.SerializeToString()
    return content


def model_file() -> Path:
    return find_file(SENTENCES, "model.onnx")


def tokenizer_file() -> Path:
    return find_file(SENTENCES, "tokenizer.json")
