"""A call that we have placed: first it is heard who has answered, and only a person gets a conversation.

Nothing is said before that is known.  A machine gets the agent's message, behind its beep; a fax and a line
that only rings get nothing.  What is decided is left in ``OFFHOOK_ANSWERED_BY``.  For a person's first
sentences it stays in doubt (:mod:`.doubt`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import replace

from offhook import turn_taking
from offhook.call.doubt import ANSWERED_BY, Doubt, message_left
from offhook.call.first_ears import FirstEars
from offhook.call.output import CallOutput
from offhook.call.profile import CallProfile
from offhook.core import Stream
from offhook.doors.base import HANGUP, CallOffer, Line, Listening, OnEvent, OnKey, Player, unless_ended
from offhook.errors import HangupError, OffhookError
from offhook.events import SpeechEvent
from offhook.who_answered import Verdict

_log = logging.getLogger("offhook.call.placed")


class PlacedLine:
    """A line whose audio is heard before its call begins; see :class:`offhook.doors.base.Line`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._stream: Stream | None = None
        self._sink: OnEvent | None = None
        self._before: OnEvent | None = None
        """Who has listened before the call goes on doing so."""

    def listen(self, on_event: OnEvent, listening: Listening) -> Stream:
        """Hear it from now on, until the call does."""
        self._sink = on_event
        self._stream = self._line.hear(self._noticed, listening)
        return self._stream

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        assert self._stream is not None, "the placed call listens first"
        self._before, self._sink = self._sink, on_event
        self._stream.set_endpointing_ms(listening.endpointing_ms)
        return self._stream

    def _noticed(self, event: SpeechEvent) -> None:
        for told in (self._before, self._sink):
            if told is not None:
                told(event)

    # --- the line's own -----------------------------------------------------------------------

    @property
    def offer(self) -> CallOffer:
        return self._line.offer

    @property
    def ended(self) -> asyncio.Event:
        return self._line.ended

    def accept(self) -> None:
        self._line.accept()

    async def answer(self) -> None:
        await self._line.answer()

    def player(self, on_key: OnKey) -> Player:
        return self._line.player(on_key)

    async def gone(self) -> None:
        await self._line.gone()

    async def get_variable(self, name: str) -> str | None:
        return await self._line.get_variable(name)

    async def set_variable(self, name: str, value: str) -> None:
        await self._line.set_variable(name, value)

    async def finish(self, result: str, variables: Mapping[str, str] | None = None) -> None:
        await self._line.finish(result, variables)

    def close(self) -> None:
        self._line.close()


async def answered(line: Line, profile: CallProfile) -> tuple[Line, CallProfile, str]:
    """Wait until it is known who has answered.

    The line and the profile to hold the conversation with; and a result, where there will be none: a machine
    has its message, if the agent has one.
    """
    wants = profile.agent.outbound
    opening = wants.opening or profile.agent.greeting
    profile = replace(profile, phrases=profile.phrases.opening_with(opening))
    offer = line.offer
    call = offer.call_id
    placed = PlacedLine(line)
    settings = turn_taking.configured(profile.turn, language=profile.agent.language)
    listening = Listening(
        profile.turn.pause_ms, settings.endpointing.longest_ms, ring_s=profile.turn.max_utterance_s
    )
    ears = FirstEars(profile.models.recognizer, profile.agent.language)
    ready = asyncio.ensure_future(profile.phrases.phrase("greeting", offer.rate_hz))
    try:
        ears.stream = placed.listen(ears.noticed, listening)
        found = await unless_ended(line.ended, ears.verdict())
        _log.info("call=%s answered by %s after %d ms", call, found, ears.now_ms)
        _log.debug("call=%s %s", call, ears.lengths)
        await placed.set_variable(ANSWERED_BY, found)
        if found in (Verdict.HUMAN, Verdict.SILENCE):
            with contextlib.suppress(OffhookError):
                await ready  # else the call says by itself what is wrong
            return placed, replace(profile, doubt=Doubt(ears, profile.agent.language)), ""
        result = "nobody"
        if found is Verdict.MACHINE:
            output = CallOutput(placed.player(lambda key: None), offer.rate_hz)
            try:
                result = await message_left(ears, placed, output, profile)
            finally:
                await output.close()
    except HangupError:
        result = HANGUP
    except OffhookError as error:
        _log.error("call=%s failed: %s", call, error)
        result = "failed"
    finally:
        ears.close()
        if not ready.done():
            ready.cancel()
        await asyncio.gather(ready, return_exceptions=True)
    await placed.finish(result)
    return placed, profile, result


__all__ = ["ANSWERED_BY", "PlacedLine", "answered"]
