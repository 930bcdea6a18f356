"""What a GGUF file says of its model, read without loading it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

_BYTES = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
"""Of one number in the cache; quantised ones come in blocks of 32 with their scale."""
_NUMBERS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _LIST = 8, 9
_MOST_KEYS, _MOST_BYTES = 10_000, 1 << 26
_MOST_LAYERS = 1_000
"""No model has as many.  A list that is longer holds the vocabulary, not layers: it is passed over."""


def token_bytes(path: Path, cache_type: str) -> float | None:
    """Bytes of the cache for one token of the model in ``path``; None when the file does not say."""
    try:
        with path.open("rb") as file:
            keys = _metadata(file)
        kind = keys["general.architecture"]
        layers = int(keys[f"{kind}.block_count"])
        if not 0 < layers <= _MOST_LAYERS:
            raise ValueError("no number of layers")
        heads = _of_each_layer(keys[f"{kind}.attention.head_count"], layers)
        kv_heads = _of_each_layer(keys.get(f"{kind}.attention.head_count_kv", heads), layers)
        width = int(keys[f"{kind}.embedding_length"]) // max(heads)
        key = int(keys.get(f"{kind}.attention.key_length", width))
        value = int(keys.get(f"{kind}.attention.value_length", width))
        return sum(kv_heads) * (key + value) * _BYTES[cache_type]
    except (OSError, ArithmeticError, LookupError, ValueError, TypeError, RecursionError, struct.error):
        return None  # whoever loads it says what is wrong with it


def _of_each_layer(count: Any, layers: int) -> list[int]:
    return [int(one) for one in count] if isinstance(count, list) else [int(count)] * layers


def _metadata(file: BinaryIO) -> dict[str, Any]:
    """The keys of the file.  Raises ValueError or struct.error for anything else."""
    if file.read(4) != b"GGUF" or _number(file, "<I") not in (2, 3):
        raise ValueError("no GGUF file")
    _number(file, "<Q")  # tensors
    count = _number(file, "<Q")
    if count > _MOST_KEYS:
        raise ValueError("too many keys")
    keys: dict[str, Any] = {}
    for _ in range(count):
        name = _text(file)
        keys[name] = _value(file, _number(file, "<I"))
    return keys


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _text(file)
    if kind != _LIST:
        return _number(file, _NUMBERS[kind])
    of, count = _number(file, "<I"), _number(file, "<Q")
    if count > _MOST_BYTES:
        raise ValueError("a list too long")
    if of in _NUMBERS and count > _MOST_LAYERS:
        file.seek(count * struct.calcsize(_NUMBERS[of]), 1)
        return []
    entries = [_value(file, of) for _ in range(count)]
    return entries if count <= _MOST_LAYERS else []


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _text(file: BinaryIO) -> str:
    size = _number(file, "<Q")
    if size > _MOST_BYTES:
        raise ValueError("a text too long")
    return file.read(size).decode("utf-8", "replace")
