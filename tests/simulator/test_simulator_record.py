"""The account of a call: the JSON object, the daemon's files merged in, and the command that prints it."""

from __future__ import annotations

import argparse
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from offhook.cli import call as command
from offhook.config import Config
from offhook.errors import ConfigError
from offhook.observe.trace import TraceWriter, TurnTrace
from offhook.simulator import CallEnd, CallRecord, TurnRecord, complete, merge, read_transcript
from offhook.simulator.recording import save_stereo
from offhook.simulator.script import HangUp, Say, WhenSilent, WhenSpeaking
from tests.support.audio.audio import write_wav
from tests.support.engines.peer import Line, Peer
from tests.support.sip.tones import silence, tone

MS = 1_000_000
BEGAN_NS = 77_000 * MS


def record(*answers_ms: float | None) -> CallRecord:
    """A call whose answers began at these times."""
    turns = []
    for number, at_ms in enumerate(answers_ms, 1):
        turn = TurnRecord(f"question {number}", 0, 1)
        if at_ms is not None:
            turn.answer_start_samples, turn.turnaround_ms = int(at_ms * 8), 300.0
            turn.answer_stop_samples = turn.answer_start_samples + 800
        turns.append(turn)
    silence = np.zeros(80_000, np.int16)
    return CallRecord("7.1", 8000, BEGAN_NS, CallEnd.CALLER, silence, silence, turns, greeting_ms=41.5)


def trace(turn: int, started_ms: float | None, call: str = "7.1") -> TurnTrace:
    entry = TurnTrace(
        call, turn, speech_end_ns=BEGAN_NS, maybe_done_ns=BEGAN_NS, stt_done_ns=BEGAN_NS + 40 * MS
    )
    if started_ms is not None:
        entry.playback_started_ns = BEGAN_NS + int(started_ms * MS)
    return entry


class TestJson:
    def test_exactly_these_keys(self) -> None:
        call = record(2000, None)
        call.errors.append("turn 2 was not answered")
        merge(call, {1: ("hello", "hi there")}, [trace(1, 1990)])
        assert json.loads(call.to_json()) == {
            "turns": [
                {"heard": "hello", "answer": "hi there", "turnaround_ms": 300.0, "stages_ms": {"stt": 40.0}},
                {"heard": None, "answer": None, "turnaround_ms": None, "stages_ms": {}},
            ],
            "greeting_ms": 41.5,
            "errors": ["turn 2 was not answered"],
        }


class TestMerge:
    def test_by_the_clock_not_by_the_count(self) -> None:
        # The daemon took noise for turn 1 and answered it; the caller's turns are its 2 and 3.
        call = record(2000, 6000)
        words = {1: ("uh", "pardon"), 2: ("a", "A"), 3: ("b", "B")}
        merge(call, words, [trace(1, 300), trace(2, 1985), trace(3, 5900), trace(9, 2000, "other")])
        assert [(turn.heard, turn.answer) for turn in call.turns] == [("a", "A"), ("b", "B")]
        assert [turn.trace.turn for turn in call.turns if turn.trace] == [2, 3]

    def test_without_traces_by_order(self) -> None:
        call = record(2000, 6000)
        merge(call, {1: ("a", "A"), 2: ("b", "B")})
        assert [turn.heard for turn in call.turns] == ["a", "b"]

    def test_a_trace_serves_one_turn_only(self) -> None:
        call = record(2000, 2400)
        merge(call, {}, [trace(1, 2100)])
        assert [turn.trace is not None for turn in call.turns] == [True, False]

    def test_far_traces_and_unplayed_ones_are_left_alone(self) -> None:
        call = record(5000)
        merge(call, {1: ("a", "A")}, [trace(1, 3000), trace(1, None)])
        assert call.turns[0].trace is None
        assert call.turns[0].heard == "a", "the words are still there, by order"


class TestFiles:
    def test_transcript(self, tmp_path: Path) -> None:
        path = tmp_path / "t.jsonl"
        lines = [
            {"call": "7.1", "turn": 1, "heard": "a", "answer": "A"},
            {"call": "7.10", "turn": 2, "heard": "no", "answer": "no"},
            {"call": "7.1", "turn": 2},
            ["call"],
        ]
        path.write_text("\n".join(map(json.dumps, lines)) + '\n{"call": "7.1", "tu')
        assert read_transcript(path, "7.1") == {1: ("a", "A")}
        with pytest.raises(ConfigError, match="cannot be read"):
            read_transcript(tmp_path / "none", "7.1")

    def test_complete_waits_for_the_last_turn(self, tmp_path: Path) -> None:
        path = tmp_path / "trace.jsonl"
        writer = TraceWriter(path)
        writer.write(trace(1, 2000))
        writer.write(trace(2, 6000))
        writer.close()
        call = record(2000, 6000)
        complete(call, None, path, timeout_s=120)
        assert [turn.trace is not None for turn in call.turns] == [True, True]

    def test_complete_gives_up(self, tmp_path: Path) -> None:
        path = tmp_path / "trace.jsonl"
        path.touch()
        call = record(2000)
        complete(call, None, path, timeout_s=0.1)
        assert call.turns[0].trace is None
        complete(call, None, None)

    def test_stereo(self, tmp_path: Path) -> None:
        stereo = np.array([[1, -1], [2, -2], [32767, -32768]], np.int16)
        save_stereo(tmp_path / "s.wav", stereo, 8000)
        with wave.open(str(tmp_path / "s.wav")) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
            assert np.frombuffer(file.readframes(9), "<i2").reshape(-1, 2).tolist() == stereo.tolist()


def parse(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["call", *argv])


