"""One call, from the moment it is taken to its end.

It owns the line, what is said on it and the conversation, and gives all of them back whatever happens.
What becomes of the facts that it learns meanwhile is its :class:`~offhook.call.turn_loop.TurnLoop`'s.
"""

from __future__ import annotations

import contextlib
import logging
import time

from offhook import turn_taking
from offhook.call.answering import Answering
from offhook.call.doing import briefed
from offhook.call.greeting import known_greeting
from offhook.call.profile import CallProfile
from offhook.call.responses import Responses
from offhook.call.resumption import Kept
from offhook.call.services import Services
from offhook.call.tap import Tap
from offhook.call.tasks import Tasks
from offhook.call.turn_loop import TurnLoop
from offhook.call.wire import Wire
from offhook.conversation.history import History
from offhook.doors.base import HANGUP, Line, Listening, unless_ended
from offhook.errors import BusyError, HangupError, OffhookError
from offhook.observe.bill import Bill, billed
from offhook.tools.base import Action

_log = logging.getLogger("offhook.call.call")


class Call:
    """One caller in our hands, whichever door they came through."""

    def __init__(
        self, line: Line | Wire, profile: CallProfile, services: Services, back: Kept | None = None
    ) -> None:
        """``line`` is accepted, and the call's from now on.  ``back``: it has been with us before."""
        self.wire = wire = line if isinstance(line, Wire) else Wire(line)
        self._line = wire.line
        self.id = wire.line.offer.call_id
        self.history = History(list(back.exchanges) if back is not None else [])
        self._profile = profile
        self._agent = profile.agent
        self._back = back
        self._services = services
        self._tasks = Tasks(self._failed)
        self._output = wire.output
        self.turn_loop = loop = TurnLoop(self.id, profile, services, self._output, self._tasks)
        self._responses = Responses(
            self.id,
            profile,
            services,
            self._output,
            self._tasks,
            loop.post,
            self.history,
            lambda: loop.caller_speaks,
        )
        self._responses.turns = wire.turns
        self.bill = Bill()
        """What it costs at others' servers, so far."""
        self._left: dict[str, str] = {}  # word for the dialplan, besides the result
        talk = (self._line.offer, self.history, self._output, self._responses)
        self._answering = Answering(*talk, loop.post, self._became, services.transcript)
        loop.speak_with(self._responses, self._answering)
        wire.attach(loop.post, loop.key_pressed)  # tells at once what was done between two agents
        self._stays = self.stayed = False  # the line is somebody else's then
        self.successor: CallProfile | None = None
        """The agent who goes on with the caller on the same wire, once :meth:`run` has returned ``agent``."""

    # --- life ------------------------------------------------------------------------------

    async def run(self) -> str:
        """Hold the conversation; returns how it ended: ``ok``, ``nobody`` (music, a television, an
        announcement), ``hangup``, ``busy``, ``failed``, or an ``ActionKind``: where the line goes."""
        with billed(self.bill) as bill, self._services.ledger.running(self._profile.tenant, bill):
            result = await self._run()
            if bill.units:
                self._services.metrics.billed(bill)
                _log.info("call=%s billed %s", self.id, bill)
        return result

    async def _run(self) -> str:
        started_ns = time.monotonic_ns()
        result = "failed"
        try:
            self._tasks.spawn(self._watch_line())
            await unless_ended(self._line.ended, self._open())
            await self.turn_loop.run(started_ns)
            if self.turn_loop.failure is not None:
                raise self.turn_loop.failure
            result = HANGUP if self._line.ended.is_set() else "nobody" if self.turn_loop.nobody else "ok"
            if result == "ok" and (action := self._responses.action) is not None:
                self._left = await briefed(action, self.history, self._profile, self._line.offer)
                result = action.kind
                if action.kind == "agent" and self._profile.find_agent is not None:
                    finding = self._profile.find_agent(action.target)
                    self.successor = await unless_ended(self._line.ended, finding)
        except HangupError:
            result = HANGUP
        except OffhookError as error:
            # Before the conversation has begun, the machine has no place for it; afterwards, it has failed.
            if isinstance(error, BusyError) and self._answering.pipeline is None:
                _log.warning("call=%s declined: %s", self.id, error)
                result = "busy"
            else:
                _log.error("call=%s failed: %s", self.id, error)
            with contextlib.suppress(OffhookError):  # the dialplan's fallback comes next
                await self._responses.apologise()
        finally:
            await self._close(result)
            seconds = (time.monotonic_ns() - started_ns) / 1e9
            self._services.metrics.call_ended(result, self._profile.tenant)
            turns = self._responses.turns
            _log.info("call=%s ended result=%s turns=%d seconds=%.1f", self.id, result, turns, seconds)
        return result

    async def _open(self) -> None:
        services, profile, config = self._services, self._profile, self._profile.turn
        endpointing_ms = self.turn_loop.settings.endpointing.longest_ms
        first = not self.wire.opened
        stream, tap = self.wire.hear(Listening(config.pause_ms, endpointing_ms, config.max_utterance_s))
        named = (self._agent.name, profile.tenant or "-", self._output.rate_hz, self._line.offer.door)
        _log.info("call=%s started agent=%s tenant=%s rate_hz=%d door=%s", self.id, *named)
        if services.recorder is not None and profile.recorded is not None and first:
            tap.add(services.recorder.begin(self.id, profile.recorded, self._output.rate_hz))
        self._answering.have_tools(profile)
        kind = "greeting" if self._back is None else self._back.opening(self._agent.name)
        known = (self._agent, profile.voice, self.history.tools, self._output.rate_hz, self.id)
        await self.turn_loop.say_phrase(kind, await known_greeting(*known) if kind == "greeting" else None)
        pipeline = await self._answering.begin(profile)
        if self._back is not None:
            self._tasks.spawn(pipeline.recall(), "recall")
        self.turn_loop.listen_to(stream, tap)

    def _became(self, profile: CallProfile) -> None:
        """``profile`` answers from now on."""
        self._profile, self._agent = profile, profile.agent
        self.turn_loop.became(profile)

    async def _close(self, result: str) -> None:
        self.turn_loop.close()
        await self._tasks.close()
        await self._answering.close()
        if self.history.tools is not None:
            await self.history.tools.close()
        self.stayed = stays = self._stays or self.successor is not None
        await self.wire.leave(result, self._left, turns=self._responses.turns, stays=stays)
        await self._answering.let_go()
        self._responses.close()
        if not stays:
            self._line.close()

    def end(self, action: Action | None = None, *, goodbye: bool = False, stays: bool = False) -> None:
        """Somebody else ends it: now, or with a goodbye; ``action``: where the line goes, unless it stays."""
        self._responses.action, self._stays = action, stays
        self.turn_loop.post(turn_taking.CallOverdue() if goodbye else turn_taking.CallEnded())

    @property
    def tap(self) -> Tap | None:
        """What both sides hear, for who may hear it; None before the caller is heard."""
        return self.wire.tap

    # --- watching --------------------------------------------------------------------------

    async def _watch_line(self) -> None:
        await self._line.gone()
        self.turn_loop.post(turn_taking.CallEnded())

    def _failed(self, error: BaseException, name: str) -> None:
        """Work beside the call has failed, and with it the call."""
        if not isinstance(error, OffhookError):
            _log.error("call=%s: unexpected error", self.id, exc_info=error)
            error = OffhookError(f"{type(error).__name__} in {name}")
        self.turn_loop.failure = self.turn_loop.failure or error
        self.turn_loop.post(turn_taking.CallEnded())
