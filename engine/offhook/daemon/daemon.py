"""The resident process: loads every model once, takes calls, drains at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from offhook.agents.loader import Agent, find_agent, load_agent
from offhook.call.call import Call
from offhook.call.prompts import ReadyPhrases
from offhook.call.services import Services
from offhook.call.tasks import Tasks
from offhook.config import Config
from offhook.conversation.base import Policy
from offhook.conversation.lookup import search_workers
from offhook.conversation.policies.choice import make_policy, policy_name
from offhook.core import PlayoutThread
from offhook.daemon import systemd
from offhook.daemon.capacity import check_capacity, raised_limits
from offhook.daemon.reload import merged
from offhook.daemon.watchdog import Beat, Watchdog
from offhook.doors.base import CallOffer, Line
from offhook.doors.eagi.lifeline import Handoff
from offhook.doors.eagi.line import EagiLine
from offhook.doors.eagi.listener import Listener
from offhook.doors.media import Hearing, Media
from offhook.engines.pool import load_models
from offhook.engines.tts.voice import Voice
from offhook.errors import BusyError, ConfigError, OffhookError, UnreadableError
from offhook.files import group_id, named
from offhook.knowledge.store import Knowledge
from offhook.observe.load import LoadGauge, Speculation
from offhook.observe.metrics import Metrics
from offhook.observe.trace import TraceWriter
from offhook.observe.transcript import TranscriptWriter
from offhook.playout.folder import PlaybackFolder

_log = logging.getLogger("offhook.daemon.daemon")

AGENT_ARGUMENT = "agent="
"""``EAGI(offhook-eagi,${UNIQUEID},agent=helpdesk)`` chooses an agent for the call."""


LOAD_SAMPLE_S = 0.5
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
        self._policies: dict[str, Policy] = {}
        self._tasks = Tasks(_task_failed)
        self._reload_wanted = False
        self._reloading = False
        self._searching = search_workers()
        self._services: Services | None = None
        self._media: Media | None = None
        """What the doors' lines are made of."""
        self._taken = 0
        """Calls that hold a place in the language model, or will."""

    async def run(self, *, ready: Callable[[], None], progress: Callable[[str], None]) -> None:
        """Serve until SIGTERM, SIGINT or :meth:`stop`; ``ready`` is called when calls can come.

        Raises ConfigError or ModelError, in one line, when it cannot begin.
        """
        began = time.monotonic()
        config = self._config
        check_capacity(config, raised_limits(config.daemon.max_calls))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # they would end us, and log rotation sends them
            loop.add_signal_handler(number, _log.info, "%s does nothing here; SIGHUP reloads", number.name)
        async with contextlib.AsyncExitStack() as stack:
            # What can fail at once comes before what takes seconds.
            listener = Listener(
                config.daemon.socket,
                self._on_eagi,
                group=config.daemon.group,
                max_calls=config.daemon.max_calls,
            )
            await listener.bind()
            stack.push_async_callback(listener.close)
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
            models = await asyncio.to_thread(load_models, config, progress)
            voice = Voice(models.synthesizer, timeout_s=config.tts.timeout_s)
            stack.callback(lambda: models.close(voice=voice.close()))
            judging = ThreadPoolExecutor(JUDGING_THREADS, thread_name_prefix="offhook-judge")
            stack.callback(judging.shutdown, wait=True, cancel_futures=True)
            hearing = Hearing()
            stack.callback(hearing.close)
            playout = PlayoutThread()
            stack.callback(playout.stop)
            self._media = Media(hearing, playout, folder)
            load = LoadGauge(allowed=_speculation(config))
            self._tasks.spawn(_watch_load(load), "load")
            self._services = Services(
                config,
                models,
                voice,
                ReadyPhrases(voice, folder),
                load,
                Metrics(),
                trace,
                transcript,
                judging,
                config.llm.history_turns,
            )
            stack.callback(self._searching.close)
            stack.push_async_callback(self._tasks.close)
            await self._warm(self._policy(config.agent.default, default))
            listener.start()
            progress(f"ready in {time.monotonic() - began:.1f} s, listening on {config.daemon.socket}")
            ready()
            systemd.notify("READY=1")
            self._watch(hearing, playout)
            self._reload_if_wanted()
            await self._stopping.wait()
            systemd.notify("STOPPING=1")
            await self._drain(listener)

    def stop(self) -> None:
        """Take no new calls, let running ones finish, then end."""
        self._stopping.set()

    # --- calls -----------------------------------------------------------------------------

    async def _on_eagi(self, handoff: Handoff) -> None:
        """One launcher."""
        if self._media is None:
            raise BusyError("the daemon is starting")
        await self.take(await EagiLine.open(handoff, self._media))

    async def take(self, line: Line) -> None:
        """Take a call, whichever door brings it, and hold it to its end.

        Raises BusyError or ConfigError before the caller hears anything from us: then the door declines it.
        ``line`` is closed in any case.
        """
        try:
            policy = self._admit(line.offer)
            line.accept()
            self._taken += 1
            try:
                assert self._services is not None
                await Call(line, policy, self._services).run()
            finally:
                self._taken -= 1
        finally:
            line.close()

    def _admit(self, offer: CallOffer) -> Policy:
        """Who answers.  Raises BusyError or ConfigError when nobody does."""
        if self._services is None or self._stopping.is_set():
            raise BusyError("the daemon is starting or stopping")
        models, voice = self._services.models, self._services.voice
        problem = models.problem() or voice.problem() or self._searching.problem()
        if problem is not None:
            raise BusyError(problem)  # the dialplan finds the caller someone who can answer
        places = models.language_model.places
        if self._taken >= places:
            raise BusyError(f"all {places} places of the language model are taken")
        return self._policy(_agent_name(offer.arguments) or self._config.agent.default)

    def _policy(self, name: str, agent: Agent | None = None) -> Policy:
        """An agent's policy; on first use its file is read.

        What takes time, its prompt, phrases and facts, is made ready meanwhile: no call waits for it
        longer than for the one thing that it needs.
        """
        if name in self._policies:
            return self._policies[name]
        policy = self._new_policy(name, agent or load_agent(name, self._config.agent.search))
        if agent is None:
            self._tasks.spawn(self._warm_later(policy), f"warm-{name}")
        return policy

    def _new_policy(self, name: str, agent: Agent) -> Policy:
        assert self._services is not None
        config, models = self._config, self._services.models
        model = models.language_model
        kind = policy_name(config.conversation.policy, agent, model.parameters)
        policy = make_policy(
            kind,
            agent,
            model.template,
            Knowledge(agent, models.knowledge),
            self._searching,
            knowledge_tokens=config.conversation.knowledge_tokens,
        )
        self._policies[name] = policy
        _log.info("agent=%s facts=%d policy=%s", agent.name, len(agent.facts), kind)
        return policy

    async def _warm(self, policy: Policy) -> None:
        """Make ready what calls to the agent will need.  Raises ModelError."""
        assert self._services is not None
        await self._services.models.language_model.preload(policy.prefix())
        await asyncio.to_thread(policy.prepare)
        await self._services.ready.make(policy.agent, 8_000)

    async def _warm_later(self, policy: Policy) -> None:
        try:
            await self._warm(policy)
        except OffhookError as error:
            _log.error("agent=%s cannot be made ready: %s", policy.agent.name, error)

    # --- reading again -----------------------------------------------------------------------

    def reload(self) -> None:
        """Read configuration and agents again, for new calls; running calls keep theirs.

        What cannot be read stays as it was, with a line in the log.  Also while the daemon starts: then it
        is done as soon as it has started.
        """
        self._reload_wanted = True
        self._reload_if_wanted()

    def _reload_if_wanted(self) -> None:
        if self._reload_wanted and self._services is not None and not self._reloading:
            self._reloading = True
            self._tasks.spawn(self._reload(), "reload")

    async def _reload(self) -> None:
        assert self._services is not None
        try:
            while self._reload_wanted:  # wanted once more meanwhile: files may have changed again
                self._reload_wanted = False
                systemd.reloading()
                try:
                    await self._take_over()
                finally:
                    systemd.notify("READY=1")
        finally:
            self._reloading = False

    async def _take_over(self) -> None:
        assert self._services is not None
        before = self._config
        try:
            self._config, waiting = merged(before, await asyncio.to_thread(self._read_again))
        except ConfigError as error:
            _log.error("reload: the configuration stays as it was: %s", error)
        else:
            if waiting:
                _log.warning("reload: %s cannot change while running: restart the daemon", ", ".join(waiting))
        config = self._config
        self._services = replace(self._services, config=config, history_turns=config.llm.history_turns)
        self._services.load.allowed = _speculation(config)
        news = []
        for name, policy in list(self._policies.items()):
            again = before.conversation != config.conversation
            news += await self._read_agent_again(name, policy, make_anew=again)
        self._check_default(before.agent.default)
        _log.info("reloaded%s", f": {', '.join(news)}" if news else "")

    def _check_default(self, before: str) -> None:
        default = self._config.agent.default
        try:
            self._policy(default)
        except ConfigError as error:
            _log.error("reload: the default agent cannot be used: %s", error)
            if default != before:
                agent = self._config.agent.model_copy(update={"default": before})
                self._config = self._config.model_copy(update={"agent": agent})

    async def _read_agent_again(self, name: str, policy: Policy, *, make_anew: bool) -> list[str]:
        """What has become of an agent, in words; nothing when it is as it was."""
        search = self._config.agent.search
        try:
            if not await asyncio.to_thread(_is_there, name, search):
                del self._policies[name]
                return [f"agent {name} has gone"]
            agent = await asyncio.to_thread(load_agent, name, search)
        except ConfigError as error:
            _log.error("reload: agent %s stays as it was: %s", name, error)
            agent = policy.agent
        if agent == policy.agent and not make_anew:
            return []
        self._tasks.spawn(self._warm_later(self._new_policy(name, agent)), f"warm-{name}")
        return [f"agent {name} has changed"]

    # --- watching ----------------------------------------------------------------------------

    def _watch(self, hearing: Hearing, playout: PlayoutThread) -> None:
        """Tell systemd that all parts move, if it asks (``WatchdogSec=``)."""
        assert self._services is not None
        limit_s = systemd.watchdog_s()
        if limit_s is None:
            return
        beats: dict[str, Beat] = {"media thread": hearing.beat, "playout thread": playout.beat}
        model_beat = getattr(self._services.models.language_model, "beat", None)
        if model_beat is not None:  # a server's model has no thread here
            beats["language model's thread"] = model_beat
        watchdog = Watchdog(beats, lambda: systemd.notify("WATCHDOG=1"), limit_s)
        self._tasks.spawn(watchdog.run(), "watchdog")

    async def _drain(self, listener: Listener) -> None:
        listener.stop_accepting()
        if listener.active_calls:
            limit_s = self._config.daemon.drain_s
            _log.info("draining calls=%d for up to %.0f s", listener.active_calls, limit_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.drained(), limit_s)
        await listener.close()
        await self._tasks.close()  # the models that they use are closed next


async def _watch_load(load: LoadGauge) -> None:
    while True:
        load.sample()
        await asyncio.sleep(LOAD_SAMPLE_S)


def _agent_name(args: tuple[str, ...]) -> str | None:
    for argument in args:
        if argument.startswith(AGENT_ARGUMENT):
            return argument.removeprefix(AGENT_ARGUMENT)
    return None


def _is_there(name: str, search: tuple[Path, ...]) -> bool:
    """Whether there is an agent of that name, whatever its file is worth.

    Raises ConfigError when a closed folder hides that.
    """
    try:
        return named(find_agent(name, search))
    except UnreadableError:
        raise
    except ConfigError:
        return False


def _speculation(config: Config) -> Speculation:
    return Speculation.FULL if config.turn.speculation else Speculation.OFF


def _task_failed(error: BaseException, name: str) -> None:
    _log.error("%s has failed, and the daemon goes on without it", name, exc_info=error)
