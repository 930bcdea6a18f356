"""The arithmetic of bench/recognition: word errors, noise levels, and material that is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from bench.recognition.material import Said, active_level, on_the_line
from bench.recognition.score import errors, interval, plain_words, score, word_error_rate, written_words
from bench.recognition.sounds import errors_by_sound, sounds


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "a c", 1),
        ("a b c", "a b b c d", 2),
        ("a b", "", 2),
    ],
)
def test_wrong_words_are_counted(said: str, heard: str, wrong: int) -> None:
    assert errors(said.split(), heard.split()) == wrong


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Press 1, or 12!", "press one or twelve"),
        ("Order 518", "order five one eight"),
        ("I'd go.", "I would go"),
        ("It\u2019s OK", "it's okay"),
    ],
)
def test_what_sounds_alike_is_the_same(one: str, other: str) -> None:
    assert plain_words(one) == plain_words(other)


@pytest.mark.parametrize(
    ("language", "said", "heard", "wrong"),
    [
        ("fr", "Composez le 12, c'est parti", "composé le douze, c'est partis", 0),
        ("fr", "Composez le 12", "composer la douze", 1),
        ("es", "el buzon de voz no existe", "El busón de vos no existe.", 0),
        ("es", "la prueba del eco", "la prueba del ego", 1),
        ("it", "il test dell'eco, perpiacere", "il test del leco per piacere", 0),
        ("it", "prova ancora", "", 2),
    ],
)
def test_words_are_judged_by_their_sound(language: str, said: str, heard: str, wrong: int) -> None:
    pytest.importorskip("piper")
    words = [written_words(text, language) for text in (said, heard)]
    assert errors_by_sound(words[0], words[1], sounds(language)) == wrong


def test_rates_and_loops() -> None:
    scored = [score("a b c d", "a b c x", 10.0), score("a b", "a b a b a b", 10.0)]
    assert word_error_rate(scored) == pytest.approx(100 * 5 / 6)
    assert [one.loop for one in scored] == [False, True]
    low, high = interval(scored)
    assert (low, high) == (25.0, 200.0)


@pytest.mark.parametrize("noise", ["pink", "babble"])
@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_the_noise_is_as_loud_as_told(noise: str, snr_db: float) -> None:
    at = np.arange(16_000) / 8_000
    tones = [Said("t", f"{hz}", np.sin(2 * np.pi * hz * at) * 3_276.8 * np.sqrt(2)) for hz in (300, 450, 700)]
    clean = on_the_line(tones[0], "clean", 0, tones, seed=1).astype(np.float64)
    noisy = on_the_line(tones[0], noise, snr_db, tones, seed=1).astype(np.float64)
    ratio_db = 20 * np.log10(active_level(tones[0].audio) / np.sqrt(np.mean((noisy - clean) ** 2)))
    assert ratio_db == pytest.approx(snr_db, abs=0.7)  # G.711 adds a little of its own


def test_bad_lines_are_as_bad_as_told() -> None:
    at = np.arange(80_000) / 8_000
    tone = Said("t", "tone", np.sin(2 * np.pi * 400 * at) * 3_276.8 * np.sqrt(2))
    clean, quiet, lossy, clipped = (
        on_the_line(tone, kind, number, [tone], seed=1)[16_000:-16_000].astype(np.float64)
        for kind, number in (("clean", 0), ("quiet", 20), ("loss", 10), ("clipped", 12))
    )
    rms = [float(np.sqrt(np.mean(each**2))) for each in (clean, quiet)]
    assert 20 * np.log10(rms[0] / rms[1]) == pytest.approx(20, abs=0.5)
    frames = lossy[: len(lossy) // 320 * 320].reshape(-1, 320)
    assert 0.05 < np.mean(np.sqrt(np.mean(frames**2, axis=1)) < 0.3 * rms[0]) < 0.16
    assert np.mean(np.abs(clipped) > 0.9 * np.abs(clipped).max()) > 0.5