class TestCommand:
    def test_order_of_say_and_wav(self) -> None:
        args = parse("--say", "a", "--wav", "b.wav", "--say", "c")
        assert args.spoken == [("--say", "a"), ("--wav", "b.wav"), ("--say", "c")]

    @pytest.mark.parametrize("argv", [["--timeout", "0"], ["--barge-in", "x"], ["--barge-in", "-1"]])
    def test_bad_options(self, argv: list[str]) -> None:
        with pytest.raises(SystemExit):
            parse(*argv)

    def test_the_script(self) -> None:
        says = [Say(tone(100), text="a"), Say(tone(100), text="b")]
        assert command.script([], None) == [HangUp(WhenSilent())]
        polite = command.script(says, None)
        assert [step.when for step in polite] == [WhenSilent()] * 3
        rude = command.script(says, 700)
        assert [step.when for step in rude] == [WhenSilent(), WhenSpeaking(700), WhenSilent()]

    def test_no_daemon(self, tmp_path: Path) -> None:
        with pytest.raises(
            ConfigError, match=r"no daemon at .*: start one with `offhook serve`, or try `offhook demo`"
        ):
            command.run(parse("--socket", str(tmp_path / "d.sock")))

    def test_silence_is_refused_before_the_call(self, tmp_path: Path) -> None:
        path = tmp_path / "quiet.wav"
        write_wav(path, silence(100))
        with pytest.raises(ConfigError, match="utterance 1 is not audible"):
            command._utterances([("--wav", str(path))], Config(), 8000)

    def test_a_call_from_the_command_line(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        greeting = tmp_path / "greeting.sln"
        greeting.write_bytes(tone(300).tobytes())
        spoken = tmp_path / "spoken.wav"
        write_wav(spoken, tone(300))
        socket, saved, transcript = tmp_path / "d.sock", tmp_path / "call.wav", tmp_path / "t.jsonl"

        def talk(line: Line) -> tuple[str, ...]:
            line.ask(f"STREAM FILE {greeting.with_suffix('')} #")
            while not np.frombuffer(line.read_audio(320), "<i2").any():
                pass
            while np.frombuffer(line.read_audio(320), "<i2").any():
                pass
            line.ask(f"STREAM FILE {greeting.with_suffix('')} #")
            entry = {"call": line.header["agi_uniqueid"], "turn": 1, "heard": "a tone", "answer": "another"}
            transcript.write_text(json.dumps(entry) + "\n")
            line.ask("SET VARIABLE OFFHOOK_RESULT ok")
            return line.args

        peer = Peer(socket, talk)
        transcript.touch()
        argv = ["--socket", str(socket), "--wav", str(spoken), "--save", str(saved), "--agent", "helpdesk"]
        assert command.run(parse(*argv, "--transcript", str(transcript), "--json")) == 0
        shown = json.loads(capsys.readouterr().out)
        args = peer.result()
        assert isinstance(args, tuple)
        uniqueid, agent = args
        assert uniqueid.count(".") == 1
        assert agent == "agent=helpdesk"
        assert list(shown) == ["turns", "greeting_ms", "errors"]
        (turn,) = shown["turns"]
        assert (turn["heard"], turn["answer"], turn["stages_ms"]) == ("a tone", "another", {})
        assert turn["turnaround_ms"] > 0
        assert shown["greeting_ms"] > 0
        with wave.open(str(saved)) as file:
            assert file.getnchannels() == 2

    def test_what_people_see(self) -> None:
        call = record(2000, None)
        call.variables["OFFHOOK_RESULT"] = "ok"
        merge(call, {1: ("hello\x1b", "hi")}, [])
        command.judge(call)
        assert command.describe(call, ["welcome", "hi", ""]).splitlines() == [
            "agent   [42 ms after answer]  welcome",
            "caller  question 1",
            "heard   hello?",
            "agent   [300 ms]  hi",
            "        received: hi",
            "caller  question 2",
            "agent   (no answer)",
            "ended: the caller hung up, OFFHOOK_RESULT=ok",
            "error: turn 2 was not answered",
        ]

    @pytest.mark.parametrize(
        ("end", "result", "error"),
        [
            (CallEnd.DIALPLAN, "ok", None),
            (CallEnd.DIALPLAN, "busy", "OFFHOOK_RESULT=busy"),
            (CallEnd.DIALPLAN, None, "OFFHOOK_RESULT=unset"),
            (CallEnd.CALLER, None, None),
        ],
    )
    def test_a_call_that_was_not_held_is_an_error(
        self, end: CallEnd, result: str | None, error: str | None
    ) -> None:
        call = record(2000)
        call.end = end
        if result is not None:
            call.variables["OFFHOOK_RESULT"] = result
        command.judge(call)
        assert len(call.errors) == (error is not None)
        if error is not None:
            assert error in call.errors[0]

    def test_a_call_that_was_too_short_for_its_script(self) -> None:
        call = record(2000)
        call.unspoken = 2
        command.judge(call)
        assert call.errors == ["the call ended early: 2 utterances were never spoken"]

    def test_long_answers_are_cut_at_silences(self) -> None:
        audio = np.zeros(16_000 * 50, np.int16)
        for start_s in range(0, 50, 3):
            audio[start_s * 16_000 : start_s * 16_000 + 32_000] = tone(2000, 16_000)
        pieces = command._at_silences(audio)
        assert sum(map(len, pieces)) == len(audio)
        assert max(map(len, pieces)) <= 20 * 16_000
        assert all(abs(int(piece[0])) <= 2000 for piece in pieces)
        assert np.array_equal(np.concatenate(pieces), audio)
