"""The measuring code itself, on calls whose figures are known because they were made up."""

from __future__ import annotations

import numpy as np
import pytest

from bench.turnaround.conversation import Said, TurnRecord, Written
from bench.turnaround.figures import Group, figures, flat
from bench.turnaround.judge import (
    Judged,
    Undisturbed,
    cut_short,
    espeak_runs,
    interjection,
    interrupts_itself,
    judge,
    undisturbed_answers,
)
from bench.turnaround.measure import (
    FINE_JOIN_NS,
    Run,
    begins_between,
    excess_silences,
    percentile,
    plain_words,
    runs_of,
    silences,
    stop_ms,
    upper_bound,
    voiced_ms,
    within,
    word_errors,
)
from tests.support.audio.audio import Samples
from tests.support.sip import g711
from tests.support.sip.rtp import FRAME_NS, FRAME_SAMPLES, PCMU, Packet, ReceivedAudio
from tests.support.sip.tones import silence, tone

MS = 1_000_000


def received(*parts: tuple[int, Samples]) -> ReceivedAudio:
    """Audio that arrived without jitter: (when it began [ms], samples)."""
    heard = ReceivedAudio(0)
    number = 0
    for at_ms, samples in parts:
        padded = np.concatenate([samples, np.zeros(-len(samples) % FRAME_SAMPLES, np.int16)])
        for index, frame in enumerate(padded.reshape(-1, FRAME_SAMPLES)):
            packet = Packet(PCMU, number & 0xFFFF, number * FRAME_SAMPLES, 1, g711.encode(frame))
            heard.add(packet, at_ms * MS + index * FRAME_NS)
            number += 1
    return heard


def in_ms(runs: list[Run]) -> list[tuple[float, float]]:
    return [(start / MS, stop / MS) for start, stop in runs]


def record(
    heard: ReceivedAudio,
    *,
    first_ms: float = 0.0,
    ended_ms: float = 1_000.0,
    kind: str = "open",
    during: Said | None = None,
    written: list[Written] | None = None,
) -> TurnRecord:
    """A turn whose phrase was spoken from ``first_ms`` to ``ended_ms``."""
    said = Said("hours", kind, "What are your opening hours?", "eight", first_ms, ended_ms)
    runs = in_ms(within(heard.audible_runs(FINE_JOIN_NS), round(first_ms * MS), 1 << 62))
    return TurnRecord(said, during, None, runs, written if written is not None else [answer(ended_ms)])


def answer(
    ended_ms: float,
    text: str = "We are open from eight.",
    *,
    committed_ms: float = 300.0,
    ready_ms: float = 250.0,
) -> Written:
    """What a system writes of a turn; its answer was ready and decided so long after ``ended_ms``."""
    stamps = {
        "speech_end": ended_ms - 10,
        "committed": ended_ms + committed_ms,
        "tts_first_audio": ended_ms + ready_ms,
        "playback_started": ended_ms + max(committed_ms, ready_ms),
        "playback_ended": ended_ms + max(committed_ms, ready_ms) + 2_000,
    }
    return Written("what are your opening ours", text, stamps, 1, False)


def no_voice(text: str) -> list[Run]:
    """A voice without pauses."""
    return [(0, 10_000 * MS)]


# --- runs -----------------------------------------------------------------------------------------


def test_runs_are_exact_to_the_sample_and_joined_over_short_silence() -> None:
    heard = received((100, np.concatenate([tone(400), silence(25), tone(200)])), (1_000, tone(100)))
    runs = heard.audible_runs(FINE_JOIN_NS)
    assert len(runs) == 2
    assert [at for run in in_ms(runs) for at in run] == pytest.approx([100, 725, 1_000, 1_100], abs=1)
    assert voiced_ms(runs) == pytest.approx(725, abs=2)


def test_runs_follow_the_arrivals_not_the_timestamps() -> None:
    heard = ReceivedAudio(0)
    for number, late_ms in enumerate((0, 0, 90, 90)):
        packet = Packet(PCMU, number, number * FRAME_SAMPLES, 1, g711.encode(tone(20)))
        heard.add(packet, number * FRAME_NS + late_ms * MS)
    assert len(heard.audible_runs(FINE_JOIN_NS)) == 2, (
        "a network's 90 ms are a gap to a listener without a buffer"
    )


