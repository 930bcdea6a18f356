"""A small Piper-shaped voice: the inputs and output of a real one, random weights.

onnxruntime runs it like any voice and the phonemes come from the real phonemiser, so it
proves the plumbing.  It speaks no words: every phoneme id is a fixed burst of noise.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HOP = 256
"""Samples of each phoneme id."""
SPEAKERS = 3
MARKS = ["_", "^", "$", " ", "!", "'", ",", "-", ".", ":", ";", "?"]
LETTERS = "abcdefhijklmnopqrstuvwxyz\u00e6\u00f0\u014b\u0250\u0251\u0252\u0254\u0259\u025b\u025c\u0261"
LETTERS += "\u026a\u0279\u0283\u028a\u028c\u0292\u02c8\u02cc\u02d0\u03b8\u1d7b\u027e\u0329\u0361"


def write_tiny_piper(
    folder: Path, *, rate_hz: int = 22_050, speakers: int = 1, loudness: float = 1.0, name: str = "tiny"
) -> Path:
    """Write ``name.onnx`` and ``name.onnx.json`` into ``folder``; returns the first."""
    symbols = [*MARKS, *LETTERS]
    rng = np.random.default_rng(11)
    table = (rng.normal(0, 0.2, (len(symbols), HOP)) * loudness).astype(np.float32)
    voices = rng.normal(0, 0.05, (speakers, 1, HOP)).astype(np.float32)
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch_size", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch_size"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "input"], ["sounds"], axis=0),
        helper.make_node("Slice", ["scales", "one", "two"], ["length_scale"]),
        helper.make_node("Div", ["sounds", "length_scale"], ["scaled"]),
    ]
    last = "scaled"
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch_size"]))
        nodes += [
            helper.make_node("Gather", ["voices", "sid"], ["voice"], axis=0),
            helper.make_node("Add", ["scaled", "voice"], ["spoken"]),
        ]
        last = "spoken"
    nodes.append(helper.make_node("Reshape", [last, "shape"], ["output"]))
    graph = helper.make_graph(
        nodes,
        "tiny-piper",
        inputs,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(voices, "voices"),
            numpy_helper.from_array(np.array([1], np.int64), "one"),
            numpy_helper.from_array(np.array([2], np.int64), "two"),
            numpy_helper.from_array(np.array([1, 1, 1, -1], np.int64), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    onnx.save(model, str(path))
    write_settings(path, rate_hz=rate_hz, speakers=speakers)
    return path


def write_settings(
    path: Path, *, rate_hz: int = 22_050, speakers: int = 1, noise_scale: float = 0.667, noise_w: float = 0.8
) -> None:
    """Write the ``.onnx.json`` beside the network ``path``."""
    symbols = [*MARKS, *LETTERS]
    settings = {
        "audio": {"sample_rate": rate_hz, "quality": "medium"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": noise_scale, "length_scale": 1.0, "noise_w": noise_w},
        "phoneme_type": "espeak",
        "phoneme_map": {},
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(symbols)},
        "num_symbols": len(symbols),
        "num_speakers": speakers,
        "speaker_id_map": {f"voice{number}": number for number in range(speakers)} if speakers > 1 else {},
        "piper_version": "1.0.0",
    }
    path.with_name(path.name + ".json").write_text(json.dumps(settings), encoding="utf-8")
