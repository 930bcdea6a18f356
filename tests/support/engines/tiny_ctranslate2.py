"""A small CTranslate2 Whisper folder with random weights, as its converter would write one."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.engines.tiny_whisper import AUDIO_CTX, HEADS, LAYERS, MELS, STATE, TEXT_CTX, VOCAB

WORDS = 50257
_DTYPES = {np.dtype(np.int8): 1, np.dtype(np.float16): 4, np.dtype(np.float32): 0}


def write_tiny_ctranslate2(folder: Path, *, parts: int = 1, int8: bool = False, seed: int = 5) -> Path:
    """``model.bin``, or it in ``parts``, and ``vocabulary.txt``; the same seed gives the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    data = model_bytes(int8=int8, seed=seed)
    if parts == 1:
        (folder / "model.bin").write_bytes(data)
    size = -(-len(data) // parts)
    for part in range(parts if parts > 1 else 0):
        (folder / f"model.bin.part{part + 1}").write_bytes(data[part * size : (part + 1) * size])
    words = [f"\u0120w{number}" for number in range(WORDS)]
    words[1] = "\u0120"  # a space, as GPT-2 writes it; whisper.cpp looks it up
    markers = ["<|endoftext|>", *(f"<|{number}|>" for number in range(VOCAB - WORDS - 1))]
    (folder / "vocabulary.txt").write_text("\n".join([*words, *markers]), "utf-8")
    return folder


def model_bytes(*, int8: bool = False, seed: int = 5, specification: str = "WhisperSpec") -> bytes:
    """The file itself."""
    tensors = _tensors(np.random.default_rng(seed), int8)
    out = [struct.pack("<I", 6), _string(specification), struct.pack("<2I", 3, len(tensors))]
    for name, values in tensors.items():
        out.append(_string(name) + struct.pack("<B", values.ndim))
        out.append(struct.pack(f"<{values.ndim}I", *values.shape))
        raw = values.tobytes()
        out.append(struct.pack("<BI", _kind(values), len(raw)) + raw)
    out.append(
        struct.pack("<I", 1) + _string("decoder/projection/weight") + _string("decoder/embeddings/weight")
    )
    return b"".join(out)


def _kind(values: NDArray[Any]) -> int:
    return 2 if values.dtype == np.int16 else _DTYPES[values.dtype]


def _string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def _tensors(rng: np.random.Generator, int8: bool) -> dict[str, NDArray[Any]]:
    out: dict[str, NDArray[Any]] = {}

    def random(*shape: int) -> NDArray[np.float16]:
        return rng.normal(0, 0.08, shape).astype(np.float16)

    def norm(name: str) -> None:
        out[f"{name}/gamma"], out[f"{name}/beta"] = np.ones(STATE, np.float16), np.zeros(STATE, np.float16)

    def linear(name: str, rows: int, columns: int = STATE, keys_at: int | None = None) -> None:
        weight = random(rows, columns)
        if int8:
            scale = 127 / np.abs(weight).max(axis=1).astype(np.float32)
            out[f"{name}/weight"] = np.round(weight * scale[:, None]).astype(np.int8)
            out[f"{name}/weight_scale"] = scale.astype(np.float32)
        else:
            out[f"{name}/weight"] = weight
        bias = random(rows)
        if keys_at is not None:  # Whisper's keys have no bias
            bias[keys_at * STATE : (keys_at + 1) * STATE] = 0
        out[f"{name}/bias"] = bias

    for side, length in (("encoder", AUDIO_CTX), ("decoder", TEXT_CTX)):
        out[f"{side}/num_heads"] = np.array(HEADS, np.int16)
        out[f"{side}/position_encodings/encodings"] = random(length, STATE)
        norm(f"{side}/layer_norm")
        for layer in range(LAYERS):
            at = f"{side}/layer_{layer}"
            norm(f"{at}/self_attention/layer_norm")
            linear(f"{at}/self_attention/linear_0", 3 * STATE, keys_at=1)
            linear(f"{at}/self_attention/linear_1", STATE)
            if side == "decoder":
                norm(f"{at}/attention/layer_norm")
                linear(f"{at}/attention/linear_0", STATE)
                linear(f"{at}/attention/linear_1", 2 * STATE, keys_at=0)
                linear(f"{at}/attention/linear_2", STATE)
            norm(f"{at}/ffn/layer_norm")
            linear(f"{at}/ffn/linear_0", 4 * STATE)
            linear(f"{at}/ffn/linear_1", STATE, 4 * STATE)
    for convolution, channels in (("conv1", MELS), ("conv2", STATE)):
        out[f"encoder/{convolution}/weight"] = random(STATE, channels, 3)
        out[f"encoder/{convolution}/bias"] = random(STATE)
    out["decoder/embeddings/weight"] = random(VOCAB, STATE)
    return out