def test_taking_the_floor_needs_silence_before_it() -> None:
    runs = [(0, 500 * MS), (700 * MS, 900 * MS), (1_300 * MS, 1_500 * MS)]
    assert begins_between(runs, 600 * MS, 1_000 * MS) is None, (
        "200 ms of silence lie inside one hold of the floor"
    )
    assert begins_between(runs, 600 * MS, 1_400 * MS) == 1_300 * MS


def test_stop_is_the_last_sound_before_400_ms_of_silence() -> None:
    runs = [(0, 1_000 * MS), (1_200 * MS, 1_450 * MS), (2_500 * MS, 3_000 * MS)]
    assert stop_ms(runs, 900 * MS) == 550, "a pause of 200 ms is no stop"
    assert stop_ms(runs, 2_000 * MS) is None, "nobody was speaking"


# --- turnaround and premature answers -------------------------------------------------------------


def test_turnaround_runs_from_last_to_first_audible_sample() -> None:
    judged = judge(record(received((1_337, tone(2_000)))), no_voice)
    assert judged.turnaround_ms == pytest.approx(337, abs=0.5)
    assert not judged.premature
    assert not judged.missed
    assert judged.right
    assert judged.word_errors == 1


def test_sound_before_the_callers_last_sample_is_premature_and_never_timed() -> None:
    judged = judge(record(received((600, tone(200)), (1_700, tone(900)))), no_voice)
    assert judged.premature
    assert judged.unfinished
    assert judged.turnaround_ms is None


def test_the_tail_of_an_earlier_answer_is_not_premature() -> None:
    heard = received((0, tone(300)), (1_400, tone(500)))
    judged = judge(record(heard, first_ms=100.0), no_voice)
    assert not judged.premature
    assert judged.turnaround_ms == pytest.approx(400, abs=0.5)


def test_a_late_answer_to_the_phrase_before_is_overlap_and_not_premature() -> None:
    before = record(received((9_000, tone(20))), written=[answer(-1_500.0, committed_ms=2_000.0)])
    heard = received((505, tone(1_500)), (3_000, tone(500)))
    judged = judge(record(heard), no_voice, before)
    assert judged.overlapped
    assert not judged.premature
    assert judged.turnaround_ms is None


def test_an_answer_decided_before_the_end_is_unfinished_even_when_it_comes_after_it() -> None:
    judged = judge(
        record(received((1_200, tone(900))), written=[answer(500.0, committed_ms=100.0)]), no_voice
    )
    assert not judged.premature
    assert judged.unfinished
    assert judged.turnaround_ms is None


def test_a_decision_in_the_fading_end_of_the_last_word_is_no_fault() -> None:
    judged = judge(
        record(received((1_200, tone(900))), written=[answer(800.0, committed_ms=100.0)]), no_voice
    )
    assert not judged.unfinished
    assert judged.turnaround_ms == pytest.approx(200, abs=0.5)


@pytest.mark.parametrize(("onset_ms", "missed"), [(5_900, False), (6_100, True)])
def test_an_answer_after_five_seconds_is_missed(onset_ms: int, missed: bool) -> None:
    assert judge(record(received((onset_ms, tone(500)))), no_voice).missed is missed


def test_overhead_is_what_neither_silence_nor_compute_explains() -> None:
    hidden = judge(record(received((1_320, tone(500)))), no_voice)
    # Decided 310 ms after the end that the system saw; ready before that.
    assert (hidden.waited_ms, hidden.late_compute_ms) == (310, 0)
    assert hidden.overhead_ms == pytest.approx(10, abs=0.5)
    late = judge(record(received((1_470, tone(500))), written=[answer(1_000.0, ready_ms=450.0)]), no_voice)
    assert (late.waited_ms, late.late_compute_ms) == (310, 150)
    assert late.overhead_ms == pytest.approx(10, abs=0.5)
    assert late.commit_to_ear_ms == pytest.approx(20, abs=0.5)


# --- gaps -----------------------------------------------------------------------------------------


