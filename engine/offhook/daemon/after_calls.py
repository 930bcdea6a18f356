"""The daemon's side of what follows calls: notes them while they go on, writes the jobs down, has them done.

The box's own agents have a file for it (``tools.records``), tenants their database.  Neither is waited for: a
call that is over is handed to a task, which tries until the database takes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from offhook.after_call.handlers import Handlers
from offhook.after_call.plan import jobs_of
from offhook.after_call.record import Done, FinishedCall, Turn
from offhook.after_call.runner import Runner, utc_now
from offhook.agents.loader import find_agent
from offhook.call.profile import CallProfile
from offhook.config import Config, is_path
from offhook.doors.base import CallOffer
from offhook.engines.llm.base import LanguageModel
from offhook.errors import DatabaseError, OffhookError
from offhook.observe.bill import Bill
from offhook.observe.trace import TurnTrace
from offhook.tenants.database import DEFAULT_FILE, Database
from offhook.tenants.jobs import Jobs, NewJob
from offhook.tenants.own import own_tenant
from offhook.tenants.snapshot import Number
from offhook.tools.base import ToolResult
from offhook.tools.outbound import Reach, client

_log = logging.getLogger("offhook.daemon.after_calls")

Spawn = Callable[[Coroutine[Any, Any, None], str], object]
Sleep = Callable[[float], Awaitable[None]]
MOST_WAITING = 1_000
"""Calls whose jobs wait for a database that is away; the next ones are lost, with a line."""
_AGAIN_S = 5.0
_LOOK_S = 60.0
"""How often is looked whether a database that was not there has been made."""
_MOST_TURNS = 200
FLUSH_S = 5.0
"""So long the end of the daemon waits for what is being written down."""


class _Place:
    """One database's jobs."""

    def __init__(self, database: Database, handlers: Handlers, clock: Callable[[], datetime]) -> None:
        self.database = database
        self.jobs = Jobs(database)
        self.runner = Runner(self.jobs, handlers.by_kind(), clock)


