"""Reference: our own parts put together the plain way.

500 ms of silence end a turn; then the utterance is recognised, the whole answer is found, the whole answer is
synthesised, and one STREAM FILE plays it.  Models are loaded once and shared, voice activity is detected by
our own media thread, answers are those of the daemon's policy for its embedded model, what searches need is
computed beforehand: only nothing is begun early, nothing overlaps, and nobody can interrupt.  What is said
during an answer is answered after it.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import numpy as np
from numpy.typing import NDArray

from bench.turnaround.references.frame import RATE_HZ, SILENCE_MS, Line, Office, open_office, options, serve
from offhook.config import Config
from offhook.conversation.history import Exchange, History
from offhook.conversation.policies.grounded import Grounded
from offhook.doors.base import Listening
from offhook.doors.media import Hearing
from offhook.engines.pool import Models, load_models
from offhook.engines.stt.base import recognised
from offhook.engines.tts.slin import to_slin
from offhook.events import SpeechEvent, SpeechStarted, SpeechStopped
from offhook.knowledge.store import Knowledge

PRE_ROLL_MS = 200
POST_ROLL_MS = 100


class FixedSilence:
    """The models, and how a call is held with them."""

    def __init__(
        self, models: Models, policy: Grounded, hearing: Hearing, greeting: NDArray[np.int16]
    ) -> None:
        self._models = models
        self._policy = policy
        self._hearing = hearing
        self._greeting = greeting
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="voice")

    async def converse(self, line: Line) -> None:
        """One call, one turn after the other."""
        events: asyncio.Queue[SpeechEvent] = asyncio.Queue()
        audio = line.handoff.descriptors.audio
        assert audio is not None
        stream = self._hearing.add(
            audio, RATE_HZ, events.put_nowait, Listening(pause_ms=100, endpointing_ms=SILENCE_MS, ring_s=25.0)
        )
        line.handoff.descriptors.take_audio()
        history = History()
        try:
            await line.play(self._greeting)
            started = 0
            while True:
                event = await events.get()
                if isinstance(event, SpeechStarted):
                    started = event.position_samples
                if not isinstance(event, SpeechStopped):
                    continue
                trace = line.begin_turn(event.at_ns, event.voiced_ms)
                first = max(0, started - PRE_ROLL_MS * RATE_HZ // 1000)
                _, samples = stream.read(first, event.position_samples + POST_ROLL_MS * RATE_HZ // 1000)
                said = await recognised(self._models.recognizer, samples, RATE_HZ, event.voiced_ms)
                trace.stt_done_ns = time.monotonic_ns()
                if not said.text:
                    continue
                text = await self._think(said.text, history)
                trace.clause_ready_ns = time.monotonic_ns()
                spoken = await asyncio.get_running_loop().run_in_executor(
                    self._worker, speak, self._models, text
                )
                await line.answer(trace, said.text, text, spoken)
        finally:
            self._hearing.remove(stream)

    async def _think(self, heard: str, history: History) -> str:
        """The whole answer; as nobody can interrupt, all of it will have been heard."""
        turn = await self._policy.turn(heard, history)
        assert turn.say is not None, "this policy knows every answer's words"
        history.add(Exchange(turn.caller_text, turn.say, turn.say, turn.facts, turn.act))
        return turn.say

    def close(self) -> None:
        """No call may be running."""
        self._worker.shutdown()


def speak(models: Models, text: str) -> NDArray[np.int16]:
    """The whole text at 8 kHz."""
    blocks = models.synthesizer.synthesize(text)
    return np.concatenate(list(to_slin(blocks, models.synthesizer.sample_rate_hz, RATE_HZ)))


async def main() -> None:
    """Loads, serves."""
    given = options(__doc__ or "")
    async with AsyncExitStack() as stack:
        office: Office = open_office(given, stack)
        models = await asyncio.to_thread(load_models, Config())
        stack.callback(models.close)
        knowledge = Knowledge(office.agent, models.knowledge)
        await asyncio.to_thread(knowledge.prepare)
        policy = Grounded(office.agent, models.language_model.template, knowledge)
        hearing = Hearing()
        stack.callback(hearing.close)
        reference = FixedSilence(models, policy, hearing, speak(models, office.agent.greeting))
        stack.callback(reference.close)
        await serve(given, office, reference.converse)


if __name__ == "__main__":
    asyncio.run(main())
