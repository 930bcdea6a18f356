"""A placed call that a person has answered, by all that was heard: for some seconds it may still be a
machine, which began with "Hi!" and a pause, a fax, or a line that rings.

The conversation goes on meanwhile, as any other.  What the callee is understood to say, and a beep, take the
person back (:func:`offhook.who_answered.of_recording`), and so do the tones of a fax and of the network; then
what we say is cut, and a machine gets its message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from offhook.call.first_ears import FirstEars
from offhook.call.output import CallOutput
from offhook.call.profile import CallProfile
from offhook.call.wire import Wire
from offhook.doors.base import HANGUP, Line, unless_ended
from offhook.errors import HangupError, OffhookError
from offhook.who_answered import Verdict, beeped, of_recording, signal

_log = logging.getLogger("offhook.call.placed")

ANSWERED_BY = "OFFHOOK_ANSWERED_BY"
LATEST_MS = 20_000
"""From the answer on: no greeting of a machine's is so long before it says what it is."""
STEP_S = 0.1


class Doubt:
    """One call's.  Lives on the event loop."""

    def __init__(self, ears: FirstEars, language: str) -> None:
        """``ears`` have heard a person, or nothing; they go on listening for tones."""
        self._ears = ears
        self._language = language
        self._since_ms = ears.now_ms
        self._recorded = False
        self._found: Verdict | None = None
        """Who is there instead of a person."""

    def heard(self, words: str) -> None:
        """What the callee is understood to say in a turn, so far."""
        self._recorded = self._recorded or of_recording(words, self._language)

    async def watch(self, output: CallOutput, end: Callable[[], None]) -> None:
        """Until it is sure who is there; where no person is, cut what we say and ``end`` the conversation."""
        while (found := self._who()) is None:
            if self._ears.now_ms > LATEST_MS:
                self._ears.end()
                return
            await asyncio.sleep(STEP_S)
        self._found = found
        with contextlib.suppress(OffhookError):
            await output.stop()
        end()

    def _who(self) -> Verdict | None:
        heard = self._ears.heard()
        if self._recorded:
            return Verdict.MACHINE
        told = signal(heard, self._ears.now_ms)
        if told is None and beeped(heard, self._since_ms):
            return Verdict.MACHINE
        return told

    async def leave_message(self, wire: Wire, profile: CallProfile) -> str:
        """In the conversation's place; returns how the call ended, which the dialplan has been told.

        A fax and a line that rings get none.
        """
        call, line = wire.line.offer.call_id, wire.line
        found = self._found or Verdict.MACHINE
        _log.info("call=%s answered by a %s after all, known after %d ms", call, found, self._ears.now_ms)
        wire.attach(lambda event: None, lambda key: None)
        try:
            await line.set_variable(ANSWERED_BY, found)
            result = "nobody"
            if found is Verdict.MACHINE:
                result = await message_left(self._ears, line, wire.output, profile)
        except HangupError:
            result = HANGUP
        except OffhookError as error:
            _log.error("call=%s failed: %s", call, error)
            result = "failed"
        self._ears.end()
        await wire.leave(result, {}, turns=wire.turns, stays=False)
        return result


async def message_left(ears: FirstEars, line: Line, output: CallOutput, profile: CallProfile) -> str:
    """Say the agent's message to its end, behind the machine's beep: ``ok``; ``nobody`` where it has none.

    Raises HangupError, and what a voice raises.
    """
    text = profile.agent.outbound.message
    if not text:
        return "nobody"
    audio = await profile.voice.say(text, line.offer.rate_hz, language=profile.agent.voice_language)
    await unless_ended(line.ended, ears.may_speak())
    utterance = output.utterance()
    try:
        utterance.say(text, audio)
        utterance.finish()
        await output.say(utterance, keys_cut=False, audible=lambda: None)
    finally:
        utterance.drop()
    return "ok"
