"""One simulated Asterisk channel, in real time, over real pipes.

The loop belongs to one thread, which sleeps in ``poll`` until the script writes or the
next 20 ms frame is due; frames are due at absolute times, so lateness does not add up.
Times of recorded samples: a frame that the caller's side writes at ``t`` was spoken
during the 20 ms before ``t``; a frame that Asterisk plays at ``t`` is heard from ``t`` on.
"""

from __future__ import annotations

import itertools
import os
import select
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

from offhook.errors import ConfigError
from offhook.simulator.activity import ChannelState, Played
from offhook.simulator.audible import Samples, is_audible
from offhook.simulator.dialogue import Dialogue
from offhook.simulator.header import agi_header
from offhook.simulator.launcher import INSTALLED, Launched, check_launcher, launch
from offhook.simulator.recording import Track
from offhook.simulator.script import FRAME_MS, Caller, Say, Step

_FRAME_NS = FRAME_MS * 1_000_000
_MAX_STDERR_LINES = 20


_serial = itertools.count(1)


def new_uniqueid() -> str:
    """A channel id in Asterisk's form, unlike those of other processes on this machine."""
    return f"{time.time():.0f}.{os.getpid()}{next(_serial):03}"


class CallEnd(Enum):
    """Who ended the call."""

    CALLER = "the caller hung up"
    AGENT = "the agent hung up"
    DIALPLAN = "the script ended and the dialplan went on"
    DEADLINE = "the call took too long"
    ABORTED = "the simulation was stopped"


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """How the channel looks to the script."""

    args: Sequence[str] = ()
    """Arguments of EAGI() after the script's name."""
    launcher: Path = INSTALLED
    socket: Path | None = None
    """Given to the launcher as ``OFFHOOK_SOCKET``; None leaves its default."""
    uniqueid: str = ""
    """Empty makes one up."""
    rate_hz: int = 8000
    """8000, or 16000 as with ``EAGI_AUDIO_FORMAT=slin16``."""
    answered: bool = True
    """Whether the dialplan answered before EAGI()."""
    variables: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)
    """Fields of :func:`~offhook.simulator.header.agi_header` to set."""
    sounds_dir: Path | None = None
    deadline_s: float = 180.0
    """After this the caller hangs up, and it is an error."""
    grace_s: float = 5.0
    """How long the script may take to end after the hang-up."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance as it was spoken into the call."""

    say: Say
    start_samples: int


@dataclass(slots=True)
class Outcome:
    """Everything that happened on the channel."""

    uniqueid: str
    rate_hz: int
    began_ns: int
    caller: Track
    agent: Track
    answered_ns: int | None = None
    end: CallEnd = CallEnd.DIALPLAN
    ended_ns: int = 0
    spoken: list[Spoken] = field(default_factory=list)
    utterances: int = 0
    """How many the script has."""
    played: list[Played] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    frames_sent: int = 0
    frames_dropped: int = 0
    """Audio frames that found the pipe full."""
    latest_frame_ms: float = 0.0
    """How late the worst-paced frame was: above a few ms the machine was too busy to measure on."""


