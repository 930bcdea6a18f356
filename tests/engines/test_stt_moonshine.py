"""Moonshine on real speech: the wheel's recordings of people, and telephone speech."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from offhook.engines.stt.base import STT_RATE_HZ
from offhook.engines.stt.moonshine import Moonshine, embedded_folder
from offhook.engines.stt.moonshine_others import Edit, together
from offhook.engines.stt.moonshine_tokens import Vocabulary, detokenize, read_tokenizer
from offhook.errors import ModelError
from offhook.knowledge.own_words import OwnWords, Reading
from tests.support.words import recall

SPEECH = Path(__file__).parents[2] / "engine" / "offhook" / "assets" / "demo"


def read_16k(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        samples = samples.reshape(-1, file.getnchannels())[:, 0]
        return np.asarray(soxr.resample(samples, file.getframerate(), STT_RATE_HZ), np.int16)


def recording(name: str) -> NDArray[np.int16]:
    spec = importlib.util.find_spec("moonshine_voice")
    assert spec is not None
    assert spec.submodule_search_locations
    return read_16k(Path(spec.submodule_search_locations[0]) / "assets" / f"{name}.wav")


@pytest.fixture(scope="module")
def model() -> Iterator[Moonshine]:
    model = Moonshine()
    yield model
    model.close()


def test_a_person_is_understood(model: Moonshine) -> None:
    transcript = model.transcribe(recording("beckett"))
    assert recall("ever tried ever failed no matter try again fail again fail better", transcript.text) >= 0.9
    assert transcript.audio_ms == 9963
    assert transcript.compute_ms > 0


def test_another_person_is_understood(model: Moonshine) -> None:
    heard = model.transcribe(recording("two_cities")[: 10 * STT_RATE_HZ]).text
    assert recall("it was the best of times it was the worst of times it was the age of wisdom", heard) >= 0.9


class Reads:
    """An agent's words: the word that has ``letters`` may have been ``text``."""

    def __init__(self, letters: str, text: str, alike: float = 1.0) -> None:
        self.letters = letters
        self.text = text
        self.alike = alike

    def readings(self, words: Sequence[str], odds: Sequence[float]) -> list[Reading]:
        assert len(words) == len(odds)
        at = [n for n, word in enumerate(words) if self.letters in word.lower()]
        return [Reading(n, n + 1, self.text, self.alike) for n in at]


@pytest.mark.parametrize(
    ("own", "heard"),
    [
        (Reads("check", "checkup"), True),
        (Reads("check", "banana"), False),
        (Reads("zebra", "checkup"), False),
    ],
)
def test_an_agents_own_words_are_heard_where_the_audio_allows_for_them(
    model: Moonshine, own: Reads, heard: bool
) -> None:
    """ "Check-up" and "checkup" sound alike, "banana" does not."""
    audio = read_16k(SPEECH / "03_cost.wav")
    plain = model.transcribe(audio)
    assert "check" in plain.text.lower()
    assert "checkup" not in plain.text
    weighed = model.expecting(audio, plain, cast(OwnWords, own))
    assert ("checkup" in weighed.text) == heard
    assert "banana" not in weighed.text
    assert recall(plain.text.replace("check-up", ""), weighed.text) >= 0.8
    assert heard or weighed.text == model.grow(audio, plain).text
    assert weighed.tokens == model.grow(audio, plain).tokens, "what grows is what was recognised"


def test_what_is_less_alike_is_not_written_but_told(model: Moonshine) -> None:
    audio = read_16k(SPEECH / "03_cost.wav")
    plain = model.grow(audio, model.transcribe(audio))

    def others(text: str) -> list[str]:
        weighed = model.expecting(audio, plain, cast(OwnWords, Reads("check", text, alike=0.6)))
        assert weighed.text == plain.text
        return [one.text for one in weighed.others()]

    (other,) = others("check up")
    assert "check up" in other
    assert recall(plain.text.replace("check-up", ""), other) >= 0.8, "all of the sentence"
    assert others("banana") == [], "nobody has said what sounds otherwise"
    assert others("checkup") == [], "nor is it another text that is spelt without a hyphen"
    assert plain.others() == (), "without words to expect there is nothing else"


