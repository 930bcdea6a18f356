"""One Stasis application: which channels are calls for us, and what became of them while nobody told us.

The audio does not depend on ARI's socket, so a call outlives it.  When it is back, all channels are read
again: who has hung up meanwhile is gone, who has come is taken, and what a daemon before us has left goes on
in the dialplan, with ``failed``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from offhook.doors.announced import Announced
from offhook.doors.ari.calls import PREFIX, MediaWay, StasisCall, Take, Variables, hold, offer_of
from offhook.doors.ari.link import Link
from offhook.doors.ari.messages import Event, Json
from offhook.doors.ari.operations import Operations
from offhook.doors.base import RESULT_VARIABLE, CallOffer
from offhook.errors import AriError, BusyError, ConfigError, OffhookError

_log = logging.getLogger("offhook.doors.ari")

DIALLED = "dialled"
"""The argument of a channel that we have originated."""
ANSWER_LATE_S = 10.0
"""Behind the time that Asterisk lets it ring."""
LOOK_AFTER_S = 1.0
"""How often is looked after callers when another daemon has the application."""

Check = Callable[[CallOffer], str | None]
"""What would become of a call: None, or the result of one that is refused.  Raises BusyError, ConfigError."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """What came of a call that we have placed."""

    answered: bool
    cause: int = 0
    """Of Q.850, where nobody answered; 0: Asterisk did not say."""
    variables: Variables = field(default_factory=dict)
    """What the call has left; empty: the callee hung up."""


@dataclass(slots=True)
class _Placed:
    """A channel that was originated and has not been answered."""

    answered: asyncio.Future[int | None]
    """None: it is in our application; else the cause why it never will be."""


class AriDoor:
    """One Asterisk's.  Lives on the event loop."""

    def __init__(
        self, app: str, way: MediaWay, announced: Announced, take: Take, check: Check, actions: str = ""
    ) -> None:
        """``actions``: the dialplan's context for what a placed call has left, such as ``transfer``."""
        self._app = app
        self._way = way
        self._announced = announced
        self._take = take
        self._check = check
        self._actions = actions
        self._calls: dict[str, StasisCall] = {}
        self._media: dict[str, StasisCall] = {}
        self._placed: dict[str, _Placed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting = True
        self.replaced = False
        """Another daemon has the application: no events come any more, and none are asked for."""
        self._idle = asyncio.Event()
        self._idle.set()
        self.link = Link(self.told, self._connected)
        self.operations = Operations(self.link, app)

    @property
    def rate_hz(self) -> int:
        """Of the audio."""
        return self._way.rate_hz

    @property
    def is_accepting(self) -> bool:
        """Whether new calls may be begun."""
        return self._accepting and not self.replaced

    @property
    def active(self) -> int:
        """Calls, and channels that ring."""
        return len(self._calls) + len(self._placed)

    # --- events ----------------------------------------------------------------------------------

    def told(self, event: Event) -> None:
        channel = event.channel_id
        match event.type:
            case "StasisStart":
                self._entered(event.of("channel"), tuple(map(str, event.values.get("args") or ())))
            case "StasisEnd" | "ChannelHangupRequest":
                if channel in self._calls:
                    self._calls[channel].leave()
            case "ChannelDestroyed":
                cause = event.values.get("cause")
                self._left(channel, cause if isinstance(cause, int) else 0)
            case "ApplicationReplaced":
                self.replaced = True
                how = "this daemon ends" if not self._accepting else "give one of them another doors.ari.app"
                _log.warning("ari: another program has taken the application %s over: %s", self._app, how)
                self._spawn(self._look_after())

    def _entered(self, channel: Json, arguments: tuple[str, ...]) -> None:
        key = str(channel.get("id") or "")
        if key in self._media:
            self._media[key].media_in.set()
        elif key in self._placed:
            answered = self._placed[key].answered
            if not answered.done():
                answered.set_result(None)
        elif key and key not in self._calls and not key.startswith(PREFIX):
            offer = offer_of(channel, arguments, "", self._way.rate_hz)
            call = self._calls[key] = StasisCall(key, offer)
            self._spawn(self._serve(call, channel, arguments))

    def _left(self, channel: str, cause: int) -> None:
        if channel in self._calls:
            self._calls[channel].leave()
        placed = self._placed.get(channel)
        if placed is not None and not placed.answered.done():
            placed.answered.set_result(cause)

    # --- calls that come -----------------------------------------------------------------------------

    async def _serve(self, call: StasisCall, channel: Json, arguments: tuple[str, ...]) -> None:
        key, dialled = call.channel, ""
        try:
            with contextlib.suppress(OffhookError):
                dialled = await self.operations.get_variable(key, "CALLERID(dnid)") or ""
            call.offer = offer_of(channel, arguments, dialled, self._way.rate_hz)
            left = self._refusal(call.offer)
            if left is None:
                self._media[call.media] = call
                left = await hold(call, self.operations, self._announced, self._way, self._take)
            if not call.gone.is_set():
                await self._go_on(key, left)
        finally:
            self._forget(call)

    def _refusal(self, offer: CallOffer) -> Variables | None:
        """What the dialplan is told of a call that is not taken; None: it is."""
        try:
            if not self._accepting:
                raise BusyError("the daemon is stopping")
            refused = self._check(offer)
        except BusyError as error:
            _log.info("call=%s declined: %s", offer.call_id, error)
            refused = "busy"
        except ConfigError as error:
            _log.error("call=%s refused: %s", offer.call_id, error)
            refused = "failed"
        return None if refused is None else {RESULT_VARIABLE: refused}

    async def _go_on(self, channel: str, left: Variables, context: str = "", extension: str = "") -> None:
        """Give the channel back to the dialplan."""
        try:
            for name, value in left.items():
                await self.operations.set_variable(channel, name, value)
            await self.operations.go_on(channel, context, extension)
        except AriError as error:
            if error.status not in (404, 409):  # it has hung up, or is somewhere else
                _log.error("call=%s does not go on in the dialplan: %s", channel, error)
        except OffhookError as error:
            _log.error("call=%s does not go on in the dialplan: %s", channel, error)

    # --- calls that we place ---------------------------------------------------------------------------

    async def dial(
        self, endpoint: str, offer: CallOffer, take: Take, *, caller_id: str = "", ring_s: int = 30
    ) -> Dialled:
        """Call ``endpoint``; ``take`` gets the line when somebody, or something, has answered.

        Returns when all is over.  Raises AriError when Asterisk refuses, DeadlineError when it cannot be
        reached.
        """
        key = f"{PREFIX}call-{uuid.uuid4()}"
        answered = asyncio.get_running_loop().create_future()
        self._placed[key] = _Placed(answered)
        self._idle.clear()
        try:
            arguments = DIALLED
            await self.operations.originate(
                key, endpoint, arguments=arguments, caller_id=caller_id, ring_s=ring_s
            )
            try:
                cause = await asyncio.wait_for(answered, ring_s + ANSWER_LATE_S)
            except TimeoutError:
                cause = 19
        finally:
            self._placed.pop(key, None)
            if not answered.done() or answered.cancelled() or answered.result() is not None:
                with contextlib.suppress(OffhookError):
                    await self.operations.hang_up(key)
                self._check_idle()
        if cause is not None:
            return Dialled(False, cause)
        return await self._talk(key, offer, take)

    async def _talk(self, key: str, offer: CallOffer, take: Take) -> Dialled:
        call = self._calls[key] = StasisCall(key, replace(offer, call_id=key))
        self._media[call.media] = call
        left: Variables = {}
        try:
            left = await hold(call, self.operations, self._announced, self._way, take)
            if not call.gone.is_set():
                await self._part(key, left)
        finally:
            self._forget(call)
        return Dialled(True, 0, {**call.told, **left})

    async def _part(self, key: str, left: Variables) -> None:
        """We are done: whoever is to be talked with next is the dialplan's business; else that was it."""
        result = left.get(RESULT_VARIABLE, "")
        if self._actions and result in ("transfer", "queue", "voicemail"):
            await self._go_on(key, left, self._actions, result)
            return
        with contextlib.suppress(OffhookError):
            await self.operations.hang_up(key)

    # --- what nobody told us ---------------------------------------------------------------------------

    def _connected(self) -> None:
        self._spawn(self._read_again())

    async def _read_again(self) -> None:
        try:
            channels = {str(each.get("id")): each for each in await self.operations.channels()}
            bridges = await self.operations.bridges()
        except OffhookError as error:
            _log.warning("ari: what there is cannot be read: %s", error)
            return
        for key, call in list(self._calls.items()):
            if not self._ours(channels.get(key)):
                call.leave()
        for key in list(self._placed):
            if key not in channels:
                self._left(key, 0)
        inside = {member: each for each in bridges for member in each.get("channels", ())}
        for key, channel in channels.items():
            if self._ours(channel) and key not in self._calls:
                await self._found(key, channel, inside.get(key))
        _log.info("ari: connected app=%s calls=%d", self._app, self.active)

    async def _look_after(self) -> None:
        """Whether the callers of calls that go on are still there, while nobody tells."""
        while self._calls:
            with contextlib.suppress(OffhookError):
                channels = {str(each.get("id")): each for each in await self.operations.channels()}
                for key, call in list(self._calls.items()):
                    if not self._ours(channels.get(key)):
                        call.leave()
            await asyncio.sleep(LOOK_AFTER_S)

    async def _found(self, key: str, channel: Json, bridge: Json | None) -> None:
        """A channel in our application of which we know nothing."""
        if bridge is None or key in self._placed or key in self._media:
            self._entered(channel, self._arguments(channel))
            return
        if not str(bridge.get("id")).startswith(PREFIX) or key.startswith(f"{PREFIX}media-"):
            return
        if any(str(each).startswith(f"{PREFIX}media-") for each in bridge.get("channels", ())):
            return  # another daemon's, and it lives: its audio does
        _log.warning("call=%s has lost its daemon, and goes on in the dialplan", key)
        with contextlib.suppress(OffhookError):
            await self.operations.destroy(str(bridge["id"]))
        if key.startswith(PREFIX):  # one that was placed has no dialplan
            with contextlib.suppress(OffhookError):
                await self.operations.hang_up(key)
        else:
            await self._go_on(key, {RESULT_VARIABLE: "failed"})

    def _ours(self, channel: Json | None) -> bool:
        """Whether it is in our application."""
        where = channel.get("dialplan") if channel is not None else None
        if not isinstance(where, dict) or where.get("app_name") != "Stasis":
            return False
        return str(where.get("app_data") or "").split(",")[0] == self._app

    def _arguments(self, channel: Json) -> tuple[str, ...]:
        return tuple(str(channel["dialplan"].get("app_data") or "").split(",")[1:])

    # --- the end -------------------------------------------------------------------------------------

    def stop_accepting(self) -> None:
        """What comes now goes to the dialplan's fallback."""
        self._accepting = False

    async def drained(self) -> None:
        """Wait until no call is left."""
        await self._idle.wait()

    async def close(self) -> None:
        """Cancel what still runs and wait for it.  Any number of times."""
        self._accepting = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        self._idle.clear()
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("ari: a call failed", exc_info=error)
        self._check_idle()

    def _forget(self, call: StasisCall) -> None:
        self._calls.pop(call.channel, None)
        self._media.pop(call.media, None)
        self._check_idle()

    def _check_idle(self) -> None:
        if not self._tasks and not self._calls and not self._placed:
            self._idle.set()
