"""Where an answer's clause becomes audio, block by block as the voice gives it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence

from offhook.call.revision import Revision
from offhook.conversation.answering import ClauseStream
from offhook.conversation.base import Policy
from offhook.conversation.calling import Called
from offhook.engines.llm.base import Generation
from offhook.engines.tts.voice import Clauses, Voice

_log = logging.getLogger("offhook.call.speaking")


class Speaking:
    """One call's."""

    def __init__(self, voice: Voice, policy: Policy, rate_hz: int) -> None:
        self._voice = voice
        self._policy = policy
        self._rate_hz = rate_hz
        self._kept = Clauses()

    async def generated(self, revision: Revision, generation: Generation) -> tuple[bool, Sequence[Called]]:
        """Speak what the model writes; False when that is not word for word what it wrote.

        Then the tools that it calls.
        """
        agent = self._policy.agent
        stream = ClauseStream(generation, self._policy.filter(), agent.language)
        async with contextlib.aclosing(aiter(stream)) as clauses:
            async for clause in clauses:
                if revision.stopped:
                    break
                await self.clause(revision, clause)
        verbatim = stream.verbatim and not revision.stopped
        # A question wants an answer: who asks one does not end the call with it.
        revision.ends_call = stream.ends_call and not revision.answer.text.rstrip().endswith("?")
        calls: Sequence[Called] = ()
        if self._policy.toolbox is not None and not revision.stopped:
            calls = self._policy.calls(stream.raw, generation.stats.tool_calls)
        if not calls and not revision.answer.text and not revision.stopped:
            await self.clause(revision, agent.goodbye if revision.ends_call else agent.unclear)
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
        return verbatim and not calls, calls

    async def clause(self, revision: Revision, text: str, *, known: bool = False) -> None:
        """Add a clause to the answer, block by block as the voice gives them; see :meth:`Voice.stream`."""
        trace = revision.trace
        if trace.clause_ready_ns is None:
            trace.clause_ready_ns = time.monotonic_ns()
        begun = False
        stream = self._voice.stream(
            text,
            self._rate_hz,
            known=known,
            clauses=self._kept,
            language=self._policy.agent.voice_language,
            claim=revision.claim,
        )
        async with contextlib.aclosing(stream) as blocks:
            async for block in blocks:
                if revision.stopped:
                    return
                if not begun:
                    revision.answer.clause(text)
                    revision.clauses.append(text)
                    begun = True
                revision.answer.write(block)
                revision.limit(None)
                if trace.tts_first_audio_ns is None:
                    trace.tts_first_audio_ns = time.monotonic_ns()