def test_readings_are_as_likely_as_the_whole_text_is(model: Moonshine) -> None:
    """Only what is edited is computed; the same edits one by one and at once are as likely."""
    audio = read_16k(SPEECH / "03_cost.wav")
    samples = audio.astype(np.float32)[np.newaxis] / np.float32(32768)
    heard = model._decode(samples, (), lambda: False)
    edits = [Edit(at, at + 1, (heard.tokens[at],)) for at in range(len(heard.tokens))]
    assert model._likelier(heard, edits) == pytest.approx([0.0] * len(edits), abs=0.5), "no edit at all"
    wrong = [Edit(at, at + 1, (heard.tokens[at - 1],)) for at in range(1, len(heard.tokens))]
    assert max(model._likelier(heard, wrong)) < -1.0


def test_two_words_may_be_others_at_once() -> None:
    edits = [Edit(1, 2, (7,)), Edit(1, 3, (8, 8)), Edit(4, 5, (9,))]
    read = {tuple(tokens): odds for odds, tokens in together([0, 1, 2, 3, 4], edits, [-1.0, -2.0, -4.0])}
    assert read == {
        (0, 7, 2, 3, 4): -1.0,
        (0, 8, 8, 3, 4): -2.0,
        (0, 1, 2, 3, 9): -4.0,
        (0, 7, 2, 3, 9): -5.0,
        (0, 8, 8, 3, 9): -6.0,
    }


def test_words_become_the_tokens_that_they_are_recognised_as(model: Moonshine) -> None:
    folder = embedded_folder()
    vocabulary = Vocabulary(read_tokenizer(folder / "tokenizer.bin"))
    for name in ("beckett", "two_cities"):
        heard = model.transcribe(recording(name)[: 8 * STT_RATE_HZ])
        words = vocabulary.words(heard.tokens)
        assert " ".join(vocabulary.text(heard.tokens[a:b]) for a, b in words) == heard.text
        for first, end in words:
            written = vocabulary.text(heard.tokens[first:end])
            tokens = vocabulary.encode(written)
            assert vocabulary.text(tokens) == written
            assert len(tokens) <= end - first, "a model may write a word in more tokens than it needs"
    assert vocabulary.text(vocabulary.encode("caf\u00e9 \u4f60")) == "caf\u00e9 \u4f60"


