"""A VITS voice of the true structure with random weights: encoder, flow, HiFi-GAN decoder.

The decoder is that of Piper's "medium" voices, layer by layer; ``TINY`` has few channels,
``MEDIUM`` as many as a real voice.  Nodes and tensors are named as PyTorch's exporter
names them, which a test may undo.  The text encoder is one convolution, and each phoneme
id lasts ``FRAMES_PER_ID`` frames: the time of a real one's attention and duration
predictor is missing.  It speaks no words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.support.engines.tiny_piper import LETTERS, MARKS, write_settings

SPEAKERS = 3
FRAMES_PER_ID = 3
HOP = 256


@dataclass(frozen=True)
class Shape:
    """Channel counts."""

    hidden: int
    decoder: int
    speaker: int
    couplings: int
    """Flow steps, four gated layers each."""


TINY = Shape(hidden=8, decoder=16, speaker=4, couplings=1)
MEDIUM = Shape(hidden=192, decoder=256, speaker=512, couplings=4)

UPSAMPLING = ((8, 16), (8, 16), (4, 8))
"""Stride and kernel of each step."""
RESIDUAL = ((3, (1, 2)), (5, (2, 6)), (7, (3, 12)))
"""Kernel and dilations of each branch."""


def write_tiny_vits(
    folder: Path,
    *,
    shape: Shape = TINY,
    speakers: int = 1,
    rate_hz: int = 22_050,
    noise_scale: float = 0.0,
    alter: Callable[[onnx.ModelProto], None] | None = None,
    name: str = "vits",
) -> Path:
    """Write ``name.onnx`` and ``name.onnx.json`` into ``folder``; returns the first.

    ``alter`` may change the model before it is written.
    """
    graph = _Builder(shape)
    graph.encoder(speakers)
    graph.flow()
    graph.decoder(speakers)
    model = graph.model(speakers)
    if alter is not None:
        alter(model)
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    onnx.save(model, str(path))
    write_settings(path, rate_hz=rate_hz, speakers=speakers, noise_scale=noise_scale, noise_w=0.0)
    return path


class _Builder:
    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._rng = np.random.default_rng(17)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def _op(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Add a node; its output's name."""
        output = f"/{name}_output_0"
        self._nodes.append(helper.make_node(kind, inputs, [output], name=f"/{name}", **attributes))
        return output

    def _const(self, name: str, value: Any, kind: type = np.int64) -> str:
        self._weights.append(numpy_helper.from_array(np.array(value, kind), name))
        return name

    def _random(self, name: str, shape: tuple[int, ...], scale: float) -> str:
        weights: NDArray[np.float32] = self._rng.normal(0, scale, shape).astype(np.float32)
        self._weights.append(numpy_helper.from_array(weights, name))
        return name

    def _conv(
        self,
        x: str,
        name: str,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        dilation: int = 1,
        gain: float = 1.0,
    ) -> str:
        weights = [
            self._random(
                f"{name.replace('/', '.')}.weight", (outputs, inputs, kernel), gain / (inputs * kernel) ** 0.5
            ),
            self._random(f"{name.replace('/', '.')}.bias", (outputs,), 0.02),
        ]
        pad = (kernel - 1) * dilation // 2
        return self._op(
            "Conv", [x, *weights], f"{name}/Conv",
            kernel_shape=[kernel], dilations=[dilation], strides=[1], pads=[pad, pad], group=1,
        )  # fmt: skip

    def encoder(self, speakers: int) -> None:
        """Phoneme ids to the noisy prior ``z_p`` ``[1, hidden, frames]``, and ``y_mask``."""
        hidden = self._shape.hidden
        table = self._random("enc_p.emb.weight", (len(MARKS) + len(LETTERS), hidden), 1.0)
        x = self._op("Gather", [table, "input"], "enc_p/emb/Gather", axis=0)
        x = self._op("Transpose", [x], "enc_p/Transpose", perm=[0, 2, 1])
        x = self._conv(x, "enc_p/proj", hidden, hidden, kernel=5)
        if speakers > 1:
            voices = self._random("emb_g.weight", (speakers, self._shape.speaker), 1.0)
            voice = self._op("Gather", [voices, "sid"], "emb_g/Gather", axis=0)
            self.voice = self._op("Unsqueeze", [voice, self._const("last", [-1])], "Unsqueeze_g")
            x = self._op(
                "Add", [x, self._conv(self.voice, "enc_p/cond", self._shape.speaker, hidden)], "enc_p/Add"
            )
        bounds = [self._const(f"at_{number}", [number]) for number in range(3)]
        noise, length = (
            self._op("Slice", ["scales", bounds[at], bounds[at + 1]], f"Slice_{at}") for at in range(2)
        )
        repeat = self._op("Mul", [length, self._const("per_id", [FRAMES_PER_ID], np.float32)], "Mul_r")
        repeat = self._op("Cast", [self._op("Ceil", [repeat], "Ceil")], "Cast", to=TensorProto.INT64)
        times = self._op("Concat", [self._const("ones", [1, 1, 1]), repeat], "Concat_r", axis=0)
        x = self._op("Unsqueeze", [x, self._const("after_ids", [3])], "Unsqueeze_x")
        x = self._op("Expand", [x, times], "Expand")
        x = self._op("Reshape", [x, self._const("flat", [1, hidden, -1])], "Reshape")
        random = self._op("RandomNormalLike", [x], "RandomNormalLike")
        self.z = self._op("Add", [x, self._op("Mul", [random, noise], "Mul_3")], "Add_z")
        frames = self._op(
            "Slice", [self._op("Shape", [x], "Shape"), bounds[2], self._const("at_3", [3])], "Slice_f"
        )
        frames = self._op("Squeeze", [frames], "Squeeze")
        counted = self._op("Range", [self._const("zero", 0), frames, self._const("one", 1)], "Range")
        there = self._op("Less", [counted, self._op("Mul", ["input_lengths", repeat], "Mul_l")], "Less")
        mask = self._op("Cast", [there], "Cast_m", to=TensorProto.FLOAT)
        self.mask = self._op("Unsqueeze", [mask, self._const("front", [0, 1])], "Unsqueeze_m")

    def flow(self) -> None:
        """The couplings, with which a real voice spends a fifth of its time."""
        hidden, half = self._shape.hidden, self._shape.hidden // 2
        for step in range(self._shape.couplings):
            name = f"flow/flows.{2 * step}"
            kept, moved = self._split(self.z, half, f"{name}/Split")
            x, skipped = self._conv(kept, f"{name}/pre", half, hidden), ""
            for layer in range(4):
                inner = f"{name}/enc/{layer}"
                both = self._conv(x, f"{name}/enc/in_layers.{layer}", hidden, 2 * hidden, kernel=5)
                signal, gate = self._split(both, hidden, f"{inner}/Split")
                signal = self._op("Tanh", [signal], f"{inner}/Tanh")
                y = self._op("Mul", [signal, self._op("Sigmoid", [gate], f"{inner}/Sigmoid")], f"{inner}/Mul")
                both = self._conv(y, f"{name}/enc/res_skip_layers.{layer}", hidden, 2 * hidden)
                more, skip = self._split(both, hidden, f"{inner}/Split_1")
                x = self._op("Add", [x, more], f"{inner}/Add")
                skipped = self._op("Add", [skipped, skip], f"{inner}/Add_1") if skipped else skip
            shift = self._conv(skipped, f"{name}/post", hidden, half)
            moved = self._op("Sub", [moved, shift], f"{name}/Sub")
            self.z = self._op("Concat", [moved, kept], f"{name}/Concat", axis=1)

    def _split(self, x: str, channels: int, name: str) -> tuple[str, str]:
        """Two halves of ``channels`` each."""
        sizes = self._const(f"{name}.sizes", [channels, channels])
        halves = (f"/{name}_output_0", f"/{name}_output_1")
        self._nodes.append(helper.make_node("Split", [x, sizes], list(halves), name=f"/{name}", axis=1))
        return halves

    def decoder(self, speakers: int) -> None:
        """``z * y_mask`` to samples: HiFi-GAN of the medium size."""
        channels = self._shape.decoder
        x = self._op("Mul", [self.z, self.mask], "Mul_7")
        x = self._conv(x, "dec/conv_pre", self._shape.hidden, channels, kernel=7)
        if speakers > 1:
            voice = self._conv(self.voice, "dec/cond", self._shape.speaker, channels)
            x = self._op("Add", [x, voice], "dec/Add_g")
        count = self._op("Constant", [], "enc_p/Constant_5", value_float=float(len(RESIDUAL)))
        for step, (stride, kernel) in enumerate(UPSAMPLING):
            x = self._op("LeakyRelu", [x], f"dec/LeakyRelu_{step}", alpha=0.1)
            scale = (1.5 / channels) ** 0.5
            weights = [
                self._random(f"dec.ups.{step}.weight", (channels, channels // 2, kernel), scale),
                self._random(f"dec.ups.{step}.bias", (channels // 2,), 0.02),
            ]
            pad = (kernel - stride) // 2
            channels //= 2
            x = self._op(
                "ConvTranspose", [x, *weights], f"dec/ups.{step}/ConvTranspose",
                kernel_shape=[kernel], strides=[stride], dilations=[1], pads=[pad, pad], group=1,
            )  # fmt: skip
            branches = [
                self._residual(x, f"dec/resblocks.{len(RESIDUAL) * step + number}", channels, *branch)
                for number, branch in enumerate(RESIDUAL)
            ]
            total = self._op("Add", branches[:2], f"dec/Add_{2 * step}")
            total = self._op("Add", [total, branches[2]], f"dec/Add_{2 * step + 1}")
            x = self._op("Div", [total, count], f"dec/Div_{step}")
        x = self._op("LeakyRelu", [x], "dec/LeakyRelu_3", alpha=0.01)
        x = self._conv(x, "dec/conv_post", channels, 1, kernel=7, gain=0.15)
        x = self._op("Tanh", [x], "dec/Tanh")
        self._nodes.append(
            helper.make_node("Unsqueeze", [x, self._const("second", [1])], ["output"], name="/Unsqueeze_11")
        )

    def _residual(self, x: str, name: str, channels: int, kernel: int, dilations: tuple[int, ...]) -> str:
        for number, dilation in enumerate(dilations):
            y = self._op("LeakyRelu", [x], f"{name}/LeakyRelu_{number}", alpha=0.1)
            y = self._conv(y, f"{name}/convs.{number}", channels, channels, kernel, dilation, gain=0.7)
            x = self._op("Add", [y, x], f"{name}/Add_{number}")
        return x

    def model(self, speakers: int) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info("input", TensorProto.INT64, ["batch_size", "phonemes"]),
            helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch_size"]),
            helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
        ]
        if speakers > 1:
            inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, ["batch_size"]))
        output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch_size", 1, 1, "time"])
        graph = helper.make_graph(self._nodes, "tiny-vits", inputs, [output], self._weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model
