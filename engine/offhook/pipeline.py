"""One revision of an answer: recognise, think, speak, clause by clause.

A revision is prepared while the caller may still go on.  Until it is committed it
has no effect outside this file: its clips are heard by nobody, and when it is
cancelled the conversation is rolled back to where it was.  Revisions of one call take
their turn on the conversation; they never overlap there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offhook.core import resample
from offhook.dialog import Dialog, Guard
from offhook.errors import ModelError, OffhookError
from offhook.llm.base import Conversation, Generation, Limits
from offhook.models import Models
from offhook.playout import Clip, Shelf
from offhook.sentence import ClauseSplitter
from offhook.stt.base import STT_RATE_HZ
from offhook.trace import TurnTrace
from offhook.tts.base import Synthesizer
from offhook.tts.slin import to_slin

_log = logging.getLogger("offhook.pipeline")

KEPT_TURNS = 4
"""Turns that survive when the conversation outgrows its share of the context."""
ROOM_FOR_CALLER_TOKENS = 192
"""Room kept for the caller's next words and the note beside them: half a minute of speech."""
LEAD_THRESHOLD = 100
"""-50 dBFS: what a voice puts out below this before its first word is silence on a telephone."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of the answer, ready to be played."""

    text: str
    clip: Clip


class Voice:
    """Synthesis off the event loop: blocking engines run on one worker thread."""

    def __init__(self, synthesizer: Synthesizer, worker: ThreadPoolExecutor) -> None:
        self._synthesizer = synthesizer
        self._worker = worker

    async def say(self, text: str, rate_hz: int) -> NDArray[np.int16]:
        """Speak ``text``: ``[samples]`` int16 at ``rate_hz``.  Cancelling stops between two blocks."""
        abandoned = False

        def synthesize() -> NDArray[np.int16]:
            blocks = self._synthesizer.synthesize(text, cancelled=lambda: abandoned)
            parts = list(to_slin(blocks, self._synthesizer.sample_rate_hz, rate_hz))
            return without_lead(np.concatenate(parts), rate_hz) if parts else np.zeros(0, np.int16)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, synthesize)
        except asyncio.CancelledError:
            abandoned = True
            raise


