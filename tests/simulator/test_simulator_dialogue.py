"""Asterisk's half of AGI with a fake clock: what it answers, when, and when it says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhook.simulator.activity import ChannelState, End
from offhook.simulator.audible import Samples
from offhook.simulator.dialogue import LINE_BYTES, Dialogue
from tests.support.sip.tones import put, ramp

MS = 1_000_000


class Desk:
    """A dialogue, its clock, and what the caller heard."""

    def __init__(self, rate_hz: int = 8000, **more: object) -> None:
        self.now_ns = 0
        self.heard: list[tuple[int, Samples]] = []
        self.dialogue = Dialogue(
            rate_hz,
            lambda at_ns, block: self.heard.append((at_ns, block)),
            **more,  # type: ignore[arg-type]
        )

    def send(self, line: str) -> list[str]:
        self.dialogue.receive(line.encode("utf-8", "surrogateescape") + b"\n", self.now_ns)
        return self.replies()

    def replies(self) -> list[str]:
        return self.dialogue.take_replies().decode().splitlines()

    def wait(self, ms: float) -> list[str]:
        """Let time pass, waking only when the dialogue asks for it."""
        end_ns = self.now_ns + int(ms * MS)
        while (due_ns := self.dialogue.due_ns()) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.dialogue.advance(self.now_ns)
        self.now_ns = end_ns
        return self.replies()

    def audio(self) -> Samples:
        return np.concatenate([block for _, block in self.heard]) if self.heard else np.zeros(0, np.int16)


class TestStreamFile:
    def test_plays_in_time_and_then_answers(self, tmp_path: Path) -> None:
        desk = Desk()
        name = put(tmp_path / "a.sln", ramp(800))
        assert desk.send(f'STREAM FILE "{name}" ""') == []
        assert desk.heard[0][0] == 0, "the first frame plays at once"
        assert desk.wait(99) == []
        assert [at // MS for at, _ in desk.heard] == [0, 20, 40, 60, 80]
        assert desk.wait(1) == ["200 result=0 endpos=800"]
        assert np.array_equal(desk.audio(), ramp(800))
        (played,) = desk.dialogue.played
        assert (played.started_ns, played.ended_ns, played.end) == (0, 100 * MS, End.FILE)

    def test_endpos_of_a_grown_file_is_its_first_length(self, tmp_path: Path) -> None:
        desk = Desk()
        path = tmp_path / "a.sln"
        name = put(path, ramp(800))
        desk.send(f"STREAM FILE {name} #")
        with path.open("ab") as file:
            file.write(ramp(1600).tobytes())
        assert desk.wait(299) == []
        assert desk.wait(1) == ["200 result=0 endpos=800"]
        assert len(desk.audio()) == 2400

    def test_a_byte_stops_it_without_a_result_line(self, tmp_path: Path) -> None:
        desk = Desk()
        desk.send(f"STREAM FILE {put(tmp_path / 'a.sln', ramp(8000))} #")
        desk.wait(50)
        desk.dialogue.receive(b"N", desk.now_ns)  # no line yet: one byte is enough
        assert desk.wait(200) == []
        assert len(desk.audio()) == 3 * 160
        desk.dialogue.receive(b"OOP\n", desk.now_ns)
        assert desk.replies() == ["200 result=0"], "only the new command is answered"
        assert desk.dialogue.played[0].end is End.COMMAND

    def test_a_command_already_waiting_stops_it_after_its_first_frame(self, tmp_path: Path) -> None:
        desk = Desk()
        name = put(tmp_path / "a.sln", ramp(8000))
        desk.dialogue.receive(f"STREAM FILE {name} #\nNOOP\n".encode(), 0)
        assert desk.replies() == ["200 result=0"]
        assert len(desk.audio()) == 160

    def test_an_escape_digit_ends_it_and_others_do_not(self, tmp_path: Path) -> None:
        desk = Desk()
        desk.send(f"STREAM FILE {put(tmp_path / 'a.sln', ramp(8000))} 5#")
        desk.wait(39)
        desk.dialogue.press("4", desk.now_ns)
        assert desk.wait(20) == []
        desk.dialogue.press("5", desk.now_ns)
        assert desk.replies() == ["200 result=53 endpos=480"]
        assert desk.wait(100) == []

    @pytest.mark.parametrize("name", ["/no/such/file", "relative", '""'])
    def test_a_missing_file(self, name: str) -> None:
        desk = Desk()
        assert desk.send(f"STREAM FILE {name} #") == ["200 result=-1 endpos=0"]
        assert desk.dialogue.played[0].end is End.MISSING

    def test_it_begins_at_an_offset(self, tmp_path: Path) -> None:
        desk = Desk()
        desk.send(f"STREAM FILE {put(tmp_path / 'a.sln', ramp(800))} # 640")
        assert desk.wait(20) == ["200 result=0 endpos=800"]
        assert np.array_equal(desk.audio(), ramp(800)[640:])

    def test_hang_up_ends_it_with_minus_one(self, tmp_path: Path) -> None:
        desk = Desk()
        desk.send(f"STREAM FILE {put(tmp_path / 'a.sln', ramp(8000))} #")
        desk.wait(30)
        desk.dialogue.hang_up(desk.now_ns)
        assert desk.replies() == ["200 result=-1 endpos=320"]
        assert desk.wait(1000) == []

    def test_late_wakings_keep_the_schedule(self, tmp_path: Path) -> None:
        desk = Desk()
        desk.send(f"STREAM FILE {put(tmp_path / 'a.sln', ramp(800))} #")
        desk.now_ns = 55 * MS
        desk.dialogue.advance(desk.now_ns)
        assert [at // MS for at, _ in desk.heard] == [0, 20, 40]


class TestWaiting:
    def test_a_digit_is_its_character_code(self) -> None:
        desk = Desk()
        assert desk.send("WAIT FOR DIGIT 1000") == []
        desk.dialogue.press("7", desk.now_ns)
        assert desk.replies() == ["200 result=55"]

    def test_no_digit_in_time(self) -> None:
        desk = Desk()
        desk.send("WAIT FOR DIGIT 1000")
        assert desk.wait(999) == []
        assert desk.wait(1) == ["200 result=0"]

    def test_minus_one_waits_for_ever(self) -> None:
        desk = Desk()
        desk.send("WAIT FOR DIGIT -1")
        assert desk.dialogue.due_ns() is None
        assert desk.wait(3_600_000) == []

    def test_a_command_interrupts_it_with_result_one(self) -> None:
        desk = Desk()
        desk.send("WAIT FOR DIGIT -1")
        assert desk.send("NOOP") == ["200 result=1", "200 result=0"]

    def test_digits_that_nobody_waits_for_are_lost(self) -> None:
        desk = Desk()
        desk.dialogue.press("1", 0)
        assert desk.send("WAIT FOR DIGIT 10") == []
        assert desk.wait(10) == ["200 result=0"]

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            ("42#", "200 result=42"),
            ("123", "200 result=123"),
            ("#", "200 result="),
            ("4", "200 result=4 (timeout)"),
        ],
    )
    def test_get_data(self, tmp_path: Path, keys: str, expected: str) -> None:
        desk = Desk()
        desk.send(f"GET DATA {put(tmp_path / 'a.sln', ramp(8000))} 3000 3")
        desk.wait(100)
        got: list[str] = []
        for key in keys:
            desk.dialogue.press(key, desk.now_ns)
            got += desk.wait(500)
        got += desk.wait(3000)
        assert got == [expected]
        assert len(desk.audio()) == 6 * 160, "the first key stops the prompt"

    def test_get_data_waits_after_its_prompt(self, tmp_path: Path) -> None:
        desk = Desk()
        desk.send(f"GET DATA {put(tmp_path / 'a.sln', ramp(8000))} 3000")
        assert desk.wait(3999) == []
        assert desk.wait(1) == ["200 result= (timeout)"]

    def test_get_data_gives_way_to_a_command_silently(self) -> None:
        desk = Desk()
        desk.send('GET DATA "" 3000')
        assert desk.send("NOOP") == ["200 result=0"]

    def test_say_takes_time_and_gives_way(self) -> None:
        desk = Desk()
        assert desk.send("SAY DIGITS 123 #") == []
        assert desk.wait(900) == ["200 result=0"]
        desk.send("SAY DIGITS 123 #")
        assert desk.send("NOOP") == ["200 result=0"]


class TestOtherCommands:
    @pytest.mark.parametrize(
        ("line", "reply"),
        [
            ("ANSWER", "200 result=0"),
            ("answer", "200 result=0"),
            ("CHANNEL STATUS", "200 result=6"),
            ("CHANNEL STATUS PJSIP/nobody", "200 result=-1"),
            ("NOOP whatever", "200 result=0"),
            ('VERBOSE "a \\"b\\"" 3', "200 result=1"),
            ("SET VARIABLE OFFHOOK_RESULT ok", "200 result=1"),
            ("GET VARIABLE NONE", "200 result=0"),
            ("GET VARIABLE EXTEN", "200 result=1 (700)"),
            ('GET FULL VARIABLE "${EXTEN}-${NONE}-x"', "200 result=1 (700--x)"),
            ("GET FULL VARIABLE ${EXTEN} PJSIP/nobody", "200 result=0"),
            ('EXEC Set "A=${EXTEN}1"', "200 result=0"),
            ("EXEC NoSuchApp 1", "200 result=-2"),
            ("FROBNICATE", "510 Invalid or unknown command"),
            ("STREAM", "510 Invalid or unknown command"),
            ("", "510 Invalid or unknown command"),
            ("HANGUP PJSIP/nobody", "200 result=-1"),
        ],
    )
    def test_reply(self, line: str, reply: str) -> None:
        assert Desk(variables={"EXTEN": "700"}).send(line) == [reply]

    @pytest.mark.parametrize(
        "line",
        ["STREAM FILE x", "STREAM FILE x # nine", "WAIT FOR DIGIT", "WAIT FOR DIGIT soon", "SET VARIABLE A",
         "SET VARIABLE A b c", "GET VARIABLE", "GET DATA", "VERBOSE", "EXEC", "SAY DIGITS 1", "HANGUP a b"],
    )  # fmt: skip
    def test_usage_errors_take_several_lines(self, line: str) -> None:
        lines = Desk().send(line)
        assert lines[0] == "520-Invalid command syntax.  Proper usage follows:"
        assert lines[1].startswith("Usage: ")
        assert lines[-1] == "520 End of proper usage."

    def test_variables_are_kept(self) -> None:
        desk = Desk()
        desk.send('SET VARIABLE A "two words"')
        assert desk.send("GET VARIABLE A") == ["200 result=1 (two words)"]
        desk.send('EXEC Set "B=${A}!"')
        assert desk.dialogue.variables == {"A": "two words", "B": "two words!"}

    def test_unknown_commands_are_remembered(self) -> None:
        desk = Desk()
        desk.send("DATABASE GET a b")
        desk.send("EXEC Queue support")
        assert desk.dialogue.unknown == ["DATABASE GET", "EXEC Queue"]

    def test_answer_raises_the_channel(self) -> None:
        desk = Desk(state=ChannelState.RING)
        assert desk.send("CHANNEL STATUS") == ["200 result=4"]
        desk.now_ns = 70 * MS
        desk.send("ANSWER")
        assert desk.send("CHANNEL STATUS") == ["200 result=6"]
        assert desk.dialogue.answered_ns == 70 * MS

    def test_exec_is_not_interrupted(self) -> None:
        desk = Desk()
        desk.send("EXEC Wait 0.5")
        assert desk.send("NOOP") == []
        assert desk.wait(499) == []
        assert desk.wait(1) == ["200 result=0", "200 result=0"]

    def test_after_hang_up_only_some_commands_work(self) -> None:
        desk = Desk()
        assert desk.send("HANGUP") == ["200 result=1"]
        assert desk.dialogue.agent_hung_up
        dead = "511 Command Not Permitted on a dead channel or intercept routine"
        assert desk.send("STREAM FILE x #") == [dead]
        assert desk.send("WAIT FOR DIGIT") == [dead], "before its words are looked at"
        assert desk.send("SET VARIABLE OFFHOOK_RESULT ok") == ["200 result=1"]
        assert desk.send("NOOP") == ["200 result=0"]
        assert desk.send("NONSENSE") == ["510 Invalid or unknown command"]

    def test_a_launcher_that_cannot_start_says_failure(self) -> None:
        desk = Desk()
        assert desk.send("failure") == []
        assert desk.dialogue.failed

    def test_a_line_in_pieces(self) -> None:
        desk = Desk()
        for piece in (b"GET VARI", b"ABLE ", b"X\nNO", b"OP\n"):
            desk.dialogue.receive(piece, 0)
        assert desk.replies() == ["200 result=0", "200 result=0"]

    def test_an_oversize_line_is_taken_as_several(self) -> None:
        desk = Desk()
        lines = desk.send("NOOP " + "x" * (LINE_BYTES + 10))
        assert lines == ["200 result=0", "510 Invalid or unknown command"]

    def test_bytes_that_are_not_text_do_no_harm(self) -> None:
        desk = Desk()
        desk.dialogue.receive(b"SET VARIABLE A \xff\xfe\n\x00\x01\n", 0)
        assert desk.replies() == ["200 result=1", "510 Invalid or unknown command"]
