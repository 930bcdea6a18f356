"""The tenants' side of the daemon: whose number was dialled, how many calls they have, what is written down.

Nothing here waits for a database: the directory answers from memory, and calls are written by a thread.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from offhook.config import TenantsConfig, clipped
from offhook.doors.base import CallOffer
from offhook.errors import ConfigError
from offhook.observe.bill import Bill
from offhook.observe.trace import TurnTrace
from offhook.tenants.admission import Refusal, admit
from offhook.tenants.call_records import CallRecord, TurnRecord
from offhook.tenants.call_writer import CallWriter
from offhook.tenants.costs import spent_today
from offhook.tenants.database import DEFAULT_FILE, Database
from offhook.tenants.directory import Directory, DirectoryHealth
from offhook.tenants.erasing import Places, purge
from offhook.tenants.shelf import Shelf
from offhook.tenants.snapshot import Number, Snapshot

_log = logging.getLogger("offhook.daemon.tenancy")

NUMBER_ARGUMENT = "did="
"""``EAGI(offhook-eagi,${UNIQUEID},did=${did})``: the number that was dialled, where the dialplan knows better
than the channel."""


class Tenancy:
    """Lives on the event loop, :meth:`start` and :meth:`close` aside."""

    def __init__(
        self,
        directory: Directory,
        writer: CallWriter,
        shelf: Shelf,
        purge: Callable[[], object] = lambda: None,
        spent: Callable[[str], dict[str, float]] = lambda currency: {},
        *,
        others_answered: bool = False,
    ) -> None:
        """``others_answered``: a number of nobody's is the default agent's, unless the dialplan has named it
        (``did=``).
        """
        self.directory = directory
        self._writer = writer
        self.shelf = shelf
        """What tenants' documents say; read in threads."""
        self.purge = purge
        """Deletes what is older than its tenant wants.  Blocks.  Raises ConfigError, DatabaseError."""
        self.spent = spent
        """What today's calls have cost each tenant, in that currency, as far as it is written down.  Blocks.
        Raises DatabaseError."""
        self.others_answered = others_answered
        self._running: Counter[str] = Counter()

    @classmethod
    def of(
        cls,
        config: TenantsConfig,
        trace_file: Path | None = None,
        *,
        recordings: tuple[Path, ...] = (),
        others_answered: bool = False,
    ) -> Tenancy:
        """``trace_file``, ``recordings``: where the daemon's traces are, and calls as sound.

        Raises ConfigError when ``tenants.database`` cannot be one.
        """
        database = Database(config.database or f"sqlite:///{DEFAULT_FILE}")
        folder = config.snapshot.with_name(f"{config.snapshot.name}.documents") if config.snapshot else None
        shelf = Shelf(database, folder)
        places = Places(trace_file, None, recordings)

        directory, writer = Directory.of(config), CallWriter(database)

        def keep_copies(snapshot: Snapshot) -> None:
            shelf.keep_only({tenant.id for tenant in snapshot.tenants.values() if tenant.knowledge})

        def changed(before: Snapshot, after: Snapshot) -> None:
            if (
                before.tenants.keys() - after.tenants.keys()
            ):  # what a removed tenant's documents say goes, too
                keep_copies(after)

        directory.on_change(changed)

        def purge_old() -> None:
            if directory.health().source == "database":  # else nobody knows what is still there
                keep_copies(directory.snapshot)
            if not database.is_missing():
                purge(database, places, datetime.now(UTC))

        def spent(currency: str) -> dict[str, float]:
            if database.is_missing():
                return {}
            with database.reading() as connection:
                database.require_schema(connection)
                return spent_today(connection, datetime.now(UTC), currency)

        return cls(directory, writer, shelf, purge_old, spent, others_answered=others_answered)

    def start(self) -> None:
        """Blocks while a connection is tried, some seconds at most; does not raise."""
        self._writer.start()
        self.directory.start()

    def close(self) -> None:
        """Blocks while what waits is written, if that is possible."""
        self.directory.close()
        self._writer.close()

    @property
    def health(self) -> DirectoryHealth:
        return self.directory.health()

    def known_tenants(self) -> Snapshot | None:
        """Who there is; None while the database cannot say.  Any thread."""
        return self.directory.snapshot if self.directory.health().source == "database" else None

    def snapshot(self) -> Snapshot:
        """All tenants and their numbers, as they are now."""
        return self.directory.snapshot

    def find(self, offer: CallOffer) -> Number | Refusal | None:
        """The tenant's number that was dialled, or why its call is not taken; None: no tenant's business."""
        named = _argument(offer)
        snapshot, health = self.directory.snapshot, self.directory.health()
        if named is None and not snapshot.tenants and health.source == "database":
            return None  # a box without tenants
        dialled = offer.dialled if named is None else named
        found = admit(snapshot, health, dialled, self._running)
        if found is Refusal.UNKNOWN and named is None and self.others_answered:
            return None
        return found

    def with_agent(self, number: Number, name: str) -> Number:
        """``number``, as if another agent of the same tenant's answered it.  Raises ConfigError."""
        agent = self.directory.snapshot.agents.get((number.tenant.slug, name))
        if agent is None or agent.tenant_id != number.tenant.id:  # removed, and perhaps another of that name
            raise ConfigError(f"tenant {number.tenant.slug} has no agent {clipped(name)}")
        return replace(number, agent=agent)

    @contextmanager
    def call(self, number: Number) -> Iterator[None]:
        """While a call to ``number`` goes on, it counts."""
        tenant = number.tenant.id
        self._running[tenant] += 1
        try:
            yield
        finally:
            self._running[tenant] -= 1
            if not self._running[tenant]:
                del self._running[tenant]

    def note(self, offer: CallOffer, number: Number, language: str, currency: str) -> CallNotes:
        """What is written of a call, once it has ended; ``currency`` is that of its bill."""
        return CallNotes(offer, number, language, currency, self._writer)


class CallNotes:
    """One call's record in the making: what was said only where the tenant wants that."""

    def __init__(
        self, offer: CallOffer, number: Number, language: str, currency: str, writer: CallWriter
    ) -> None:
        self._offer = offer
        self._currency = currency
        self._number = number
        self._language = language
        self._writer = writer
        self._began = datetime.now(UTC)
        self._turns: list[TurnRecord] = []

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        """A turn of the caller's is over, and its answer."""
        kept = self._number.tenant.transcripts
        ms = {stage: round(length, 1) for stage, length in trace.stages_ms().items()}
        missed = trace.act in ("unknown", "unsure")
        kept_too = missed and self._number.tenant.misses
        said = caller_text if kept or kept_too else None
        self._turns.append(TurnRecord("caller", said, missed=missed, mood=trace.mood or None))
        self._turns.append(TurnRecord("agent", audible_text if kept else None, ms))

    def ended(self, result: str, bill: Bill) -> None:
        """Hand it to whoever writes; never waits."""
        units = {unit: round(count, 3) for unit, count in bill.units.items()}
        record = CallRecord(
            self._offer.call_id,
            self._number.did,
            self._offer.caller or None,
            self._number.agent,
            self._began,
            datetime.now(UTC),
            result,
            tuple(self._turns),
            self._language,
            bill.cost if units else None,
            self._currency if units else None,
            units or None,
        )
        self._writer.put(record)


def _argument(offer: CallOffer) -> str | None:
    for argument in offer.arguments:
        if argument.startswith(NUMBER_ARGUMENT):
            return argument.removeprefix(NUMBER_ARGUMENT)
    return None
