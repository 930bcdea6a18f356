"""What a call learns of its line's echo: answers in a row, judged as they come back."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.barge_in import (
    LATEST_ECHO_MS,
    Judgement,
    JudgeSettings,
    LineEcho,
    Verdict,
    judge,
    without_our_voice,
)
from offhook.barge_in.line import ECHO_SHARE, ECHOES, MOST_EVIDENCE_MS, UNKNOWN_EVIDENCE_MS
from tests.support.audio import sounds
from tests.support.audio.audio import Samples, resample
from tests.support.audio.sounds import MS, Signal

LEAD = 600 * MS
LENGTH = 2_000 * MS
SPOKEN_MS = 700
"""After the answer's beginning the caller speaks, where they do."""
TEXTS = (
    "We are open from nine to five on weekdays.",
    "You can park for free behind the building.",
    "A check up costs eighty pounds with the x rays.",
    "Your appointment is on Monday at half past ten.",
    "Please bring your insurance card with you.",
)


def answer(text: str, length: int = LENGTH) -> Samples:
    """An answer after a while of silence, which is what is played."""
    spoken = sounds.to_samples(sounds.at_level(sounds.espeak("en-us", text), -20))[: LENGTH - LEAD]
    return np.concatenate([np.zeros(LEAD, np.int16), spoken, np.zeros(length - LEAD - len(spoken), np.int16)])


def back(played: Samples, delay_ms: float, gain_db: float) -> Signal:
    """Its echo, over the same line every time."""
    return sounds.echo(np.random.default_rng(2), played, delay_ms=delay_ms, gain_db=gain_db, kind="hybrid")


def torn(echo: Signal) -> Signal:
    """As by a telephone that cannot keep time: two in five of its 20 ms lie elsewhere, up to 2 ms away."""
    rng = np.random.default_rng(3)
    moved = np.zeros_like(echo)
    for start in range(0, len(echo) - 160, 160):
        late = int(rng.integers(0, 2 * MS + 1)) if rng.random() < 0.4 else 0
        source = max(0, start - late)
        moved[start : start + 160] = echo[source : source + 160]
    return moved


def listen(
    line: LineEcho,
    text: str,
    *,
    delay_ms: float = 120,
    gain_db: float = -12,
    misplaced_ms: int = 0,
    caller: Samples | None = None,
    tears: bool = False,
    rate_hz: int = 8_000,
) -> int | None:
    """One answer, judged every 20 ms as a call does.

    Returns when it was stopped, in ms from the caller's first sound; from the answer's where they are silent.
    """
    length = LENGTH + round(max(0, delay_ms - 300) * MS)
    played = answer(text, length)
    echo = back(played, delay_ms, gain_db)
    signal = torn(echo) if tears else echo
    onset, spoken = LEAD + round(delay_ms * MS), LEAD
    if caller is not None:
        spoken = LEAD + SPOKEN_MS * MS
        words = sounds.at_level(caller, -22)[: length - spoken]
        signal[spoken : spoken + len(words)] += words
    noisy = sounds.with_noise(np.random.default_rng(5), signal, 45, pink=True, speech_dbfs=-22)
    heard, told = sounds.telephone(noisy), np.roll(played, misplaced_ms * MS)
    scale = rate_hz // 8_000
    if scale > 1:
        heard, told = resample(heard, 8_000, rate_hz), resample(told, 8_000, rate_hz)
    settings = JudgeSettings(rate_hz=rate_hz)
    line.next_sound()
    first = onset - 500 * MS
    for now in range(onset + 60 * MS, length, 20 * MS):
        judged = judge(
            heard[first * scale : now * scale], 500 * MS * scale, told[: now * scale], settings, line=line
        )
        line.learn(judged)
        if judged.verdict is Verdict.SPEECH and not line.has_too_little(judged, settings):
            return (now - spoken) // MS
    return None


def known(*, delay_ms: float = 120, gain_db: float = -12, rate_hz: int = 8_000) -> LineEcho:
    """A line that has been found to have an echo."""
    line = LineEcho()
    for text in TEXTS[:ECHOES]:
        assert listen(line, text, delay_ms=delay_ms, gain_db=gain_db, rate_hz=rate_hz) is None
    return line


CALLER = sounds.espeak("en-us+m3", "But how much does it cost?")


@pytest.mark.parametrize("gain_db", [-12.0, -20.0, -30.0])
def test_answers_on_a_line_with_an_echo_are_not_stopped(gain_db: float) -> None:
    line = LineEcho()
    for text, misplaced_ms in zip(TEXTS, (0, 10, -10, 20, -15), strict=True):
        assert listen(line, text, gain_db=gain_db, misplaced_ms=misplaced_ms) is None
    assert line.known
    assert line.delay_ms == pytest.approx(120 + 15, abs=4)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("gain_db", [-12.0, -20.0])
def test_who_speaks_over_a_known_echo_is_heard_at_once(gain_db: float, rate_hz: int) -> None:
    line = known(gain_db=gain_db, rate_hz=rate_hz)
    stopped_ms = listen(line, TEXTS[3], gain_db=gain_db, rate_hz=rate_hz, caller=CALLER)
    assert stopped_ms is not None
    assert 0 < stopped_ms <= 300