class SimulatedChannel:
    """One call.  :meth:`run` blocks its thread; :meth:`abort` may be called from any other."""

    def __init__(self, steps: Sequence[Step], options: ChannelOptions) -> None:
        """Raises ValueError for a rate other than 8 or 16 kHz."""
        if options.rate_hz not in (8000, 16000):
            raise ValueError(f"rate {options.rate_hz} Hz: EAGI audio is 8000 or 16000 Hz")
        self._options = options
        uniqueid = options.uniqueid or new_uniqueid()
        self._outcome = Outcome(uniqueid, options.rate_hz, 0, Track(), Track())
        self._outcome.utterances = sum(isinstance(step, Say) for step in steps)
        self._frame_samples = options.rate_hz * FRAME_MS // 1000
        self._caller = Caller(steps, self._frame_samples)
        self._audible_ns = -(2**62)
        """When the last audible frame of the agent began."""
        self._frames = 0
        self._hung_up_ns: int | None = None
        self._abort_lock = threading.Lock()
        self._abort_read, self._abort_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        variables = {
            "CHANNEL": "PJSIP/simulated-00000001",
            "CHANNEL(language)": "en",
            "CONTEXT": "offhook",
            "EXTEN": "s",
            "UNIQUEID": uniqueid,
            **({"EAGI_AUDIO_FORMAT": "slin16"} if options.rate_hz == 16000 else {}),
            **options.variables,
        }
        self._dialogue = Dialogue(
            options.rate_hz,
            self._played,
            variables=variables,
            sounds_dir=options.sounds_dir,
            state=ChannelState.UP if options.answered else ChannelState.RING,
        )

    def abort(self) -> None:
        """End the call as soon as possible, with a hang-up.  Harmless before and after the call."""
        with self._abort_lock:
            if self._abort_write >= 0:
                os.write(self._abort_write, b"!")

    def run(self) -> Outcome:
        """Place the call and see it through.  Once only.

        Raises ConfigError when the launcher cannot be started; everything that goes
        wrong afterwards is in ``Outcome.errors``.
        """
        options, outcome = self._options, self._outcome
        try:
            command = [*check_launcher(options.launcher), *options.args]
            outcome.began_ns = time.monotonic_ns()
            script = launch(command, self._environment())
        except OSError as error:
            self.close()
            raise ConfigError(f"launcher {options.launcher} cannot be started: {error.strerror}") from error
        except BaseException:
            self.close()
            raise
        if options.answered:
            self._dialogue.answered_ns = outcome.began_ns
        try:
            header = agi_header(
                options.launcher.name, options.args, uniqueid=outcome.uniqueid, **options.header
            )
            script.write_replies(header)
            self._converse(script)
            self._finish(script)
        finally:
            script.close()
            self._dialogue.close(time.monotonic_ns())
            self.close()
        return outcome

    def close(self) -> None:
        """Free what a call that never ran holds; :meth:`run` does it itself."""
        with self._abort_lock:
            if self._abort_write >= 0:
                os.close(self._abort_read)
                os.close(self._abort_write)
                self._abort_write = -1

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        environment["AST_AGI_DIR"] = str(self._options.launcher.parent)
        if self._options.socket is not None:
            environment["OFFHOOK_SOCKET"] = str(self._options.socket)
        return environment

    # -- the loop ---------------------------------------------------------------------

    def _converse(self, script: Launched) -> None:
        poller = select.poll()
        poller.register(script.commands, select.POLLIN)
        poller.register(self._abort_read, select.POLLIN)
        deadline_ns = self._outcome.began_ns + int(self._options.deadline_s * 1e9)
        while True:
            now_ns = time.monotonic_ns()
            due_ns = self._next_due_ns(deadline_ns)
            for fd, _ in poller.poll(max(0.0, (due_ns - now_ns) / 1e6)):
                if fd == self._abort_read:
                    os.read(self._abort_read, 16)
                    self._end(CallEnd.ABORTED, script)
                elif not self._read_commands(script):
                    return
            now_ns = time.monotonic_ns()
            self._dialogue.advance(now_ns)
            self._speak(script, now_ns)
            self._answer_script(script)
            if self._dialogue.failed:
                return
            if self._dialogue.hung_up and self._hung_up_ns is None:
                self._end(CallEnd.AGENT, script)
            if self._hung_up_ns is None and now_ns >= deadline_ns:
                self._outcome.errors.append(f"the call did not end within {self._options.deadline_s:g} s")
                self._end(CallEnd.DEADLINE, script)
            if self._hung_up_ns is not None and now_ns >= self._grace_ns():
                self._outcome.errors.append(
                    f"the command pipe was still open {self._options.grace_s:g} s after the hang-up"
                )
                return

    def _next_due_ns(self, deadline_ns: int) -> int:
        hung_up = self._hung_up_ns is not None
        due_ns = self._grace_ns() if hung_up else min(deadline_ns, self._frame_due_ns())
        activity_ns = self._dialogue.due_ns()
        return due_ns if activity_ns is None else min(due_ns, activity_ns)

    def _frame_due_ns(self) -> int:
        return self._outcome.began_ns + (self._frames + 1) * _FRAME_NS

    def _grace_ns(self) -> int:
        assert self._hung_up_ns is not None
        return self._hung_up_ns + int(self._options.grace_s * 1e9)

    def _read_commands(self, script: Launched) -> bool:
        """False at end of file: the script has closed its side."""
        try:
            data = os.read(script.commands, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        self._dialogue.receive(data, time.monotonic_ns())
        self._answer_script(script)
        return True

    def _answer_script(self, script: Launched) -> None:
        replies = self._dialogue.take_replies()
        if replies and not script.write_replies(replies) and not self._dialogue.hung_up:
            self._outcome.errors.append("the script does not read Asterisk's replies")

    def _speak(self, script: Launched, now_ns: int) -> None:
        """All frames of the caller that are due."""
        outcome = self._outcome
        while self._hung_up_ns is None and (due_ns := self._frame_due_ns()) <= now_ns:
            outcome.latest_frame_ms = max(outcome.latest_frame_ms, (now_ns - due_ns) / 1e6)
            audible = self._audible_ns + 2 * _FRAME_NS > due_ns
            frame = self._caller.frame(agent_audible=audible)
            position = self._frames * self._frame_samples
            self._frames += 1
            if frame.gave_up is not None:
                outcome.errors.append(frame.gave_up)
            if frame.digit is not None:
                self._dialogue.press(frame.digit, due_ns)
            if frame.hang_up:
                self._end(CallEnd.CALLER, script)
                return
            if frame.began is not None:
                outcome.spoken.append(Spoken(frame.began, position))
            audio = frame.audio if frame.audio is not None else np.zeros(self._frame_samples, np.int16)
            outcome.caller.put(position, audio)
            outcome.frames_sent += 1
            if not script.write_audio(audio.astype("<i2").tobytes()):
                outcome.frames_dropped += 1

    def _played(self, at_ns: int, block: Samples) -> None:
        elapsed_ns = at_ns - self._outcome.began_ns
        position = round(elapsed_ns * self._options.rate_hz / 1e9)
        self._outcome.agent.put(position, block)
        if is_audible(block):
            self._audible_ns = at_ns

    def _end(self, end: CallEnd, script: Launched) -> None:
        """The channel is gone: running commands fail, the script gets its SIGHUP."""
        if self._hung_up_ns is not None:
            return
        self._hung_up_ns = time.monotonic_ns()
        self._outcome.end = end
        self._outcome.ended_ns = self._hung_up_ns
        self._dialogue.hang_up(self._hung_up_ns)
        self._answer_script(script)
        script.hang_up()

    def _finish(self, script: Launched) -> None:
        """What Asterisk does once the command pipe is closed, and the account of it all."""
        outcome, dialogue = self._outcome, self._dialogue
        if self._hung_up_ns is None:
            outcome.ended_ns = time.monotonic_ns()
        if dialogue.failed:
            script.hang_up()
        if not script.reap(self._options.grace_s):
            outcome.errors.append("the launcher did not exit after its command pipe closed: killed")
        assert script.status is not None
        code = os.waitstatus_to_exitcode(script.status)
        if code > 0 or (code < 0 and self._hung_up_ns is None and not dialogue.failed):
            what = f"exit status {code}" if code > 0 else f"signal {-code}"
            outcome.errors.append(f"the launcher ended with {what}")
        said = [line for line in script.stderr_text().splitlines() if line.strip()]
        outcome.errors += said[-_MAX_STDERR_LINES:]
        outcome.errors += [f"the simulator has no AGI command {name!r}" for name in dialogue.unknown]
        outcome.answered_ns = dialogue.answered_ns
        outcome.played = dialogue.played
        outcome.variables = dialogue.variables
