"""CTranslate2's Whisper files (a faster-whisper folder), read with numpy alone.

The file is a plain list of named tensors, all little-endian: u32 version, string specification, u32 revision,
u32 count; for each tensor its string name, u8 rank, u32 dimensions[rank], u8 data type, u32 bytes, data; then
u32 aliases, each two strings.  A string is a u16 length (its NUL included) and the bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError

Tensors = dict[str, NDArray[Any]]

_VERSIONS = range(4, 7)
"""Binary versions with this layout."""
_DTYPES: dict[int, type] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""Data types by their number; 5 would be bfloat16, which numpy does not have."""
_MAX_RANK = 4


@dataclass(frozen=True, slots=True)
class WhisperTensors:
    """A Whisper model under OpenAI's names."""

    tensors: dict[str, NDArray[np.float32]]
    """Queries, keys and values apart; a convolution's bias is ``[channels, 1]``."""
    heads: tuple[int, int]
    """Attention heads of encoder and decoder."""
    vocabulary: list[bytes]
    """The words; the markers that follow them are whisper.cpp's to name."""


def read_whisper(folders: Sequence[Path]) -> WhisperTensors:
    """Read a model whose files lie in one folder or, cut into parts, in several.

    The weights are ``model.bin``, or ``model.bin.part1``, ``.part2`` and so on; the words are in
    ``vocabulary.txt`` or ``vocabulary.json``.  Raises ModelError with one line that says what to do.
    """
    where = ", ".join(map(str, folders))
    try:
        words, size = _vocabulary(folders)
        tensors = _Reader(_weights(folders)).tensors()
        model = WhisperTensors(
            _to_openai(tensors),
            (int(tensors["encoder/num_heads"]), int(tensors["decoder/num_heads"])),
            words,
        )
    except OSError as error:
        raise ModelError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except KeyError as error:
        raise ModelError(f"{where}: not a whole Whisper model: it has no {error.args[0]}") from error
    except (ValueError, struct.error) as error:  # also what numpy says to shapes that do not fit
        raise ModelError(f"{where}: not a whole CTranslate2 Whisper model: {error}") from error
    rows = len(model.tensors["decoder.token_embedding.weight"])
    if rows != size:
        raise ModelError(f"{where}: {rows} embeddings for a vocabulary of {size}: not of the same model")
    return model


def is_whisper_folder(folder: Path) -> bool:
    """Whether ``folder`` looks like (a part of) such a model."""
    return (folder / "model.bin").is_file() or any(folder.glob("model.bin.part*"))


def _weights(folders: Sequence[Path]) -> memoryview:
    whole = next((folder / "model.bin" for folder in folders if (folder / "model.bin").is_file()), None)
    if whole is not None:
        return memoryview(whole.read_bytes())
    parts: dict[int, Path] = {}
    for folder in folders:
        for path in folder.glob("model.bin.part*"):
            number = path.name.rpartition("part")[2]
            if number.isdigit():
                parts[int(number)] = path
    if not parts:
        raise ValueError("there is no model.bin")
    missing = [number for number in range(1, max(parts) + 1) if number not in parts]
    if missing:
        raise ValueError(f"model.bin.part{missing[0]} is missing; name its folder, too")
    return memoryview(b"".join(parts[number].read_bytes() for number in sorted(parts)))


