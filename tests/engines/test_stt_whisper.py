"""whisper.cpp through a tiny random model: loading, limits, cancelling, broken files.

The model knows no words, so nothing here says how well Whisper understands.
"""

from __future__ import annotations

import ctypes
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.stt import whisper_library
from offhook.engines.stt.base import STT_RATE_HZ
from offhook.engines.stt.ggml_file import check_ggml
from offhook.engines.stt.whisper import Whisper, _goes_round, audio_window, max_tokens
from offhook.errors import ModelError
from tests.support.engines.tiny_whisper import write_tiny_whisper


def noise(seconds: float) -> NDArray[np.int16]:
    return np.random.default_rng(1).normal(0, 3000, int(seconds * STT_RATE_HZ)).astype(np.int16)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_whisper(tmp_path_factory.mktemp("whisper") / "ggml-tiny.random.bin")


@pytest.fixture(scope="module")
def model(file: Path) -> Iterator[Whisper]:
    model = Whisper(file, threads=1)
    yield model
    model.close()


@pytest.mark.parametrize(("seconds", "words"), [(0.05, 18), (1, 18), (2, 25), (4, 38), (12, 90)])
def test_it_runs_and_the_text_is_capped_by_the_duration(model: Whisper, seconds: float, words: int) -> None:
    transcript = model.transcribe(noise(seconds))
    assert transcript.audio_ms == int(seconds * 1000)
    assert 0 < len(transcript.text.split()) <= words + 1
    assert transcript.text == model.transcribe(noise(seconds)).text, "no state may survive an utterance"


def test_the_name_comes_from_the_file(model: Whisper) -> None:
    assert model.name == "whisper-tiny.random"


