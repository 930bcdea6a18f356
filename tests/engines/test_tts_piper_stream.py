"""Piper voices inside a sentence: the windows together are the whole run, and the first one is short."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from offhook.engines.tts import vits, vits_split
from offhook.engines.tts.piper import Piper, _Phonemizer
from offhook.engines.tts.vits_split import CannotCutError, Cut, cut
from tests.support.engines.tiny_piper import write_tiny_piper
from tests.support.engines.tiny_vits import HOP, SPEAKERS, write_tiny_vits

SENTENCE = "We are located at twelve Harbour Street, next to the library, and parking is free."
FIRST_FRAMES = 14
"""160 ms at 22.05 kHz."""
CONTEXT_FRAMES = 11
"""What the medium decoder's kernels, dilations and strides add up to."""
EXACT = 1e-5
"""Of full scale.  Differences of 2e-7 were seen: convolutions add up in another order."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vits")


@pytest.fixture(scope="module")
def file(folder: Path) -> Path:
    return write_tiny_vits(folder)


@pytest.fixture(scope="module")
def voice(file: Path) -> Iterator[Piper]:
    voice = Piper(file)
    yield voice
    voice.close()


def feed(voice: Piper, text: str = SENTENCE) -> vits.Feed:
    (sentence,) = _Phonemizer.load().sentences("en-us", text)
    return voice._feed(sentence)


def windows(voice: Piper, text: str = SENTENCE) -> list[NDArray[np.float32]]:
    return list(voice._network.blocks(feed(voice, text), lambda: False))


def uncut(path: Path, inputs: vits.Feed) -> NDArray[np.float32]:
    """The file as onnxruntime runs it, untouched by anything of ours."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, inputs)
    return np.asarray(output, np.float32).reshape(-1)


def frames(blocks: list[NDArray[np.int16]]) -> list[float]:
    return [len(block) / HOP for block in blocks]


def test_the_windows_together_are_the_uncut_run(voice: Piper, file: Path) -> None:
    blocks = windows(voice)
    whole = uncut(file, feed(voice))
    assert len(blocks) > 4
    assert 0.05 < whole.std() < 0.5
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=EXACT)


@pytest.mark.parametrize("text", ["a", "No.", "Yes, of course.", "We are open Monday to Friday."])
def test_short_sentences_are_whole_too(voice: Piper, file: Path, text: str) -> None:
    np.testing.assert_allclose(
        np.concatenate(windows(voice, text)), uncut(file, feed(voice, text)), atol=EXACT
    )


def test_the_first_block_is_short_and_each_is_twice_as_long(voice: Piper) -> None:
    blocks = list(voice.synthesize(SENTENCE))
    assert voice.streams
    assert frames(blocks)[:5] == [14, 28, 56, 112, 112]
    assert 140 <= len(blocks[0]) * 1000 / voice.sample_rate_hz <= 180
    # What is left may be as long as a window and the context behind it, and is never a scrap.
    assert CONTEXT_FRAMES < frames(blocks)[-1] <= 112 + CONTEXT_FRAMES


def test_the_first_block_lasts_as_long_at_other_rates(folder: Path) -> None:
    low = Piper(write_tiny_vits(folder, rate_hz=16_000, name="low"))
    first = next(iter(low.synthesize(SENTENCE)))
    assert len(first) == 10 * HOP == 160 * 16


def test_the_context_follows_from_the_graph(file: Path) -> None:
    found = cut(onnx.load(str(file)))
    assert found.hop_samples == HOP
    assert found.context_frames == (CONTEXT_FRAMES, CONTEXT_FRAMES)


@pytest.mark.parametrize(
    ("context", "enough"), [(0, False), (4, False), (8, False), (CONTEXT_FRAMES, True), (16, True)]
)
def test_less_context_than_that_is_heard(file: Path, voice: Piper, context: int, enough: bool) -> None:
    found = replace(cut(onnx.load(str(file))), context_frames=(context, context))
    encoder, decoder = (onnxruntime.InferenceSession(part) for part in (found.encoder, found.decoder))
    wrong = vits._Halves(found, encoder, decoder, FIRST_FRAMES).disagreement(feed(voice))
    if enough:
        assert wrong is None
    else:
        assert wrong is not None
        assert "windows differ" in wrong


