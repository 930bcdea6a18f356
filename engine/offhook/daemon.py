"""The resident process: loads every model once, takes calls, drains at the end."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from offhook.agents.loader import Agent, load_agent
from offhook.call import Call
from offhook.capacity import check_capacity, raised_limits
from offhook.config import Config
from offhook.conversation.base import Policy
from offhook.conversation.lookup import search_workers
from offhook.conversation.policies.choice import make_policy, policy_name
from offhook.core import PlayoutThread
from offhook.errors import BusyError, ConfigError, OffhookError
from offhook.hearing import Hearing
from offhook.knowledge.store import Knowledge
from offhook.listener import Handoff, Listener
from offhook.load import LoadGauge, Speculation
from offhook.metrics import Metrics
from offhook.models import load_models
from offhook.playout import PlaybackFolder
from offhook.ready import ReadyPhrases
from offhook.replies import Services
from offhook.trace import TraceWriter
from offhook.transcript import TranscriptWriter
from offhook.voice import Voice

_log = logging.getLogger("offhook.daemon")

AGENT_ARGUMENT = "agent="
"""``EAGI(offhook-eagi,${UNIQUEID},agent=helpdesk)`` chooses an agent for the call."""


LOAD_SAMPLE_S = 0.5


class Daemon:
    """Everything of one ``offhook serve``."""

    def __init__(self, config: Config, *, transcript: Path | None = None) -> None:
        self._config = config
        self._transcript_path = transcript
        self._stopping = asyncio.Event()
        self._policies: dict[str, Policy] = {}
        self._warming: set[asyncio.Task[None]] = set()
        self._searching = search_workers()
        self._services: Services | None = None
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
        async with contextlib.AsyncExitStack() as stack:
            # What can fail at once comes before what takes seconds.
            listener = Listener(
                config.daemon.socket,
                self._on_call,
                group=config.daemon.group,
                max_calls=config.daemon.max_calls,
            )
            await listener.bind()
            stack.push_async_callback(listener.close)
            default = load_agent(config.agent.default, config.agent.search)
            folder = PlaybackFolder(config.daemon.playback_dir, group_id=_group_id(config.daemon.group))
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
            hearing = Hearing()
            stack.callback(hearing.close)
            playout = PlayoutThread()
            stack.callback(playout.stop)
            allowed = Speculation.FULL if config.turn.speculation else Speculation.OFF
            load = LoadGauge(allowed=allowed)
            watching = asyncio.create_task(_watch_load(load), name="load")
            stack.callback(watching.cancel)
            self._services = Services(
                config,
                models,
                voice,
                hearing,
                playout,
                folder,
                ReadyPhrases(voice, folder),
                load,
                Metrics(),
                trace,
                transcript,
                config.llm.history_turns,
            )
            stack.callback(self._searching.close)
            await self._warm(self._policy(config.agent.default, default))
            listener.start()
            progress(f"ready in {time.monotonic() - began:.1f} s, listening on {config.daemon.socket}")
            ready()
            _notify_systemd("READY=1")
            await self._stopping.wait()
            _notify_systemd("STOPPING=1")
            await self._drain(listener)

    def stop(self) -> None:
        """Take no new calls, let running ones finish, then end."""
        self._stopping.set()

    # --- calls -----------------------------------------------------------------------------

    async def _on_call(self, handoff: Handoff) -> None:
        """One launcher.  Raises BusyError or ConfigError before the caller hears anything from us."""
        if self._services is None or self._stopping.is_set():
            raise BusyError("the daemon is starting or stopping")
        models, voice = self._services.models, self._services.voice
        problem = models.problem() or voice.problem() or self._searching.problem()
        if problem is not None:
            raise BusyError(problem)  # the dialplan finds the caller someone who can answer
        places = models.language_model.places
        if self._taken >= places:
            raise BusyError(f"all {places} places of the language model are taken")
        policy = self._policy(_agent_name(handoff.hello.args) or self._config.agent.default)
        handoff.accepted()
        self._taken += 1
        try:
            await Call(handoff, policy, self._services).run()
        finally:
            self._taken -= 1

    def _policy(self, name: str, agent: Agent | None = None) -> Policy:
        """An agent's policy; on first use its file is read.

        What takes time, its prompt, phrases and facts, is made ready meanwhile: no call waits for it
        longer than for the one thing that it needs.
        """
        if name in self._policies:
            return self._policies[name]
        assert self._services is not None
        config, models = self._config, self._services.models
        loaded = agent or load_agent(name, config.agent.search)
        model = models.language_model
        kind = policy_name(config.conversation.policy, loaded, model.parameters)
        policy = make_policy(
            kind,
            loaded,
            model.template,
            Knowledge(loaded, models.knowledge),
            self._searching,
            knowledge_tokens=config.conversation.knowledge_tokens,
        )
        self._policies[name] = policy
        _log.info("agent=%s facts=%d policy=%s", loaded.name, len(loaded.facts), kind)
        if agent is None:
            task = asyncio.create_task(self._warm_later(policy), name=f"warm-{name}")
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)
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

    async def _drain(self, listener: Listener) -> None:
        listener.stop_accepting()
        if listener.active_calls:
            limit_s = self._config.daemon.drain_s
            _log.info("draining calls=%d for up to %.0f s", listener.active_calls, limit_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.drained(), limit_s)
        await listener.close()
        for task in self._warming:
            task.cancel()
        if self._warming:
            await asyncio.wait(self._warming)  # the models that they use are closed next


async def _watch_load(load: LoadGauge) -> None:
    while True:
        load.sample()
        await asyncio.sleep(LOAD_SAMPLE_S)


def _agent_name(args: tuple[str, ...]) -> str | None:
    for argument in args:
        if argument.startswith(AGENT_ARGUMENT):
            return argument.removeprefix(AGENT_ARGUMENT)
    return None


def _group_id(group: str | None) -> int | None:
    if group is None:
        return None
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(
            f"daemon.group {group!r} does not exist: name Asterisk's group, or leave it out"
        ) from None


def _notify_systemd(message: str) -> None:
    """Tell systemd (Type=notify), as sd_notify(3) describes; nothing happens elsewhere."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(message.encode(), address)