class _Reader:
    """Walks the file once."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def tensors(self) -> Tensors:
        version = self._take("I")
        if version not in _VERSIONS:
            raise ValueError(f"its version is {version}, only {_VERSIONS[0]} to {_VERSIONS[-1]} are known")
        specification, _revision = self._string(), self._take("I")
        if specification != "WhisperSpec":
            raise ValueError(f"it is a {specification}")
        found: Tensors = {}
        for _ in range(self._take("I")):
            name = self._string()
            found[name] = self._tensor(name)
        for _ in range(self._take("I")):
            alias, name = self._string(), self._string()
            found[alias] = found[name]
        if self._at != len(self._data):
            raise ValueError(f"{len(self._data) - self._at} bytes are left over")
        return found

    def _tensor(self, name: str) -> NDArray[Any]:
        rank = self._take("B")
        if rank > _MAX_RANK:
            raise ValueError(f"{name} has {rank} dimensions")
        shape = [self._take("I") for _ in range(rank)]
        kind, size = self._take("B"), self._take("I")
        if kind not in _DTYPES:
            raise ValueError(f"{name} is of data type {kind}, which is not supported: convert it to float16")
        if self._at + size > len(self._data):
            raise ValueError("it is cut short")
        values: NDArray[Any] = np.frombuffer(self._data[self._at : self._at + size], _DTYPES[kind]).reshape(
            shape
        )
        self._at += size
        return values

    def _take(self, kind: str) -> int:
        (value,) = struct.unpack_from("<" + kind, self._data, self._at)
        self._at += struct.calcsize("<" + kind)
        return int(value)

    def _string(self) -> str:
        size = self._take("H")
        value = bytes(self._data[self._at : self._at + size])
        self._at += size
        return value.rstrip(b"\0").decode()


def _to_openai(source: Tensors) -> dict[str, NDArray[np.float32]]:
    """OpenAI's names, with queries, keys and values taken apart, as float32."""
    out: dict[str, NDArray[np.float32]] = {}

    def get(name: str) -> NDArray[np.float32]:
        value = source[name]
        if value.dtype == np.int8:  # one scale for each row
            return value.astype(np.float32) / source[name + "_scale"].astype(np.float32)[:, None]
        return value.astype(np.float32)

    def norm(name: str, target: str) -> None:
        out[f"{target}.weight"], out[f"{target}.bias"] = get(f"{name}/gamma"), get(f"{name}/beta")

    def linear(name: str, targets: Sequence[str]) -> None:
        weights = np.split(get(f"{name}/weight"), len(targets))
        biases = np.split(get(f"{name}/bias"), len(targets))
        for target, weight, bias in zip(targets, weights, biases, strict=True):
            out[f"{target}.weight"] = weight
            if not target.endswith(".key"):
                out[f"{target}.bias"] = bias
            elif np.any(bias):  # Whisper's keys have none; CTranslate2 pads with zeros
                raise ValueError(f"{name}: the keys have a bias")

    for side in ("encoder", "decoder"):
        out[f"{side}.positional_embedding"] = get(f"{side}/position_encodings/encodings")
        norm(f"{side}/layer_norm", "encoder.ln_post" if side == "encoder" else "decoder.ln")
        for layer in range(_layers(source, side)):
            name, target = f"{side}/layer_{layer}", f"{side}.blocks.{layer}"
            own, other = f"{target}.attn", f"{target}.cross_attn"
            norm(f"{name}/self_attention/layer_norm", f"{own}_ln")
            linear(f"{name}/self_attention/linear_0", [f"{own}.query", f"{own}.key", f"{own}.value"])
            linear(f"{name}/self_attention/linear_1", [f"{own}.out"])
            if side == "decoder":
                norm(f"{name}/attention/layer_norm", f"{other}_ln")
                linear(f"{name}/attention/linear_0", [f"{other}.query"])
                linear(f"{name}/attention/linear_1", [f"{other}.key", f"{other}.value"])
                linear(f"{name}/attention/linear_2", [f"{other}.out"])
            norm(f"{name}/ffn/layer_norm", f"{target}.mlp_ln")
            linear(f"{name}/ffn/linear_0", [f"{target}.mlp.0"])
            linear(f"{name}/ffn/linear_1", [f"{target}.mlp.2"])
    for convolution in ("conv1", "conv2"):
        out[f"encoder.{convolution}.weight"] = get(f"encoder/{convolution}/weight")
        out[f"encoder.{convolution}.bias"] = get(f"encoder/{convolution}/bias")[:, None]
    out["decoder.token_embedding.weight"] = get("decoder/embeddings/weight")  # the output is tied to it
    return out


def _layers(source: Tensors, side: str) -> int:
    numbers = {name.split("/")[1] for name in source if name.startswith(f"{side}/layer_")}
    return len(numbers - {"layer_norm"})


def _vocabulary(folders: Sequence[Path]) -> tuple[list[bytes], int]:
    """The words as bytes, and how many entries there are with the markers."""
    for folder in folders:
        text, listed = folder / "vocabulary.txt", folder / "vocabulary.json"
        if text.is_file():
            entries = text.read_text("utf-8").split("\n")
            if entries[-1] == "":
                entries.pop()
            break
        if listed.is_file():
            entries = json.loads(listed.read_text("utf-8"))
            break
    else:
        raise ValueError("there is no vocabulary.txt or vocabulary.json")
    byte_of = _bytes_of_characters()
    end = entries.index("<|endoftext|>")
    return [bytes(byte_of[character] for character in entry) for entry in entries[:end]], len(entries)


def _bytes_of_characters() -> dict[str, int]:
    """GPT-2 writes each byte as a printable character: itself, or one from U+0100 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + n): byte for n, byte in enumerate(others)}