def test_a_speaker_is_carried_across_the_cut(folder: Path) -> None:
    path = write_tiny_vits(folder, speakers=SPEAKERS, name="many")
    assert cut(onnx.load(str(path))).carried == ("/dec/cond/Conv_output_0",)
    said = []
    for speaker in range(SPEAKERS):
        one = Piper(path, speaker=speaker)
        assert one.streams
        said.append(np.concatenate(windows(one)))
        np.testing.assert_allclose(said[-1], uncut(path, feed(one)), atol=EXACT)
    assert np.abs(said[0] - said[1]).max() > 0.05


def test_the_noise_is_drawn_once_for_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = Piper(write_tiny_vits(folder, noise_scale=0.667, name="noisy"))
    halves = noisy._network._halves
    assert halves is not None
    latents = []
    encode = halves._encode

    def remember(inputs: vits.Feed) -> vits.Feed:
        latents.append(encode(inputs))
        return latents[-1]

    monkeypatch.setattr(halves, "_encode", remember)
    said = [np.concatenate(windows(noisy)) for _ in range(2)]
    assert len(latents) == 2
    assert np.abs(said[0] - said[1]).max() > 0.05
    for latent, samples in zip(latents, said, strict=True):
        whole = np.asarray(halves._decoder.run(None, latent)[0]).reshape(-1)
        np.testing.assert_allclose(samples, whole, atol=EXACT)


# --- graphs of other makers ----------------------------------------------------------------


def anonymous(model: onnx.ModelProto) -> None:
    """Take every name away, as optimisers do."""
    ends = {node.name for node in (*model.graph.input, *model.graph.output)}
    numbers: dict[str, str] = {}

    def renamed(name: str) -> str:
        return name if name in ends or not name else numbers.setdefault(name, f"t{len(numbers)}")

    for node in model.graph.node:
        node.name = ""
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    for tensor in model.graph.initializer:
        tensor.name = renamed(tensor.name)


def computed_weights(model: onnx.ModelProto) -> None:
    """conv_post's weights as a product, which is what weight normalisation leaves behind."""
    (weights,) = (tensor for tensor in model.graph.initializer if tensor.name == "dec.conv_post.weight")
    values = numpy_helper.to_array(weights) / 2
    weights.CopyFrom(numpy_helper.from_array(values, "dec.conv_post.weight_v"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(2, np.float32), "dec.conv_post.weight_g"))
    product = helper.make_node(
        "Mul", ["dec.conv_post.weight_v", "dec.conv_post.weight_g"], ["dec.conv_post.weight"]
    )
    model.graph.node.insert(0, product)


def between(model: onnx.ModelProto, after: str, *nodes: onnx.NodeProto) -> None:
    """Put ``nodes`` behind the node called ``after``; they read "in" and write "out"."""
    (at,) = (number for number, node in enumerate(model.graph.node) if node.name == after)
    tensor = model.graph.node[at].output[0]
    for node in model.graph.node[at + 1 :]:
        node.input[:] = ["out" if name == tensor else name for name in node.input]
    for number, node in enumerate(nodes):
        node.input[:] = [tensor if name == "in" else name for name in node.input]
        model.graph.node.insert(at + 1 + number, node)


def own_loudness(model: onnx.ModelProto) -> None:
    """A loudness for the decoder, computed from one of the voice's inputs."""
    between(model, "/dec/ups.0/ConvTranspose", helper.make_node("Mul", ["in", "loudness"], ["out"]))
    model.graph.node.insert(0, helper.make_node("Gather", ["scales", "one"], ["loudness"]))


@pytest.mark.parametrize("alter", [anonymous, computed_weights, own_loudness])
@pytest.mark.parametrize("speakers", [1, SPEAKERS])
def test_structure_counts_and_not_names(
    folder: Path, alter: Callable[[onnx.ModelProto], None], speakers: int
) -> None:
    path = write_tiny_vits(folder, speakers=speakers, alter=alter, name=f"{alter.__name__}{speakers}")
    other = Piper(path, speaker=speakers - 1)
    assert other.streams
    np.testing.assert_allclose(np.concatenate(windows(other)), uncut(path, feed(other)), atol=EXACT)