def spoken_with_pauses(*silences_ms: int) -> Samples:
    """Stretches of 600 ms with silences between them."""
    parts = [tone(600)]
    for length in silences_ms:
        parts += [silence(length), tone(600)]
    return np.concatenate(parts)


def test_the_voices_own_pause_is_no_gap_and_a_longer_one_is() -> None:
    voice = runs_of(spoken_with_pauses(200, 100))
    assert excess_silences(runs_of(spoken_with_pauses(200, 100)), voice) == []
    assert excess_silences(runs_of(spoken_with_pauses(230, 100)), voice) == [], "30 ms are not heard as a gap"
    (gap,) = excess_silences(runs_of(spoken_with_pauses(200, 190)), voice)
    assert gap.silence_ms == pytest.approx(90, abs=3)
    assert gap.after_voiced_ms == pytest.approx(1_200, abs=5)


def test_a_gap_where_the_voice_makes_no_pause_is_found() -> None:
    voice = runs_of(np.concatenate([tone(1_200), silence(200), tone(600)]))
    (gap,) = excess_silences(runs_of(spoken_with_pauses(70, 200)), voice)
    assert gap.silence_ms == pytest.approx(70, abs=3)


def test_an_answer_that_starts_anew_after_200_ms_is_judged_by_a_real_voice() -> None:
    text = "A cleaning costs sixty dollars. Is there anything else?"
    whole = list(espeak_runs(text))
    assert whole, "espeak-ng speaks"
    assert excess_silences(whole, espeak_runs(text)) == []
    torn = max(silences(whole), key=lambda one: one.silence_ms).from_ns
    shifted = [run if run[0] <= torn else (run[0] + 200 * MS, run[1] + 200 * MS) for run in whole]
    (gap,) = excess_silences(shifted, espeak_runs(text))
    assert gap.silence_ms == pytest.approx(200, abs=1)


# --- into an answer -------------------------------------------------------------------------------


def said_into(kind: str, first_ms: float = 2_500.0, ended_ms: float = 3_000.0) -> Said:
    return Said("stop", kind, "Wait, please stop.", None, first_ms, ended_ms)


WHOLE = Undisturbed("We are open from eight.", 5_000.0)


def test_barge_in_is_timed_from_onset_to_last_sound() -> None:
    heard = received((1_300, tone(1_450)), (3_900, tone(1_000)))
    found = interjection(record(heard, during=said_into("interrupt")), WHOLE, no_voice)
    assert found is not None
    assert found.stop_ms == pytest.approx(250, abs=1)
    assert found.stopped
    assert found.answered


def test_an_answer_that_goes_on_over_a_cough_was_not_stopped() -> None:
    found = interjection(record(received((1_300, tone(5_000))), during=said_into("sound")), WHOLE, no_voice)
    assert found is not None
    assert not found.stopped
    assert not found.answered


@pytest.mark.parametrize(
    "heard", [((1_300, 1_500),), ((1_300, 1_500), (3_500, 3_500))], ids=["cut", "mended"]
)
def test_an_answer_that_falls_silent_was_stopped_even_if_it_goes_on_later(
    heard: tuple[tuple[int, int], ...],
) -> None:
    turn = record(received(*((at, tone(length)) for at, length in heard)), during=said_into("backchannel"))
    found = interjection(turn, WHOLE, no_voice)
    assert found is not None
    assert found.stopped


@pytest.mark.parametrize(
    ("text", "stopped"),
    [
        pytest.param("We are open from eight to six.", False, id="other words, to their end"),
        pytest.param("We are open from", True, id="cut"),
        pytest.param("We are open from eight.", True, id="the same words, but less of them heard"),
    ],
)
def test_an_answer_in_other_words_is_measured_by_those(text: str, stopped: bool) -> None:
    def voice(text: str) -> list[Run]:
        return [(0, 100 * MS * len(text))]  # 3,000 ms for the first

    heard = received((1_300, tone(3_000)))
    turn = record(heard, during=said_into("sound"), written=[answer(1_000.0, text)])
    found = interjection(turn, WHOLE, voice)
    assert found is not None
    assert found.stopped is stopped


