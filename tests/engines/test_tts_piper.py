"""Piper voices: real phonemes and onnxruntime, on a small voice that speaks no words."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from offhook.engines.tts.piper import Piper, _Phonemizer
from offhook.errors import ModelError
from tests.support.engines.tiny_piper import HOP, SPEAKERS, write_tiny_piper


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_piper(tmp_path_factory.mktemp("piper"))


@pytest.fixture(scope="module")
def voice(file: Path) -> Iterator[Piper]:
    voice = Piper(file)
    yield voice
    voice.close()


def spoken(voice: Piper, text: str) -> NDArray[np.int16]:
    return np.concatenate([np.zeros(0, np.int16), *voice.synthesize(text)])


def test_the_phonemes_are_those_of_the_words(voice: Piper) -> None:
    (sentence,) = _Phonemizer.load().sentences("en-us", "Hello, world.")
    assert "".join(sentence) == "h\u0259l\u02c8o\u028a, w\u02c8\u025c\u02d0ld."


def test_each_sentence_is_a_block(voice: Piper) -> None:
    blocks = list(voice.synthesize("Hello. How are you? I am fine."))
    assert len(blocks) == 3
    assert voice.sample_rate_hz == 22_050


def test_ids_are_framed_and_padded(voice: Piper) -> None:
    ids = voice.phoneme_ids(["a", "b", "\u2603"])
    bos, pad, eos, a, b = 1, 0, 2, 12, 13
    assert ids == [bos, pad, a, pad, b, pad, eos], "an unknown phoneme is left out"


def test_the_audio_is_as_long_as_its_phonemes(voice: Piper) -> None:
    (sentence,) = _Phonemizer.load().sentences("en-us", "Yes.")
    (block,) = voice.synthesize("Yes.")
    assert len(block) == HOP * len(voice.phoneme_ids(sentence))
    assert block.dtype == np.int16


@pytest.mark.parametrize("text", ["", "  ", "...", "\x00\n", "\U0001f600"])
def test_nothing_to_say_is_silence(voice: Piper, text: str) -> None:
    assert list(voice.synthesize(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        '"quotes" and\nnewlines\x00 here',
        "[[h@l]] <speak>hi</speak>",
        "\u4f60\u597d hello",
        "\ud800 hi",
        "a" * 400,
    ],
)
def test_strange_text_is_harmless(voice: Piper, text: str) -> None:
    assert len(spoken(voice, text)) > 0


def test_ten_thousand_characters(voice: Piper) -> None:
    text = ("This is a sentence of some length, more or less. " * 250)[:10_000]
    assert len(list(voice.synthesize(text))) > 50


def test_cancelling_stops_between_sentences(voice: Piper) -> None:
    said: list[NDArray[np.int16]] = []
    for block in voice.synthesize("One. Two. Three. Four.", cancelled=lambda: len(said) >= 2):
        said.append(block)
    assert len(said) == 2


def test_loud_output_is_turned_down_not_wrapped(tmp_path: Path) -> None:
    loud = Piper(write_tiny_piper(tmp_path, loudness=20.0))
    audio = spoken(loud, "Hello there.")
    assert np.abs(audio.astype(int)).max() == 32_767
    assert (np.abs(audio.astype(int)) == 32_767).sum() < 10


def test_speakers(tmp_path: Path) -> None:
    path = write_tiny_piper(tmp_path, speakers=SPEAKERS)
    voices = [spoken(Piper(path, speaker=speaker), "Hello.") for speaker in (None, 0, "voice0", "voice2", 2)]
    assert np.array_equal(voices[0], voices[1])
    assert np.array_equal(voices[1], voices[2])
    assert np.array_equal(voices[3], voices[4])
    assert not np.array_equal(voices[0], voices[3])
    for wrong in ("nobody", 3, -1):
        with pytest.raises(ModelError, match="no speaker"):
            Piper(path, speaker=wrong)


def edit(key: str, value: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        beside = path.with_name(path.name + ".json")
        settings: dict[str, Any] = json.loads(beside.read_text())
        settings[key] = value
        beside.write_text(json.dumps(settings))

    return change


def overwrite(suffix: str, data: bytes | None) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        target = path.with_name(path.name + suffix)
        if data is None:
            target.unlink()
        else:
            target.write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (overwrite("", None), "missing"),
        (overwrite(".json", None), "missing"),
        (overwrite("", b"not onnx at all"), "not a usable ONNX file"),
        (overwrite("", b""), "not a usable ONNX file"),
        (overwrite(".json", b"{"), "not a Piper voice's settings"),
        (overwrite(".json", b"\xff\xfe"), "not a Piper voice's settings"),
        (overwrite(".json", b"{}"), "audio"),
        (edit("audio", {"sample_rate": 5}), "sample_rate"),
        (edit("phoneme_type", "pinyin"), "phoneme_type 'pinyin'"),
        (edit("phoneme_id_map", {"a": [1]}), "phoneme_id_map has no"),
        (edit("espeak", {"voice": "klingon-xx"}), r"espeak\.voice 'klingon-xx'"),
        (edit("num_speakers", 4), "no speaker"),
    ],
)
def test_bad_voices_are_one_clear_line(
    file: Path, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / file.name
    for suffix in ("", ".json"):
        shutil.copy(file.with_name(file.name + suffix), tmp_path)
    change(path)
    with pytest.raises(ModelError, match=message) as caught:
        Piper(path)
    assert "\n" not in str(caught.value)


def test_a_model_of_another_kind_is_recognised(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "other.onnx"
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Abs", ["x"], ["y"])], "other", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    shutil.copy(file.with_name(file.name + ".json"), tmp_path / "other.onnx.json")
    with pytest.raises(ModelError, match="not a Piper voice: its inputs are x"):
        Piper(path)


def test_a_missing_package_says_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Phonemizer, "_one", None)
    monkeypatch.setitem(sys.modules, "piper.espeakbridge", None)
    with pytest.raises(ModelError, match=r"pip install 'offhook\[piper\]'"):
        Piper(file)
