"""Small GGUF files of kinds that offhook must refuse, or has to handle without a chat template.

llama.cpp loads them like any model; their weights are random and mean nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Value = str | int | float | list[str] | list[float] | list[int]
_WIDTH, _VOCAB, _INNER, _STATE, _CONV, _RANK = 32, 300, 64, 16, 4, 4
_ALIGNMENT = 32


def write_mamba(path: Path) -> Path:
    """A recurrent model: it cannot take words back."""
    tensors = _outer()
    for name, shape in {
        "attn_norm.weight": (_WIDTH,),
        "ssm_in.weight": (2 * _INNER, _WIDTH),
        "ssm_conv1d.weight": (_INNER, _CONV),
        "ssm_conv1d.bias": (_INNER,),
        "ssm_x.weight": (_RANK + 2 * _STATE, _INNER),
        "ssm_dt.weight": (_INNER, _RANK),
        "ssm_dt.bias": (_INNER,),
        "ssm_a": (_INNER, _STATE),
        "ssm_d": (_INNER,),
        "ssm_out.weight": (_WIDTH, _INNER),
    }.items():
        tensors[f"blk.0.{name}"] = _random(shape)
    keys: dict[str, Value] = {
        "general.architecture": "mamba",
        "mamba.context_length": 512,
        "mamba.embedding_length": _WIDTH,
        "mamba.feed_forward_length": 0,
        "mamba.attention.head_count": 0,
        "mamba.block_count": 1,
        "mamba.ssm.conv_kernel": _CONV,
        "mamba.ssm.inner_size": _INNER,
        "mamba.ssm.state_size": _STATE,
        "mamba.ssm.time_step_rank": _RANK,
        "mamba.attention.layer_norm_rms_epsilon": 1e-5,
    }
    return _write(path, keys | _vocabulary(), tensors)


def write_llama(path: Path) -> Path:
    """A plain attention model without a chat template."""
    tensors = _outer()
    for name, shape in {
        "attn_norm.weight": (_WIDTH,),
        "attn_q.weight": (_WIDTH, _WIDTH),
        "attn_k.weight": (_WIDTH, _WIDTH),
        "attn_v.weight": (_WIDTH, _WIDTH),
        "attn_output.weight": (_WIDTH, _WIDTH),
        "ffn_norm.weight": (_WIDTH,),
        "ffn_gate.weight": (_INNER, _WIDTH),
        "ffn_up.weight": (_INNER, _WIDTH),
        "ffn_down.weight": (_WIDTH, _INNER),
    }.items():
        tensors[f"blk.0.{name}"] = _random(shape)
    keys: dict[str, Value] = {
        "general.architecture": "llama",
        "llama.context_length": 512,
        "llama.embedding_length": _WIDTH,
        "llama.feed_forward_length": _INNER,
        "llama.block_count": 1,
        "llama.attention.head_count": 2,
        "llama.attention.head_count_kv": 2,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": _WIDTH // 2,
    }
    return _write(path, keys | _vocabulary(), tensors)


def _outer() -> dict[str, NDArray[np.float32]]:
    return {
        "token_embd.weight": _random((_VOCAB, _WIDTH)),
        "output_norm.weight": np.ones(_WIDTH, np.float32),
        "output.weight": _random((_VOCAB, _WIDTH)),
    }


def _random(shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.random.default_rng(sum(shape)).normal(0, 0.1, shape).astype(np.float32)


def _vocabulary() -> dict[str, Value]:
    """Bytes and a few markers, in the form of a SentencePiece model."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [2, 3, 3, *([6] * 256)]  # unknown, control, control, bytes
    tokens += [f"word{number}" for number in range(_VOCAB - len(tokens))]
    kinds += [1] * (_VOCAB - len(kinds))
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * _VOCAB,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }


def _write(path: Path, keys: Mapping[str, Value], tensors: Mapping[str, NDArray[np.float32]]) -> Path:
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    for key, value in keys.items():
        head += _text(key) + _value(value)
    body = b""
    for name, values in tensors.items():
        body += bytes(-len(body) % _ALIGNMENT)
        head += _text(name) + struct.pack("<I", values.ndim)
        head += struct.pack(f"<{values.ndim}Q", *reversed(values.shape)) + struct.pack("<IQ", 0, len(body))
        body += values.astype("<f4").tobytes()
    path.write_bytes(head + bytes(-len(head) % _ALIGNMENT) + body + bytes(-len(body) % _ALIGNMENT))
    return path


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    match value:
        case str():
            return struct.pack("<I", 8) + _text(value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(str(item)) for item in value)
        case [float(), *_]:
            return struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)
        case _:
            return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
