"""A small ggml Whisper file with random weights.

whisper.cpp loads and runs it like any model, so it proves the plumbing: loading,
padding, cancelling, token limits, threads.  It knows no words: its text is noise.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STATE, HEADS, LAYERS = 64, 1, 1
AUDIO_CTX, TEXT_CTX, MELS, BINS = 1500, 448, 80, 201
VOCAB = 51864
"""English-only Whisper: the special tokens have fixed numbers at the end of it."""
_F32, _F16 = 0, 1


def write_tiny_whisper(path: Path, seed: int = 7) -> Path:
    """Write the model to ``path``; the same seed gives the same file."""
    rng = np.random.default_rng(seed)
    with open(path, "wb") as file:
        file.write(struct.pack("<I", 0x67676D6C))
        file.write(
            struct.pack(
                "<11i", VOCAB, AUDIO_CTX, STATE, HEADS, LAYERS, TEXT_CTX, STATE, HEADS, LAYERS, MELS, _F16
            )
        )
        file.write(struct.pack("<2i", MELS, BINS))
        file.write(np.abs(rng.normal(0, 0.02, (MELS, BINS))).astype("<f4").tobytes())
        words = [f" w{number}".encode() for number in range(50257)]
        words[1] = b" "  # whisper.cpp looks this one up by its spelling
        file.write(struct.pack("<i", len(words)))
        for word in words:
            file.write(struct.pack("<I", len(word)) + word)
        for name, shape, half in _tensors():
            values = _values(rng, name, shape)
            file.write(struct.pack("<3i", len(shape), len(name), _F16 if half else _F32))
            file.write(struct.pack(f"<{len(shape)}i", *reversed(shape)))
            file.write(name.encode())
            file.write(values.astype("<f2" if half else "<f4").tobytes())
    return path


def _values(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if "ln" in name:
        return np.ones(shape) if name.endswith("weight") else np.zeros(shape)
    return rng.normal(0, 0.3 if "embedding" in name else 0.08, shape)


def _tensors() -> list[tuple[str, tuple[int, ...], bool]]:
    """Name, shape (slowest first) and whether it is 16 bits."""
    wide = 4 * STATE
    tensors: list[tuple[str, tuple[int, ...], bool]] = [
        ("encoder.positional_embedding", (AUDIO_CTX, STATE), False),
        ("encoder.conv1.weight", (STATE, MELS, 3), True),
        ("encoder.conv1.bias", (STATE, 1), False),
        ("encoder.conv2.weight", (STATE, STATE, 3), True),
        ("encoder.conv2.bias", (STATE, 1), False),
        ("encoder.ln_post.weight", (STATE,), False),
        ("encoder.ln_post.bias", (STATE,), False),
        ("decoder.positional_embedding", (TEXT_CTX, STATE), False),
        ("decoder.token_embedding.weight", (VOCAB, STATE), True),
        ("decoder.ln.weight", (STATE,), False),
        ("decoder.ln.bias", (STATE,), False),
    ]
    for side in ("encoder", "decoder"):
        for layer in range(LAYERS):
            at = f"{side}.blocks.{layer}"
            for attention in ("attn",) if side == "encoder" else ("attn", "cross_attn"):
                tensors += [
                    (f"{at}.{attention}_ln.weight", (STATE,), False),
                    (f"{at}.{attention}_ln.bias", (STATE,), False),
                    (f"{at}.{attention}.query.weight", (STATE, STATE), True),
                    (f"{at}.{attention}.query.bias", (STATE,), False),
                    (f"{at}.{attention}.key.weight", (STATE, STATE), True),
                    (f"{at}.{attention}.value.weight", (STATE, STATE), True),
                    (f"{at}.{attention}.value.bias", (STATE,), False),
                    (f"{at}.{attention}.out.weight", (STATE, STATE), True),
                    (f"{at}.{attention}.out.bias", (STATE,), False),
                ]
            tensors += [
                (f"{at}.mlp_ln.weight", (STATE,), False),
                (f"{at}.mlp_ln.bias", (STATE,), False),
                (f"{at}.mlp.0.weight", (wide, STATE), True),
                (f"{at}.mlp.0.bias", (wide,), False),
                (f"{at}.mlp.2.weight", (STATE, wide), True),
                (f"{at}.mlp.2.bias", (STATE,), False),
            ]
    return tensors