class Counting:
    """A network whose runs are counted."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.runs = 0

    def run(self, *what: Any) -> Any:
        self.runs += 1
        return self._network.run(*what)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("beckett", "ever tried ever failed no matter try again fail again fail better"),
        ("two_cities", "it was the best of times it was the worst of times it was the age of wisdom"),
    ],
)
def test_what_was_heard_before_spares_most_of_the_work(
    model: Moonshine, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech = recording(name)
    parts = [speech[: n * STT_RATE_HZ // 2] for n in range(4, 21, 2)]
    counting = Counting(model._decoder)
    monkeypatch.setattr(model, "_decoder", counting)
    anew = sum(len(model.transcribe(part).tokens) for part in parts)
    assert counting.runs > anew * 0.9, "a run a token"
    counting.runs, before = 0, model.transcribe(parts[0])
    for part in parts[1:]:
        before = model.grow(part, before)
    assert recall(text, before.text) >= 0.9
    assert counting.runs < anew / 2
    wrong = replace(before, tokens=(5, 6, 7))
    assert recall(text, model.grow(parts[-1], wrong).text) >= 0.9, "a guess that is wrong is none"


def test_telephone_speech_is_understood(model: Moonshine) -> None:
    files = sorted(SPEECH.glob("*.wav"))
    assert len(files) >= 5
    understood = {"hours": "opening hours", "location": "located", "parking": "parking", "book": "Monday"}
    for name, words in understood.items():
        (path,) = (file for file in files if name in file.stem)
        audio = read_16k(path)
        heard = model.transcribe(np.concatenate([audio, np.zeros(STT_RATE_HZ // 5, np.int16)])).text
        assert recall(words, heard) == 1.0, f"{path.name}: {heard!r}"


def test_threads_share_one_model(model: Moonshine) -> None:
    audio = recording("beckett")[: 4 * STT_RATE_HZ]
    alone = model.transcribe(audio).text
    heard: list[str] = []
    threads = [threading.Thread(target=lambda: heard.append(model.transcribe(audio).text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [alone] * 4


def test_cancelling_ends_the_text_early(model: Moonshine) -> None:
    audio = recording("beckett")
    asked = 0

    def after_three() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    cut = model.transcribe(audio, cancelled=after_three).text
    assert len(cut.split()) <= 3
    assert model.transcribe(audio, cancelled=lambda: True).text == ""


@pytest.mark.parametrize("samples", [0, 1, 100, 1599, 1600])
def test_very_short_audio_is_harmless(model: Moonshine, samples: int) -> None:
    assert len(model.transcribe(np.full(samples, 900, np.int16)).text) < 40


def test_the_text_is_capped_by_the_duration(model: Moonshine) -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 8000, 2 * STT_RATE_HZ).clip(-32768, 32767).astype(np.int16)
    assert len(model.transcribe(noise).text.split()) <= 2 * 6.5 + 8


def test_importing_us_imports_no_audio_hardware_library() -> None:
    look = "print('moonshine_voice' in sys.modules)"
    code = f"import sys, offhook.engines.stt.moonshine as m; m.embedded_folder(); {look}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_missing_package_says_what_to_pull(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("OFFHOOK_MODELS", str(tmp_path))
    with pytest.raises(
        ModelError, match="moonshine-tiny-en is not on this machine: `offhook models pull embedded`"
    ):
        embedded_folder()


def test_a_folder_without_the_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no encoder_model\.ort there"):
        Moonshine(tmp_path)


def copy_of_model(folder: Path) -> Path:
    for file in embedded_folder().iterdir():
        shutil.copy(file, folder / file.name)
    return folder


@pytest.mark.parametrize("name", ["encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"])
@pytest.mark.parametrize("damage", ["empty", "half", "garbage"])
def test_damaged_files_are_one_clear_line(tmp_path: Path, name: str, damage: str) -> None:
    file = copy_of_model(tmp_path) / name
    data = file.read_bytes()
    file.write_bytes({"empty": b"", "half": data[: len(data) // 2], "garbage": b"\xff" * 5000}[damage])
    with pytest.raises(ModelError) as caught:
        Moonshine(tmp_path)
    assert "\n" not in str(caught.value)
    assert "offhook models pull embedded" in str(caught.value) or "do not belong together" in str(
        caught.value
    )


def test_another_model_is_recognised_as_such(tmp_path: Path) -> None:
    folder = copy_of_model(tmp_path)
    shutil.copy(folder / "encoder_model.ort", folder / "decoder_model_merged.ort")
    with pytest.raises(ModelError, match="not a Moonshine model"):
        Moonshine(folder)


def test_tokenizer_reads_long_and_short_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.bin"
    long = b"x" * 300
    path.write_bytes(b"\x05<unk>" + b"\x03<s>" + b"\x04</s>" + bytes([300 % 128 + 128, 300 // 128]) + long)
    assert read_tokenizer(path) == [b"<unk>", b"<s>", b"</s>", long]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut short"):
        read_tokenizer(path)


def test_detokenize_joins_words_and_leaves_out_markers() -> None:
    tokens = [
        b"<s>",
        "\u2581He".encode(),
        b"llo",
        "\u2581caf".encode(),
        b"\xc3",
        b"\xa9",
        b"<<ST_3>>",
        b".",
    ]
    assert detokenize(tokens) == "Hello caf\u00e9."


def test_noise_makes_words_doubtful(model: Moonshine) -> None:
    audio = recording("beckett")
    rng = np.random.default_rng(3)
    level = np.sqrt(np.mean(audio.astype(np.float64) ** 2))
    noisy = np.clip(audio + rng.normal(0, 2 * level, len(audio)), -32_768, 32_767).astype(np.int16)
    clean, drowned = model.transcribe(audio), model.transcribe(noisy)
    assert not clean.doubtful
    assert drowned.doubtful
    grown = model.grow(audio, clean)
    assert grown.confidence == pytest.approx(clean.confidence, abs=0.2), "however it was found"
