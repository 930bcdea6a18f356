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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from offhook.agents.loader import Agent, load_agent
from offhook.call import Call
from offhook.config import Config, LlmConfig
from offhook.core import PlayoutThread
from offhook.dialog import Dialog
from offhook.errors import BusyError, ConfigError
from offhook.hearing import Hearing
from offhook.listener import Handoff, Listener
from offhook.llm.embedded import NAME as EMBEDDED_NAME
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
        self._dialogs: dict[str, Dialog] = {}
        self._services: Services | None = None

    async def run(self, *, ready: Callable[[], None], progress: Callable[[str], None]) -> None:
        """Serve until SIGTERM, SIGINT or :meth:`stop`; ``ready`` is called when calls can come.

        Raises ConfigError or ModelError, in one line, when it cannot begin.
        """
        began = time.monotonic()
        config = self._config
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
            stack.callback(models.close)
            speaker = ThreadPoolExecutor(1, thread_name_prefix="offhook-voice")
            stack.callback(speaker.shutdown, wait=True, cancel_futures=True)
            hearing = Hearing()
            stack.callback(hearing.close)
            playout = PlayoutThread()
            stack.callback(playout.stop)
            voice = Voice(models.synthesizer, speaker)
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
                ReadyPhrases(voice),
                load,
                Metrics(),
                trace,
                transcript,
                _history_turns(config.llm),
            )
            self._dialogs[config.agent.default] = await self._warm(default)
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
        problem = self._services.models.language_model.problem()
        if problem is not None:
            raise BusyError(problem)  # the dialplan finds the caller someone who can answer
        dialog = await self._dialog(_agent_name(handoff.hello.args) or self._config.agent.default)
        handoff.accepted()
        await Call(handoff, dialog, self._services).run()

    async def _dialog(self, name: str) -> Dialog:
        """An agent's dialog; its file is read, its prompt and phrases computed, on first use."""
        if name not in self._dialogs:
            self._dialogs[name] = await self._warm(load_agent(name, self._config.agent.search))
        return self._dialogs[name]

    async def _warm(self, agent: Agent) -> Dialog:
        assert self._services is not None
        model = self._services.models.language_model
        dialog = Dialog(agent, model.template)
        await model.preload(dialog.prefix())
        await self._services.ready.make(agent, 8_000)
        return dialog

    async def _drain(self, listener: Listener) -> None:
        listener.stop_accepting()
        if listener.active_calls:
            limit_s = self._config.daemon.drain_s
            _log.info("draining calls=%d for up to %.0f s", listener.active_calls, limit_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.drained(), limit_s)
        await listener.close()


async def _watch_load(load: LoadGauge) -> None:
    while True:
        load.sample()
        await asyncio.sleep(LOAD_SAMPLE_S)


def _history_turns(llm: LlmConfig) -> int | None:
    """See ``llm.history_turns``: the embedded model answers best without any."""
    return 0 if llm.history_turns is None and llm.model == EMBEDDED_NAME else llm.history_turns


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
