"""One revision of an answer: recognise, think, speak, clause by clause.

A revision is prepared while the caller may still go on.  Until it is committed it has no effect outside
this file: its audio is heard by nobody, and when it is cancelled the conversation is rolled back to where
it was.  Revisions of one call take their turn on the conversation; they never overlap there.  One whose
words are those of the revision before takes over what had been written of that one's answer.

While the caller still speaks, :meth:`Pipeline.anticipate` puts the words that are sure into the conversation,
so that a revision has only the last ones to compute.  One that fails ends with the excuse.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from offhook.call.ahead import Ahead
from offhook.call.errands import Errands
from offhook.call.final_words import FinalWords
from offhook.call.given_up import GivenUp
from offhook.call.memory import Memory
from offhook.call.profile import CallProfile
from offhook.call.revision import Excuse, Revision, Said
from offhook.call.speaking import Speaking
from offhook.call.telling import OWN_WORDS, OWN_WORDS_UNKNOWN, Telling
from offhook.call.tongues import Others
from offhook.conversation.base import WRITTEN, Policy, Turn
from offhook.conversation.forms.request import Request
from offhook.conversation.history import FAILED, History
from offhook.conversation.repeats import is_announcement
from offhook.end_of_turn.completeness import completeness
from offhook.end_of_turn.wait import expectation, gives_time
from offhook.engines.llm.base import Conversation, Generation, Limits, Mark, Told
from offhook.engines.stt.base import nothing_else
from offhook.engines.tts.voice import Voice
from offhook.errors import HangupError, ModelError, OffhookError, PlaybackError
from offhook.observe.trace import TurnTrace
from offhook.playout.utterance import Utterance
from offhook.speech.clauses import split, split_all
from offhook.turn_taking import CallerWaits, Expecting, NothingHeard, Repeated, TurnEvent, WordsHeard
from offhook.workers import Urgency

_log = logging.getLogger("offhook.call.pipeline")
T = TypeVar("T")


class Pipeline:
    """What one call uses to make answers."""

    def __init__(
        self,
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
        excuse: Excuse | None = None,
        others: Others | None = None,
        answer_timeout_s: float = 15.0,
    ) -> None:
        """``history_turns`` is how many turns the model remembers; None: as many as fit.

        ``post`` gets what revisions find out: WordsHeard, NothingHeard, Expecting.  ``excuse`` is said
        where an answer fails, or has not begun ``answer_timeout_s`` after it was committed; without one
        the failure is the call's.  ``others``: who may have to answer instead.
        """
        self._history = history
        self._make_answer = make_answer
        self._others = others
        self._rate_hz = rate_hz
        self._post = post
        self._excuse_of = excuse
        self._answer_timeout_s = answer_timeout_s
        self._turn = asyncio.Lock()
        self._given_up = GivenUp(history)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._become(voice, policy, conversation, limits, history_turns)

    def _become(
        self, voice: Voice, policy: Policy, conversation: Conversation, limits: Limits, turns: int | None
    ) -> None:
        self._policy = policy
        self._language = policy.agent.language
        self._conversation = conversation
        self._limits = limits
        self._ahead = Ahead(conversation, policy, self._history)
        self._memory = Memory(conversation, policy, self._history, self._ahead, limits, turns)
        self._speaking = Speaking(voice, policy, self._rate_hz)
        self._errands = Errands(conversation, policy, self._history, self._speaking, limits)
        self._final_words = FinalWords(self._post, policy, self._history, self._memory, self._turn)

    async def recall(self) -> None:
        """Tell the model what the history has of a call that has come back."""
        async with self._turn:
            await self._memory.recall()

    def prepare(
        self, number: int, said: Said, trace: TurnTrace, *, saying: str = "", echoes: bool = False
    ) -> Revision:
        """Begin a revision on what the caller has ``said``; returns at once.

        ``saying`` is what we said meanwhile: where an echo of it is left in the audio, it is nobody's turn.
        ``echoes``: the line has given our voice back before, so that fewer words are enough to say so.
        """
        revision = Revision(number, trace, self._make_answer())
        least = OWN_WORDS if echoes else OWN_WORDS_UNKNOWN
        return self._begin(revision, self._run(revision, said, saying, least))

    def prepare_text(self, number: int, text: str, trace: TurnTrace) -> Revision:
        """Begin a revision on words that were not spoken, such as keys; returns at once."""
        revision = Revision(number, trace, self._make_answer(), caller_text=text)
        return self._begin(revision, self._run(revision, None))

    async def anticipate(self, words: str) -> None:
        """The caller's turn surely begins with ``words``: compute them now, if nothing else goes on."""
        if not self._turn.locked():
            await self._policy.anticipate(words, self._history)
        if not self._turn.locked():
            async with self._turn:
                self._conversation.speculative = True
                await self._ahead.extend(words)

    def commit(self, revision: Revision) -> None:
        """The revision will be heard: its work goes before other calls' guesses from now on."""
        revision.committed = True
        revision.commit.set()
        if revision.hasten is not None:
            revision.hasten()
        revision.claim.urgency = Urgency.COMMITTED
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
        revision.claim.since_ns = revision.trace.speech_end_ns or 0
        revision.answer_timeout_s = self._answer_timeout_s
        revision.task = self._spawn(work, f"revision-{revision.number}")
        return revision

    def _spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(
        self, revision: Revision, said: Said | None, saying: str = "", least: int = OWN_WORDS
    ) -> None:
        # An answer that has failed keeps the conversation's turn until it is settled, like any other.
        has_turn = False
        try:
            try:
                telling = await revision.in_time(self._hear(revision, said, saying, least))
                if telling is None:
                    return
                has_turn = await revision.in_time(self._turn.acquire())
                await revision.in_time(revision.twice(lambda: self._answer(revision, telling)))
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

    async def _hear(self, revision: Revision, said: Said | None, saying: str, least: int) -> Telling | None:
        """Find the words; None when there are none, or none that want an answer."""
        words, prosody = None, None
        if said is not None:
            words = await revision.twice(lambda: said.words(revision.trace, revision.claim))
            revision.caller_text, revision.rest, prosody = words.text, words.rest, words.prosody
            revision.tone, revision.otherwise = words.tone, words.otherwise
            self._final_words.watch(revision, words, self._spawn)
            if not revision.caller_text:
                self._post(NothingHeard(revision.number, revision.trace.voiced_ms, words.doubtful))
                return None
            if is_announcement(revision.caller_text, self._history.exchanges):
                self._post(Repeated(revision.number))
                return None
            other = None if self._others is None else self._others.instead(words)
            if other is not None:
                await asyncio.shield(self._hand_on(other))
        telling = Telling(self._post, revision, prosody, self._language, (saying, least), words)
        telling.begin()
        return telling

    async def _hand_on(self, other: CallProfile) -> None:
        """``other`` answers from now on, with a conversation of their own."""
        assert self._others is not None
        async with self._turn:
            conversation = await self._others.hand_on(other)
            self._become(other.voice, other.policy, conversation, other.limits, other.history_turns)
            await self._memory.recall()

    async def _excuse(self, revision: Revision) -> None:
        """The turn has failed: end its answer with the agent's excuse, and remember what was audible.

        Nothing is said where a file cannot be written, or when too many turns have failed: then the error
        is the call's, once the turn is committed.
        """
        error, answer = revision.error, revision.answer
        if answer.finished and revision.outcome.done():  # it was said, and could not be remembered
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
                answer.say(text, audio)
                answer.finish()
                revision.excused = True
                self._post(Expecting(expectation(text, self._language, again=True), revision.number))
            except PlaybackError as full:
                revision.error = full
        # The turn goes on to its commit, where the excuse is heard, or the error seen.
        complete = completeness(revision.caller_text, None, self._language) if revision.caller_text else 1.0
        self._post(WordsHeard(revision.number, revision.caller_text, complete))
        if not revision.excused and not revision.stopped:
            return
        outcome = await revision.outcome
        try:
            await self._memory.remember_failed(revision, outcome)
        except OffhookError as forgotten:  # the next turn will show whether the model is gone for good
            _log.warning("call=%s a failed turn is not remembered: %s", revision.trace.call_id, forgotten)

    async def _answer(self, revision: Revision, telling: Telling) -> None:
        """Answer, wait for what became of it, and leave the conversation saying just that."""
        conversation, policy = self._conversation, self._policy
        conversation.since_ns = revision.claim.since_ns
        conversation.speculative = not revision.committed
        revision.exchanges = len(self._history.exchanges)
        self._history.tone, self._history.otherwise = revision.tone, revision.otherwise
        revision.turn = turn = await policy.turn(revision.caller_text, self._history)
        # A recogniser's state hangs on them, and nobody asks again.
        self._history.otherwise = revision.otherwise = nothing_else
        if turn.reading:
            revision.caller_text, revision.trace.reading = turn.caller_text, turn.reading
        revision.ends_call = turn.ends_call
        revision.trace.act, revision.trace.mood = turn.act, turn.mood or ""
        revision.trace.tone, revision.trace.by_voice = self._history.change, turn.by_voice
        written = self._given_up.take(revision)
        generation: Generation | None = None
        asked: Mark | None
        try:
            if turn.request is not None:
                asked = await self._perform(revision, telling, turn, turn.request)
                verbatim = False
            elif turn.say is not None:
                clauses = split(turn.say, self._language)
                known = turn.act in WRITTEN
                verbatim, asked = False, await self._say(revision, telling, turn, clauses, known=known)
            elif written is not None and written.whole:
                revision.ends_call = written.ends_call
                verbatim, asked = False, await self._say(revision, telling, turn, written.clauses)
            else:
                await self._ahead.extend(turn.words)
                # Asked here and told below: words, note and the answer's beginning are computed together.
                end_probability = conversation.end_probability()
                await conversation.append(*self._ahead.left(turn.pieces))
                asked = await conversation.mark()
                draft = turn.draft if written is None else " ".join(written.clauses)
                generation = conversation.generate(self._limits, draft=draft, **await self._errands.tools())
                revision.generation = generation
                await telling.when_known(end_probability)
                verbatim, calls = await self._speaking.generated(revision, generation)
                if calls:
                    await self._errands.called(revision, calls)
            revision.answer.finish()
            again = revision.answer.text == policy.agent.unclear
            expected = expectation(revision.answer.text, self._language, again=again)
            self._post(Expecting(expected, revision.number))
            if turn.waits or gives_time(revision.answer.text, self._language):
                self._post(CallerWaits(revision.number))
            outcome = await revision.outcome
            await self._memory.remember(revision, revision.turn, outcome, asked, verbatim=verbatim)
        except BaseException:
            if generation is not None or written is not None:
                self._given_up.keep(revision)
            if generation is not None:
                generation.cancel()
            # Shielded: a second cancellation must not leave half a turn in the conversation.
            await asyncio.shield(self._ahead.back())
            raise

    async def _perform(
        self, revision: Revision, telling: Telling, turn: Turn, request: Request
    ) -> Mark | None:
        """Have a tool do what the turn asks for, and say what came of it; what writes waits for the
        commit."""
        performance = self._errands.performance(revision, request)
        asked = await self._say(revision, telling, turn, split_all(performance, self._language))
        revision.action = performance.action
        revision.ends_call = revision.action is not None
        return asked

    async def _say(
        self,
        revision: Revision,
        telling: Telling,
        turn: Turn,
        clauses: Iterable[str] | AsyncIterable[str],
        *,
        known: bool = False,
    ) -> Mark | None:
        """Say an answer that the model has no part in; where it begins in the model's conversation.

        ``known``: it was written before the call.  None: the model is gone, which is no matter here.
        """
        conversation = self._conversation
        end_probability: Awaitable[float | None] = Told()
        asked: Mark | None = None
        with contextlib.suppress(ModelError):
            if self._policy.remembers or not telling.words_will_do:
                await self._ahead.extend(turn.words)
                end_probability = conversation.end_probability()
            asked = await conversation.mark()
        judging = asyncio.ensure_future(telling.when_known(end_probability))
        try:
            if isinstance(clauses, AsyncIterable):
                async for clause in clauses:
                    await self._speaking.clause(revision, clause)
            else:
                for clause in clauses:
                    await self._speaking.clause(revision, clause, known=known)
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
