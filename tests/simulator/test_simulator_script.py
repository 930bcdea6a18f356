"""The caller's decisions and the measure of "audible", without a clock."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.simulator import After, HangUp, Press, Say, WhenSilent, WhenSpeaking
from offhook.simulator.audible import AUDIBLE_LEVEL, Stretch, audible_stretches, is_audible
from offhook.simulator.record import AudiblePlayback, measure_turns
from offhook.simulator.recording import Track
from offhook.simulator.script import Caller, CallerFrame, Step
from tests.support.sip.tones import tone

RATE = 8000
FRAME = 160


def play(steps: list[Step], agent: str) -> list[CallerFrame]:
    """One character of ``agent`` per frame: ``#`` heard, anything else silent."""
    caller = Caller(steps, FRAME)
    return [caller.frame(agent_audible=char == "#") for char in agent]


def index_of(frames: list[CallerFrame], what: str) -> list[int]:
    return [index for index, frame in enumerate(frames) if getattr(frame, what)]


class TestCaller:
    def test_waits_for_the_greeting_then_for_silence(self) -> None:
        frames = play([Say(tone(40), WhenSilent(ms=100))], "..........####......#####" + "." * 20)
        # The pause inside the greeting is 120 ms long: the caller speaks at its 100th ms.
        assert index_of(frames, "began") == [14 + 4]

    def test_a_silent_agent_makes_the_caller_give_up(self) -> None:
        frames = play([Say(tone(40), WhenSilent(ms=100, patience_ms=200))], "." * 30)
        assert index_of(frames, "began") == []
        assert index_of(frames, "hang_up") == [10]
        assert frames[10].gave_up == "step 1: the agent did not speak and fall silent within 0.2 s"
        assert all(not frame.hang_up for frame in frames[11:])

    def test_hangs_up_after_the_answer_when_the_script_does_not_say_so(self) -> None:
        frames = play([Say(tone(40), After(0))], "..." + "#" * 5 + "." * 60)
        assert index_of(frames, "began") == [0]
        assert index_of(frames, "hang_up") == [8 + 49]  # 1 s after the last sound

    def test_an_utterance_is_sent_whole_and_padded(self) -> None:
        audio = tone(50)
        frames = play([Say(audio, After(0)), HangUp(After(1000))], "." * 10)
        sent = [frame.audio for frame in frames if frame.audio is not None]
        assert [len(block) for block in sent] == [FRAME] * 3
        joined = np.concatenate(sent)
        assert np.array_equal(joined[: len(audio)], audio)
        assert not joined[len(audio) :].any()

    def test_after_counts_from_the_end_of_the_last_step(self) -> None:
        frames = play([Say(tone(60), After(100)), Say(tone(20), After(200)), HangUp(After(40))], "." * 40)
        assert index_of(frames, "began") == [5, 5 + 3 + 10]
        assert index_of(frames, "hang_up") == [18 + 1 + 2]

    def test_barge_in_counts_the_agents_speech_with_its_short_pauses(self) -> None:
        frames = play(
            [Say(tone(20), WhenSpeaking(ms=300)), HangUp(After(0))], "##" + "." * 10 + "#####...#########"
        )
        # The first burst is forgotten after 200 ms of silence; the 60 ms pause counts as speaking.
        assert index_of(frames, "began") == [12 + 5 + 3 + 7 - 1]

    def test_the_interrupted_answer_is_not_the_answer_to_the_interruption(self) -> None:
        steps: list[Step] = [
            Say(tone(200), WhenSpeaking(ms=40)),
            HangUp(WhenSilent(ms=100, patience_ms=2000)),
        ]
        #        speaking.. cut after 5 frames, silence, then the new answer
        agent = "##" + "#####" + "." * 30 + "####" + "." * 10
        frames = play(steps, agent)
        assert index_of(frames, "began") == [1]
        assert index_of(frames, "hang_up") == [2 + 5 + 30 + 4 + 4]

    def test_a_premature_answer_counts_as_the_answer(self) -> None:
        steps: list[Step] = [Say(tone(400), After(300)), HangUp(WhenSilent(ms=100, patience_ms=5000))]
        frames = play(steps, "." * 20 + "####" + "." * 40)
        assert index_of(frames, "hang_up") == [15 + 20]

    def test_keys_take_120_ms_each(self) -> None:
        frames = play([Press("12#", After(0)), HangUp(After(20))], "." * 30)
        assert [(index, frames[index].digit) for index in index_of(frames, "digit")] == [
            (5, "1"),
            (11, "2"),
            (17, "#"),
        ]
        assert index_of(frames, "hang_up") == [19]

    def test_nothing_is_said_after_the_hang_up(self) -> None:
        frames = play([HangUp(After(0)), Say(tone(40), After(0))], "#" * 10)
        assert index_of(frames, "hang_up") == [0]
        assert index_of(frames, "began") == []

    def test_empty_utterances_and_keys_do_no_harm(self) -> None:
        frames = play([Say(tone(0), After(0)), Press("", After(0)), HangUp(After(0))], "." * 5)
        assert index_of(frames, "hang_up") == [2]


