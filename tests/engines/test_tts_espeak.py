"""espeak-ng in process: any text, any thread, and understood by the recogniser."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.stt.base import STT_RATE_HZ
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.slin import to_slin
from offhook.engines.tts.text import parts, speakable
from offhook.errors import ModelError
from tests.support.words import recall


@pytest.fixture(scope="module")
def voice() -> Iterator[Espeak]:
    voice = Espeak()
    yield voice
    voice.close()


@pytest.fixture(scope="module")
def listener() -> Iterator[Moonshine]:
    model = Moonshine()
    yield model
    model.close()


def spoken(voice: Espeak, text: str) -> NDArray[np.int16]:
    return np.concatenate([np.zeros(0, np.int16), *voice.synthesize(text)])


def test_it_speaks(voice: Espeak) -> None:
    audio = spoken(voice, "Hello, how can I help you?")
    assert voice.sample_rate_hz == 22_050
    assert 1.0 < len(audio) / voice.sample_rate_hz < 4.0
    assert 2000 < np.abs(audio.astype(int)).max() <= 32_767


def test_a_longer_text_takes_longer(voice: Espeak) -> None:
    assert len(spoken(voice, "One, two, three, four, five.")) > len(spoken(voice, "One."))


@pytest.mark.parametrize("text", ["", "   ", "...", "\x00\x01\n", "\U0001f600", "?!"])
def test_nothing_to_say_is_silence(voice: Espeak, text: str) -> None:
    assert list(voice.synthesize(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        'She said "hello" and left.',
        "one\ntwo\r\nthree\x00four\x1b[31mfive\x7f",
        "<speak><break time='9s'/>hello</speak>",
        "[[h@l'oU]] hello",
        "`rm -rf /`; $(reboot) %s %n \\",
        "caf\u00e9 \u4f60\u597d \u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u05e9\u05dc\u05d5\u05dd",
        "\ud800 lone surrogate",
        "a" * 500,
        "\u202eright to left\u202c",
    ],
)
def test_strange_text_is_harmless(voice: Espeak, text: str) -> None:
    audio = spoken(voice, text)
    assert 0 < len(audio) < 120 * voice.sample_rate_hz
    assert len(spoken(voice, "Still here.")) > 0


def test_markup_is_not_obeyed(voice: Espeak) -> None:
    with_break = spoken(voice, "hello <break time='9s'/> you")
    assert len(with_break) < 8 * voice.sample_rate_hz


def test_ten_thousand_characters_come_in_parts(voice: Espeak) -> None:
    text = ("The quick brown fox jumps over the lazy dog. " * 250)[:10_000]
    blocks = 0
    for block in voice.synthesize(text):
        assert len(block)
        blocks += 1
    assert blocks >= 30


def test_cancelling_stops_between_callbacks(voice: Espeak) -> None:
    asked = 0

    def soon() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    assert (
        list(
            voice.synthesize("A rather long sentence that goes on for several seconds. " * 4, cancelled=soon)
        )
        == []
    )
    assert asked < 10
    assert len(spoken(voice, "Still here.")) > 0


def test_two_voices_do_not_mix() -> None:
    slow, quick = Espeak("en-us", rate_wpm=100), Espeak("en-gb", rate_wpm=300)
    alone = [spoken(slow, "This is a test."), spoken(quick, "This is a test.")]
    results: list[list[NDArray[np.int16]]] = [[], []]

    def work(voice: Espeak, results: list[NDArray[np.int16]]) -> None:
        results.extend(spoken(voice, "This is a test.") for _ in range(5))

    threads = [threading.Thread(target=work, args=pair) for pair in zip((slow, quick), results, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for expected, got in zip(alone, results, strict=True):
        assert len(got) == 5
        for audio in got:
            assert abs(len(audio) - len(expected)) < 0.05 * len(expected)
    assert len(alone[0]) > 1.5 * len(alone[1])


@pytest.mark.parametrize("name", ["", "no-such-voice", "../../etc/passwd", "en\0us"])
def test_an_unknown_voice_is_one_clear_line(name: str) -> None:
    with pytest.raises(ModelError, match="has no voice") as caught:
        Espeak(name)
    assert "\n" not in str(caught.value)
    assert len(spoken(Espeak(), "Still here.")) > 0


def test_a_missing_voice_says_what_to_pull(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from offhook.engines.tts import espeak

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("OFFHOOK_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="espeak-ng is not on this machine: `offhook models pull embedded`"):
        espeak._Library().start()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_what_it_says_is_understood(voice: Espeak, listener: Moonshine, rate_hz: int) -> None:
    """Most of its words: the voice flutters, and Moonshine gets now four, now all five of them right."""
    text = "Please bring your insurance card."
    blocks = to_slin(voice.synthesize(text), voice.sample_rate_hz, rate_hz)
    heard = np.concatenate(list(to_slin(blocks, rate_hz, STT_RATE_HZ)))
    assert recall(text, listener.transcribe(heard).text) >= 0.6


def test_parts_are_cut_at_sentences() -> None:
    text = "First sentence. " * 10 + "A second kind of sentence, with a comma. " * 10
    pieces = list(parts(text.strip(), 100))
    assert all(len(piece) <= 100 for piece in pieces)
    assert all(piece.endswith(".") for piece in pieces)
    assert " ".join(pieces) == text.strip()
    assert [len(piece) for piece in parts("x" * 250, 100)] == [100, 100, 50]


def test_speakable() -> None:
    assert speakable(" a\x00b\nc\u200bd\ud800e ") == "a b c d e"


def test_an_agents_language_has_its_voice_unless_the_configured_one_speaks_it() -> None:
    voice = Espeak("en-us")
    german = voice.speaking("de-AT")
    assert german.name == "espeak-de"
    assert voice.speaking("de-AT") is german
    assert voice.speaking("en-GB") is voice
    assert voice.speaking("xx") is voice
