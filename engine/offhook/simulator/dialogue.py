"""Asterisk's half of AGI: command lines in, replies and audio out, time as an argument.

What it does, and when it says nothing, was read in Asterisk 22's res/res_agi.c:

- any byte on the command pipe ends a STREAM FILE, GET DATA or SAY without a result
  line, and a WAIT FOR DIGIT with ``200 result=1``; applications run by EXEC go on;
- after hang-up, commands that touch the channel answer 511;
- a line longer than 2047 bytes is taken as several.

Commands that the simulator does not have answer 510 and are listed in ``unknown``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from offhook.doors.agi.agi_text import split_command
from offhook.simulator.activity import FOREVER_NS, Activity, ChannelState, End, Played
from offhook.simulator.audible import Samples
from offhook.simulator.commands import COMMANDS

LINE_BYTES = 2047
_MAX_UNKNOWN = 20


@dataclass(slots=True)
class Dialogue:
    """The state of one channel's AGI session.

    ``emit(at_ns, block)`` gets every block the caller hears.  Replies gather in
    ``replies`` until they are taken.
    """

    rate_hz: int
    emit: Callable[[int, Samples], None]
    channel: str = "PJSIP/simulated-00000001"
    variables: dict[str, str] = field(default_factory=dict)
    sounds_dir: Path | None = None
    state: ChannelState = ChannelState.UP
    answered_ns: int | None = None
    hung_up: bool = False
    agent_hung_up: bool = False
    """The HANGUP command was what ended the call."""
    failed: bool = False
    """The launcher said that it could not be executed."""
    commands: int = 0
    played: list[Played] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    replies: bytearray = field(default_factory=bytearray)
    _lines: bytes = b""
    _activity: Activity | None = None

    # -- what the channel's loop calls ------------------------------------------------

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes that the script wrote."""
        self._lines += data
        self._interrupt(now_ns)
        self._run_lines(now_ns)

    def advance(self, now_ns: int) -> None:
        """Do everything that is due."""
        activity = self._activity
        while activity is not None and activity.playback is not None and activity.frame_ns <= now_ns:
            self._play_frame(activity)
            activity = self._activity
        if activity is not None and activity.playback is None and activity.until_ns <= now_ns:
            self._time_out(activity)
        if self._activity is None and self._lines:
            self._run_lines(now_ns)

    def due_ns(self) -> int | None:
        """When :meth:`advance` has something to do, if at all."""
        activity = self._activity
        if activity is None:
            return None
        due = activity.frame_ns if activity.playback is not None else activity.until_ns
        return due if due < FOREVER_NS else None

    def press(self, digit: str, now_ns: int) -> None:
        """The caller let go of a key.  Keys that nothing waits for are lost, as in Asterisk."""
        activity = self._activity
        if activity is None:
            return
        if activity.command == "GET DATA":
            self._collect(activity, digit, now_ns)
        elif activity.command == "WAIT FOR DIGIT" or (digit in activity.escape_digits):
            position = activity.playback.position_samples if activity.playback else 0
            self._finish(activity, End.DIGIT, now_ns)
            tail = f" endpos={position}" if activity.command == "STREAM FILE" else ""
            self.reply(f"200 result={ord(digit)}{tail}")

    def hang_up(self, now_ns: int) -> None:
        """The channel is gone: what runs ends with -1."""
        if self.hung_up:
            return
        self.hung_up = True
        activity = self._activity
        if activity is not None:
            position = activity.playback.position_samples if activity.playback else 0
            self._finish(activity, End.HANGUP, now_ns)
            tail = f" endpos={position}" if activity.command == "STREAM FILE" else ""
            self.reply(f"200 result=-1{tail}")

    def take_replies(self) -> bytes:
        """What is to be written to the script."""
        out = bytes(self.replies)
        self.replies.clear()
        return out

    def close(self, now_ns: int) -> None:
        """The script is gone: whatever played stops."""
        if self._activity is not None:
            self._finish(self._activity, End.COMMAND, now_ns)

    # -- lines ------------------------------------------------------------------------

    def _run_lines(self, now_ns: int) -> None:
        while self._activity is None and not self.failed:
            end = self._lines.find(b"\n", 0, LINE_BYTES)
            if end < 0 and len(self._lines) < LINE_BYTES:
                return
            stop = end + 1 if end >= 0 else LINE_BYTES
            line, self._lines = self._lines[:stop], self._lines[stop:]
            self.commands += 1
            self._execute(line.removesuffix(b"\n").decode("utf-8", "surrogateescape"), now_ns)
            if self._lines:  # more was waiting: it interrupts what just began
                self._interrupt(now_ns)

    def _execute(self, line: str, now_ns: int) -> None:
        if line[:7].lower() == "failure":
            self.failed = True
            return
        words = split_command(line)
        for name, command in COMMANDS.items():
            parts = name.split()
            if [word.upper() for word in words[: len(parts)]] == parts:
                if self.hung_up and not command.when_dead:
                    self.reply("511 Command Not Permitted on a dead channel or intercept routine")
                elif not command.run(self, words, now_ns):
                    self.reply(
                        "520-Invalid command syntax.  Proper usage follows:\n"
                        f"Usage: {command.usage}\n\n520 End of proper usage."
                    )
                return
        self.lack(" ".join(words[:2]))
        self.reply("510 Invalid or unknown command")

    def _interrupt(self, now_ns: int) -> None:
        activity = self._activity
        if activity is None or activity.command == "EXEC":
            return
        self._finish(activity, End.COMMAND, now_ns)
        if activity.command == "WAIT FOR DIGIT":
            self.reply("200 result=1")

    def lack(self, name: str) -> None:
        """Remember what the simulator does not have; a babbling script is remembered briefly."""
        if len(self.unknown) < _MAX_UNKNOWN and name[:40] not in self.unknown:
            self.unknown.append(name[:40])

    def reply(self, line: str) -> None:
        self.replies += line.encode("utf-8", "surrogateescape") + b"\n"

    # -- activities -------------------------------------------------------------------

    def begin(self, activity: Activity, now_ns: int) -> None:
        self._activity = activity
        if activity.playback is not None:
            activity.frame_ns = now_ns
            activity.played = Played(str(activity.playback.path), now_ns)
            self.played.append(activity.played)
        self.advance(now_ns)

    def _finish(self, activity: Activity, end: End, now_ns: int) -> None:
        self._stop_playback(activity, end, now_ns)
        self._activity = None

    def _stop_playback(self, activity: Activity, end: End, now_ns: int) -> None:
        if activity.playback is not None and activity.played is not None:
            activity.playback.close()
            activity.playback = None
            activity.played.ended_ns, activity.played.end = now_ns, end

    def _play_frame(self, activity: Activity) -> None:
        assert activity.playback is not None
        at_ns = activity.frame_ns
        block = activity.playback.frame()
        if block is not None:
            activity.frame_ns += len(block) * 1_000_000_000 // self.rate_hz
            self.emit(at_ns, block)
            return
        length = activity.playback.length_samples
        if activity.command == "GET DATA":
            self._stop_playback(activity, End.FILE, at_ns)
            activity.until_ns = at_ns + activity.first_timeout_ns
            return
        self._finish(activity, End.FILE, at_ns)
        self.reply("200 result=0" + (f" endpos={length}" if activity.command == "STREAM FILE" else ""))

    def _time_out(self, activity: Activity) -> None:
        self._activity = None
        if activity.command == "GET DATA":
            self.reply(f"200 result={activity.digits} (timeout)")
        else:
            self.reply("200 result=0")

    def _collect(self, activity: Activity, digit: str, now_ns: int) -> None:
        self._stop_playback(activity, End.DIGIT, now_ns)
        if digit != "#":
            activity.digits += digit
        if digit == "#" or len(activity.digits) >= activity.max_digits:
            self._activity = None
            self.reply(f"200 result={activity.digits}")
        else:
            activity.until_ns = now_ns + activity.timeout_ns
