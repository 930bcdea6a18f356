"""One revision of an answer: recognise, think, speak, clause by clause.

A revision is prepared while the caller may still go on.  Until it is committed it
has no effect outside this file: its audio is heard by nobody, and when it is
cancelled the conversation is rolled back to where it was.  Revisions of one call take
their turn on the conversation; they never overlap there.

While the caller still speaks, :meth:`Pipeline.anticipate` puts the words that are sure
already into the conversation, so that a revision has only the last ones to compute.

A revision that fails ends with the agent's excuse, and is remembered as such.

Long because a revision and what it leaves in the conversation share the conversation's turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from offhook.barge_in import is_backchannel, is_own_words, without_our_voice
from offhook.call.ahead import Ahead
from offhook.conversation.answering import ClauseStream
from offhook.conversation.base import WRITTEN, Policy, Turn
from offhook.conversation.history import FAILED, Exchange, History
from offhook.conversation.repeats import is_announcement
from offhook.core import resample
from offhook.end_of_turn.completeness import completeness
from offhook.end_of_turn.levels import LEVEL_MS, frame_levels
from offhook.end_of_turn.wait import ProsodyModel, combined, expectation, gives_time
from offhook.engines.llm.base import Conversation, Generation, Limits, Mark, Told
from offhook.engines.pool import Models
from offhook.engines.stt.base import STT_RATE_HZ
from offhook.engines.tts.voice import Clauses, Voice
from offhook.errors import DeadlineError, HangupError, ModelError, OffhookError, PlaybackError
from offhook.observe.trace import TurnTrace
from offhook.playout.utterance import Utterance
from offhook.speech.clauses import split
from offhook.turn_taking import CallerWaits, Expecting, NothingHeard, Repeated, TurnEvent, WordsHeard

_log = logging.getLogger("offhook.call.pipeline")
T = TypeVar("T")

FORGOTTEN_SHARE = 3
"""When the conversation outgrows its share of the context, the oldest third of its turns goes."""
OWN_WORDS = 3
"""So many words that we have just said are our echo, and no answer, on a line that has one ..."""
OWN_WORDS_UNKNOWN = 5
"""... and so many where none has been noticed: callers repeat what they want to have confirmed."""
QUIET_DBFS = -50.0
"""A frame below this is silence on a telephone line."""
ECHO_DROP_DB = 6.0
"""A frame that is so much quieter without our own voice was our own voice."""
ROOM_FOR_CALLER_TOKENS = 192
"""Room kept for the caller's next words and the note beside them: half a minute of speech."""
END_TOLD_S = 2.0
"""A model that takes longer to say whether the caller has finished is not waited for: the words decide."""

Excuse = Callable[[], Awaitable[tuple[str, NDArray[np.int16]] | None]]
"""The agent's excuse for a failed turn and its audio, ``[samples]`` int16; None: it was said too often."""


@dataclass(slots=True)
class Outcome:
    """What became of a committed revision: how much of it was audible to the caller."""

    audible_text: str
    complete: bool


