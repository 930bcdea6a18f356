"""Where speech begins and ends, on recorded voices.  Bounds are sample positions, whatever the machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhook.core import Endpointer, SileroModel
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from tests.support.audio.audio import Phrase, Samples, load_phrases
from tests.support.endpoints import Lags, add_noise, human_voice, listen, measure, true_spans

MS = 8
SPEECH = Path(__file__).parents[1] / "data/speech"
VOICES = ("endgame_nagg_nell", "two_cities")
"""Two people reading, 72 s; one in a dry studio, one in a room with its own noise."""


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def between_silence(phrase: Phrase) -> Samples:
    """The phrase at one second, and a second of nothing after it."""
    audio: Samples = np.concatenate([np.zeros(8_000, np.int16), phrase.samples, np.zeros(8_000, np.int16)])
    return audio


def lags_of(model: SileroModel, snr_db: float | None) -> Lags:
    total = Lags()
    for name in VOICES:
        clean = human_voice(name)
        spans, power = true_spans(model, clean)
        audio = clean if snr_db is None else add_noise(clean, power, snr_db)
        total.add(measure(spans, len(clean), listen(Endpointer(model, 8_000), audio)))
    return total


@pytest.mark.parametrize("name", load_phrases(SPEECH))
def test_a_phrase_is_one_utterance_at_its_place(model: SileroModel, name: str) -> None:
    phrase = load_phrases(SPEECH)[name]
    audio = between_silence(phrase)
    noticed = listen(Endpointer(model, 8_000), audio)
    started, stopped = noticed[0], noticed[-1]
    assert isinstance(started[1], SpeechStarted)
    assert isinstance(stopped[1], SpeechStopped)
    assert sum(isinstance(event, SpeechStopped) for _, event in noticed) == 1
    first, last = 8_000 + phrase.first_audible, 8_000 + phrase.last_audible
    assert abs(started[1].position_samples - first) <= 60 * MS
    assert started[0] - first <= 200 * MS
    assert abs(stopped[1].position_samples - last) <= 60 * MS
    assert stopped[0] - last <= 520 * MS
    assert stopped[1].voiced_ms >= 0.6 * len(phrase.samples) / MS


@pytest.mark.parametrize(
    ("snr_db", "end_ms", "pause_ms", "stop_ms", "onset_ms"),
    [(None, 20, 120, 480, 100), (20, 30, 120, 480, 110), (15, 40, 130, 480, 120), (10, 60, 220, 520, 120)],
)
def test_medians_on_human_voices(
    model: SileroModel, snr_db: float | None, end_ms: float, pause_ms: float, stop_ms: float, onset_ms: float
) -> None:
    """Bounds on the medians, in ms of audio; `make bench` prints them all."""
    lags = lags_of(model, snr_db)
    assert len(lags.end_error) >= 30
    assert lags.missed <= 4
    assert abs(float(np.median(lags.end_error))) <= end_ms
    assert 80 <= float(np.median(lags.pause_lag)) <= pause_ms
    assert 380 <= float(np.median(lags.stop_lag)) <= stop_ms
    assert float(np.median(lags.onset_lag)) <= onset_ms
    assert abs(float(np.median(lags.onset_error))) <= 30


def test_order_of_events_and_positions(model: SileroModel) -> None:
    after: dict[type[SpeechEvent] | None, tuple[type[SpeechEvent], ...]] = {
        None: (SpeechStarted,),
        SpeechStarted: (SpeechPaused,),
        SpeechPaused: (SpeechResumed, SpeechStopped),
        SpeechResumed: (SpeechPaused,),
        SpeechStopped: (SpeechStarted,),
    }
    for name in VOICES:
        before: SpeechEvent | None = None
        for now, event in listen(Endpointer(model, 8_000, start_ns=5_000_000_000), human_voice(name)):
            assert isinstance(event, after[None if before is None else type(before)])
            assert event.position_samples <= now
            assert before is None or event.position_samples >= before.position_samples
            assert event.at_ns == 5_000_000_000 + event.position_samples * 125_000
            before = event
        assert isinstance(before, SpeechStopped)


def test_the_size_of_the_pieces_does_not_matter(model: SileroModel) -> None:
    audio = human_voice("endgame_nagg_nell")[:80_000]
    whole = Endpointer(model, 8_000)
    expected = whole.process(audio) + whole.finish()
    pieces = Endpointer(model, 8_000)
    events = [event for at in range(0, len(audio), 777) for event in pieces.process(audio[at : at + 777])]
    assert events + pieces.finish() == expected


def test_endpointing_decides_how_many_utterances(model: SileroModel) -> None:
    audio = human_voice("two_cities")

    def utterances(endpointing_ms: int) -> int:
        noticed = listen(Endpointer(model, 8_000, endpointing_ms=endpointing_ms), audio)
        return sum(isinstance(event, SpeechStopped) for _, event in noticed)

    assert utterances(250) > utterances(450) > utterances(1_500) >= 1


def test_endpointing_can_change_in_the_middle_of_a_pause(model: SileroModel) -> None:
    phrase = next(iter(load_phrases(SPEECH).values()))
    endpointer = Endpointer(model, 8_000, endpointing_ms=2_000)
    audio = between_silence(phrase)
    events = endpointer.process(audio)
    assert isinstance(events[-1], SpeechPaused)
    endpointer.set_endpointing_ms(300)
    assert [type(event) for event in endpointer.process(np.zeros(80, np.int16))] == [SpeechStopped]


def test_quiet_callers_are_heard(model: SileroModel) -> None:
    """30 dB down: -36 dBFS at the loudest sample."""
    for phrase in load_phrases(SPEECH).values():
        quiet = (between_silence(phrase) / 31.6).astype(np.int16)
        kinds = [type(event) for _, event in listen(Endpointer(model, 8_000), quiet)]
        assert kinds[0] is SpeechStarted
        assert kinds[-1] is SpeechStopped


def test_noise_is_not_speech_and_silence_costs_nothing(model: SileroModel) -> None:
    rng = np.random.default_rng(3)
    for level in (5, 100, 3_000):
        endpointer = Endpointer(model, 8_000)
        noise = rng.normal(0, level, 30 * 8_000).astype(np.int16)
        assert endpointer.process(noise) + endpointer.finish() == []
        assert endpointer.windows_skipped > 0.8 * (endpointer.windows_run + endpointer.windows_skipped)


def test_the_skipping_of_silence_moves_no_event_far(model: SileroModel) -> None:
    """The same phrases after a second and after a minute of line noise, which the network hardly saw."""
    rng = np.random.default_rng(8)
    for phrase in load_phrases(SPEECH).values():
        heard = []
        for seconds in (1, 60):
            audio = np.concatenate([np.zeros(seconds * 8_000), phrase.samples, np.zeros(8_000)])
            noisy = np.round(audio + rng.normal(0, 20, len(audio))).astype(np.int16)
            noticed = listen(Endpointer(model, 8_000), noisy)
            heard.append([(event.position_samples - seconds * 8_000, type(event)) for _, event in noticed])
        assert abs(heard[0][0][0] - heard[1][0][0]) <= 50 * MS
        assert abs(heard[0][-1][0] - heard[1][-1][0]) <= 50 * MS


@pytest.mark.parametrize("rate_hz", [0, 11_025, 48_000, -8_000])
def test_other_rates_are_refused(model: SileroModel, rate_hz: int) -> None:
    with pytest.raises(ValueError, match="8000 or 16000"):
        Endpointer(model, rate_hz)