def test_an_echo_that_comes_by_another_way_is_found_again() -> None:
    line = known(delay_ms=80)
    assert line.delay_ms == pytest.approx(80, abs=5)
    assert listen(line, TEXTS[3], delay_ms=260) is None
    assert line.delay_ms == pytest.approx(260, abs=5)
    stopped_ms = listen(line, TEXTS[4], delay_ms=260, caller=CALLER)
    assert stopped_ms is not None
    assert 0 < stopped_ms <= 300


@pytest.mark.parametrize("delay_ms", [470.0, 700.0, 1_150.0, 1_500.0])
@pytest.mark.parametrize(("gain_db", "rate_hz"), [(-6.0, 8_000), (-20.0, 16_000)])
def test_an_echo_that_comes_very_late_stops_nothing(delay_ms: float, gain_db: float, rate_hz: int) -> None:
    """Of a satellite, or of a mobile on its loudspeaker behind two networks: found in the first answer."""
    line = LineEcho()
    for text in TEXTS[:2]:
        assert listen(line, text, delay_ms=delay_ms, gain_db=gain_db, rate_hz=rate_hz) is None
        assert line.delay_ms == pytest.approx(delay_ms, abs=5)
    assert line.sound_ms > delay_ms
    assert line.words_ms > line.sound_ms
    stopped_ms = listen(line, TEXTS[2], delay_ms=delay_ms, gain_db=gain_db, rate_hz=rate_hz, caller=CALLER)
    assert stopped_ms is not None


@pytest.mark.parametrize("delay_ms", [120, 430, 470, 1_150, 1_230, 1_500])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_our_voice_is_taken_out_of_what_is_recognised_however_late_it_comes(
    delay_ms: int, rate_hz: int
) -> None:
    played = answer(TEXTS[0], LENGTH + LATEST_ECHO_MS * MS)
    heard = sounds.telephone(back(played, delay_ms, -12))
    if rate_hz > 8_000:
        played, heard = resample(played, 8_000, rate_hz), resample(heard, 8_000, rate_hz)
    heard = heard[(LEAD + delay_ms * MS) * rate_hz // 8_000 :]
    left = without_our_voice(heard, played, rate_hz)
    assert np.square(left.astype(float)).sum() < 0.05 * np.square(heard.astype(float)).sum()


def test_a_caller_who_has_nothing_of_ours_in_their_words_keeps_them() -> None:
    played = answer(TEXTS[0], LENGTH + LATEST_ECHO_MS * MS)
    assert without_our_voice(CALLER, played, 8_000) is CALLER


def test_a_line_that_tears_its_echo_wants_more_evidence_and_still_hears_the_caller() -> None:
    line, whole = LineEcho(), LineEcho()
    for text in TEXTS[:4]:
        assert listen(line, text, tears=True) is None
        assert listen(whole, text) is None
    line.next_sound()
    whole.next_sound()
    assert whole.shown_ms < line.shown_ms
    assert listen(line, TEXTS[4], tears=True, caller=CALLER) is not None


# --- what is wanted ----------------------------------------------------------------------------------

SETTINGS = JudgeSettings(min_speech_ms=60)


def spoken(evidence_ms: int, share: float = 0.1) -> Judgement:
    return Judgement(Verdict.SPEECH, evidence_ms, evidence_ms, evidence_ms, share, 120.0)


def ours(evidence_ms: int) -> Judgement:
    return Judgement(Verdict.ECHO, evidence_ms, evidence_ms, evidence_ms, 0.9, 120.0)


def after(*shown_ms: int) -> LineEcho:
    """A line on which our own sounds have shown so much evidence, one after the other."""
    line = LineEcho()
    for evidence_ms in shown_ms:
        line.next_sound()
        line.learn(ours(evidence_ms))
    line.next_sound()
    return line


def test_what_is_wanted_grows_with_what_the_echo_has_shown() -> None:
    clear, full = LineEcho(), after(*[0] * ECHOES)
    assert clear.wanted_ms(spoken(60), SETTINGS) == 60
    assert clear.wanted_ms(spoken(60, ECHO_SHARE), SETTINGS) == UNKNOWN_EVIDENCE_MS
    assert full.wanted_ms(spoken(60, 0.9), SETTINGS) == 60, "such a line is as good as a clear one"
    some, most = after(0, 0, 30), after(0, 50, 200)
    assert 60 < some.wanted_ms(spoken(60), SETTINGS) < most.wanted_ms(spoken(60), SETTINGS)
    assert most.wanted_ms(spoken(60), SETTINGS) == MOST_EVIDENCE_MS


def test_what_an_echo_has_shown_fades() -> None:
    assert after(40, *[0] * 20).wanted_ms(spoken(60), SETTINGS) < 75


def test_a_sound_that_turns_out_to_be_the_callers_says_nothing_of_the_echo() -> None:
    line = after(*[0] * ECHOES)
    for evidence_ms in (20, 40, 55):
        line.learn(ours(evidence_ms))
    line.learn(spoken(70))
    line.next_sound()
    assert line.shown_ms == 0


def test_who_wants_more_than_the_most_gets_what_they_want() -> None:
    patient = JudgeSettings(min_speech_ms=300)
    for line in (LineEcho(), after(0, 0, 200)):
        assert line.wanted_ms(spoken(60, 0.5), patient) == 300
