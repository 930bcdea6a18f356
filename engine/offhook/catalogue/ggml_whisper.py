"""whisper.cpp's ggml files, written: hyperparameters, mel filters, vocabulary, tensors.

Large matrices are kept in one of two forms (whisper.cpp runs no convolutions in f32).  Blocks of ``q8_0``
hold 32 values as int8 with one f16 scale and are byte for byte what ggml's own quantiser writes.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from offhook.catalogue.ctranslate2 import WhisperTensors

Form = Literal["f16", "q8_0"]

_MAGIC = 0x67676D6C
_TENSOR_TYPE = {"f32": 0, "f16": 1, "q8_0": 8}
"""ggml_type of a tensor."""
_FILE_TYPE: dict[Form, int] = {"f16": 1, "q8_0": 7 + 2 * 1000}
"""ggml_ftype of the header; a quantised one has GGML_QNT_VERSION (2) times its factor added."""
_BLOCK = 32
_FFT, _RATE_HZ = 400, 16_000
_ALWAYS_F32 = frozenset(
    {
        "encoder.conv1.bias",
        "encoder.conv2.bias",
        "encoder.positional_embedding",
        "decoder.positional_embedding",
    }
)
"""Matrices in shape that whisper.cpp reads as f32 all the same."""


def write_whisper(model: WhisperTensors, path: Path, form: Form = "f16") -> None:
    """Write ``model`` to ``path``; the same model gives the same file.  Raises OSError."""
    with path.open("wb") as file:
        _write_head(file, model, form)
        for name, values in model.tensors.items():
            kind = _form_of(name, values, form)
            file.write(struct.pack("<3i", values.ndim, len(name), _TENSOR_TYPE[kind]))
            file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + name.encode())
            file.write(packed(values, kind))


def packed(values: NDArray[np.float32], form: str) -> bytes:
    """``values`` as ggml stores them, row by row."""
    if form == "f32":
        return values.astype("<f4").tobytes()
    if form == "f16":
        return values.astype("<f2").tobytes()
    blocks = values.reshape(-1, _BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)
    whole = np.round(blocks * inverse).astype(np.int8)
    return np.hstack([scale.astype("<f2").view(np.uint8), whole.view(np.uint8)]).tobytes()


def mel_filters(bands: int) -> NDArray[np.float32]:
    """``[bands, 201]``: triangles on Slaney's mel scale, each of equal area, as Whisper was trained with."""
    step_hz, log_from_hz = 200 / 3, 1000.0  # linear below 1 kHz; above, 27 bands to a factor of 6.4
    log_step = np.log(6.4) / 27
    log_from = log_from_hz / step_hz

    def to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel >= log_from, log_from_hz * np.exp(log_step * (mel - log_from)), mel * step_hz)

    top = log_from + np.log(_RATE_HZ / 2 / log_from_hz) / log_step
    edges_hz = to_hz(np.linspace(0.0, top, bands + 2))
    ramps = edges_hz[:, None] - np.linspace(0, _RATE_HZ / 2, _FFT // 2 + 1)
    width = np.diff(edges_hz)
    rising, falling = -ramps[:-2] / width[:-1, None], ramps[2:] / width[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling))
    return (weights * (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]).astype(np.float32)


def _write_head(file: BinaryIO, model: WhisperTensors, form: Form) -> None:
    tensors = model.tensors
    vocabulary, state = tensors["decoder.token_embedding.weight"].shape
    audio_frames = len(tensors["encoder.positional_embedding"])
    text_tokens = len(tensors["decoder.positional_embedding"])
    layers = [
        len({name.split(".")[2] for name in tensors if name.startswith(f"{side}.blocks.")})
        for side in ("encoder", "decoder")
    ]
    bands = tensors["encoder.conv1.weight"].shape[1]
    file.write(struct.pack("<I", _MAGIC))
    file.write(struct.pack("<5i", vocabulary, audio_frames, state, model.heads[0], layers[0]))
    file.write(struct.pack("<4i", text_tokens, state, model.heads[1], layers[1]))
    file.write(struct.pack("<2i", bands, _FILE_TYPE[form]))
    filters = mel_filters(bands)
    file.write(struct.pack("<2i", *filters.shape) + filters.astype("<f4").tobytes())
    file.write(struct.pack("<i", len(model.vocabulary)))
    for word in model.vocabulary:
        file.write(struct.pack("<i", len(word)) + word)


def _form_of(name: str, values: NDArray[np.float32], form: Form) -> str:
    if values.ndim < 2 or name in _ALWAYS_F32:
        return "f32"
    if values.ndim == 3 and form == "q8_0":  # whisper.cpp never quantises its convolutions
        return "f16"
    return form