class TestAudible:
    @pytest.mark.parametrize(
        ("level", "heard"),
        [(0.0, False), (AUDIBLE_LEVEL * 0.98, False), (AUDIBLE_LEVEL * 1.02, True), (32767.0, True)],
    )
    def test_the_threshold_is_45_db_below_full_scale(self, level: float, heard: bool) -> None:
        square = np.where(np.arange(FRAME) % 8 < 4, level, -level).round().astype(np.int16)
        assert is_audible(square) is heard
        assert bool(audible_stretches(square, RATE)) is heard

    def test_half_a_frame_of_sound_is_enough(self) -> None:
        frame = np.zeros(FRAME, np.int16)
        frame[80:] = 400
        assert is_audible(frame)

    def test_no_samples_are_silence(self) -> None:
        assert not is_audible(np.zeros(0, np.int16))
        assert audible_stretches(np.zeros(79, np.int16), RATE) == []

    def test_edges_are_exact_to_the_sample(self) -> None:
        audio = np.zeros(8000, np.int16)
        audio[1003:2017] = 5000
        (stretch,) = audible_stretches(audio, RATE)
        assert (stretch.start_samples, stretch.stop_samples) == (1003, 2017)

    def test_short_gaps_join_and_long_ones_part(self) -> None:
        audio = np.zeros(16000, np.int16)
        for start, stop in ((800, 1600), (1600 + 1520, 4000), (4000 + 1600, 8000)):  # gaps 190 and 200 ms
            audio[start:stop] = -5000
        found = [(s.start_samples, s.stop_samples) for s in audible_stretches(audio, RATE)]
        assert found == [(800, 4000), (5600, 8000)]

    def test_full_scale_negative_does_not_overflow(self) -> None:
        audio = np.full(800, -32768, np.int16)
        assert [(s.start_samples, s.stop_samples) for s in audible_stretches(audio, RATE)] == [(0, 800)]


def speech(start_ms: int, stop_ms: int, text: str | None = None) -> tuple[str | None, Stretch]:
    return text, Stretch(start_ms * 8, stop_ms * 8)


def playback(start_ms: int, stop_ms: int, playback_ms: int | None = None) -> AudiblePlayback:
    return AudiblePlayback(start_ms * 8, stop_ms * 8, (start_ms if playback_ms is None else playback_ms) * 8)


class TestMeasure:
    @pytest.mark.parametrize(
        ("utterances", "agent", "expected"),
        [
            pytest.param([speech(0, 1000)], [playback(1500, 2000)], [500], id="plain"),
            pytest.param([speech(0, 1000)], [], [None], id="no answer"),
            pytest.param(
                [speech(0, 1000), speech(5000, 6000)],
                [playback(1200, 4000), playback(6400, 8000)],
                [200, 400],
                id="two turns",
            ),
            pytest.param(
                [speech(0, 1000), speech(1600, 2000)],
                [playback(2300, 3000)],
                [300],
                id="a thinking pause is one turn",
            ),
            pytest.param(
                [speech(0, 1000), speech(1600, 2000)],
                [playback(1500, 1900), playback(2300, 3000)],
                [500, 300],
                id="an answer in the pause makes two",
            ),
            pytest.param(
                [speech(1000, 2000)], [playback(1500, 1700)], [-500], id="a premature answer is negative"
            ),
            pytest.param(
                [speech(1000, 2000)],
                [playback(100, 1300, 50), playback(1600, 1700, 50), playback(2400, 3000, 2390)],
                [400],
                id="what was already playing is not the answer",
            ),
        ],
    )
    def test_turnaround(
        self,
        utterances: list[tuple[str | None, Stretch]],
        agent: list[AudiblePlayback],
        expected: list[float | None],
    ) -> None:
        turns = measure_turns(utterances, agent, RATE)
        found = [None if turn.turnaround_ms is None else round(turn.turnaround_ms) for turn in turns]
        assert found == expected
        assert [turn.premature for turn in turns] == [ms is not None and ms < 0 for ms in expected]

    def test_words_of_a_turn_in_two_parts_are_joined(self) -> None:
        (turn,) = measure_turns(
            [speech(0, 500, "well"), speech(900, 1500, "yes")], [playback(1800, 1900)], RATE
        )
        assert turn.said == "well yes"
        assert turn.speech_start_samples == 0
        assert (turn.answer_start_samples, turn.answer_stop_samples) == (1800 * 8, 1900 * 8)


class TestTrack:
    def test_blocks_land_where_they_are_put_and_gaps_are_silent(self) -> None:
        track = Track()
        track.put(20_000, np.full(160, 7, np.int16))
        track.put(10, np.full(5, 3, np.int16))
        audio = track.audio()
        assert len(audio) == track.length_samples == 20_160
        assert audio[10:15].tolist() == [3] * 5
        assert audio[20_000:].tolist() == [7] * 160
        assert int(np.count_nonzero(audio)) == 165

    def test_what_lies_before_the_start_is_cut(self) -> None:
        track = Track()
        track.put(-2, np.array([1, 2, 3], np.int16))
        assert track.audio(4).tolist() == [3, 0, 0, 0]
