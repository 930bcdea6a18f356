"""The checks of a ggml Whisper file, made before whisper.cpp sees it.

whisper.cpp trusts what its files say: a wrong size ends the process, and a file that
does not load leaves a context that ends it later.  So the whole file is walked through
and every tensor has to be there, under its name, in its shape.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from offhook.errors import ModelError

ADVICE = "name a ggml Whisper file, such as ggml-base.en.bin, in stt.model"
_F32 = 0
_CONVOLUTIONS = ("encoder.conv1.weight", "encoder.conv2.weight")
_TYPE_BYTES = {_F32: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34)}
"""ggml types found in Whisper files: (values, bytes) of a block."""


def check_ggml(path: Path) -> None:
    """Raise ModelError unless ``path`` is a whole ggml Whisper model."""
    try:
        with open(path, "rb") as file:
            _walk(file, path.stat().st_size)
    except OSError as error:
        raise ModelError(f"{path}: the speech model cannot be read: {error.strerror}; {ADVICE}") from error
    except _BadFileError as error:
        raise ModelError(f"{path}: {error}; {ADVICE}") from error


class _BadFileError(Exception):
    """Why a file is not a whole ggml Whisper model."""


@dataclass(frozen=True, slots=True)
class _Header:
    """The file's hyperparameters, in its order."""

    n_vocab: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int
    n_mels: int
    ftype: int

    def is_whisper(self) -> bool:
        return (
            50_000 <= self.n_vocab <= 100_000
            and self.n_audio_ctx == 1500
            and 0 < self.n_text_ctx <= 4096
            and self.n_audio_state == self.n_text_state
            and 0 < self.n_text_state <= 8192
            and 0 < self.n_audio_head <= 256
            and 0 < self.n_text_head <= 256
            and self.n_audio_state % self.n_audio_head == 0
            and self.n_text_state % self.n_text_head == 0
            and 0 < self.n_audio_layer <= 128
            and 0 < self.n_text_layer <= 128
            and self.n_mels in (80, 128)
        )

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, fastest dimension first."""
        state = self.n_audio_state
        shapes: dict[str, tuple[int, ...]] = {
            "encoder.positional_embedding": (state, self.n_audio_ctx),
            "encoder.conv1.weight": (3, self.n_mels, state),
            "encoder.conv1.bias": (1, state),
            "encoder.conv2.weight": (3, state, state),
            "encoder.conv2.bias": (1, state),
            "encoder.ln_post.weight": (state,),
            "encoder.ln_post.bias": (state,),
            "decoder.positional_embedding": (state, self.n_text_ctx),
            "decoder.token_embedding.weight": (state, self.n_vocab),
            "decoder.ln.weight": (state,),
            "decoder.ln.bias": (state,),
        }
        for layer in range(self.n_audio_layer):
            shapes |= _block(f"encoder.blocks.{layer}", state, ("attn",))
        for layer in range(self.n_text_layer):
            shapes |= _block(f"decoder.blocks.{layer}", state, ("attn", "cross_attn"))
        return shapes


def _block(at: str, state: int, attentions: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name in attentions:
        shapes |= {f"{at}.{name}_ln.weight": (state,), f"{at}.{name}_ln.bias": (state,)}
        shapes |= {f"{at}.{name}.{part}.weight": (state, state) for part in ("query", "key", "value", "out")}
        shapes |= {f"{at}.{name}.{part}.bias": (state,) for part in ("query", "value", "out")}
    return shapes | {
        f"{at}.mlp_ln.weight": (state,),
        f"{at}.mlp_ln.bias": (state,),
        f"{at}.mlp.0.weight": (state, 4 * state),
        f"{at}.mlp.0.bias": (4 * state,),
        f"{at}.mlp.2.weight": (4 * state, state),
        f"{at}.mlp.2.bias": (state,),
    }


def _walk(file: BinaryIO, size: int) -> None:
    magic = file.read(4)
    if magic == b"GGUF":
        raise _BadFileError("a GGUF file, whisper.cpp wants the older ggml form")
    if magic != b"lmgg":
        raise _BadFileError("not a ggml file")
    header = _Header(*_ints(file, 11))
    if not header.is_whisper():
        raise _BadFileError("a ggml file, but not of a Whisper model")
    filters, bins = _ints(file, 2)
    if filters != header.n_mels or bins != 201:
        raise _BadFileError("the mel filters are damaged")
    file.seek(filters * bins * 4, 1)
    _walk_vocabulary(file, header.n_vocab)
    _walk_tensors(file, size, header.tensors())


def _walk_tensors(file: BinaryIO, size: int, missing: dict[str, tuple[int, ...]]) -> None:
    """To the file's end; all that are ``missing`` have to come."""
    while file.tell() < size:
        _walk_tensor(file, missing)
    if file.tell() != size or missing:
        raise _BadFileError("cut short; fetch it again")


def _walk_vocabulary(file: BinaryIO, n_vocab: int) -> None:
    (count,) = _ints(file, 1)
    if not 50_000 <= count <= n_vocab:
        raise _BadFileError("the vocabulary is damaged")
    words: set[bytes] = set()
    for _ in range(count):
        (length,) = _ints(file, 1)
        if not 0 <= length <= 1024:
            raise _BadFileError("the vocabulary is damaged")
        words.add(file.read(length))
    if b" " not in words:  # whisper.cpp looks it up
        raise _BadFileError("the vocabulary is damaged")


def _walk_tensor(file: BinaryIO, missing: dict[str, tuple[int, ...]]) -> None:
    dims, name_length, kind = _ints(file, 3)
    if not 1 <= dims <= 4 or not 0 < name_length <= 128 or kind not in _TYPE_BYTES:
        raise _BadFileError(f"damaged: {len(missing)} tensors are missing; fetch it again")
    shape = _ints(file, dims)
    name = file.read(name_length).decode("ascii", "replace")
    if missing.pop(name, None) != shape:
        raise _BadFileError(f"damaged at {name!r}; fetch it again")
    if name in _CONVOLUTIONS and kind == _F32:  # it would end the process at the first utterance
        raise _BadFileError("weights of 32 bits, which whisper.cpp does not run; convert them to f16 or q8_0")
    values, block_bytes = _TYPE_BYTES[kind]
    if shape[0] % values:
        raise _BadFileError(f"damaged at {name!r}; fetch it again")
    file.seek(math.prod(shape) // values * block_bytes, 1)


def _ints(file: BinaryIO, count: int) -> tuple[int, ...]:
    data = file.read(4 * count)
    if len(data) < 4 * count:
        raise _BadFileError("cut short; fetch it again")
    return struct.unpack(f"<{count}i", data)