class AfterCalls:
    """Lives on the event loop."""

    def __init__(
        self,
        config: Config,
        spawn: Spawn,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Sleep = asyncio.sleep,
        network: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``network`` is for tests.  Raises ConfigError when a database cannot be one."""
        self._config = config
        self._spawn = spawn
        self._clock = clock
        self._sleep = sleep
        self._warned: set[str] = set()
        """Agents that want mail, where nobody sends any."""
        self._models: dict[tuple[str, str], LanguageModel] = {}
        self._writing: set[asyncio.Event] = set()
        box = Database(f"sqlite:///{config.tools.records}")
        tenants = Database(config.tenants.database or f"sqlite:///{DEFAULT_FILE}")
        self._clients = [
            client(Reach(config.tools.tenants_may_reach, anywhere=anywhere), network)
            for anywhere in (True, False)
        ]
        self._box, self._tenants = (
            _Place(
                database,
                Handlers(database, http, config.mail, self._model, trusted=trusted, clock=clock),
                clock,
            )
            for database, http, trusted in (
                (box, self._clients[0], True),
                (tenants, self._clients[1], False),
            )
        )

    def begin(self) -> None:
        """Have done what is due, also what a daemon before this one has left."""
        for name, place in (("box", self._box), ("tenants", self._tenants)):
            self._spawn(self._serve(place), f"jobs-{name}")

    def note(
        self, offer: CallOffer, profile: CallProfile, name: str, number: Number | None
    ) -> CallNote | None:
        """What is noted of a call; None: nobody is told of it.  ``name`` is the agent's in its file."""
        if not profile.agent.after_call:
            return None
        problem = self._config.mail.problem()
        if profile.agent.after_call.mail is not None and problem is not None and name not in self._warned:
            self._warned.add(name)
            _log.warning("agent=%s after_call.mail waits: %s", name, problem)
        return CallNote(self, offer, profile, name, number, self._clock())

    def now(self) -> datetime:
        return self._clock()

    def over(self, note: CallNote, call: FinishedCall) -> None:
        """A call has ended; never waits."""
        if len(self._writing) >= MOST_WAITING:
            _log.error("call=%s nobody is told of it: too many wait for the database", call.id)
            return
        written = asyncio.Event()
        self._writing.add(written)
        self._spawn(self._write(note, call, written), "after-call")

    def put_own(self, job: NewJob) -> None:
        """A job of the box's own that follows no call of an agent's; never waits."""
        written = asyncio.Event()
        self._writing.add(written)
        self._spawn(self._write_own(job, written), "outbound-webhook")

    async def flush(self) -> None:
        """Wait a little for what is being written down."""
        waiting = [asyncio.ensure_future(one.wait()) for one in self._writing]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=FLUSH_S)
            for task in late:
                task.cancel()
            if late:
                _log.error("calls=%d nobody is told of them: the database does not answer", len(late))

    async def close(self) -> None:
        """Any number of times."""
        for each in self._clients:
            await each.aclose()

    # --- within ------------------------------------------------------------------------------------------

    async def _write(self, note: CallNote, call: FinishedCall, written: asyncio.Event) -> None:
        place = self._box if note.number is None else self._tenants
        said = ""
        try:
            while True:
                try:
                    tenant_id = await asyncio.to_thread(self._put, place, note, call)
                    break
                except DatabaseError as error:
                    if str(error) != said:
                        _log.warning("call=%s what follows it waits: %s", call.id, error)
                    said = str(error)
                await self._sleep(_AGAIN_S)
        finally:
            self._writing.discard(written)
            written.set()
        self._models[tenant_id, call.agent] = note.profile.models.language_model
        place.runner.wake()

    async def _write_own(self, job: NewJob, written: asyncio.Event) -> None:
        place = self._box

        def put() -> None:
            place.jobs.put(own_tenant(place.database), [job], self._clock())

        try:
            await asyncio.to_thread(put)
        except DatabaseError as error:
            _log.error("nobody is told what came of a placed call: %s", error)
        finally:
            self._writing.discard(written)
            written.set()
        place.runner.wake()

    def _put(self, place: _Place, note: CallNote, call: FinishedCall) -> str:
        tenant_id = own_tenant(place.database) if note.number is None else note.number.tenant.id
        place.jobs.put(tenant_id, note.jobs(call, self._folder(note)), self._clock())
        return tenant_id

    def _folder(self, note: CallNote) -> Path | None:
        """Where the agent's file lies: what it names lies beside it."""
        if note.number is not None:
            return None
        try:
            return find_agent(note.name, self._config.agent.search).parent
        except OffhookError:
            return None

    def _model(self, tenant_id: str, agent: str) -> LanguageModel | None:
        return self._models.get((tenant_id, agent))

    async def _serve(self, place: _Place) -> None:
        """Runs the jobs, once there is a database."""
        while await asyncio.to_thread(place.database.is_missing):
            await self._sleep(_LOOK_S)
        await place.runner.run()


class CallNote:
    """One call in the making."""

    def __init__(
        self,
        after: AfterCalls,
        offer: CallOffer,
        profile: CallProfile,
        name: str,
        number: Number | None,
        began: datetime,
    ) -> None:
        self._after = after
        self._offer = offer
        self.profile = profile
        self.name = name
        self.number = number
        self._began = began
        self._turns: list[Turn] = []
        self._done: list[Done] = []

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        """A turn of the caller's is over, and its answer."""
        if len(self._turns) < _MOST_TURNS:
            answered = trace.act != "unknown"
            self._turns.append(Turn(caller_text, audible_text, answered=answered, mood=trace.mood))

    def done(self, tool: str, arguments: Mapping[str, Any], result: ToolResult) -> None:
        """A tool that changes something has been run, or could not be."""
        if len(self._done) < _MOST_TURNS:
            self._done.append(Done(tool, result.ok, result.say))

    def ended(self, result: str, bill: Bill | None = None) -> None:
        """The call is over; never waits."""
        dialled = self._offer.dialled if any(map(str.isdigit, self._offer.dialled)) else ""
        call = FinishedCall(
            id=self._offer.call_id,
            agent=Path(self.name).stem if is_path(self.name) else self.name,
            language=self.profile.agent.language,
            started_at=self._began,
            ended_at=self._after.now(),
            result=result,
            number=dialled if self.number is None else self.number.did,
            caller=self._offer.caller,
            turns=tuple(self._turns),
            done=tuple(self._done),
        )
        self._after.over(self, call)

    def jobs(self, call: FinishedCall, folder: Path | None) -> list[NewJob]:
        """What follows."""
        agent = self.profile.agent
        wanted = agent.after_call.summary
        return jobs_of(
            call,
            agent.after_call,
            keep_words=self.profile.transcribed if self.number is not None else True,
            by_model=wanted == "model" or (wanted == "auto" and self.profile.policy.name == "chat"),
            folder=folder,
        )
