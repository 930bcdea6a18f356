"""What both references share: taking calls from the launcher, and writing down what happened.

A reference is a function ``converse(line)`` over a :class:`Line`.  Trace and transcript have the
daemon's forms, so that one reader serves all systems.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.agents.loader import Agent, load_agent
from offhook.doors.agi.agi import AgiChannel
from offhook.doors.eagi.lifeline import Handoff
from offhook.doors.eagi.listener import Listener
from offhook.errors import HangupError, OffhookError
from offhook.observe.trace import TraceWriter, TurnTrace, now_ms
from offhook.observe.transcript import TranscriptWriter
from tests.support.daemon_process import READY

RATE_HZ = 8_000
SILENCE_MS = 500
"""Silence after which the caller's turn is over, in both references."""


@dataclass(slots=True)
class Line:
    """One call, as a reference sees it."""

    call_id: str
    agi: AgiChannel
    handoff: Handoff
    folder: Path
    office: Office
    turns: int = 0
    _files: int = 0

    def begin_turn(self, speech_end_ns: int, voiced_ms: int) -> TurnTrace:
        """The trace of the next turn; its decision has just been made."""
        trace = TurnTrace(self.call_id, self.turns + 1, at_ms=now_ms())
        trace.voiced_ms = voiced_ms
        trace.speech_end_ns = speech_end_ns
        trace.maybe_done_ns = trace.committed_ns = time.monotonic_ns()
        return trace

    async def play(self, audio: NDArray[np.int16]) -> None:
        """Writes 8 kHz audio to a file and plays that to its end."""
        self._files += 1
        file = self.folder / f"{self._files}.sln"
        file.write_bytes(audio.astype("<i2", copy=False).tobytes())
        await self.agi.stream_file(str(file.with_suffix("")))
        file.unlink(missing_ok=True)

    async def answer(self, trace: TurnTrace, heard: str, text: str, audio: NDArray[np.int16]) -> None:
        """Plays the whole answer, and writes the turn down."""
        self.turns += 1
        trace.tts_first_audio_ns = trace.playback_started_ns = time.monotonic_ns()
        await self.play(audio)
        trace.playback_ended_ns = time.monotonic_ns()
        self.office.trace.write(trace)
        self.office.transcript.write(self.call_id, trace.turn, heard, text)


@dataclass(frozen=True, slots=True)
class Office:
    """What the calls of a reference share."""

    agent: Agent
    folder: Path
    trace: TraceWriter
    transcript: TranscriptWriter


Converse = Callable[[Line], Awaitable[None]]


def options(what: str) -> argparse.Namespace:
    """The command line of a reference."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--trace", type=Path, required=True)
    parser.add_argument("--transcript", type=Path, required=True)
    parser.add_argument("--playback-dir", type=Path, required=True)
    return parser.parse_args()


def open_office(given: argparse.Namespace, stack: AsyncExitStack) -> Office:
    """Agent and files, closed with ``stack``."""
    trace = TraceWriter(given.trace)
    stack.callback(trace.close)
    transcript = TranscriptWriter(given.transcript)
    stack.callback(transcript.close)
    return Office(load_agent(given.agent), given.playback_dir, trace, transcript)


async def serve(given: argparse.Namespace, office: Office, converse: Converse) -> None:
    """Takes calls until SIGTERM; says on stdout when it is ready."""
    logging.basicConfig(level=logging.WARNING)
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)

    async def on_call(handoff: Handoff) -> None:
        handoff.accepted()
        agi = AgiChannel(*handoff.descriptors.take_agi())
        folder = Path(tempfile.mkdtemp(prefix="call-", dir=office.folder))
        try:
            header = await agi.read_header()
            task = asyncio.ensure_future(converse(Line(header.uniqueid, agi, handoff, folder, office)))
            closed = asyncio.ensure_future(handoff.closed.wait())
            await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
            closed.cancel()
            if not task.done():
                task.cancel()
            with suppress(HangupError, asyncio.CancelledError):
                await task
        except HangupError:
            pass  # the caller's right
        except OffhookError:
            logging.exception("a call failed")
        finally:
            agi.close()
            shutil.rmtree(folder, ignore_errors=True)
            handoff.done()

    async with Listener(given.socket, on_call):
        print(READY, flush=True)
        await over.wait()
