"""Who answers a call: their pipeline, the model's conversation and what they can do; one at a time.

The first is whoever the call came for.  A caller who speaks another of the agent's languages is handed on,
before anything is answered, to who speaks that (:mod:`offhook.call.tongues`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from offhook import turn_taking
from offhook.call.doing import executor_for
from offhook.call.output import CallOutput
from offhook.call.pipeline import Pipeline
from offhook.call.profile import CallProfile
from offhook.call.responses import Responses
from offhook.call.revision import Words
from offhook.call.tongues import answers_instead
from offhook.conversation.history import History
from offhook.doors.base import CallOffer
from offhook.engines.llm.base import Conversation
from offhook.observe.transcript import TranscriptWriter

_log = logging.getLogger("offhook.call.answering")


class Answering:
    """One call's.  Lives on the event loop."""

    def __init__(
        self,
        offer: CallOffer,
        history: History,
        output: CallOutput,
        responses: Responses,
        post: Callable[[turn_taking.TurnEvent], None],
        became: Callable[[CallProfile], None],
        transcript: TranscriptWriter | None,
    ) -> None:
        """``became`` is told who answers, when that changes; ``transcript``, what is done for the caller."""
        self._transcript = transcript
        self.pipeline: Pipeline | None = None
        self._offer = offer
        self._history = history
        self._output = output
        self._responses = responses
        self._post = post
        self._became = became
        self._profile: CallProfile | None = None
        self._conversation: Conversation | None = None

    def have_tools(self, profile: CallProfile) -> None:
        """What ``profile`` can do is this call's to do."""
        toolbox = profile.policy.toolbox
        self._history.tools = (
            None
            if toolbox is None
            else executor_for(toolbox, profile, self._offer, self._responses.tool_took, self._transcript)
        )

    async def begin(self, profile: CallProfile) -> Pipeline:
        """``profile`` answers.  Raises BusyError and ModelError."""
        self._profile = profile
        conversation = await self._converse(profile)
        self.pipeline = Pipeline(
            profile.voice,
            profile.policy,
            self._history,
            conversation,
            self._output.utterance,
            self._output.rate_hz,
            profile.limits,
            profile.history_turns,
            post=self._post,
            excuse=self._responses.excuse,
            others=self,
            answer_timeout_s=profile.turn.answer_timeout_s,
        )
        return self.pipeline

    async def anticipate(self, words: str) -> None:
        """The caller's turn surely begins with ``words``."""
        if self.pipeline is not None:
            await self.pipeline.anticipate(words)

    def instead(self, words: Words) -> CallProfile | None:
        """See :class:`~offhook.call.tongues.Others`."""
        assert self._profile is not None
        return answers_instead(self._profile, words.language, words.text, self._history.exchanges)

    async def hand_on(self, profile: CallProfile) -> Conversation:
        """See :class:`~offhook.call.tongues.Others`."""
        agent = profile.agent
        _log.info("call=%s agent=%s answers in %s", self._offer.call_id, agent.name, agent.language)
        await self.let_go()
        if self._history.tools is not None:
            await self._history.tools.close()
        self._profile = profile
        self._responses.become(profile)
        self._became(profile)
        self.have_tools(profile)
        return await self._converse(profile)

    async def close(self) -> None:
        """Nothing is made any more."""
        if self.pipeline is not None:
            await self.pipeline.close()

    async def let_go(self) -> None:
        """The model's conversation, behind :meth:`close`."""
        if self._conversation is not None:
            conversation, self._conversation = self._conversation, None
            await conversation.close()

    async def _converse(self, profile: CallProfile) -> Conversation:
        self._conversation = await profile.models.language_model.conversation(profile.policy.prefix())
        return self._conversation