def without_lead(audio: NDArray[np.int16], rate_hz: int) -> NDArray[np.int16]:
    """``audio`` without the silence that voices put in front: the caller would wait for its end.

    10 ms are kept before the first sample above the threshold, so that no soft onset is cut.
    """
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > LEAD_THRESHOLD)
    if not len(loud):
        return audio
    return audio[max(0, int(loud[0]) - rate_hz // 100) :]


@dataclass(slots=True)
class Outcome:
    """What became of a committed revision: how much of it the caller heard."""

    heard_text: str
    complete: bool


@dataclass(slots=True)
class Revision:
    """One attempt at a turn's answer; made by :meth:`Pipeline.prepare`."""

    number: int
    trace: TurnTrace
    heard: str = ""
    """What the caller said, as recognised."""
    answer: str = ""
    """The answer's text so far."""
    error: OffhookError | None = None
    ends_call: bool = False
    """The caller has taken leave: the call may end after this answer."""
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there were no words in the audio."""
    stopped: bool = False
    """The caller has interrupted: no further clause is wanted."""
    _clauses: asyncio.Queue[Clause | None] = field(default_factory=asyncio.Queue)
    """Never more than an answer's clauses, and an answer is bounded by ``Limits.max_tokens``."""
    _outcome: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _task: asyncio.Task[None] | None = None
    _generation: Generation | None = None

    async def clauses(self) -> AsyncIterator[Clause]:
        """The answer's clauses as they become ready; ends with the answer or a stop, or raises its error."""
        while (clause := await self._clauses.get()) is not None and not self.stopped:
            yield clause
        if self.error is not None and not self.stopped:
            raise self.error

    def stop(self) -> None:
        """No clause after the one that is being played is wanted."""
        self.stopped = True
        self._clauses.put_nowait(None)
        if self._generation is not None:
            self._generation.cancel()

    async def cancel(self) -> None:
        """Forget the revision; returns when the conversation is as it was before."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def settle(self, outcome: Outcome) -> None:
        """The revision has been played: remember what was heard of it."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)
        if self._task is not None:
            await asyncio.wait([self._task])


class Pipeline:
    """What one call uses to make answers."""

    def __init__(
        self,
        models: Models,
        voice: Voice,
        dialog: Dialog,
        conversation: Conversation,
        shelf: Shelf,
        rate_hz: int,
        limits: Limits,
        history_turns: int | None = None,
    ) -> None:
        """``history_turns`` is how many turns the model remembers; None: as many as fit."""
        self._models = models
        self._voice = voice
        self._dialog = dialog
        self._conversation = conversation
        self._shelf = shelf
        self._rate_hz = rate_hz
        self._limits = limits
        self._turn = asyncio.Lock()
        self._history_turns = history_turns
        self._history: deque[tuple[str, ...]] = deque(
            maxlen=KEPT_TURNS if history_turns is None else history_turns
        )
        self._turns_held = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def prepare(self, number: int, audio: NDArray[np.int16], trace: TurnTrace) -> Revision:
        """Begin a revision on ``audio`` (``[samples]`` at the call's rate); returns at once."""
        revision = Revision(number, trace)
        task = asyncio.create_task(self._run(revision, audio), name=f"revision-{number}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        revision._task = task
        return revision

    async def close(self) -> None:
        """Cancel whatever is being made and wait for it: then the conversation may be closed."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, revision: Revision, audio: NDArray[np.int16]) -> None:
        try:
            if not await self._recognize(revision, audio):
                revision.empty.set()
                return
            async with self._turn:
                await self._answer(revision)
        except OffhookError as error:
            revision.error = error
        except Exception as error:
            _log.exception("revision %d of call %s", revision.number, revision.trace.call_id)
            revision.error = ModelError(f"{type(error).__name__} while making an answer")
        finally:
            revision._clauses.put_nowait(None)  # whoever waits for clauses learns that no more will come

    async def _recognize(self, revision: Revision, audio: NDArray[np.int16]) -> bool:
        audio_16k = audio if self._rate_hz == STT_RATE_HZ else resample(audio, self._rate_hz, STT_RATE_HZ)
        transcript = await self._models.recognizer.recognize(audio_16k, revision.trace.voiced_ms)
        revision.trace.stt_done_ns = time.monotonic_ns()
        revision.trace.audio_ms = transcript.audio_ms
        revision.heard = transcript.text
        return bool(transcript.text)

    async def _answer(self, revision: Revision) -> None:
        """Generate, speak, wait for what became of it, and leave the conversation saying just that."""
        conversation, dialog = self._conversation, self._dialog
        before = await conversation.mark()
        generation: Generation | None = None
        try:
            turn = dialog.turn(revision.heard)
            revision.ends_call = turn.goodbye
            await conversation.append(*turn.pieces)
            asked = await conversation.mark()
            if turn.goodbye:
                await self._speak(revision, dialog.agent.goodbye)
                verbatim = False
            else:
                generation = revision._generation = conversation.generate(self._limits)
                verbatim = await self._speak_generation(revision, generation, dialog.guard(turn))
            revision._clauses.put_nowait(None)
            outcome = await revision._outcome
            if outcome.complete:
                said = (revision.answer, *dialog.close_answer())
            else:
                said = dialog.cut_answer(outcome.heard_text)
            if outcome.complete and verbatim:
                await conversation.append(*dialog.close_answer())
            else:
                await conversation.rollback(asked)
                await conversation.append(*said)
            self._history.append((*turn.pieces, *said))
            self._turns_held += 1
            await self._make_room()
        except BaseException:
            if generation is not None:
                generation.cancel()
            # Shielded: a second cancellation must not leave half a turn in the conversation.
            await asyncio.shield(conversation.rollback(before))
            raise

    async def _make_room(self) -> None:
        """Forget the turns that shall not be remembered or leave no room; done while nobody waits for us."""
        conversation = self._conversation
        needed = self._limits.max_tokens + ROOM_FOR_CALLER_TOKENS
        too_many = self._history_turns is not None and self._turns_held > self._history_turns
        if not too_many and conversation.tokens_used + needed <= conversation.tokens_limit:
            return
        while True:
            await conversation.rollback(conversation.start)
            self._turns_held = len(self._history)
            with contextlib.suppress(ModelError):  # too much: then nothing was appended
                await conversation.append(*(piece for kept in self._history for piece in kept))
                if conversation.tokens_used + needed <= conversation.tokens_limit:
                    return
            if not self._history:
                return  # the prefix alone leaves too little: the next turn will say so
            self._history.popleft()

    async def _speak_generation(self, revision: Revision, generation: Generation, guard: Guard) -> bool:
        """Speak what the model writes; False when that is not word for word what it wrote."""
        splitter, verbatim = ClauseSplitter(), True

        async def take(clauses: list[str]) -> bool:
            faithful = True
            for clause in clauses:
                if revision.stopped:
                    return False
                said = guard.accept(clause)
                faithful = faithful and said == clause
                if said:
                    await self._speak(revision, said)
            return faithful

        async for piece in generation:
            verbatim = await take(splitter.push(piece)) and verbatim
            if guard.finished:
                generation.cancel()
                verbatim = False
                break
        else:
            verbatim = await take(splitter.flush()) and verbatim
        if not revision.answer and not revision.stopped:
            await self._speak(revision, self._dialog.agent.unclear)
            verbatim = False
        stats, trace = generation.stats, revision.trace
        trace.llm_first_token_ns = stats.first_token_ns
        trace.tokens_reused = stats.prompt_tokens_reused
        trace.tokens_computed = stats.prompt_tokens_computed
        trace.tokens_generated = stats.generated_tokens
        return verbatim

    async def _speak(self, revision: Revision, text: str) -> None:
        trace = revision.trace
        if trace.clause_ready_ns is None:
            trace.clause_ready_ns = time.monotonic_ns()
        audio = await self._voice.say(text, self._rate_hz)
        if not len(audio):
            return  # nothing in it that can be spoken
        clip = self._shelf.put(audio, self._rate_hz)
        if trace.tts_first_audio_ns is None:
            trace.tts_first_audio_ns = time.monotonic_ns()
        revision.answer = f"{revision.answer} {text}".strip()
        revision._clauses.put_nowait(Clause(text, clip))
