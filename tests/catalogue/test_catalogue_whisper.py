"""CTranslate2's Whisper folders become ggml files that whisper.cpp runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhook.catalogue import ggml_whisper
from offhook.catalogue.ctranslate2 import read_whisper
from offhook.catalogue.ggml_whisper import Form, mel_filters, packed, write_whisper
from offhook.engines.stt.ggml_file import check_ggml
from offhook.engines.stt.whisper import Whisper
from offhook.errors import ModelError
from tests.support.engines.tiny_ctranslate2 import model_bytes, write_tiny_ctranslate2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_ctranslate2(tmp_path_factory.mktemp("ct2") / "tiny")


@pytest.mark.parametrize("form", ["f16", "q8_0"])
def test_what_is_written_is_whole_and_runs(folder: Path, tmp_path: Path, form: Form) -> None:
    path = tmp_path / "ggml-tiny.bin"
    write_whisper(read_whisper([folder]), path, form)
    check_ggml(path)
    model = Whisper(path, threads=1)
    heard = model.transcribe(np.random.default_rng(1).normal(0, 3000, 16_000).astype(np.int16))
    model.close()
    assert heard.audio_ms == 1000


def test_convolutions_of_32_bits_never_reach_whisper(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ggml_whisper, "_form_of", lambda *_: "f32")
    write_whisper(read_whisper([folder]), tmp_path / "wide.bin")
    with pytest.raises(ModelError, match=r"weights of 32 bits, which whisper\.cpp does not run"):
        check_ggml(tmp_path / "wide.bin")


def test_the_same_model_gives_the_same_file(folder: Path, tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        write_whisper(read_whisper([folder]), tmp_path / name, "q8_0")
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_a_model_in_parts_in_several_folders_is_the_same(folder: Path, tmp_path: Path) -> None:
    first = write_tiny_ctranslate2(tmp_path / "first", parts=11)
    second = tmp_path / "second"
    second.mkdir()
    for part in range(5, 12):
        (first / f"model.bin.part{part}").rename(second / f"model.bin.part{part}")
    write_whisper(read_whisper([folder]), tmp_path / "whole.bin")
    write_whisper(read_whisper([first, second]), tmp_path / "parts.bin")
    assert (tmp_path / "whole.bin").read_bytes() == (tmp_path / "parts.bin").read_bytes()


def test_8_bit_weights_are_read_with_their_scales(folder: Path, tmp_path: Path) -> None:
    small = read_whisper([write_tiny_ctranslate2(tmp_path / "int8", int8=True)])
    full = read_whisper([folder])
    name = "encoder.blocks.0.attn.query.weight"
    assert np.abs(small.tensors[name] - full.tensors[name]).max() < 0.4 / 127


def test_words_are_bytes(folder: Path) -> None:
    assert read_whisper([folder]).vocabulary[:3] == [b" w0", b" ", b" w2"]


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    folder = write_tiny_ctranslate2(tmp_path, parts=3)
    (folder / "model.bin.part2").unlink()
    with pytest.raises(ModelError, match=r"model\.bin\.part2 is missing; name its folder, too"):
        read_whisper([folder])


def broken(how: str) -> bytes:
    data = model_bytes()
    match how:
        case "cut":
            return data[: len(data) // 2]
        case "tail":
            return data + b"\0"
        case "empty":
            return b""
        case "zeros":
            return bytes(len(data))
        case "text":
            return b"this is not a model" * 50
        case "another model":
            return model_bytes(specification="TransformerSpec")
        case "another name":
            return data.replace(b"encoder/layer_norm/gamma", b"encoder/layer_norm/gammb")
    raise AssertionError(how)


@pytest.mark.parametrize("how", ["cut", "tail", "empty", "zeros", "text", "another model", "another name"])
def test_what_is_no_model_is_one_line(folder: Path, tmp_path: Path, how: str) -> None:
    (tmp_path / "model.bin").write_bytes(broken(how))
    (tmp_path / "vocabulary.txt").write_bytes((folder / "vocabulary.txt").read_bytes())
    with pytest.raises(ModelError, match="not a whole") as caught:
        read_whisper([tmp_path])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "no end", "{"])
def test_a_damaged_vocabulary_is_one_line(folder: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    (tmp_path / ("vocabulary.json" if text == "{" else "vocabulary.txt")).write_text(text)
    with pytest.raises(ModelError, match="not a whole CTranslate2 Whisper model") as caught:
        read_whisper([tmp_path])
    assert "\n" not in str(caught.value)


def test_a_vocabulary_of_another_model_is_noticed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes((folder / "model.bin").read_bytes())
    text = (folder / "vocabulary.txt").read_text("utf-8")
    (tmp_path / "vocabulary.txt").write_text(text + "\n<|one more|>", "utf-8")
    with pytest.raises(ModelError, match="51864 embeddings for a vocabulary of 51865"):
        read_whisper([tmp_path])


def test_blocks_of_8_bits_are_ggmls() -> None:
    values = np.zeros((2, 32), np.float32)
    values[0] = np.arange(32) - 16.0
    blocks = np.frombuffer(packed(values, "q8_0"), np.uint8).reshape(2, 34)
    assert blocks[0, :2].view(np.float16)[0] == np.float16(16 / 127), (
        "the scale: the largest of the block is 127"
    )
    assert blocks[0, 2:].view(np.int8).tolist() == [round((n - 16) * 127 / 16) for n in range(32)]
    assert not blocks[1].any(), "a block of zeros has no scale to divide by"


def test_mel_filters_are_slaneys() -> None:
    filters = mel_filters(80)
    assert filters.shape == (80, 201)
    # Known from OpenAI's mel_filters.npz: the first band rises to 0.02486 at 40 Hz.
    assert filters[0, 1] == pytest.approx(0.024862593, rel=1e-5)
    peaks = filters.argmax(axis=1)
    assert (np.diff(peaks) >= 0).all()
    assert filters[:, -1].max() == pytest.approx(0, abs=1e-6), "nothing at half the rate"
