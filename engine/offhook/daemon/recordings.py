"""Which calls are recorded, into whose folder, and for how long.

A tenant's call is noted in the tenants' database anyway.  One of the box's own is noted in the box's own file
when it is recorded: so that a recording is found by its caller, to be handed over or erased.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from offhook.agents.loader import find_agent
from offhook.call.profile import CallProfile
from offhook.config import Config
from offhook.doors.base import CallOffer
from offhook.errors import ConfigError, OffhookError
from offhook.observe.bill import Bill
from offhook.observe.trace import TurnTrace
from offhook.recording.places import OWN, forget_older
from offhook.recording.recorder import Ended, Recorder
from offhook.tenants.call_records import CallRecord
from offhook.tenants.call_writer import CallWriter
from offhook.tenants.database import Database
from offhook.tenants.erasing import Places, purge
from offhook.tenants.own import OWN_TENANT, own_tenant
from offhook.tenants.registry import change_tenant
from offhook.tenants.snapshot import Snapshot, StoredAgent

_log = logging.getLogger("offhook.daemon.recordings")

RECORD_ARGUMENT = "record="
"""``EAGI(offhook-eagi,${UNIQUEID},record=no)``: this call is not recorded, whoever answers."""


class Recordings:
    """One daemon's.  Lives on the event loop, :meth:`purge` aside."""

    def __init__(self, config: Config, ended: Ended = lambda how: None) -> None:
        """Raises ConfigError when what is to be recorded cannot be."""
        recording = config.recording
        self._config = recording
        self.recorder = None if recording.folder is None else Recorder(recording, ended)
        self._folders = config.recordings
        self._box = Database(f"sqlite:///{config.tools.records}")
        self._writer: CallWriter | None = None
        self._own_tenant: str | None = None
        if self.recorder is None and recording.agents:
            raise ConfigError("recording.agents names agents, and recording.folder no folder: name one")
        for name in recording.agents:
            find_agent(name, config.agent.search)

    async def begin(self) -> None:
        """Make the box's own file ready for what is recorded of the box's own calls."""
        if self.recorder is None or not self._config.agents:
            return
        try:
            self._own_tenant = await asyncio.to_thread(self._prepare)
        except OffhookError as error:
            _log.warning("recordings of own agents cannot be found by their callers: %s", error)
            return
        self._writer = CallWriter(self._box)
        self._writer.start()

    def _prepare(self) -> str:
        tenant = own_tenant(self._box)
        with self._box.writing() as connection:
            change_tenant(connection, OWN_TENANT, retention_days=self._config.keep_days)
        return tenant

    def of(self, profile: CallProfile, offer: CallOffer, agent: str) -> CallProfile:
        """With the folder that the call is recorded into, if it is; ``agent`` is its name in its file."""
        number = profile.number
        if self.recorder is None or f"{RECORD_ARGUMENT}no" in offer.arguments:
            return profile
        if number is None:
            return replace(profile, recorded=OWN) if agent in self._config.agents else profile
        return replace(profile, recorded=number.tenant.slug) if number.recorded else profile

    def notes(self, profile: CallProfile, offer: CallOffer, agent: str) -> list[OwnNotes]:
        """Who notes a recorded call of an agent of the box's own; nobody where there is no file for it."""
        if profile.recorded != OWN or self._writer is None or self._own_tenant is None:
            return []
        stored = StoredAgent(self._own_tenant, agent, 0, "")
        return [OwnNotes(offer, stored, profile.agent.language, self._writer)]

    def purging(self, tenants: Callable[[], Snapshot | None]) -> Callable[[], None]:
        """:meth:`purge`, of those whom ``tenants`` knows when it is called."""
        return lambda: self.purge(tenants())

    def purge(self, tenants: Snapshot | None) -> None:
        """Delete what is old: files, and the notes of own calls.  Blocks.  ``tenants`` None: not known now.

        Also files whose call nobody has noted.  Raises ConfigError, DatabaseError.
        """
        folder, now = self._config.folder, datetime.now(UTC)
        if folder is None:
            return
        if not self._box.is_missing() and self._own_tenant is not None:
            purge(self._box, Places(recordings=self._folders), now)
        known = {} if tenants is None else tenants.tenants
        days = {slug: tenant.retention_days for slug, tenant in known.items()}
        for below in _folders_in(folder):
            if below.name == OWN or tenants is not None:
                forget_older(below, days.get(below.name, self._config.keep_days), now)

    def close(self) -> None:
        """Blocks while what waits is written, if that is possible."""
        if self._writer is not None:
            self._writer.close()
        if self.recorder is not None:
            self.recorder.close()


class OwnNotes:
    """That a call was recorded, of whom and when: nothing that was said."""

    def __init__(self, offer: CallOffer, agent: StoredAgent, language: str, writer: CallWriter) -> None:
        self._offer = offer
        self._agent = agent
        self._language = language
        self._writer = writer
        self._began = datetime.now(UTC)

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        """Nothing of it is kept."""

    def ended(self, result: str, bill: Bill) -> None:
        """Hand it to whoever writes; never waits."""
        offer = self._offer
        record = CallRecord(
            offer.call_id,
            offer.dialled,
            offer.caller or None,
            self._agent,
            self._began,
            datetime.now(UTC),
            result,
            language=self._language,
        )
        self._writer.put(record)


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError as error:
        raise ConfigError(f"recording.folder {folder}: {error.strerror}") from error
