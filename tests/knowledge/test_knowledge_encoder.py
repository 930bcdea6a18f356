"""Texts as vectors: the graph of our own against the one in the network's file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime
import pytest

from offhook.errors import ModelError
from offhook.knowledge.encoder import Encoder, model_file, tokenizer_file
from offhook.knowledge.matcher import _opened
from offhook.knowledge.network import network

TEXTS = (
    "Do you repair accordions?",
    ("What does a tuning cost?", "and for a grand piano, in the evening?"),
    "",
    "x",
    "Strings are changed while you wait. " * 30,
    "Upright pianos are tuned from Tuesday to Thursday, grand pianos on Fridays only.",
)

ROUNDED = 0.05
"""What rounding may change of a token's vector, as a share of its length.  Two ways to add the same up differ
in the last bit, which now and then rounds another way: also the same text beside others differs so much."""


@pytest.fixture(scope="module", params=[True, False], ids=["signed bytes", "as without VNNI"])
def encoder(request: pytest.FixtureRequest) -> Iterator[Encoder]:
    with pytest.MonkeyPatch.context() as patch:
        if not request.param:
            patch.setattr("offhook.knowledge.encoder.signs_add_up", lambda: False)
        yield Encoder()


def test_its_vectors_are_those_of_the_file(encoder: Encoder) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file()))
    tokenizer.no_padding()
    tokenizer.enable_truncation(96)
    file = onnxruntime.InferenceSession(model_file(), providers=["CPUExecutionProvider"])
    for text, found in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        (read,) = tokenizer.encode_batch([text])
        ids = np.array([read.ids], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (expected,) = file.run(["last_hidden_state"], feed)
        mean = expected[0].mean(axis=0)
        assert found.vector @ mean / np.linalg.norm(mean) > 0.998
        apart = np.linalg.norm(found.tokens - expected[0], axis=1) / np.linalg.norm(expected[0], axis=1)
        assert apart.mean() < ROUNDED
        assert found.spans == tuple(read.offsets)


@pytest.mark.parametrize(
    "texts",
    [(TEXTS[0], TEXTS[5]), (TEXTS[0], TEXTS[4], TEXTS[4], TEXTS[3])],
    ids=["in one row", "in rows, short ones padded"],
)
def test_texts_that_are_read_together_do_not_see_each_other(encoder: Encoder, texts: tuple[str, ...]) -> None:
    for text, found in zip(texts, encoder.encode(texts), strict=True):
        alone = encoder.encode([text])[0].tokens
        assert np.linalg.norm(found.tokens - alone) < ROUNDED * np.linalg.norm(alone)


def test_another_file_is_refused_with_what_to_do() -> None:
    with pytest.raises(ModelError, match="not the sentence encoder that offhook knows; `offhook models pull"):
        network(model_file(), {"val_1_q": np.zeros((1, 1), np.int8)})


def test_every_16_bit_float_is_opened_exactly() -> None:
    halves = np.arange(65_536, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    opened = _opened(halves)
    assert opened.dtype == np.float32
    np.testing.assert_array_equal(opened, halves.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(opened), np.signbit(halves))
