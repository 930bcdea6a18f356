"""What stops our answer and what does not (``bench/bench_barge_in.py`` has the rates)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import offhook
from offhook.barge_in import Judgement, JudgeSettings, LineEcho, Verdict, is_own_words, judge
from tests.support.audio import sounds
from tests.support.audio.audio import Samples, load_phrases, resample
from tests.support.audio.sounds import MS, Signal
from tests.support.english import is_backchannel

LEAD = 1_000 * MS
LENGTH = 2_400 * MS
NARROW = JudgeSettings()
DEMO = Path(offhook.__file__).parent / "assets" / "demo"
MORE = Path(__file__).parents[1] / "data" / "speech"


@cache
def answer(start_ms: int = 0) -> Samples:
    """What we play."""
    spoken = sounds.espeak(
        "en-us", "You can park for free behind the building, the entrance is on the left side."
    )
    levelled = sounds.to_samples(sounds.at_level(spoken, -20))[start_ms * MS :]
    return np.pad(levelled, (0, max(0, LENGTH - len(levelled))))[:LENGTH]


@cache
def caller(name: str) -> Samples:
    """A phrase from its first audible sample on."""
    phrases = load_phrases(DEMO) | load_phrases(MORE)
    return phrases[name].samples[phrases[name].first_audible :]


def line(
    sound: Samples | Signal, dbfs: float = -22.0, *, snr_db: float = 45.0, echo: Signal | None = None
) -> Samples:
    """``sound`` after a second of line noise, as a telephone carries it."""
    rng = np.random.default_rng(5)
    signal = np.zeros(LENGTH)
    levelled = sounds.at_level(sound, dbfs)[: LENGTH - LEAD] if len(sound) else np.zeros(0)
    signal[LEAD : LEAD + len(levelled)] = levelled
    if echo is not None:
        signal += echo
    return sounds.telephone(sounds.with_noise(rng, signal, snr_db, pink=True, speech_dbfs=dbfs))


def verdicts(
    heard: Samples, played: Samples, *, until_ms: int = 1_000, onset: int = LEAD
) -> dict[int, Judgement]:
    """Asked every 20 ms from 60 ms after the onset: time [ms] → judgement."""
    found: dict[int, Judgement] = {}
    known = LineEcho()
    for at_ms in range(60, until_ms + 1, 20):
        now, first = onset + at_ms * MS, onset - 500 * MS
        found[at_ms] = judge(
            heard[first:now], 500 * MS, played[max(0, first - 500 * MS) : now], NARROW, line=known
        )
        known.learn(found[at_ms])
    return found


def stopped_ms(found: dict[int, Judgement]) -> int | None:
    return next((at_ms for at_ms, j in found.items() if j.verdict is Verdict.SPEECH), None)


# --- speech ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dbfs", [-15.0, -22.0, -42.0])
@pytest.mark.parametrize("name", ["01_hours", "02_location", "03_cost", "05_book", "insurance", "stop"])
def test_clear_speech_stops_us_within_300_ms(name: str, dbfs: float) -> None:
    at_ms = stopped_ms(verdicts(line(caller(name), dbfs), answer()))
    assert at_ms is not None
    assert at_ms <= 300


def test_speech_in_noise_stops_us() -> None:
    assert stopped_ms(verdicts(line(caller("stop"), snr_db=12), answer())) is not None


@pytest.mark.parametrize("gain_db", [-12.0, -20.0])
def test_speech_over_our_own_echo_stops_us(gain_db: float) -> None:
    echo = sounds.echo(np.random.default_rng(2), answer(), delay_ms=120, gain_db=gain_db, kind="hybrid")
    at_ms = stopped_ms(verdicts(line(caller("01_hours"), echo=echo), answer()))
    assert at_ms is not None
    assert at_ms <= 300


def test_wideband_is_judged_like_narrowband() -> None:
    heard, played = line(caller("01_hours")), answer()
    now = LEAD + 240 * MS
    narrow = judge(heard[LEAD - 500 * MS : now], 500 * MS, played[:now], NARROW)
    wide = judge(
        resample(heard, 8_000, 16_000)[2 * (LEAD - 500 * MS) : 2 * now],
        1_000 * MS,
        resample(played, 8_000, 16_000)[: 2 * now],
        JudgeSettings(rate_hz=16_000),
    )
    assert narrow.verdict is wide.verdict is Verdict.SPEECH
    assert abs(narrow.voiced_ms - wide.voiced_ms) <= 30


def test_a_hum_that_goes_on_is_speech_in_the_end() -> None:
    hum = sounds.hum(np.random.default_rng(1), pitch_hz=120, length_ms=1_300, dip=False)
    at_ms = stopped_ms(verdicts(line(hum), answer()))
    assert at_ms is not None
    assert 600 <= at_ms <= 900


# --- what is none ----------------------------------------------------------------------------


@pytest.mark.parametrize("length_ms", [250, 400, 600])
@pytest.mark.parametrize("pitch_hz", [95.0, 120.0, 160.0, 210.0, 250.0])
def test_a_hum_is_a_backchannel(pitch_hz: float, length_ms: int) -> None:
    hum = sounds.hum(np.random.default_rng(length_ms), pitch_hz=pitch_hz, length_ms=length_ms)
    found = verdicts(line(hum), answer())
    assert stopped_ms(found) is None
    assert found[240].verdict is Verdict.BACKCHANNEL


@pytest.mark.parametrize("seed", range(8))
def test_a_cough_is_noise(seed: int) -> None:
    found = verdicts(line(sounds.cough(np.random.default_rng(seed))), answer())
    assert stopped_ms(found) is None
    assert found[300].verdict is Verdict.NOISE


@pytest.mark.parametrize("length_ms", [20, 100, 400, 1_000])
@pytest.mark.parametrize("pink", [False, True])
def test_a_burst_of_noise_is_noise(length_ms: int, pink: bool) -> None:
    sound = sounds.burst(np.random.default_rng(length_ms), length_ms=length_ms, pink=pink)
    found = verdicts(line(sound), answer())
    assert stopped_ms(found) is None
    assert found[300].verdict is Verdict.NOISE


# Not a law but a rate (bench/bench_barge_in.py): the same examples each time.
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    delay_ms=st.integers(20, 350),
    gain_db=st.sampled_from([-6.0, -12.0, -20.0, -30.0]),
    start_ms=st.sampled_from([0, 300, 700, 1_100]),
    seed=st.integers(0, 20),
)
def test_our_own_echo_never_stops_us(delay_ms: int, gain_db: float, start_ms: int, seed: int) -> None:
    played = answer(start_ms)
    echo = sounds.echo(np.random.default_rng(seed), played, delay_ms=delay_ms, gain_db=gain_db, kind="hybrid")
    found = verdicts(line(np.zeros(0), echo=echo), played, until_ms=1_000)
    assert stopped_ms(found) is None


@pytest.mark.parametrize("delay_ms", [30, 120, 345])
def test_the_echo_and_its_delay_are_found(delay_ms: int) -> None:
    echo = sounds.echo(np.random.default_rng(3), answer(), delay_ms=delay_ms, gain_db=-12, kind="hybrid")
    last = verdicts(line(np.zeros(0), echo=echo), answer(), until_ms=500)[500]
    assert last.verdict is Verdict.ECHO
    assert last.echo_delay_ms == pytest.approx(delay_ms, abs=5)
    assert last.echo_share > 0.7


def test_without_the_reference_the_same_echo_is_taken_for_speech() -> None:
    """The echo tests above would otherwise pass on a judge that never says SPEECH."""
    echo = sounds.echo(np.random.default_rng(3), answer(), delay_ms=120, gain_db=-12, kind="hybrid")
    assert stopped_ms(verdicts(line(np.zeros(0), echo=echo), np.zeros(LENGTH, np.int16))) is not None


# --- any input -------------------------------------------------------------------------------

arrays = hnp.arrays(np.int16, st.integers(0, 6_000), elements=st.integers(-32_768, 32_767))


@settings(max_examples=60, deadline=None)
@given(
    heard=arrays,
    played=arrays,
    onset=st.integers(-5_000, 8_000),
    wide=st.booleans(),
    floor_db=st.none() | st.floats(-200, 50),
    delay_ms=st.none() | st.floats(-1_000, 1_000),
)
def test_never_raises(
    heard: Samples, played: Samples, onset: int, wide: bool, floor_db: float | None, delay_ms: float | None
) -> None:
    chosen = JudgeSettings(rate_hz=16_000 if wide else 8_000)
    found = judge(heard, onset, played, chosen, noise_floor_db=floor_db, line=LineEcho(delay_ms=delay_ms))
    assert 0 <= found.echo_share <= 1
    assert found.voiced_ms <= found.active_ms


@pytest.mark.parametrize("length", [0, 1, 255, 256, 4_000, 8_000, 40_000])
@pytest.mark.parametrize("value", [0, -32_768, 32_767])
def test_silence_and_full_scale_are_not_speech(length: int, value: int) -> None:
    flat = np.full(length, value, np.int16)
    for played in (flat, flat[:0], answer()):
        assert judge(flat, length // 2, played, NARROW).verdict is not Verdict.SPEECH


def test_clipped_speech_is_speech() -> None:
    clipped = sounds.to_samples(sounds.at_level(caller("01_hours"), 3.0))
    assert np.abs(clipped.astype(np.int32)).max() >= 32_767
    assert stopped_ms(verdicts(line(clipped, -4.0), answer())) is not None


@pytest.mark.parametrize("wrong", [{"rate_hz": 11_025}, {"min_speech_ms": 0}, {"max_hum_ms": -1}])
def test_settings_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_ms")[0]):
        JudgeSettings(**wrong)


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["mm-hm", "Mm-hmm.", "Mhm", "uh huh", "Uh-huh!", "yeah", "Yeah, yeah.", "okay", "OK", "right", "I see.",
     "okay, I see", "got it", "All right.", "hmm", "yes", "yeah right okay sure"],
)  # fmt: skip
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    ["", " ... ", "no", "stop", "wait", "hold on", "yes please", "okay stop", "right now", "I see a problem",
     "yeah but how much", "I", "mm-hm what", "yeah yeah yeah yeah yeah"],
)  # fmt: skip
def test_what_is_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)


SAID = "We are open from nine to five on weekdays, and on Saturday until noon."


@pytest.mark.parametrize(
    ("text", "echo"),
    [
        ("open from nine to five", True),
        ("We're open from nine to five on weekdays and on Saturday", True),
        ("on weekdays and on Saturday until noon", True),
        ("nine to", False),  # too few words to tell from an answer
        ("is it open on Sunday", False),
        ("five to nine from open", False),  # our words, but not as we said them
        ("what about Saturday", False),
        ("", False),
    ],
)
def test_own_words(text: str, echo: bool) -> None:
    assert is_own_words(text, SAID) is echo


def test_nothing_said_nothing_echoed() -> None:
    assert not is_own_words("one two three", "")
