"""Whisper with real weights: understood, without loops, and no words where nobody speaks.

The weights come from the catalogue and are fetched once (`offhook models pull whisper-base whisper-tiny.en`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.stt.whisper import Whisper
from offhook.files import cache_folder
from tests.support.audio.audio import read_wav
from tests.support.audio.no_speech import RATE_HZ, no_speech
from tests.support.engines.pulled import pulled
from tests.support.words import recall

pytestmark = pytest.mark.timeout(600)  # the first run fetches and converts
DATA = Path(__file__).parents[1] / "data"
DEMO = Path(__file__).parents[2] / "engine" / "offhook" / "assets" / "demo"
PROMPTS = cache_folder() / "prompts" / "usr" / "share" / "asterisk" / "sounds"
"""Debian's asterisk-core-sounds-*-wav, people; `make test` has install-prompts.sh bring them."""


@cache
def spoken() -> dict[str, tuple[str, NDArray[np.int16]]]:
    """Text and audio at 16 kHz of the recordings that come with offhook, by their names."""
    phrases = json.loads((DATA / "speech" / "speech.json").read_text("utf-8"))["phrases"]
    found = {one["name"]: (one["text"], DATA / "speech" / f"{one['name']}.wav") for one in phrases}
    found |= {
        "hours": ("What are your opening hours?", DEMO / "01_hours.wav"),
        "location": ("Where are you located?", DEMO / "02_location.wav"),
        "parking": ("Do you have parking?", DEMO / "04_parking.wav"),
        "book": ("Can I book an appointment for next Monday?", DEMO / "05_book.wav"),
        "piece": ("Book an appointment.", DATA / "pieces" / "book_an_appointment.wav"),
    }
    return {name: (text, read_wav(path, RATE_HZ)) for name, (text, path) in found.items()}


@pytest.fixture(scope="module", params=["whisper-base", "whisper-tiny.en"])
def model(request: pytest.FixtureRequest) -> Iterator[Whisper]:
    model = Whisper(pulled(request.param))
    yield model
    model.close()


def test_the_recordings_are_understood_and_said_once(model: Whisper) -> None:
    wrong = {}
    for name, (text, audio) in spoken().items():
        heard = model.transcribe(audio).text
        # "and appointment" for "an appointment" is one word of three; what is said twice is twice as long.
        if recall(text, heard) < 0.6 or len(heard.split()) > len(text.split()) + 1:
            wrong[name] = heard
    assert wrong == {}


@pytest.mark.parametrize("seconds", [0.8, 2.5])
def test_nobody_speaks_and_there_are_no_words(model: Whisper, seconds: float) -> None:
    heard = {name: model.transcribe(audio).text for name, audio in no_speech(seconds).items()}
    assert {name: text for name, text in heard.items() if text} == {}


def test_speech_in_noise_is_not_taken_for_noise(model: Whisper) -> None:
    text, audio = spoken()["emergency"]
    noise = no_speech(len(audio) / RATE_HZ)["pink noise"][: len(audio)]
    level = np.sqrt(np.mean(audio.astype(np.float64) ** 2) / np.mean(noise.astype(np.float64) ** 2))
    noisy = audio + (noise * level / 10 ** (10 / 20)).astype(np.int16)  # 10 dB
    assert recall(text, model.transcribe(noisy).text) > 0.5


def test_the_agents_language_is_given_back() -> None:
    model = Whisper(pulled("whisper-base"), language=("es", "en"))
    text, audio = spoken()["hours"]
    heard = model.transcribe(audio)
    model.close()
    assert (heard.language, recall(text, heard.text)) == ("en", 1.0)


@pytest.mark.parametrize(
    ("language", "file", "words"),
    [
        ("en", "en_US_f_Allison/vm-helpexit.wav", "for help"),
        ("es", "es_MX_f_Allison/vm-delete.wav", "número para borrar el mensaje"),
        ("fr", "fr_CA_f_June/vm-calldiffnum.wav", "pour entrer un numéro différent"),
    ],
)
def test_callers_of_several_languages_are_understood(language: str, file: str, words: str) -> None:
    path = PROMPTS / file
    if not path.is_file():
        pytest.skip(f"needs {path}: run bench/recognition/install-prompts.sh")
    model = Whisper(pulled("whisper-base"), language=("en", "es", "fr"))
    heard = model.transcribe(read_wav(path, RATE_HZ))
    model.close()
    assert heard.language == language
    assert recall(words, heard.text) >= 0.8