def test_more_threads_than_contexts_are_served(model: Whisper) -> None:
    alone = model.transcribe(noise(2)).text
    heard: list[str] = []
    threads = [
        threading.Thread(target=lambda: heard.append(model.transcribe(noise(2)).text)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [alone] * 3


def test_cancelling_stops_it(model: Whisper) -> None:
    asked = 0

    def soon() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    assert model.transcribe(noise(8), cancelled=soon).text == ""
    assert asked > 2
    assert model.transcribe(noise(2)).text, "the next utterance is not disturbed"


def test_a_process_that_used_it_ends_quietly(file: Path) -> None:
    code = (
        "import sys, gc, numpy as np; from pathlib import Path\n"
        "from offhook.engines.stt.whisper import Whisper\n"
        "model = Whisper(Path(sys.argv[1])); model.transcribe(np.zeros(16000, np.int16))\n"
        "import offhook.engines.stt.whisper_library as module; del module._log; gc.collect()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nothing_is_written_to_the_terminal(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = Whisper(file)
    model.transcribe(noise(1))
    model.close()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


WINDOWS = [(0.5, 256), (3.8, 256), (4, 512), (8, 512), (14, 768), (15, 1500), (29, 1500)]


@pytest.mark.parametrize(("seconds", "window"), WINDOWS)
def test_the_window_follows_the_duration(seconds: float, window: int) -> None:
    assert audio_window(seconds) == window


@pytest.mark.parametrize(
    ("language", "tokens"), [("en", 38), ("fr", 92), ("zh", 92), ("hi", 172), ("th", 172), ("bn", 332)]
)
def test_the_limit_follows_the_script(language: str, tokens: int) -> None:
    assert max_tokens(4, language) == tokens


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("How long does it take? How long does it take?", True),
        ("How long does the repair usually take? How long does the repair usually take? How long", True),
        ("I'm going to I'm going to I'm going to", True),
        ("AHHHHHHHHHHHHHHHHHHH", True),
        (
            "\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d",
            True,
        ),
        ("Yes, yes.", False),
        ("Hello? Hello, is that the bakery?", False),
        ("My number is 555 1234, I repeat, 555 1234.", False),
        ("We need two and two more.", False),
    ],
)
def test_a_text_that_goes_round_is_noticed(text: str, circles: bool) -> None:
    assert _goes_round(text) is circles


def test_terms_stand_before_the_transcript(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: set[object] = set()
    model = Whisper(file, threads=1, terms=("Larkmoor", "Miriam Castle"))
    recognise = getattr(model._library, "full_with_state")  # noqa: B009 - it is opened while the library loads

    def watch(*words: Any) -> int:
        given.add(words[2].initial_prompt)
        return int(recognise(*words))

    monkeypatch.setattr(model._library, "full_with_state", watch)
    model.transcribe(noise(1))
    model.close()
    assert given == {b"Larkmoor, Miriam Castle."}


def test_states_share_the_weights(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    load = Whisper._load

    def count(self: Whisper) -> object:
        loaded.append(self.name)
        return load(self)

    monkeypatch.setattr(Whisper, "_load", count)
    model = Whisper(file, threads=1, workers=3)
    assert (len(model._states), len(loaded)) == (3, 1)
    model.close()


def test_another_layout_of_the_library_is_an_error_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moved(ctypes.Structure):
        _fields_ = (("new_field", ctypes.c_int), *whisper_library.FullParams._fields_)

    types = dict(whisper_library._SIGNATURES)
    types["whisper_full_default_params"] = (Moved, (ctypes.c_int,))
    monkeypatch.setattr(whisper_library, "_SIGNATURES", types)
    with pytest.raises(ModelError, match=r"keeps \w+ elsewhere .* install one with: pip install"):
        whisper_library.WhisperLibrary()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"No such file.*stt\.model"):
        Whisper(tmp_path / "absent.bin")


def test_an_unknown_language_is_named(file: Path) -> None:
    with pytest.raises(ModelError, match="'klingon'"):
        Whisper(file, language="klingon")


def test_an_english_model_refuses_other_languages(file: Path) -> None:
    with pytest.raises(ModelError, match="English only"):
        Whisper(file, language="de")


def damaged(data: bytes, how: str) -> bytes:
    if how.startswith("cut"):
        return data[: int(how[3:])]
    ints = bytearray(data)
    match how:
        case "gguf":
            return b"GGUF" + data[4:]
        case "text":
            return b"hello, this is not a model\n" * 100
        case "zeros":
            return bytes(len(data))
        case "huge state":
            struct.pack_into("<i", ints, 4 + 4 * 2, 1 << 30)
        case "negative layers":
            struct.pack_into("<i", ints, 4 + 4 * 4, -1)
        case "more layers":
            struct.pack_into("<i", ints, 4 + 4 * 4, 2)
        case "bad mels":
            struct.pack_into("<i", ints, 4 + 4 * 11, 1 << 20)
        case "bad word":
            struct.pack_into("<I", ints, 4 + 4 * 13 + 80 * 201 * 4 + 4, 0xFFFFFFF0)
        case "wrong name":
            return data.replace(b"decoder.ln.weight", b"decoder.lx.weight", 1)
        case "wrong shape":
            struct.pack_into("<2i", ints, data.index(b"encoder.positional_embedding") - 8, 1500, 64)
        case "wrong type":
            struct.pack_into("<i", ints, data.index(b"encoder.positional_embedding") - 12, 8)
        case "tail":
            return data + b"\0" * 7
    return bytes(ints)


@pytest.mark.parametrize(
    "how",
    ["cut0", "cut3", "cut20", "cut5000", "cut70000", "cut1000000", "cut8000000", "gguf", "text", "zeros",
     "huge state", "negative layers", "more layers", "bad mels", "bad word",
     "wrong name", "wrong shape", "wrong type", "tail"],
)  # fmt: skip
def test_wrong_and_damaged_files_never_reach_whisper(file: Path, tmp_path: Path, how: str) -> None:
    bad = tmp_path / "bad.bin"
    bad.write_bytes(damaged(file.read_bytes(), how))
    with pytest.raises(ModelError) as caught:
        Whisper(bad)
    assert "\n" not in str(caught.value)
    assert str(bad) in str(caught.value)


def test_a_whole_file_passes_the_check(file: Path) -> None:
    check_ggml(file)
