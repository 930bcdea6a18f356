"""What one call says: answers in the making, being heard or held back, and the agent's own phrases.

Turn-taking decides; here its decisions about revisions and prompts are carried out, and what
became of each turn is written down.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.barge_in import LineEcho
from offhook.call.entries import KeyEntries
from offhook.call.final_words import Known
from offhook.call.output import CallOutput
from offhook.call.pipeline import Pipeline
from offhook.call.profile import CallProfile
from offhook.call.prompts import Kind, Phrase
from offhook.call.revision import Outcome, Revision, Said
from offhook.call.services import Services
from offhook.call.tasks import Tasks
from offhook.conversation.forms.form import Form
from offhook.conversation.history import History
from offhook.end_of_turn.wait import expectation
from offhook.errors import DeadlineError, ModelError
from offhook.observe.bill import BILL
from offhook.observe.trace import TurnTrace, now_ms
from offhook.playout.utterance import Utterance
from offhook.tools.base import Action

_log = logging.getLogger("offhook.call.responses")

MOST_FAILED = 3
"""Turns in a row that may fail before the call is given up."""
PROMPT = 0
"""Turn-taking's number for whatever the call itself says."""


class Responses:
    """One call's side of the conversation.  Lives on the event loop."""

    def __init__(
        self,
        call_id: str,
        profile: CallProfile,
        services: Services,
        output: CallOutput,
        tasks: Tasks,
        post: Callable[[turn_taking.TurnEvent], None],
        history: History,
        caller_speaks: Callable[[], bool],
    ) -> None:
        """``post`` gets what becomes of playbacks: PlaybackStarted, PlaybackFinished, CallEnded.

        ``history`` is told of the call's own phrases.  ``caller_speaks``: right now.
        """
        self.turns = 0
        """Answers that the caller began to hear."""
        self.ending = False
        """The call is over with what is said now."""
        self.action: Action | None = None
        """What becomes of the line when the call is over with that."""
        self.leaving = False
        """And nothing that the caller says or does changes that."""
        self._call_id = call_id
        self._profile = profile
        self._agent = agent = profile.agent
        self._services = services
        self._output = output
        self._tasks = tasks
        self._post = post
        self._history = history
        self._caller_speaks = caller_speaks
        self._barge_in = profile.turn.barge_in and agent.barge_in
        """What is said may be interrupted, by voice or key."""
        self.entries = KeyEntries(agent, history, self._form, profile.turn.digits_timeout_ms)
        """What the caller's keys mean."""
        self._latest: Revision | None = None
        """The last one that was committed."""
        self._revisions: dict[int, Revision] = {}
        """Those that are neither cancelled nor settled."""
        self._prompt: Utterance | None = None
        self._player: asyncio.Task[None] | None = None
        self._wasted_revisions = 0
        self._failed_turns = 0
        """Those in a row that the caller got an excuse for."""

    def become(self, profile: CallProfile) -> None:
        """``profile`` answers from now on."""
        self._profile, self._agent, self.entries.menu = profile, profile.agent, profile.agent.menu
        self._barge_in = profile.turn.barge_in and profile.agent.barge_in

    def get(self, number: int) -> Revision | None:
        """A revision that is neither cancelled nor settled."""
        return self._revisions.get(number)

    def _form(self) -> Form | None:
        """What is being filled in by what was said last, be it said to its end or not."""
        turn = None if self._latest is None else self._latest.turn
        return self._history.form if turn is None else turn.form

    # --- revisions -------------------------------------------------------------------------

    def prepare(
        self,
        action: turn_taking.Prepare,
        pipeline: Pipeline,
        said: Said,
        *,
        voiced_ms: int,
        line: LineEcho,
    ) -> None:
        """Begin a revision on what the caller has ``said``, with so much voice in it.

        ``line`` says whether and how late words of ours come back on it.
        """
        trace = self._new_trace(action.revision)
        trace.voiced_ms = voiced_ms
        trace.speech_end_ns = action.speech_end_ns
        said_ns = (action.stop_samples - action.start_samples) * 10**9 // self._output.rate_hz
        since_ns = action.speech_end_ns - said_ns - line.words_ms * 10**6
        saying = self._output.played_text(since_ns, action.speech_end_ns)
        self._revisions[action.revision] = pipeline.prepare(
            action.revision, said, trace, saying=saying, echoes=line.echoes
        )
        self._services.metrics.revisions.inc()

    def prepare_digits(self, action: turn_taking.PrepareDigits, pipeline: Pipeline) -> None:
        """Begin a revision on keys."""
        trace = self._new_trace(action.revision)
        trace.speech_end_ns = trace.stt_done_ns = trace.maybe_done_ns
        words = self.entries.words(action.digits)
        self._revisions[action.revision] = pipeline.prepare_text(action.revision, words, trace)
        self._services.metrics.revisions.inc()

    def prepare_corrected(self, action: turn_taking.PrepareCorrected, pipeline: Pipeline) -> None:
        """Begin a revision on final words that ask for another answer than the latest one."""
        wrong = self._latest
        assert wrong is not None
        assert wrong.number == action.instead_of
        assert wrong.final_words is not None, "turn-taking was told of them"
        trace = self._new_trace(action.revision)
        trace.voiced_ms, trace.speech_end_ns = wrong.trace.voiced_ms, wrong.trace.speech_end_ns
        said = Known(wrong.final_words, wrong.trace.audio_ms)
        self._revisions[action.revision] = pipeline.prepare(action.revision, said, trace)
        self._services.metrics.revisions.inc()

    def cancel(self, number: int) -> None:
        """Forget a revision; nobody has heard anything of it."""
        revision = self._revisions.pop(number, None)
        if revision is None:
            return
        self._wasted_revisions += 1
        self._services.metrics.wasted(revision.trace)
        if self._player is not None and self._player.get_name() == _player_name(number):
            self._player.cancel()
            self._tasks.spawn(self._output.stop())  # and what announced it
        self._tasks.spawn(revision.cancel(), clears=True)

    def commit(self, number: int, pipeline: Pipeline, due_ns: int | None) -> None:
        """A revision may be heard.  ``due_ns`` is when its turn was to be over; None: at once."""
        revision, now_ns = self._revisions[number], time.monotonic_ns()
        trace = revision.trace
        trace.committed_ns = now_ns
        if due_ns is not None and trace.speech_end_ns is not None:
            trace.wait_ms = max(0, (min(due_ns, now_ns) - trace.speech_end_ns) // 1_000_000)
        pipeline.commit(revision)
        self._latest = revision
        self._player = self._tasks.spawn(self._play(revision), _player_name(number))

    def stop(self, action: turn_taking.StopPlayback, since_ns: int | None = None) -> None:
        """Stop what is heard; the caller speaks since ``since_ns``, or has not spoken."""
        self._tasks.spawn(self._cut(since_ns))
        revision = self._revisions.get(action.revision)
        if revision is not None:
            revision.trace.interrupted = True
            if action.premature:
                self._services.metrics.premature.inc()
                self._remember(revision, revision.answer.audible_text(time.monotonic_ns()))
                self.cancel(action.revision)

    async def _cut(self, since_ns: int | None) -> None:
        await self._output.stop()
        if since_ns is not None:
            self._services.metrics.barged_in((time.monotonic_ns() - since_ns) / 1e9)

    def tool_took(self, name: str, seconds: float, ok: bool) -> None:
        """One of the call's tools was used."""
        self._services.metrics.tool_took(name, seconds, ok=ok)

    def resume(self, number: int) -> None:
        """Go on with what was stopped."""
        self._services.metrics.false_alarms.inc()
        revision = self._revisions.get(number)
        if revision is not None:
            revision.trace.interrupted = False
            self._player = self._tasks.spawn(self._play(revision), _player_name(number))
        elif number == PROMPT and self._prompt is not None:
            self._player = self._tasks.spawn(self._play_prompt(self._prompt), _player_name(PROMPT))

    def settle(self, number: int) -> None:
        """What was stopped does not come back: what was heard of it is remembered."""
        self.ending = False  # the caller goes on
        revision = self._revisions.pop(number, None)
        if revision is None:  # a prompt: the language model knows nothing of it
            return
        audible = revision.answer.audible_text(time.monotonic_ns())
        whole = revision.answer.finished and audible == revision.answer.text
        revision.trace.interrupted = revision.trace.interrupted and not whole  # only silence was left
        self._remember(revision, audible)
        self._tasks.spawn(revision.settle(Outcome(audible, complete=whole)), clears=True)

    def close(self) -> None:
        """Remove whatever files there are."""
        for revision in self._revisions.values():
            revision.answer.drop()
        if self._prompt is not None:
            self._prompt.drop()

    def _new_trace(self, revision: int) -> TurnTrace:
        trace = TurnTrace(self._call_id, self.turns + 1, at_ms=now_ms(), revision=revision)
        trace.wasted_revisions = self._wasted_revisions
        trace.maybe_done_ns = time.monotonic_ns()
        return trace

    async def _play(self, revision: Revision) -> None:
        """Play a committed revision, from where it was stopped if it was; its end is a fact."""

        def audible() -> None:
            trace = revision.trace
            if trace.playback_started_ns is None:
                trace.playback_started_ns = time.monotonic_ns()
                self.turns += 1
                if self._profile.watcher is not None:
                    self._profile.watcher.answered(trace)
            self._post(turn_taking.PlaybackStarted(revision.number))

        await revision.answer.ready.wait()
        if revision.held and not await revision.stands():
            return
        whole = await self._output.say(revision.answer, keys_cut=self._barge_in, audible=audible)
        if not whole:
            return  # whoever stopped it says what becomes of it
        if revision.error is not None and not revision.excused:
            raise revision.error
        if revision.trace.playback_started_ns is None and not revision.caller_text:
            return  # committed before the recogniser found no words in it
        if (revision.ends_call or revision.action is not None) and not await revision.stands():
            return  # the caller has said something else: nobody leaves for that
        self._revisions.pop(revision.number, None)
        self._remember(revision, revision.answer.text)
        await revision.settle(Outcome(revision.answer.text, complete=True))
        self.ending = self.ending or revision.ends_call
        self.action = revision.action
        self._finished(revision.number)

    def _remember(self, revision: Revision, audible_text: str) -> None:
        """The turn is over: what is known of it is written down."""
        self._wasted_revisions = 0
        self._failed_turns = 0 if revision.error is None else self._failed_turns + 1
        trace = revision.trace
        trace.playback_ended_ns = time.monotonic_ns()
        trace.underruns = revision.answer.underruns
        if (bill := BILL.get()) is not None:
            trace.cost = bill.since_last()
        trace.cpu_ms = {_stage(worker): 1000 * s for worker, s in revision.claim.cpu_s.items()}
        if trace.playback_started_ns is None:
            return
        self._services.metrics.turn_ended(trace, self._profile.budgets, self._profile.tenant)
        if self._services.trace is not None:
            self._services.trace.write(trace)
        if self._profile.on_turn is not None:
            self._profile.on_turn(revision.caller_text, audible_text, trace)
        if self._services.transcript is not None and self._profile.transcribed:
            self._services.transcript.write(self._call_id, trace.turn, revision.caller_text, audible_text)

    # --- the agent's own phrases -----------------------------------------------------------

    async def phrase(self, kind: Kind, phrase: Phrase | None = None) -> Utterance:
        """One of the agent's fixed phrases, or ``phrase`` in its place, ready to be played.

        Raises ModelError or PlaybackError.
        """
        phrase = phrase or await self._profile.phrases.phrase(kind, self._output.rate_hz)
        utterance = self._output.utterance()
        utterance.say(phrase.text, phrase.audio)
        utterance.finish()
        return utterance

    async def excuse(self) -> tuple[str, NDArray[np.int16]] | None:
        """What is said instead of a failed answer; None when the call shall end instead."""
        if self._failed_turns + 1 >= MOST_FAILED:
            return None
        try:
            phrase = await self._profile.phrases.phrase("excuse", self._output.rate_hz)
        except (ModelError, DeadlineError):
            return None
        self._services.metrics.failed_turns.inc()
        return phrase.text, phrase.audio

    def prompt(self, kind: Kind, answer: Utterance) -> tuple[turn_taking.TurnEvent, ...]:
        """Say a phrase now, with the floor; what turn-taking has to be told first."""
        old, self._prompt = self._prompt, answer
        if old is not None:
            old.drop()
        self._history.prompted(lambda: answer.audible_text(time.monotonic_ns()))
        interruptible = kind not in self._agent.played_in_full
        self._player = self._tasks.spawn(
            self._play_prompt(answer, keys_cut=interruptible), _player_name(PROMPT)
        )
        again = kind in ("unclear", "excuse")
        expected = expectation(answer.text, self._agent.language, again=again)
        expecting = turn_taking.Expecting(expected, aside=kind == "still_there")
        return turn_taking.PromptStarted(interruptible), expecting

    async def leave(self) -> None:
        """Say goodbye, whatever is on the line; the call ends with it."""
        self.ending = self.leaving = True
        answer = await self.phrase("goodbye")
        old, self._prompt = self._prompt, answer
        if old is not None:
            old.drop()
        self._player = self._tasks.spawn(
            self._play_prompt(answer, keys_cut=False, last=True), _player_name(PROMPT)
        )

    async def hold(self, number: int) -> None:
        """Revision ``number`` is late: say so while it is made."""
        revision = self._revisions.get(number)
        if revision is None or (revision.answer.ready.is_set() and not revision.waits_for_words):
            return  # it has just become ready
        try:
            answer = await self.phrase("holding")
        except (ModelError, DeadlineError) as error:
            _log.warning("call=%s no holding phrase: %s", self._call_id, error)
            return
        self._services.metrics.holding.inc()
        try:
            await self._output.say(answer, keys_cut=False, audible=lambda: None)
        finally:
            answer.drop()

    async def apologise(self) -> None:
        """Say sorry instead of whatever was said.  Raises what playing raises."""
        if self._player is not None:
            self._player.cancel()
            await asyncio.wait([self._player])
        await self._output.stop()
        await self._output.say_file(await self._profile.phrases.apology())

    async def _play_prompt(self, answer: Utterance, *, keys_cut: bool = True, last: bool = False) -> None:
        """``last``: it ends the call, be it said to its end or not."""
        keys_cut = keys_cut and self._barge_in
        whole = await self._output.say(answer, keys_cut=keys_cut, audible=lambda: None)
        if whole or last:
            self._finished(PROMPT)

    def _finished(self, revision: int) -> None:
        if self.ending and not self.leaving and self._caller_speaks():
            self.ending = False  # they go on, whatever was said before: nobody is cut off
            self.action = None
        self._post(turn_taking.CallEnded() if self.ending else turn_taking.PlaybackFinished(revision))


def _player_name(revision: int) -> str:
    return f"play-{revision}"


def _stage(worker: str) -> str:
    """What workers of that name are for."""
    return worker.removeprefix("offhook-")
