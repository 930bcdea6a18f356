"""The resident process: loads every model once, takes calls, drains at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from offhook.agents.loader import load_agent
from offhook.apps.running import Apps
from offhook.call.prompts import ReadyPhrases
from offhook.call.services import Services
from offhook.call.tasks import Tasks
from offhook.config import Config, DoorsConfig
from offhook.control.commands import Commands
from offhook.control.live import LiveCalls
from offhook.control.opening import control_socket
from offhook.conversation.lookup import search_workers
from offhook.core import PlayoutThread
from offhook.daemon import systemd
from offhook.daemon.admitting import refusal
from offhook.daemon.after_calls import AfterCalls
from offhook.daemon.capacity import check_capacity, raised_limits
from offhook.daemon.doors import OtherDoors
from offhook.daemon.draining import drained
from offhook.daemon.entrances import Entrances
from offhook.daemon.garbage import keep_clean
from offhook.daemon.inherited import EAGI, METRICS, Inherited, inherited
from offhook.daemon.loading import load, speculation, watch_load
from offhook.daemon.outbound import Outbound
from offhook.daemon.profiles import Profiles
from offhook.daemon.reception import Reception
from offhook.daemon.recordings import Recordings
from offhook.daemon.reload import Reloads, Reread, add_reload, merged
from offhook.daemon.replacement import Replacement, add_upgrade
from offhook.daemon.retention import keep_purging
from offhook.daemon.state import health, state_for_operator
from offhook.daemon.succession import Predecessor, UpgradeError
from offhook.daemon.supervision import add_supervision
from offhook.daemon.watchdog import Watchdog, parts
from offhook.doors.base import CallOffer, Line
from offhook.doors.eagi.lifeline import Handoff
from offhook.doors.eagi.line import EagiLine
from offhook.doors.eagi.listener import Listener
from offhook.doors.media import Hearing, Media, Sending
from offhook.engines.llm.base import LanguageModel
from offhook.errors import BusyError, ConfigError, OffhookError
from offhook.files import group_id
from offhook.observe.http import StatusServer
from offhook.observe.load import LoadGauge
from offhook.observe.metrics import Metrics
from offhook.observe.spans import Spans
from offhook.observe.trace import TraceWriter
from offhook.observe.transcript import TranscriptWriter
from offhook.playout.folder import PlaybackFolder

_log = logging.getLogger("offhook.daemon.daemon")

JUDGING_THREADS = 2
"""A judgement takes under a millisecond: one waits for the others of its moment, not for two at once."""


class Daemon:
    """Everything of one ``offhook serve``."""

    def __init__(
        self,
        config: Config,
        *,
        transcript: Path | None = None,
        read_again: Callable[[], Config] | None = None,
    ) -> None:
        """``read_again`` gives the configuration as it is now, for :meth:`reload`; None: it stays."""
        self._config = config
        self._read_again = read_again or (lambda: self._config)
        self._transcript_path = transcript
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        """We stop, or have been replaced."""
        self._entrances: Entrances | None = None
        self._predecessor: Predecessor | None = None
        self._replacement = Replacement()
        self._tasks = Tasks(_task_failed)
        self._reloads = Reloads(self._take_over, self._tasks.spawn)
        self._searching = search_workers()
        self._reception: Reception | None = None
        self._doors = OtherDoors(DoorsConfig(), None)
        self._calls, self._apps = 0, Apps(config.apps)  # through all doors
        self._after: AfterCalls | None = None
        self._media: Media | None = None  # what the doors' lines are made of
        self.live = LiveCalls(words=config.control.words)
        self.commands = Commands()
        """What the operator can tell us; see :mod:`offhook.control.commands`."""
        add_supervision(self.commands, self.live)
        add_upgrade(self.commands, self.replaced)
        add_reload(self.commands, self._reloads.want)

    async def run(self, *, ready: Callable[[], None], progress: Callable[[str], None]) -> None:
        """Serve until SIGTERM, SIGINT or :meth:`stop`; ``ready`` is called when calls can come.

        Raises ConfigError or ModelError, in one line, when it cannot begin.
        """
        given = inherited()
        if given.channel is not None:
            self._predecessor = Predecessor(given.channel)
            await self._predecessor.open()
        try:
            await self._run(given, ready, progress)
        except OffhookError as error:
            if self._predecessor is not None:
                await self._predecessor.failed(str(error))
            raise
        finally:
            given.close()

    async def _run(
        self, given: Inherited, ready: Callable[[], None], progress: Callable[[str], None]
    ) -> None:
        began = time.monotonic()
        config = self._config
        check_capacity(config, raised_limits(config.daemon.max_calls))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminated)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        loop.add_signal_handler(signal.SIGUSR2, self.upgrade)
        # It would end us, and log rotation sends it.
        loop.add_signal_handler(signal.SIGUSR1, _log.info, "SIGUSR1 does nothing here; SIGHUP reloads")
        async with contextlib.AsyncExitStack() as stack:
            # What can fail at once comes before what takes seconds.
            listener = Listener(
                config.daemon.socket,
                self._on_eagi,
                group=config.daemon.group,
                max_calls=config.daemon.max_calls,
            )
            await listener.bind(
                given.take(EAGI, str(config.daemon.socket)),
                activated=given.activated,
                succeeds=self._predecessor is not None,
            )
            stack.push_async_callback(listener.close)
            outbound = Outbound(config, self.take, self._check, self.commands, self.live.feed)
            self._doors = doors = OtherDoors(config.doors, group_id(config.daemon.group))
            doors.announced.elsewhere = self._predecessor
            doors.bind(given)
            stack.push_async_callback(doors.close)
            self._entrances = entrances = Entrances(listener, doors, managed=given.activated)
            succeeds = self._predecessor is not None
            control = control_socket(
                config, self.live, self.commands, self._state_for_operator, replaces=succeeds
            )
            if not succeeds:
                await stack.enter_async_context(control)
            default = load_agent(config.agent.default, config.agent.search)
            folder = PlaybackFolder(config.daemon.playback_dir, group_id=group_id(config.daemon.group))
            stack.callback(folder.close)
            trace = None
            if config.daemon.trace_file is not None:
                trace = TraceWriter(config.daemon.trace_file, config.budgets)
                stack.callback(trace.close)
            transcript = None
            if self._transcript_path is not None:
                transcript = TranscriptWriter(self._transcript_path)
                stack.callback(transcript.close)
            metrics = Metrics(by_tenant=config.metrics.tenants)
            recordings = Recordings(config, metrics.recorded)
            stack.callback(recordings.close)
            await recordings.begin()
            pool, tenancy = await load(config, progress, stack)
            judging = ThreadPoolExecutor(JUDGING_THREADS, thread_name_prefix="offhook-judge")
            stack.callback(judging.shutdown, wait=True, cancel_futures=True)
            hearing = Hearing()
            stack.callback(hearing.close)
            playout = PlayoutThread()
            stack.callback(playout.stop)
            sending = Sending() if doors.any else None
            if sending is not None:
                stack.callback(sending.close)
            self._media = Media(hearing, playout, folder, sending)
            gauge = LoadGauge(allowed=speculation(config))
            self._tasks.spawn(watch_load(gauge, metrics, hearing.waiting_s), "load")
            metrics.watch_models(pool.language_models())
            spans = None if config.telemetry.endpoint is None else Spans(config.telemetry)
            if spans is not None:
                stack.callback(spans.close)
            services = Services(
                gauge, metrics, trace, transcript, judging, recorder=recordings.recorder, spans=spans
            )
            profiles = Profiles(
                config,
                pool,
                ReadyPhrases(folder),
                self._searching,
                self._tasks.spawn,
                idle=lambda: self._reception is None or not self._reception.running(),
            )
            stack.callback(profiles.close)
            self._after = after = AfterCalls(config, self._tasks.spawn)
            stack.push_async_callback(after.close)
            spawn, searching = self._tasks.spawn, self._searching
            reception = Reception(
                config, pool, profiles, services, searching, spawn, tenancy, after, self.live, recordings
            )
            stack.callback(reception.close)
            stack.callback(self._searching.close)
            stack.push_async_callback(self._tasks.close)
            metrics.watch_calls(reception.running)
            gauge.callers = reception.running
            where = config.metrics.listen
            if where is not None:
                there = given.take(METRICS, where)
                entrances.status = StatusServer(where, metrics.registry, self._health, there)
                stack.callback(entrances.status.close)
            await reception.begin(default)
            after.begin()
            self._tasks.spawn(keep_purging(tenancy.purge), "retention")
            self._tasks.spawn(keep_purging(recordings.purging(tenancy.known_tenants)), "recordings")
            self._reception = reception
            if self._predecessor is not None:
                await self._predecessor.resign()
                await stack.enter_async_context(control)
            listener.start()
            doors.start(self._media, self.take, self._announced)
            if entrances.status is not None:
                entrances.status.begin()
            if self._predecessor is not None:
                await self._predecessor.taken()
            self._tasks.spawn(outbound.run(doors.ari, after, tenancy.snapshot), "outbound")
            keep_clean(self._tasks, reception.running)
            progress(f"ready in {time.monotonic() - began:.1f} s, listening on {config.daemon.socket}")
            ready()
            systemd.notify("READY=1")
            self._watch(hearing, playout, sending, pool.language_models())
            self._reloads.begin()
            await self._leaving.wait()
            await self._drain(entrances)

    def stop(self) -> None:
        """Take no new calls, let running ones finish, then end."""
        self._stopping.set()
        self._leaving.set()

    def _terminated(self) -> None:
        if not self._replacement.expects_the_end():
            self.stop()

    def upgrade(self) -> None:
        """Be replaced by a new process, if that can be; what becomes of it is logged."""
        self._tasks.spawn(self._upgrade(), "upgrade")

    async def _upgrade(self) -> None:
        try:
            await self.replaced()
        except UpgradeError as error:
            _log.error("upgrade: the daemon goes on as it is: %s", error)

    async def replaced(self, restarting: bool = False) -> tuple[int, int]:
        """Have a new process take all calls from now on, and end once ours are over; returns its number, and
        how many calls go on here.

        ``restarting``: the service manager is stopping us, to start us again.  Raises UpgradeError, and the
        daemon goes on as it is.
        """
        if self._entrances is None or self._reception is None or self._leaving.is_set():
            raise UpgradeError("the daemon is starting or stopping")
        successor = await self._replacement.begin(self._entrances, self._doors.announced, restarting)
        self._leaving.set()
        return successor.pid, self._entrances.active_calls

    # --- calls -----------------------------------------------------------------------------

    async def _on_eagi(self, handoff: Handoff) -> None:
        """One launcher."""
        if self._media is None:
            raise BusyError("the daemon is starting")
        if not await self._apps.take(handoff):
            await self.take(await EagiLine.open(handoff, self._media))

    async def take(self, line: Line) -> None:
        """Take a call, whichever door brings it, and hold it to its end; see :meth:`Reception.take`.

        ``line`` is closed in any case.
        """
        try:
            reception = self._open()
            self._calls += 1
            try:
                await reception.take(line)
            finally:
                self._calls -= 1
        except (BusyError, ConfigError) as error:
            self._refused(error)
            raise
        finally:
            line.close()

    def _announced(self, offer: CallOffer) -> str | None:
        """A door is told of a call that is not here yet: as :meth:`_check`, but counted where it declines."""
        try:
            refused = self._check(offer)
        except (BusyError, ConfigError) as error:
            self._refused(error)
            raise
        if refused is not None and self._reception is not None:
            self._reception.services.metrics.call_refused(refused)
        return refused

    def _refused(self, error: BusyError | ConfigError) -> None:
        if self._reception is not None:
            self._reception.services.metrics.call_refused(refusal(error))

    def _check(self, offer: CallOffer) -> str | None:
        """What :meth:`take` would do with such a call now; see :meth:`Reception.check`."""
        return self._open().check(offer)

    def _open(self) -> Reception:
        """Who takes calls.  Raises BusyError when nobody does, or there are as many as may be."""
        if self._reception is None or self._stopping.is_set():
            raise BusyError("the daemon is starting or stopping")
        most = self._config.daemon.max_calls
        if self._calls >= most:
            raise BusyError(f"there are {most} calls already (daemon.max_calls)")
        return self._reception

    def _health(self) -> dict[str, Any]:
        return health(self._reception, stopping=self._stopping.is_set())

    def _state_for_operator(self) -> dict[str, Any]:
        return state_for_operator(self._reception, self._config.costs, stopping=self._stopping.is_set())

    # --- reading again -----------------------------------------------------------------------

    def reload(self) -> None:
        """Read configuration and agents again, for new calls; running calls keep theirs.

        What cannot be read stays as it was, with a line in the log.  Also while the daemon starts: then it
        is done as soon as it has started.
        """
        self._reloads.want()

    async def _take_over(self) -> Reread:
        assert self._reception is not None
        before, told = self._reception.config, Reread()
        config = before
        try:
            config, waiting = merged(before, await asyncio.to_thread(self._read_again))
            told.wait(waiting)
        except ConfigError as error:
            told.keep(f"the configuration stays as it was: {error}")
        self._reception.services.load.allowed = speculation(config)
        await self._reception.reread(before, config, told)
        self._config = self._reception.config
        self._apps.take_over(self._config.apps)
        (_log.warning if told.kept else _log.info)(told.told())
        return told

    # --- watching ----------------------------------------------------------------------------

    def _watch(
        self,
        hearing: Hearing,
        playout: PlayoutThread,
        sending: Sending | None,
        models: Sequence[LanguageModel],
    ) -> None:
        """Tell systemd that all parts move, if it asks (``WatchdogSec=``)."""
        assert self._reception is not None
        limit_s = systemd.watchdog_s()
        if limit_s is None:
            return

        def alive() -> None:
            if self._replacement.successor is None:
                systemd.notify("WATCHDOG=1")

        watchdog = Watchdog(parts(hearing, playout, sending, models), alive, limit_s)
        self._tasks.spawn(watchdog.run(), "watchdog")

    async def _drain(self, entrances: Entrances) -> None:
        limits = self._config.daemon
        await drained(entrances, limits, self._stopping, self._replacement.successor, self._predecessor)
        self._replacement.close()
        if self._after is not None:
            await self._after.flush()
        await self._tasks.close()  # the models that they use are closed next


def _task_failed(error: BaseException, name: str) -> None:
    _log.error("%s has failed, and the daemon goes on without it", name, exc_info=error)
