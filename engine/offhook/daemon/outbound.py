"""The daemon's side of placed calls: takes them from the store, one after the other, and has Asterisk ring.

Lives on the event loop; the store is asked in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from pydantic import Field

from offhook.call.placed import ANSWERED_BY
from offhook.config import Config, OutboundConfig, OutboundWebhook, Section
from offhook.control.commands import Commands, Done
from offhook.control.feed import Feed
from offhook.daemon.after_calls import AfterCalls
from offhook.doors.ari.door import AriDoor
from offhook.doors.base import HANGUP, RESULT_VARIABLE, CallOffer, Line
from offhook.errors import BusyError, ConfigError, DatabaseError, OffhookError
from offhook.outbound.lists import consent_of
from offhook.outbound.results import Outcome, of_cause
from offhook.outbound.rules import earliest, number_of, one_form_of
from offhook.outbound.store import DEFAULT_DATABASE, PlacedCall, Store
from offhook.tenants.jobs import NewJob
from offhook.tenants.snapshot import Snapshot

_log = logging.getLogger("offhook.daemon.outbound")

LOOK_S = 1.0
"""How often is looked for what is due."""
BUSY_AGAIN_S = 20.0
"""A call for which there was no place is tried again so much later."""

Take = Callable[[Line], Awaitable[None]]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class ToDial(Section):
    """``POST /v1/daemon/dial``."""

    number: str = Field(max_length=40)
    agent: str = Field("", max_length=200)
    """Who talks; empty: the default agent, or the tenant's."""
    tenant: str = Field("", max_length=80)
    """Whose agent talks, and whose number is shown."""
    consent: str = Field("", max_length=300)
    """How the callee has agreed to be called."""
    list: str = Field("", max_length=120)
    """A list has each number once."""


class ToShow(Section):
    call: int | None = None
    list: str | None = Field(None, max_length=120)
    limit: int = Field(50, ge=1, le=1_000)


class ToBlock(Section):
    number: str = Field(max_length=40)
    why: str = Field("", max_length=200)


class ToStop(Section):
    list: str | None = Field(None, max_length=120)
    """None: everything that waits."""


