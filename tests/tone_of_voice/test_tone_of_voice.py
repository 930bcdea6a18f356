"""How loud, high and fast somebody speaks, against signals of which it is known; a voice beside itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.knowledge.moods import angry_by_voice
from offhook.tone_of_voice import Change, Tone, change, is_raised, tone_of
from tests.support.audio.audio import RATE_HZ, read_wav, resample, split_utterances, wheel_recording
from tests.support.audio.sounds import noise, telephone, to_samples, voiced

FORMANTS = [(600.0, 80.0, 1.0), (1_200.0, 90.0, 0.6), (2_500.0, 120.0, 0.3)]
QUIET = Tone(2_000, 110.0, 60.0, 84.0, 4.0)

Samples = NDArray[np.int16]


def speech(*, pitch_hz: float, syllables: int = 10, syllable_ms: int = 200, gain: float = 1.0) -> Samples:
    """Vowels of a known pitch, one syllable a swell, with the line's noise around them."""
    length = syllables * syllable_ms * RATE_HZ // 1000
    rng = np.random.default_rng(3)
    tone = voiced(rng, np.full(length, pitch_hz), FORMANTS)
    swell = 0.3 + 0.7 * np.sin(np.pi * np.arange(length) * 1000 / RATE_HZ / syllable_ms) ** 2
    loud = tone / np.abs(tone).max() * swell * 8_000 * gain
    around = np.pad(loud, (1_600, 800))
    return np.rint(around + 6 * noise(rng, len(around))).astype(np.int16)


def measured(audio: Samples, rate_hz: int = RATE_HZ) -> Tone:
    tone = tone_of(audio, rate_hz)
    assert tone is not None
    return tone


@pytest.mark.parametrize("pitch_hz", [85.0, 120.0, 175.0, 220.0, 290.0, 370.0])
def test_a_known_pitch_is_found_within_half_a_semitone_at_both_rates(pitch_hz: float) -> None:
    audio = speech(pitch_hz=pitch_hz)
    for heard, rate_hz in ((audio, 8_000), (resample(audio, 8_000, 16_000), 16_000)):
        assert measured(heard, rate_hz).pitch_semitones == pytest.approx(12 * np.log2(pitch_hz), abs=0.5)


@pytest.mark.parametrize("syllable_ms", [140, 200, 300])
def test_syllables_are_counted(syllable_ms: int) -> None:
    audio = speech(pitch_hz=130, syllables=9, syllable_ms=syllable_ms)
    assert measured(audio).syllables_per_s == pytest.approx(1000 / syllable_ms, rel=0.2)


def test_level_is_that_of_the_voice_and_not_of_the_pauses_around_it() -> None:
    plain = speech(pitch_hz=130)
    longer = np.concatenate([np.zeros(8_000, np.int16), plain])
    assert measured(longer).level_db == pytest.approx(measured(plain).level_db, abs=0.5)
    louder = measured(speech(pitch_hz=130, gain=2)).level_db
    assert louder - measured(plain).level_db == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize("audio", [np.zeros(0, np.int16), np.zeros(16_000, np.int16)])
def test_of_nothing_and_of_silence_nothing_is_known(audio: Samples) -> None:
    assert tone_of(audio, 8_000) is None


def test_of_noise_and_of_a_short_yes_nothing_is_known() -> None:
    rng = np.random.default_rng(1)
    assert tone_of(to_samples(1_000 * noise(rng, 16_000)), 8_000) is None
    assert tone_of(speech(pitch_hz=130, syllables=1), 8_000) is None


@pytest.mark.parametrize(
    ("now", "raised"),
    [
        ({}, False),
        # One of them alone has other reasons.
        ({"level_db": 125.0}, False),
        ({"pitch_semitones": 91.0}, False),
        ({"syllables_per_s": 7.0}, False),
        ({"level_db": 117.0, "pitch_semitones": 89.0}, True),
        ({"pitch_semitones": 89.0, "syllables_per_s": 6.0}, True),
        ({"level_db": 117.0, "pitch_semitones": 89.0, "syllables_per_s": None}, True),
        ({"level_db": 104.0, "pitch_semitones": 78.0, "syllables_per_s": 2.5}, False),
        # Measured an octave off.
        ({"level_db": 117.0, "pitch_semitones": 96.0}, False),
        # It has become noisy around them, and they speak up.
        ({"level_db": 117.0, "pitch_semitones": 89.0, "noise_db": 95.0}, False),
    ],
)
def test_a_voice_is_raised_where_it_is_more_than_one_of_them(now: dict[str, Any], raised: bool) -> None:
    first = [QUIET, QUIET._replace(level_db=109.0, pitch_semitones=83.5), QUIET]
    assert is_raised(change(first, QUIET._replace(**now))) is raised


def test_who_has_hardly_spoken_yet_is_not_known() -> None:
    louder = QUIET._replace(level_db=120.0, pitch_semitones=90.0)
    assert change([], louder) is None
    assert change([QUIET._replace(voiced_ms=600)] * 2, louder) is None
    assert change([QUIET._replace(voiced_ms=600)] * 3, louder) == Change(10.0, 6.0, 0.0)
    assert change([QUIET, QUIET, QUIET, louder, louder, louder], louder) == Change(10.0, 6.0, 0.0)


@pytest.mark.parametrize(("anger", "angry"), [(None, False), (-5.0, False), (-1.0, True)])
def test_a_voice_alone_is_never_angry(anger: float | None, angry: bool) -> None:
    assert angry_by_voice(anger, raised=True) is angry
    assert not angry_by_voice(anger, raised=False)


def test_people_who_act_are_hardly_ever_raised_on_any_line_and_are_when_they_are_louder_and_higher() -> None:
    """Four speakers of the moonshine-voice wheel; the verdict is of the voice, not of the line."""
    rng = np.random.default_rng(2)
    lines: dict[str, Any] = {
        "plain": lambda audio: audio,
        "quiet": lambda audio: audio * 0.15,
        "loud": lambda audio: audio * 2.0,
        "telephone": lambda audio: telephone(audio).astype(np.float64),
        "noisy": lambda audio: audio + noise(rng, len(audio), pink=True) * 150,
    }
    counts = {name: np.zeros(3, int) for name in lines}
    for recording in ("beckett", "clone-test", "endgame_nagg_nell", "two_cities"):
        said = [
            np.pad(each, (1_600, 800)).astype(np.float64)
            for each in split_utterances(read_wav(wheel_recording(recording)), pause_ms=250, least_ms=1_000)
        ]
        rms = np.sqrt(np.mean(np.square(np.concatenate(said))))
        said = [each * 1_600 / rms + 4 * noise(rng, len(each)) for each in said]
        for name, line in lines.items():
            tones = [tone_of(to_samples(line(each)), RATE_HZ) for each in said]
            first = [tone for tone in tones if tone is not None][:3]
            for each, tone in zip(said[3:], tones[3:], strict=True):
                at = np.arange(0, len(each) - 1, 2 ** (5 / 12))
                higher = line(2.5 * np.interp(at, np.arange(len(each)), each))
                shouted = tone_of(to_samples(higher), RATE_HZ)
                if tone is not None and shouted is not None:
                    counts[name] += (
                        1,
                        is_raised(change(first, tone)),
                        is_raised(change(first, shouted)),
                    )
    for name, (compared, calm, louder) in counts.items():
        assert compared >= 12, name
        assert calm <= 1, name
        assert louder >= 0.6 * compared, name