def normalised(model: onnx.ModelProto) -> None:
    """Kokoro's decoder does this: every sample depends on the whole sentence."""
    for name in ("scale", "bias"):
        values = np.full(8, name == "scale", np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    norm = helper.make_node("InstanceNormalization", ["in", "scale", "bias"], ["out"], name="norm")
    between(model, "/dec/ups.0/ConvTranspose", norm)


def reads_an_input(model: onnx.ModelProto) -> None:
    """The decoder reads one of the voice's inputs."""
    between(model, "/dec/ups.0/ConvTranspose", helper.make_node("Mul", ["in", "scales"], ["out"]))


def shortened(model: onnx.ModelProto) -> None:
    (post,) = (node for node in model.graph.node if node.name == "/dec/conv_post/Conv")
    (pads,) = (attribute for attribute in post.attribute if attribute.name == "pads")
    pads.ints[:] = [0, 0]


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (normalised, "InstanceNormalization 'norm' may look at the whole sentence"),
        (reads_an_input, "its decoder uses the input 'scales' itself"),
        (shortened, "'/dec/conv_post/Conv' does not keep the length"),
    ],
)
def test_a_decoder_that_windows_would_change_is_not_cut(
    folder: Path, alter: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    path = write_tiny_vits(folder, alter=alter, name=alter.__name__)
    with pytest.raises(CannotCutError, match=reason):
        cut(onnx.load(str(path)))


def test_such_a_voice_runs_whole_and_says_so_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_tiny_vits(folder, alter=normalised, name="whole")
    with caplog.at_level(logging.INFO):
        whole = Piper(path)
    (record,) = caplog.records
    assert record.getMessage().startswith("whole.onnx: sentences are not streamed: InstanceNormalization")
    assert not whole.streams
    (block,) = whole.synthesize(SENTENCE)
    expected = uncut(path, feed(whole))
    assert np.abs(block / 32767 - expected).max() <= 1 / 32767


def test_a_network_without_a_decoder_runs_whole(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert not Piper(write_tiny_piper(folder)).streams
    (record,) = caplog.records
    assert "no upsampling decoder" in record.getMessage()


def test_a_wrong_cut_is_noticed_at_load(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def careless(model: onnx.ModelProto) -> Cut:
        return replace(cut(model), context_frames=(0, 0))

    monkeypatch.setattr(vits_split, "cut", careless)
    whole = Piper(file)
    assert not whole.streams
    (record,) = caplog.records
    assert "its windows differ from the whole by 0." in record.getMessage()
    np.testing.assert_allclose(np.concatenate(windows(whole)), uncut(file, feed(whole)), atol=EXACT)


def test_without_the_package_onnx_it_runs_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert not Piper(file).streams
    (record,) = caplog.records
    assert "pip install 'offhook[piper]'" in record.getMessage()


# --- a caller who is in a hurry, a network that is too loud -----------------------------------


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_cancelling_stops_between_windows(voice: Piper, wanted: int) -> None:
    said: list[NDArray[np.int16]] = []
    for block in voice.synthesize(SENTENCE, cancelled=lambda: len(said) >= wanted):
        said.append(block)
    assert len(said) == wanted


def test_cancelled_while_encoding_nothing_is_decoded(voice: Piper) -> None:
    answers = iter([False, False, True])
    assert list(voice.synthesize(SENTENCE, cancelled=lambda: next(answers))) == []


def test_a_stream_that_passes_full_scale_is_turned_down(folder: Path) -> None:
    def louder(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.array(8, np.float32), "eight"))
        between(model, "/dec/Tanh", helper.make_node("Mul", ["in", "eight"], ["out"]))

    loud = Piper(write_tiny_vits(folder, alter=louder, name="loud"))
    assert loud.streams
    audio = np.concatenate(list(loud.synthesize(SENTENCE))).astype(int)
    samples = np.concatenate(windows(loud))
    assert np.abs(audio).max() == 32_767
    assert (np.sign(audio[audio != 0]) == np.sign(samples[audio != 0])).all(), "nothing wraps round"
