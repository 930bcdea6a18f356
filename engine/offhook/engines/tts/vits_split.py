"""Cutting a VITS network in front of its decoder, so that speech can be decoded in windows.

A VITS voice is an encoder (text, durations, flow), which needs the whole sentence, and a
decoder (HiFi-GAN: convolutions only), in which every sample depends on a few latent
frames around it.  The graph's structure says where one ends and the other begins, how
many samples a frame makes and how many frames of context a window needs; no name is
relied on.  Verified with real Piper voices, whose decoder begins at ``/dec/conv_pre/Conv``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_POINTWISE_TEXT = """
Abs Add Cast Clip Cos Div Elu Exp Identity LeakyRelu Mul Neg PRelu Pow Relu Sigmoid Sin Softplus Sqrt
Squeeze Sub Sum Tanh Unsqueeze
"""
_POINTWISE = frozenset(_POINTWISE_TEXT.split())
"""Operators whose output at one time depends on their inputs at that time alone."""
_FLOAT = 1
"""onnx.TensorProto.FLOAT"""


class CannotCutError(Exception):
    """The network has no decoder that works in windows; the message says why."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The two halves as serialised ONNX models, and how to join what they make.

    The encoder has the voice's own inputs.  It gives ``latent`` ``[1, channels, frames]`` and
    ``carried``, which the decoder takes unchanged for every window (a speaker's voice).
    """

    encoder: bytes
    decoder: bytes
    latent: str
    carried: tuple[str, ...]
    hop_samples: int
    """Samples that one latent frame makes."""
    context_frames: tuple[int, int]
    """Frames before and after a window that its samples depend on."""


def cut_file(path: Path) -> Cut:
    """Cut the network in a file.  Raises :class:`CannotCutError`, whatever the file holds."""
    import onnx

    try:
        return cut(onnx.load(str(path)))
    except CannotCutError:
        raise
    except Exception as error:  # a broken file; whoever loads it whole is told more
        raise CannotCutError(f"it cannot be read ({one_line(error)})") from error


def cut(model: Any) -> Cut:
    """Cut an ``onnx.ModelProto``.  Raises :class:`CannotCutError`."""
    graph = _Graph(model.graph)
    latent = graph.latent()
    inside = graph.between(latent)
    hop_samples, context_frames = graph.window(latent, inside)
    constants, carried = graph.crossing(latent, inside)
    return Cut(
        encoder=_part(
            model, graph, graph.behind([latent, *carried]), list(model.graph.input), [latent, *carried]
        ),
        decoder=_part(
            model,
            graph,
            inside | constants,
            [graph.described(name) for name in (latent, *carried)],
            [graph.output],
        ),
        latent=latent,
        carried=carried,
        hop_samples=hop_samples,
        context_frames=context_frames,
    )


class _Graph:
    """Who makes which tensor, who needs it.  Nodes are known by their position, which is topological."""

    def __init__(self, proto: Any) -> None:
        if not proto.output:
            raise CannotCutError("it has no output")
        self.nodes = list(proto.node)
        self.output: str = proto.output[0].name
        self.inputs = {node.name for node in proto.input}
        self.initializers = {tensor.name: tensor for tensor in proto.initializer}
        self.inputs -= set(self.initializers)  # old files list their weights as inputs, too
        self._types = {node.name: node.type.tensor_type.elem_type for node in proto.value_info}
        self._maker = {name: at for at, node in enumerate(self.nodes) for name in node.output if name}
        self.needs = [_needs(node) for node in self.nodes]

    def behind(self, names: Iterable[str]) -> set[int]:
        """The nodes that ``names`` are computed by."""
        found: set[int] = set()
        waiting = list(names)
        while waiting:
            at = self._maker.get(waiting.pop())
            if at is not None and at not in found:
                found.add(at)
                waiting += self.needs[at]
        return found

    def latent(self) -> str:
        """What goes into the convolution in front of the first upsampling one."""
        ups = [at for at in sorted(self.behind([self.output])) if self.nodes[at].op_type == "ConvTranspose"]
        if not ups:
            raise CannotCutError("it has no upsampling decoder")
        if any(ups[0] not in self.behind(self.needs[at]) for at in ups[1:]):
            raise CannotCutError("its upsampling layers are not one chain")
        found: set[int] = set()
        waiting = [self.nodes[ups[0]].input[0]]
        while waiting:
            at = self._maker.get(waiting.pop())
            if at is None:
                continue
            node = self.nodes[at]
            if node.op_type == "Conv":
                # A speaker's voice is added by a convolution of width one: it has no time.
                if len(_kernel(node, self.initializers)) == 1 and _kernel(node, self.initializers)[0] > 1:
                    found.add(at)
            elif node.op_type in _POINTWISE:
                waiting += node.input
        if len(found) != 1:
            raise CannotCutError(f"{len(found)} convolutions lead to its decoder, not one")
        return str(self.nodes[found.pop()].input[0])

    def between(self, latent: str) -> set[int]:
        """The nodes from ``latent`` to the output."""
        behind = self.behind([self.output])
        touched = {latent}
        inside: set[int] = set()
        for at in sorted(behind):
            if self.needs[at] & touched:
                inside.add(at)
                touched.update(self.nodes[at].output)
        return inside

    def crossing(self, latent: str, inside: set[int]) -> tuple[set[int], tuple[str, ...]]:
        """What else the decoder needs: nodes that make constants, and tensors to carry across."""
        constants: set[int] = set()
        carried: list[str] = []
        for name in sorted({name for at in inside for name in self.needs[at]} - {latent}):
            if name in self.inputs:
                raise CannotCutError(f"its decoder uses the input {name!r} itself")
            if name not in self._maker or self._maker[name] in inside:
                continue
            behind = self.behind([name])
            varies = any(
                self.needs[at] & self.inputs or self.nodes[at].op_type.startswith("Random") for at in behind
            )
            if varies:
                carried.append(name)
            else:
                constants |= behind
        return constants, tuple(carried)

    def window(self, latent: str, inside: set[int]) -> tuple[int, tuple[int, int]]:
        """Samples of a frame, and the frames before and after one that its samples depend on."""
        rate = {latent: 1}
        for at in sorted(inside):
            node = self.nodes[at]
            rates = {rate[name] for name in self.needs[at] if name in rate}
            if len(rates) != 1:
                raise CannotCutError(f"{_called(node)} joins different rates")
            up = _Convolution(node, self.initializers).up if node.op_type in _CONVOLUTIONS else 1
            if node.op_type not in _POINTWISE | _CONVOLUTIONS:
                raise CannotCutError(f"{_called(node)} may look at the whole sentence")
            if node.op_type in _CONVOLUTIONS and node.input[0] not in rate:
                raise CannotCutError(f"the weights of {_called(node)} change with the sentence")
            rate.update(dict.fromkeys(node.output, rates.pop() * up))
        hop_samples = rate[self.output]
        # Backwards from the samples of frame 0: the first and one past the last place that each tensor
        # is needed at.
        needed = {self.output: (0, hop_samples)}
        for at in sorted(inside, reverse=True):
            node = self.nodes[at]
            spans = [needed[name] for name in node.output if name in needed]
            first, stop = min(span[0] for span in spans), max(span[1] for span in spans)
            if node.op_type in _CONVOLUTIONS:
                first, stop = _Convolution(node, self.initializers).needs(first, stop)
            for name in self.needs[at] & set(rate):
                known = needed.get(name, (first, stop))
                needed[name] = min(first, known[0]), max(stop, known[1])
        first, stop = needed[latent]
        return hop_samples, (max(0, -first), max(0, stop - 1))

    def described(self, name: str) -> Any:
        """``name`` as an input or output.  Its shape is left open."""
        from onnx import helper

        return helper.make_tensor_value_info(name, self._types.get(name) or _FLOAT, None)


class _Convolution:
    """The time arithmetic of one Conv or ConvTranspose.

    Raises CannotCutError when it is not along time alone, or does not keep the length.
    """

    def __init__(self, node: Any, initializers: dict[str, Any]) -> None:
        attributes = {attribute.name: attribute for attribute in node.attribute}

        def ints(name: str, default: list[int]) -> list[int]:
            return list(attributes[name].ints) if name in attributes else default

        kernel = _kernel(node, initializers)
        if len(kernel) != 1:
            raise CannotCutError(f"{_called(node)} is not along time only")
        if "auto_pad" in attributes and attributes["auto_pad"].s not in (b"", b"NOTSET"):
            raise CannotCutError(f"{_called(node)} pads by itself")
        stride = ints("strides", [1])[0]
        self.reach = (kernel[0] - 1) * ints("dilations", [1])[0]
        pads = ints("pads", [0, 0])
        self.pad = pads[0]
        self.transposed = node.op_type == "ConvTranspose"
        self.up = stride if self.transposed else 1
        if self.transposed:
            keeps = self.reach + 1 + ints("output_padding", [0])[0] - sum(pads) == stride
        else:
            keeps = stride == 1 and sum(pads) == self.reach
        if not keeps:
            raise CannotCutError(f"{_called(node)} does not keep the length")

    def needs(self, first: int, stop: int) -> tuple[int, int]:
        """The inputs that outputs ``first`` to ``stop`` depend on, as first and one past the last."""
        if self.transposed:
            return -((self.reach - first - self.pad) // self.up), (stop - 1 + self.pad) // self.up + 1
        return first - self.pad, stop - self.pad + self.reach


_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})


def _kernel(node: Any, initializers: dict[str, Any]) -> list[int]:
    """The kernel's shape; [] when nobody says it."""
    for attribute in node.attribute:
        if attribute.name == "kernel_shape":
            return list(attribute.ints)
    weights = initializers.get(node.input[1])
    return list(weights.dims[2:]) if weights is not None else []


def _called(node: Any) -> str:
    return f"{node.op_type} {node.name!r}"


def _needs(node: Any) -> set[str]:
    """Every tensor that ``node`` reads, the bodies of its branches and loops included."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for body in [attribute.g, *attribute.graphs]:
            for inner in body.node:
                names |= _needs(inner)
    return names


def _part(model: Any, graph: _Graph, nodes: set[int], inputs: list[Any], outputs: list[str]) -> bytes:
    """A model of some of the nodes, with the weights they use."""
    import onnx

    part = onnx.ModelProto()
    part.ir_version = model.ir_version
    part.opset_import.extend(model.opset_import)
    part.functions.extend(model.functions)
    part.graph.name = model.graph.name or "voice"
    part.graph.node.extend(graph.nodes[at] for at in sorted(nodes))
    used = set[str]().union(*(graph.needs[at] for at in nodes))
    part.graph.initializer.extend(graph.initializers[name] for name in sorted(used & set(graph.initializers)))
    part.graph.input.extend(node for node in inputs if node.name not in graph.initializers)
    part.graph.output.extend(graph.described(name) for name in outputs)
    return bytes(part.SerializeToString())


def one_line(error: Exception) -> str:
    """An exception's text, as it may stand in one of ours."""
    return " ".join(str(error).split())[:200]