def test_what_is_said_into_silence_or_into_another_answer_is_not_judged() -> None:
    assert (
        interjection(record(received((1_300, tone(400))), during=said_into("sound")), WHOLE, no_voice) is None
    )
    other = Undisturbed("Something else is said here.", 5_000.0)
    assert (
        interjection(record(received((1_300, tone(5_000))), during=said_into("sound")), other, no_voice)
        is None
    )


def test_an_answer_broken_off_while_the_caller_was_silent_was_broken_off_by_itself() -> None:
    whole = answer(1_000.0)
    broken = Written(whole.heard, whole.answer, whole.stamps_ms, 0, True)
    assert not interrupts_itself(record(received((1_300, tone(900))), written=[whole]))
    assert interrupts_itself(record(received((1_300, tone(900))), written=[broken]))
    during_the_phrase = {**whole.stamps_ms, "playback_ended": 900.0}
    early = Written(whole.heard, whole.answer, during_the_phrase, 0, True)
    assert not interrupts_itself(record(received(), written=[early]))


def test_an_answer_cut_by_its_own_echo_is_found() -> None:
    def judged(duration_ms: int, text: str = "We are open from eight.") -> Judged:
        return judge(record(received((1_300, tone(duration_ms))), written=[answer(1_000.0, text)]), no_voice)

    assert not cut_short(judged(5_000), WHOLE, no_voice)
    assert cut_short(judged(3_000, "We are open"), WHOLE, no_voice)
    assert not cut_short(judged(1_000, "Pardon me?"), WHOLE, no_voice), "another answer, whole"
    assert cut_short(judged(1_000, "Pardon"), WHOLE, no_voice), "another answer, cut"
    assert cut_short(judged(5_000), None, no_voice) is False


# --- numbers --------------------------------------------------------------------------------------


def test_words_are_counted_as_said_not_as_written() -> None:
    assert plain_words("Um, 4271, check-up.") == ["four", "two", "seven", "one", "check", "up"]
    assert word_errors("four two seven one", "4 2 7 1") == 0
    assert word_errors("What are your opening hours?", "what are you opening, Auer") == 2
    assert word_errors("Yes.", "") == 1
    assert word_errors("Yes.", "Yes, I have.") == 2


def test_percentiles_and_bounds() -> None:
    assert percentile([100.0 * n for n in range(1, 6)], 50) == 300
    assert percentile([0.0, 100.0], 95) == 95
    assert percentile([], 50) is None
    assert upper_bound(0, 0) is None
    assert upper_bound(0, 30) == pytest.approx(0.083, abs=0.005), "none of 30 proves little"
    assert upper_bound(0, 300) == pytest.approx(0.009, abs=0.001)


def test_figures_of_a_group() -> None:
    good = judge(record(received((1_300, tone(900))), kind="hesitation"), no_voice)
    early = judge(record(received((500, tone(200)), (1_800, tone(900))), kind="hesitation"), no_voice)
    none = judge(record(received(), written=[]), no_voice)
    found = figures(Group([good, good, early, none], greetings_ms=[20.0, 30.0], calls=1))
    assert (found["turns"], found["timed_turns"], found["p50_ms"]) == (4, 2, pytest.approx(300, abs=1))
    assert (found["premature"], found["premature_rate"]) == (1, 0.25)
    assert (found["paused_premature"], found["paused_turns"]) == (1, 3)
    assert (found["missed"], found["greeting_p50_ms"]) == (1, 25.0)
    assert found["wer"] == pytest.approx((1 + 1 + 1 + 5) / 20)
    assert found["right_rate"] == 0.75
    assert found["false_stop_rate"] is None
    assert set(undisturbed_answers([good, early])) == {"hours"}


def test_flatness_pairs_the_first_round_with_the_last() -> None:
    def turn(turnaround_ms: int) -> Judged:
        return judge(record(received((1_000 + turnaround_ms, tone(900)))), no_voice)

    turns = [turn(200 + 100 * phrase + 10 * (number == 2)) for number in range(3) for phrase in range(5)]
    assert flat(turns)["last_to_first"] == pytest.approx(1.025, abs=0.005)
    assert flat(turns[:5]) == {}
