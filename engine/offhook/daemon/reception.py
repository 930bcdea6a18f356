"""Takes calls: says who answers before the caller hears anything from us, and holds the call to its end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from offhook.agents.loader import Agent
from offhook.call.cut_off import CutOff
from offhook.call.placed import answered
from offhook.call.profile import CallProfile
from offhook.call.resumption import HANDED_OVER, RESUME_ARGUMENT, Kept, Resumptions, begun
from offhook.call.services import Services
from offhook.config import Config
from offhook.control.live import LiveCall, LiveCalls
from offhook.daemon.admitting import Admitting
from offhook.daemon.answerer import (
    AGENT_ARGUMENT,
    Answerer,
    argument,
    by_name,
    fresh_numbers,
    of_box,
    of_number,
    speakers,
)
from offhook.daemon.costs import check_costs, recall_costs
from offhook.daemon.notes import Notes, all_of, span_notes
from offhook.daemon.profiles import Prepared, Profiles
from offhook.daemon.relay import Relay
from offhook.daemon.reload import Reread
from offhook.daemon.renewal import Renewal
from offhook.daemon.tongues import others_of
from offhook.doors.base import CallOffer, Line, unless_ended
from offhook.engines.llm.base import LanguageModel
from offhook.engines.pool import EnginePool
from offhook.engines.tts.voice import Voice
from offhook.errors import BusyError
from offhook.knowledge.store import ReadPassages
from offhook.observe.bill import Bill
from offhook.observe.logs import logged_as
from offhook.tenants.admission import Refusal
from offhook.tenants.snapshot import Number, Snapshot
from offhook.workers import Workers

if TYPE_CHECKING:
    from offhook.daemon.after_calls import AfterCalls
    from offhook.daemon.recordings import Recordings
    from offhook.daemon.tenancy import Tenancy

_log = logging.getLogger("offhook.daemon.reception")


class Reception:
    """Lives on the event loop."""

    def __init__(
        self,
        config: Config,
        pool: EnginePool,
        profiles: Profiles,
        services: Services,
        searching: Workers,
        spawn: Callable[..., object],
        tenancy: Tenancy | None = None,
        after: AfterCalls | None = None,
        live: LiveCalls | None = None,
        recordings: Recordings | None = None,
    ) -> None:
        """``live`` shows the calls to the operator; ``recordings`` says which of them are recorded.

        Raises ConfigError.
        """
        self.config = config
        self.services = services
        self._pool = pool
        self._profiles = profiles
        self._searching = searching
        self._renewal = Renewal(profiles, self._make, spawn)
        self._tenancy = tenancy
        self._after = after
        self.resumptions = Resumptions(config.daemon.resume_s)
        """Conversations of callers who may come back."""
        keep_s, folder = config.daemon.resume_s, config.daemon.resume_folder
        self.cut_off = None if folder is None else CutOff(folder, keep_s)
        """The same, for callers whose daemon was killed; None: that is not wanted."""
        self._live = live or LiveCalls()
        self._recordings = recordings
        self._taken: Counter[int] = Counter()  # calls that hold a place in a model, or will, by the model
        self._admitting = Admitting(config)
        services.metrics.on_answer = self._admitting.pace.answered

    async def begin(self, default: Agent) -> None:
        """Make the default agent ready, and follow the tenants from now on.  Raises ModelError."""
        key = of_box(self.config.agent.default)
        await self._profiles.warm(await self._profiles.make(key, default, warm=False))
        if self._tenancy is not None:
            await recall_costs(self.services.ledger, self._tenancy, self.config.costs)
            loop = asyncio.get_running_loop()

            def tell(before: Snapshot, after: Snapshot) -> None:
                loop.call_soon_threadsafe(self._renewal.changed, *fresh_numbers(before, after))

            self._tenancy.directory.on_change(tell)

    def close(self) -> None:
        if self.cut_off is not None:
            self.cut_off.close()

    async def take(self, line: Line) -> None:
        """Take a call, whichever door brings it, and hold it to its end.

        Raises BusyError or ConfigError before the caller hears anything from us: then the door declines it.
        """
        who = self._who(line.offer)
        if isinstance(who, Refusal):
            await self._refuse(line, who)
            return
        self._check_limits(who.number)
        with ExitStack() as stack:
            stack.enter_context(self._admitting.call(_tenant(who.number)))
            if who.number is not None and self._tenancy is not None:
                stack.enter_context(self._tenancy.call(who.number))
            prepared = self._profiles.get(who.key)
            agent = None
            if prepared is None:
                agent = await asyncio.to_thread(who.read)
                prepared = self._profiles.get(who.key)  # another call may have been quicker
            if prepared is None:
                assert agent is not None
                prepared = await self._new(line, who, agent, stack)
            else:
                profile = prepared.profile
                self._check(profile.models.problem(), profile.voice)
                stack.enter_context(self._place(profile.models.language_model))
                line.accept()
            stack.enter_context(prepared.in_use())
            snapshot = None if self._tenancy is None else self._tenancy.directory.snapshot
            search = self.config.agent.search
            wanted = speakers(who, prepared.profile.agent, search, snapshot)
            tongues = others_of(prepared.profile, wanted, self._make, stack)
            await self._hold(line, prepared, who.number, tongues)

    def check(self, offer: CallOffer) -> str | None:
        """What :meth:`take` would do with such a call now: None, or the result for the dialplan.

        Raises BusyError or ConfigError where it would.  It holds no place.
        """
        who = self._who(offer)
        if isinstance(who, Refusal):
            if who is Refusal.BUSY:
                raise BusyError("the tenant has as many calls as it takes")
            return who
        self._check_limits(who.number)
        prepared = self._profiles.get(who.key)
        if prepared is not None:
            profile = prepared.profile
            self._check(profile.models.problem(), profile.voice)
            with self._place(profile.models.language_model):
                pass
        return None

    def running(self) -> int:
        """Calls that are held now.  Any thread."""
        return sum(list(self._taken.values()))

    def health(self) -> dict[str, Any]:
        """Whether a call could be taken, and what there is, as JSON.  Any thread; never waits.

        ``problem``: why the default agent could not answer, in one line; None while it can.
        """
        problem, places = None, 0
        prepared = self._profiles.get(of_box(self.config.agent.default))
        if prepared is not None:
            profile = prepared.profile
            problem = profile.models.problem() or profile.voice.problem() or self._searching.problem()
            places = profile.models.language_model.places
        state: dict[str, Any] = {"problem": problem, "calls": self.running(), "places": places}
        state["load"] = round(self.services.load.busy, 2)
        if self._tenancy is not None:
            known = self._tenancy.health
            state["tenants"] = {
                "tenants": known.tenants,
                "numbers": known.numbers,
                "from": known.source,
                "problem": known.problem,
            }
        return state

    def _who(self, offer: CallOffer) -> Answerer | Refusal:
        """Whoever the dialplan names, else the one whose number was dialled, else the default."""
        name = argument(offer, AGENT_ARGUMENT)
        found = self._tenancy.find(offer) if name is None and self._tenancy is not None else None
        if isinstance(found, Refusal):
            return found
        return self._of_name(name or self.config.agent.default) if found is None else of_number(found)

    def _of_name(self, name: str) -> Answerer:
        return by_name(name, self.config.agent.search)

    async def _new(self, line: Line, who: Answerer, agent: Agent, stack: ExitStack) -> Prepared:
        """An agent that nobody has called yet: the caller waits for what they hear first, and no longer."""
        engines = self._pool.ready(agent)
        if engines is not None:
            self._check(engines.models.problem(), engines.voice)
            stack.enter_context(self._place(engines.models.language_model))
        line.accept()
        making = self._profiles.make(
            who.key, agent, of_tenant=who.number is not None, passages=self._passages(who.number)
        )
        prepared = await unless_ended(line.ended, making)
        if engines is None:
            stack.enter_context(self._place(prepared.profile.models.language_model))
        return prepared

    def _passages(self, number: Number | None) -> ReadPassages | None:
        """What reads the documents of the number's tenant; None: there are none."""
        if number is None or self._tenancy is None or not number.tenant.knowledge:
            return None
        shelf, tenant = self._tenancy.shelf, number.tenant
        return lambda: shelf.read(tenant)

    def _check(self, models: str | None, voice: Voice) -> None:
        problem = models or voice.problem() or self._searching.problem()
        if problem is not None:
            raise BusyError(problem)  # the dialplan finds the caller someone who can answer

    def _check_limits(self, number: Number | None) -> None:
        check_costs(self.services.ledger, _tenant(number), self.config.costs)
        self._admitting.check(self.config, _tenant(number))

    @contextmanager
    def _place(self, model: LanguageModel) -> Iterator[None]:
        """A place in the language model.  Raises BusyError when all are taken."""
        which = id(model)
        if self._taken[which] >= model.places:
            raise BusyError(f"all {model.places} places of the language model are taken")
        self._taken[which] += 1
        try:
            yield
        finally:
            self._taken[which] -= 1

    async def _make(self, who: Answerer) -> Prepared:
        prepared = self._profiles.get(who.key)
        if prepared is None:
            agent, passages = await asyncio.to_thread(who.read), self._passages(who.number)
            of_tenant = who.number is not None
            prepared = await self._profiles.make(who.key, agent, of_tenant=of_tenant, passages=passages)
        return prepared

    async def _hold(
        self, line: Line, prepared: Prepared, number: Number | None, others: Mapping[str, CallProfile]
    ) -> None:
        profile, offer = replace(prepared.profile, others=others), line.offer
        if number is not None:
            profile = replace(profile, number=number)
        back = self._back(offer, profile)
        if back is not None:  # a part of its own in whatever is written down
            offer = replace(offer, call_id=f"{offer.call_id}+{back.part}")
        name = prepared.key[1] if number is None else number.agent.name
        with self._live.call(offer, profile, name) as live, logged_as(offer.call_id):
            await self._hold_live(line, profile, number, live, back)

    async def _hold_live(
        self, line: Line, profile: CallProfile, number: Number | None, live: LiveCall, back: Kept | None
    ) -> None:
        offer = live.offer
        notes: list[Notes] = [live, *span_notes(self.config, self.services.spans, live)]
        if number is not None and self._tenancy is not None:
            currency = self.config.costs.currency
            notes.append(self._tenancy.note(offer, number, profile.agent.language, currency))
        if self._recordings is not None:
            profile = self._recordings.of(profile, offer, live.agent)
            notes += self._recordings.notes(profile, offer, live.agent)
        if self._after is not None:
            note = self._after.note(offer, profile, live.agent, number)
            if note is not None:
                notes.append(note)
                profile = replace(profile, on_done=note.done)
        if self.cut_off is not None and (number is None or number.tenant.transcripts):
            notes.append(self.cut_off.follow(begun(line.offer, profile, back)))
        profile = replace(profile, on_turn=all_of(notes), watcher=live)
        result, bill = "failed", Bill()
        try:
            if number is not None or offer.is_ringing:
                await line.answer()
            if offer.is_placed:
                line, profile, early = await answered(line, profile)
                if early:
                    result = early
                    return
            relay = Relay(line, live, self.services, partial(self._seat, number))
            bill = relay.bill
            result = await relay.run(profile, back)
            if result in HANDED_OVER:
                self.resumptions.keep(relay.kept(line.offer.call_id, back))
        finally:
            for each in notes:
                each.ended(result, bill)

    async def _seat(
        self, number: Number | None, name: str, holding: ExitStack
    ) -> tuple[Prepared, Number | None]:
        """See :data:`~offhook.daemon.relay.Seat`; a tenant's calls stay with the tenant's agents."""
        if number is not None:
            assert self._tenancy is not None
            number = self._tenancy.with_agent(number, name)
        prepared = await self._make(self._of_name(name) if number is None else of_number(number))
        self._check(prepared.profile.models.problem(), prepared.profile.voice)
        holding.enter_context(self._place(prepared.profile.models.language_model))
        holding.enter_context(prepared.in_use())
        return prepared, number

    def _back(self, offer: CallOffer, profile: CallProfile) -> Kept | None:
        """What the caller has talked about with us before, where the dialplan says that they are back."""
        why = argument(offer, RESUME_ARGUMENT)
        if why is None:
            return None
        back = self.resumptions.take(offer.call_id, profile.tenant, why)
        if back is None and self.cut_off is not None:
            back = self.cut_off.take(offer.call_id, profile.tenant, why)
        _log.info("call=%s is back%s", offer.call_id, "" if back else ", and what was said is forgotten")
        return back

    async def _refuse(self, line: Line, why: Refusal) -> None:
        """Say so to the dialplan, which says it to the trunk; nothing was answered."""
        if why is Refusal.BUSY:
            raise BusyError("the tenant has as many calls as it takes")
        _log.info("call=%s refused: %s", line.offer.call_id, why)
        self.services.metrics.call_refused(why)
        self.services.metrics.call_ended(why)
        line.accept()
        await line.finish(why)

    async def reread(self, before: Config, config: Config, told: Reread) -> None:
        """Read the box's agents again, for new calls; ``told`` gets what becomes of them.

        What cannot be read stays as it was.
        """
        self.config = config
        self._admitting.reread(config)
        self.config = await self._renewal.reread(before, config, told)


def _tenant(number: Number | None) -> str | None:
    return None if number is None else number.tenant.slug