@dataclass(slots=True)
class Revision:
    """One attempt at a turn's answer; made by :class:`Pipeline`."""

    number: int
    trace: TurnTrace
    answer: Utterance
    heard: str = ""
    """What the caller said, as recognised."""
    rest: str = ""
    """The end of it, which was recognised for this revision: all of it, but for the parts of a long turn."""
    error: OffhookError | None = None
    """Why there is no answer, or only a part of one."""
    excused: bool = False
    """The answer ends with the agent's excuse for that."""
    due_s: float | None = None
    """When its first sound is overdue, on the event loop's clock; None before it is committed."""
    ends_call: bool = False
    """The caller has taken leave: the call may end after this answer."""
    committed: bool = False
    stopped: bool = False
    """No further clause is wanted."""
    _outcome: asyncio.Future[Outcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _task: asyncio.Task[None] | None = None
    _generation: Generation | None = None
    _turn: Turn | None = None
    _timer: asyncio.Timeout | None = None
    """Runs while the answer is made and nothing of it can be heard."""

    def limit(self, due_s: float | None) -> None:
        """The first sound has to be there at ``due_s``; None: it is there."""
        self.due_s = due_s
        if self._timer is not None:
            self._timer.reschedule(due_s)

    async def cancel(self) -> None:
        """Forget the revision; returns when the conversation is as it was before."""
        self.stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self.answer.drop()

    async def settle(self, outcome: Outcome) -> None:
        """The revision has been played as far as it will be: remember what was heard of it."""
        if not outcome.complete:
            self.stopped = True
            if self._generation is not None:
                self._generation.cancel()
        if not self._outcome.done():
            self._outcome.set_result(outcome)
        if self._task is not None:
            await asyncio.wait([self._task])
        self.answer.drop()


class Pipeline:
    """What one call uses to make answers."""

    def __init__(
        self,
        models: Models,
        voice: Voice,
        policy: Policy,
        history: History,
        conversation: Conversation,
        make_answer: Callable[[], Utterance],
        rate_hz: int,
        limits: Limits,
        history_turns: int | None = None,
        *,
        post: Callable[[TurnEvent], None],
        prosody: ProsodyModel | None = None,
        excuse: Excuse | None = None,
        answer_timeout_s: float = 15.0,
    ) -> None:
        """``history_turns`` is how many turns the model remembers; None: as many as fit.

        ``post`` gets what revisions find out: WordsHeard, NothingHeard, Expecting.  ``excuse`` is said
        where an answer fails, or has not begun ``answer_timeout_s`` after it was committed; without one
        the failure is the call's.
        """
        self._models = models
        self._voice = voice
        self._policy = policy
        self._language = policy.agent.language
        self._history = history
        self._conversation = conversation
        self._make_answer = make_answer
        self._rate_hz = rate_hz
        self._limits = limits
        self._post = post
        self._prosody = prosody
        self._excuse_of = excuse
        self._answer_timeout_s = answer_timeout_s
        self._clauses = Clauses()
        self._turn = asyncio.Lock()
        self._ahead = Ahead(conversation, policy, history)
        self._history_turns = history_turns
        self._turns: list[tuple[str, ...]] = []
        """The pieces of each turn that the conversation holds, prompts before it included."""
        self._tasks: set[asyncio.Task[None]] = set()

    def prepare(
        self,
        number: int,
        audio: NDArray[np.int16],
        trace: TurnTrace,
        *,
        played: NDArray[np.int16] | None = None,
        saying: str = "",
        echoes: bool = False,
        parts: Sequence[asyncio.Task[str]] = (),
    ) -> Revision:
        """Begin a revision on ``audio`` (``[samples]`` at the call's rate); returns at once.

        ``played`` is what we sent meanwhile, and a little before; it ends when ``audio`` does.  It is
        taken out.  ``saying`` is its words: where an echo is left all the same, it is nobody's turn.
        ``echoes``: the line has given our voice back before, so that fewer words are enough to say so.
        ``parts`` are the words of a long turn before ``audio``, known or soon to be; they are not cancelled.
        """
        revision = Revision(number, trace, self._make_answer())
        least = OWN_WORDS if echoes else OWN_WORDS_UNKNOWN
        return self._begin(revision, self._run(revision, audio, played, saying, least, parts))

    def prepare_text(self, number: int, text: str, trace: TurnTrace) -> Revision:
        """Begin a revision on words that were not spoken, such as keys; returns at once."""
        revision = Revision(number, trace, self._make_answer(), heard=text)
        return self._begin(revision, self._run(revision, None, None))

    async def hear(
        self, audio: NDArray[np.int16], voiced_ms: int, played: NDArray[np.int16] | None = None
    ) -> str:
        """The words in ``audio`` so far, while the caller still speaks; ``played`` as in :meth:`prepare`.

        Raises ModelError or BusyError.
        """
        if played is not None and played.any():
            audio = await asyncio.to_thread(without_our_voice, audio, played, self._rate_hz)
        return (await self._models.recognizer.recognize(self._audio_16k(audio), voiced_ms)).text

    async def anticipate(self, words: str) -> None:
        """The caller's turn surely begins with ``words``: compute them now, if nothing else goes on."""
        if self._turn.locked():
            return
        await self._policy.anticipate(words, self._history)
        if self._turn.locked():
            return
        async with self._turn:
            await self._ahead.extend(words)

    def commit(self, revision: Revision) -> None:
        """The revision will be heard: its work goes before other calls' guesses from now on."""
        revision.committed = True
        self._conversation.speculative = False
        if not revision.answer.ready.is_set():
            revision.limit(asyncio.get_running_loop().time() + self._answer_timeout_s)

    async def close(self) -> None:
        """Cancel whatever is being made and wait for it: then the conversation may be closed."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- one revision ----------------------------------------------------------------------------

    def _begin(self, revision: Revision, work: Coroutine[Any, Any, None]) -> Revision:
        task = asyncio.create_task(work, name=f"revision-{revision.number}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        revision._task = task
        return revision

    async def _run(
        self,
        revision: Revision,
        audio: NDArray[np.int16] | None,
        played: NDArray[np.int16] | None,
        saying: str = "",
        least: int = OWN_WORDS,
        parts: Sequence[asyncio.Task[str]] = (),
    ) -> None:
        # An answer that has failed keeps the conversation's turn until it is settled, like any other.
        has_turn = False
        try:
            try:
                heard = self._hear(revision, audio, played, parts, saying, least)
                judge = await self._in_time(revision, heard)
                if judge is None:
                    return
                has_turn = await self._in_time(revision, self._turn.acquire())
                await self._in_time(revision, self._twice(revision, lambda: self._answer(revision, judge)))
            except OffhookError as error:
                revision.error = error
            except Exception as error:
                _log.exception("revision %d of call %s", revision.number, revision.trace.call_id)
                revision.error = ModelError(f"{type(error).__name__} while making an answer")
            if revision.error is not None:
                await self._excuse(revision)
        finally:
            if has_turn:
                self._turn.release()
            try:
                revision.answer.finish()  # whoever waits for it learns that no more will come
            except OffhookError as error:
                revision.error, revision.excused = revision.error or error, False

    async def _in_time(self, revision: Revision, work: Coroutine[Any, Any, T]) -> T:
        """``work``, as long as the answer is not overdue.  Raises DeadlineError, and what it raises."""
        try:
            async with asyncio.timeout_at(revision.due_s) as revision._timer:
                return await work
        except TimeoutError as error:
            if isinstance(error, OffhookError):
                raise
            raise DeadlineError(
                f"no answer has begun within {self._answer_timeout_s:g} s (turn.answer_timeout_s)"
            ) from None
        finally:
            revision._timer = None

    async def _hear(
        self,
        revision: Revision,
        audio: NDArray[np.int16] | None,
        played: NDArray[np.int16] | None,
        parts: Sequence[asyncio.Task[str]],
        saying: str,
        least: int,
    ) -> _Judge | None:
        """Find the words; None when there are none, or none that want an answer."""
        prosody = None
        if audio is not None:
            if played is not None and played.any():
                audio = await self._without_echo(revision, audio, played)
            prosody = await self._twice(revision, lambda: self._recognize(revision, audio))
            earlier = [await asyncio.shield(part) for part in parts]
            revision.heard = " ".join(words for words in (*earlier, revision.rest) if words)
            if not revision.heard:
                self._post(NothingHeard(revision.number, revision.trace.voiced_ms))
                return None
            if is_announcement(revision.heard, self._history.exchanges):
                self._post(Repeated(revision.number))
                return None
        echo = is_own_words(revision.heard, saying, least)
        hum = echo or is_backchannel(revision.heard, self._language)
        judge = _Judge(self._post, revision, prosody, self._language, backchannel=hum, echo=echo)
        judge.begin()
        return judge

    async def _twice(self, revision: Revision, work: Callable[[], Awaitable[T]]) -> T:
        """What fails before anything was said is tried a second time, unless that is of no use."""
        try:
            return await work()
        except ModelError as error:
            if error.lasting or revision.answer.text or revision.stopped:
                raise
            _log.info("call=%s trying once more: %s", revision.trace.call_id, error)
        return await work()

    async def _excuse(self, revision: Revision) -> None:
        """The turn has failed: end its answer with the agent's excuse, and remember what was audible.

        Nothing is said where a file cannot be written, or when too many turns have failed: then the error
        is the call's, once the turn is committed.
        """
        error, answer = revision.error, revision.answer
        if answer.finished and revision._outcome.done():  # it was said, and could not be remembered
            _log.warning("call=%s a turn is not remembered: %s", revision.trace.call_id, error)
            return
        _log.warning("call=%s a turn has failed: %s", revision.trace.call_id, error)
        excuse = None
        if not isinstance(error, PlaybackError | HangupError) and self._excuse_of is not None:
            excuse = await self._excuse_of()
        if excuse is not None and not revision.stopped:
            text, audio = excuse
            revision.ends_call = False
            revision.trace.act = FAILED
            try:
                answer.clause(text)
                answer.write(audio)
                answer.finish()
                revision.excused = True
                self._post(Expecting(expectation(text, self._language), revision.number))
            except PlaybackError as full:
                revision.error = full
        # The turn goes on to its commit, where the excuse is heard, or the error seen.
        complete = completeness(revision.heard, None, self._language) if revision.heard else 1.0
        self._post(WordsHeard(revision.number, revision.heard, complete))
        if not revision.excused and not revision.stopped:
            return
        outcome = await revision._outcome
        try:
            await self._remember_failed(revision, outcome)
        except OffhookError as forgotten:  # the next turn will show whether the model is gone for good
            _log.warning("call=%s a failed turn is not remembered: %s", revision.trace.call_id, forgotten)

    async def _remember_failed(self, revision: Revision, outcome: Outcome) -> None:
        """The caller's words, where they are known, and what was audible, excuse included."""
        conversation, policy, turn = self._conversation, self._policy, revision._turn
        audible = revision.answer.text if outcome.complete else outcome.audible_text
        if turn is None:
            self._history.prompted(lambda: audible)
            return
        self._history.add(Exchange(turn.caller_text, audible, revision.answer.text, (), FAILED))
        if not policy.remembers:
            return
        await self._ahead.extend(turn.words)
        said = (audible, *policy.close_answer()) if outcome.complete else policy.cut_answer(audible)
        await conversation.append(*self._ahead.left(turn.pieces), *said)
        self._turns.append((*self._ahead.taken(), *turn.pieces, *said))
        await self._make_room()

    async def _without_echo(
        self, revision: Revision, audio: NDArray[np.int16], played: NDArray[np.int16]
    ) -> NDArray[np.int16]:
        """Take our own voice out of ``audio``, and its share out of what counts as the caller's."""
        own = await asyncio.to_thread(without_our_voice, audio, played, self._rate_hz)
        before, after = frame_levels(audio, self._rate_hz), frame_levels(own, self._rate_hz)
        loud = before > QUIET_DBFS
        kept = loud & (after > QUIET_DBFS) & (after > before - ECHO_DROP_DB)
        if loud.any():
            share = float(kept.sum() / loud.sum())
            revision.trace.voiced_ms = min(revision.trace.voiced_ms, round(share * len(loud) * LEVEL_MS))
        return own

    def _audio_16k(self, audio: NDArray[np.int16]) -> NDArray[np.int16]:
        return audio if self._rate_hz == STT_RATE_HZ else resample(audio, self._rate_hz, STT_RATE_HZ)

    async def _recognize(self, revision: Revision, audio: NDArray[np.int16]) -> float | None:
        """Find the caller's words; what the melody says of their end is returned."""
        audio_16k = self._audio_16k(audio)
        over = None
        if self._prosody is not None:
            over = asyncio.create_task(asyncio.to_thread(self._prosody.turn_over, audio_16k))
        transcript = await self._models.recognizer.recognize(audio_16k, revision.trace.voiced_ms)
        revision.trace.stt_done_ns = time.monotonic_ns()
        revision.trace.audio_ms = transcript.audio_ms
        revision.rest = transcript.text
        return None if over is None else await over

    async def _answer(self, revision: Revision, judge: _Judge) -> None:
        """Answer, wait for what became of it, and leave the conversation saying just that."""
        conversation, policy = self._conversation, self._policy
        conversation.speculative = not revision.committed
        revision._turn = turn = await policy.turn(revision.heard, self._history)
        revision.ends_call = turn.ends_call
        revision.trace.act = turn.act
        generation: Generation | None = None
        asked: Mark | None
        try:
            if turn.say is not None:
                verbatim, asked = False, await self._say_known(revision, judge, turn, turn.say)
            else:
                await self._ahead.extend(turn.words)
                # Asked here and told below: words, note and the answer's beginning are computed together.
                end_probability = conversation.end_probability()
                await conversation.append(*self._ahead.left(turn.pieces))
                asked = await conversation.mark()
                generation = conversation.generate(self._limits, draft=turn.draft)
                revision._generation = generation
                await judge.say_when_known(end_probability)
                verbatim = await self._speak_generation(revision, generation)
            revision.answer.finish()
            self._post(Expecting(expectation(revision.answer.text, self._language), revision.number))
            if turn.waits or gives_time(revision.answer.text, self._language):
                self._post(CallerWaits(revision.number))
            outcome = await revision._outcome
            await self._remember(revision, turn, outcome, asked, verbatim=verbatim)
        except BaseException:
            if generation is not None:
                generation.cancel()
            # Shielded: a second cancellation must not leave half a turn in the conversation.
            await asyncio.shield(self._ahead.back())
            raise

    async def _say_known(self, revision: Revision, judge: _Judge, turn: Turn, say: str) -> Mark | None:
        """Say an answer that the model has no part in; where it begins in the model's conversation.

        None: the model is gone, which is no matter for this answer.
        """
        conversation = self._conversation
        end_probability: Awaitable[float | None] = Told()
        asked: Mark | None = None
        with contextlib.suppress(ModelError):
            await self._ahead.extend(turn.words)
            end_probability = conversation.end_probability()
            asked = await conversation.mark()
        judging = asyncio.ensure_future(judge.say_when_known(end_probability))
        try:
            for clause in split(say, self._language):
                await self._speak(revision, clause, known=turn.act in WRITTEN)
            await judging
        finally:
            judging.cancel()
        if self._policy.remembers and asked is not None:
            try:
                await conversation.append(*self._ahead.left(turn.pieces))
                asked = await conversation.mark()
            except ModelError:
                asked = None
        return asked

    async def _remember(
        self, revision: Revision, turn: Turn, outcome: Outcome, asked: Mark | None, *, verbatim: bool
    ) -> None:
        """Make the conversation say what was audible; ``verbatim``: it says the whole answer already.

        ``asked`` is where the answer begins; None: in a conversation that is gone.
        """
        conversation, policy = self._conversation, self._policy
        whole = revision.answer.text
        audible = whole if outcome.complete else outcome.audible_text
        self._history.add(Exchange(turn.caller_text, audible, whole, turn.facts, turn.act))
        if asked is None:
            return
        if not policy.remembers:
            await self._ahead.drop()
            return
        said = (whole, *policy.close_answer()) if outcome.complete else policy.cut_answer(audible)
        if outcome.complete and verbatim:
            await conversation.append(*policy.close_answer())
        else:
            await conversation.rollback(asked)
            await conversation.append(*said)
        self._turns.append((*self._ahead.taken(), *turn.pieces, *said))
        await self._make_room()

    async def _make_room(self) -> None:
        """Forget the turns that shall not be remembered or leave no room; done while nobody waits for us."""
        conversation = self._conversation
        needed = self._limits.max_tokens + ROOM_FOR_CALLER_TOKENS
        too_many = self._history_turns is not None and len(self._turns) > self._history_turns
        if not too_many and conversation.tokens_used + needed <= conversation.tokens_limit:
            return
        before = len(self._turns)
        while self._turns:
            self._turns = self._turns[max(1, len(self._turns) // FORGOTTEN_SHARE) :]
            if self._history_turns is not None and len(self._turns) > self._history_turns:
                continue
            await conversation.rollback(conversation.start)
            with contextlib.suppress(ModelError):  # too much: then nothing was appended
                await conversation.append(*(piece for kept in self._turns for piece in kept))
                if conversation.tokens_used + needed <= conversation.tokens_limit:
                    break
        if not self._turns:
            await conversation.rollback(conversation.start)  # the next turn says so if that is too much
        _log.info(
            "a long conversation: its oldest %d of %d turns are forgotten (llm.n_ctx_call, history_turns)",
            before - len(self._turns),
            before,
        )

    async def _speak_generation(self, revision: Revision, generation: Generation) -> bool:
        """Speak what the model writes; False when that is not word for word what it wrote."""
        stream = ClauseStream(generation, self._policy.filter(), self._language)
        async with contextlib.aclosing(aiter(stream)) as clauses:
            async for clause in clauses:
                if revision.stopped:
                    break
                await self._speak(revision, clause)
        verbatim = stream.verbatim and not revision.stopped
        # A question wants an answer: who asks one does not end the call with it.
        revision.ends_call = stream.ends_call and not revision.answer.text.rstrip().endswith("?")
        if not revision.answer.text and not revision.stopped:
            agent = self._policy.agent
            await self._speak(revision, agent.goodbye if revision.ends_call else agent.unclear)
            verbatim = False
        if stream.removed:
            _log.info("call=%s removed from an answer: %s", revision.trace.call_id, ", ".join(stream.removed))
        stats, trace = generation.stats, revision.trace
        trace.llm_first_token_ns = stats.first_token_ns
        trace.tokens_reused = stats.prompt_tokens_reused
        trace.tokens_computed = stats.prompt_tokens_computed
        trace.tokens_generated = stats.generated_tokens
        trace.tokens_drafted = stats.drafted_tokens
        trace.tokens_accepted = stats.accepted_tokens
        if stats.finish_reason == "length":
            _log.info("call=%s an answer was cut at llm.max_tokens", trace.call_id)
        return verbatim

    async def _speak(self, revision: Revision, text: str, *, known: bool = False) -> None:
        """Add a clause to the answer, block by block as the voice gives them; see :meth:`Voice.stream`."""
        trace = revision.trace
        if trace.clause_ready_ns is None:
            trace.clause_ready_ns = time.monotonic_ns()
        begun = False
        stream = self._voice.stream(
            text,
            self._rate_hz,
            known=known,
            clauses=self._clauses,
            language=self._policy.agent.voice_language,
        )
        async with contextlib.aclosing(stream) as blocks:
            async for block in blocks:
                if revision.stopped:
                    return
                if not begun:
                    revision.answer.clause(text)
                    begun = True
                revision.answer.write(block)
                revision.limit(None)
                if trace.tts_first_audio_ns is None:
                    trace.tts_first_audio_ns = time.monotonic_ns()


class _Judge:
    """Says of one revision how complete its words are: from the words at once, then from the model too."""

    def __init__(
        self,
        post: Callable[[TurnEvent], None],
        revision: Revision,
        prosody: float | None,
        language: str,
        *,
        backchannel: bool,
        echo: bool,
    ) -> None:
        self._post = post
        self._revision = revision
        self._prosody = prosody
        self._language = language
        self._flags = {"backchannel": backchannel, "echo": echo}

    def say(self, end_probability: float | None) -> None:
        """``end_probability`` is the model's; None when it cannot say."""
        heard = self._revision.heard
        complete = combined(completeness(heard, end_probability, self._language), self._prosody)
        if self._revision.ends_call:
            complete = 1.0  # nothing comes after a goodbye
        self._post(WordsHeard(self._revision.number, heard, complete, **self._flags))

    async def say_when_known(self, end_probability: Awaitable[float | None]) -> None:
        """The same, once the model has told, or fails to."""
        probability = None
        with contextlib.suppress(OffhookError, TimeoutError):  # then the words alone decide
            async with asyncio.timeout(END_TOLD_S):
                probability = await end_probability
        self.say(probability)

    def begin(self) -> None:
        """The words are known, and the model has not been asked yet."""
        heard, number = self._revision.heard, self._revision.number
        complete = completeness(heard, None, self._language)
        self._post(WordsHeard(number, heard, complete, provisional=True, **self._flags))