class Outbound:
    """One daemon's."""

    def __init__(
        self,
        config: Config,
        take: Take,
        check: Callable[[CallOffer], str | None],
        commands: Commands,
        feed: Feed,
        *,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Adds to ``commands``, and tells ``feed`` how calls stand; nothing is placed before :meth:`run`."""
        self._config = config
        self._settings: OutboundConfig = config.outbound
        self._take = take
        self._check = check
        self._feed = feed
        self._snapshot: Callable[[], Snapshot | None] = lambda: None
        self._after: AfterCalls | None = None
        self._clock = clock
        self._sleep = sleep
        self._store = Store(config.outbound.database or DEFAULT_DATABASE)
        self._door: AriDoor | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._going_on: dict[int, PlacedCall] = {}
        self._given_up: set[int] = set()
        """Of those, they are not tried again."""
        self._opened = False
        commands.add("dial", "place a call", ToDial, self.dial)
        commands.add("dialled", "placed calls, and what came of them", ToShow, self.show)
        commands.add("dial-block", "never call a number again", ToBlock, self.block)
        commands.add("dial-stop", "drop the calls that wait", ToStop, self.stop)

    async def run(
        self, door: AriDoor | None, after: AfterCalls | None, snapshot: Callable[[], Snapshot | None]
    ) -> None:
        """Place calls until cancelled; those that go on are then cut off, and count as tried.

        ``after`` tells receivers what came of calls; ``snapshot`` has the tenants.
        """
        if door is None or not self._settings.allow:
            return
        self._door, self._after, self._snapshot = door, after, snapshot
        pause_s, purged = 60.0 / self._settings.per_minute, None
        try:
            while True:
                begun = False
                try:
                    await self._open()
                    now = self._clock()
                    if purged is None or now - purged > timedelta(days=1):
                        old, purged = now - timedelta(days=self._settings.keep_days), now
                        await asyncio.to_thread(self._store.purge, old.timestamp())
                    begun = await self._next()
                except DatabaseError as error:
                    _log.error("no calls are placed: %s", error)
                await self._sleep(pause_s if begun else LOOK_S)
        finally:
            for task in self._calls:
                task.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    # --- commands ------------------------------------------------------------------------------

    async def dial(self, wanted: ToDial) -> Done:
        """Raises ConfigError when it may not be, BusyError, DatabaseError."""
        self._usable()
        number = number_of(wanted.number, self._settings)
        consent = consent_of(wanted.consent)
        if self._settings.require_consent and not consent:
            raise ConfigError(
                f"{number}: no consent is noted, so it is not called: say how they agreed (--consent, or the"
                " list's column), or set outbound.require_consent = false where the law needs none"
            )
        offer = self._offer(number, wanted.agent, wanted.tenant)
        refused = await self._would_refuse(offer)
        if refused is not None:
            raise ConfigError(f"agent or tenant cannot talk to {number}: {refused}")
        due = earliest(number, self._clock(), self._settings)
        await self._open()
        call = await asyncio.to_thread(
            self._store.add, number, wanted.agent, wanted.tenant, consent, wanted.list, due.timestamp()
        )
        if call is None:
            return {"call": None, "number": number, "due": None}
        self._tell(call)
        return {"call": call.id, "number": number, "due": due.isoformat(timespec="seconds")}

    async def show(self, wanted: ToShow) -> Done:
        self._usable()
        await self._open()
        if wanted.call is not None:
            found = await asyncio.to_thread(self._store.get, wanted.call)
            calls = [] if found is None else [found]
        else:
            calls = await asyncio.to_thread(self._store.latest, wanted.limit, wanted.list)
        counts = await asyncio.to_thread(self._store.counts)
        return {"calls": [each.as_json() for each in calls], "counts": counts}

    async def block(self, wanted: ToBlock) -> Done:
        self._usable()
        number = one_form_of(wanted.number)
        await self._open()
        dropped = await asyncio.to_thread(self._store.block, number, wanted.why, self._clock().timestamp())
        self._tell_dropped(dropped)
        return {"number": number, "dropped": dropped}

    async def stop(self, wanted: ToStop) -> Done:
        self._usable()
        await self._open()
        fitting = (each for each in self._going_on.values() if wanted.list in (None, each.list))
        self._given_up.update(each.id for each in fitting)
        dropped = await asyncio.to_thread(self._store.stop, self._clock().timestamp(), wanted.list)
        self._tell_dropped(dropped)
        return {"dropped": dropped}

    # --- placing them --------------------------------------------------------------------------

    async def _next(self) -> bool:
        """Begin the call that has been due longest; False: there is none, or no place for it."""
        door = self._door
        assert door is not None
        if len(self._calls) >= self._settings.at_once or not (door.link.is_up and door.is_accepting):
            return False
        now = self._clock()
        call = await asyncio.to_thread(self._store.take, now.timestamp())
        if call is None:
            return False
        try:
            due = earliest(call.number, now, self._settings)
            offer = self._offer(call.number, call.agent, call.tenant)
            if due > now:  # it has waited for a place, or for a daemon, until it was too late in the day
                await asyncio.to_thread(self._store.put_off, call.id, due.timestamp(), tried=False)
                return False
            refused = await self._would_refuse(offer)
        except BusyError:
            await asyncio.to_thread(self._store.put_off, call.id, now.timestamp() + BUSY_AGAIN_S, tried=False)
            return False
        except ConfigError as error:
            refused = str(error)
        if refused is not None:
            _log.error("placed=%d is given up: %s", call.id, refused)
            await self._over(call, Outcome("failed"))
            return False
        self._tell(call)
        self._going_on[call.id] = call
        task = asyncio.create_task(self._place(door, call, offer), name=f"placed-{call.id}")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return True

    async def _place(self, door: AriDoor, call: PlacedCall, offer: CallOffer) -> None:
        endpoint = self._settings.endpoint.replace("{number}", call.number)
        outcome = Outcome("failed")
        try:
            dialled = await door.dial(
                endpoint, offer, self._take, caller_id=offer.dialled, ring_s=self._settings.ring_s
            )
            if dialled.answered:
                result = dialled.variables.get(RESULT_VARIABLE, HANGUP)
                outcome = Outcome(result, dialled.variables.get(ANSWERED_BY, ""))
            else:
                outcome = Outcome(of_cause(dialled.cause))
        except OffhookError as error:
            _log.error("placed=%d failed: %s", call.id, error)
        finally:
            await asyncio.shield(self._over(call, outcome))

    async def _over(self, call: PlacedCall, outcome: Outcome) -> None:
        now, again = self._clock(), None
        stopped = call.id in self._given_up
        if outcome.may_try_again and call.tries <= self._settings.retries and not stopped:
            later = now + timedelta(minutes=self._settings.retry_after_min)
            with contextlib.suppress(ConfigError):  # no moment for it any more
                again = earliest(call.number, later, self._settings).timestamp()
        _log.info(
            "placed=%d try=%d result=%s answered_by=%s%s",
            *(
                call.id,
                call.tries,
                outcome.result,
                outcome.answered_by or "-",
                "" if again is None else " again",
            ),
        )
        try:
            done = await asyncio.to_thread(
                self._store.tried, call.id, outcome.result, outcome.answered_by, now.timestamp(), again
            )
        except DatabaseError as error:
            _log.error("placed=%d what came of it is lost: %s", call.id, error)
            return
        finally:
            self._going_on.pop(call.id, None)
            self._given_up.discard(call.id)
        self._tell_over(done)

    def _tell_over(self, call: PlacedCall) -> None:
        """How it stands behind a try; and the receiver of webhooks, when it is done for good."""
        self._tell(call)
        if call.state == "done" and self._settings.webhook is not None and self._after is not None:
            self._after.put_own(_webhook(self._settings.webhook, call, self._clock()))

    def _tell(self, call: PlacedCall) -> None:
        """Whoever follows the events learns how a call stands; its number is not in it."""
        what = {name: getattr(call, name) for name in ("state", "tries", "result", "answered_by")}
        self._feed.publish("placed", placed=call.id, **what)

    def _tell_dropped(self, calls: int) -> None:
        if calls:
            self._feed.publish("dropped", calls=calls)

    def _offer(self, number: str, agent: str, tenant: str) -> CallOffer:
        """As the call's own: who is called is the one who talks with us.  Raises ConfigError."""
        own, arguments = self._settings.caller_id, (f"agent={agent}",) if agent else ()
        if tenant:
            snapshot = self._snapshot()
            numbers = [] if snapshot is None else list(snapshot.numbers.values())
            fitting = [
                each for each in numbers if each.tenant.slug == tenant and agent in ("", each.agent.name)
            ]
            if not fitting:
                who = f"tenant {tenant!r}" + (f" with agent {agent!r}" if agent else "")
                raise ConfigError(f"{who} has no number to call from: offhook numbers add")
            own, arguments = fitting[0].did, (f"did={fitting[0].did}",)
        rate_hz = 8_000 if self._door is None else self._door.rate_hz
        return CallOffer(
            "ari", "", dialled=own, caller=number, arguments=arguments, rate_hz=rate_hz, is_placed=True
        )

    async def _would_refuse(self, offer: CallOffer) -> str | None:
        return self._check(offer)

    def _usable(self) -> None:
        if self._door is None:
            missing = "doors.ari" if self._settings.allow else "outbound.allow"
            raise ConfigError(f"no calls are placed here: set {missing} and restart the daemon")

    async def _open(self) -> None:
        if not self._opened:
            broken_off = await asyncio.to_thread(self._store.open)
            self._opened = True
            for call in broken_off:
                self._tell_over(call)


def _webhook(receiver: OutboundWebhook, call: PlacedCall, now: datetime) -> NewJob:
    """Tells a receiver of a call that is done, by the same hands as ``[after_call]``."""
    settings = {"url": receiver.url, "secret_env": receiver.secret_env}
    settings["secret_file"] = None if receiver.secret_file is None else str(receiver.secret_file)
    data = {
        "call": call.id,
        "number": call.number,
        "agent": call.agent,
        "tenant": call.tenant,
        "list": call.list,
        "tries": call.tries,
        "result": call.result,
        "answered_by": call.answered_by,
    }
    body = {
        "webhook": settings,
        "folder": "",
        "event": "dial.completed",
        "at": now.isoformat(),
        "data": data,
    }
    return NewJob(f"outbound {call.id} {call.tries} {now.timestamp():.0f}", "webhook", body)
