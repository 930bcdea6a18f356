"""Reading again while calls run: when, and what is taken over from a configuration or waits for a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from offhook.config import Config, Section
from offhook.control.commands import Commands, Done, Nothing
from offhook.daemon import systemd

_log = logging.getLogger("offhook.daemon.reload")

RELOADED_WITHIN_S = 120.0
"""For the command: an agent whose knowledge is large is made ready within it."""

_FIXED: Mapping[str, frozenset[str]] = {
    # The socket is bound, the threads and their queues are as large as they are.
    "daemon": frozenset({"drain_s"}),
    # What a model is loaded with, and how; what it is asked for with each answer can change.
    "stt": frozenset(),
    "llm": frozenset({"max_tokens", "temperature", "history_turns"}),
    "tts": frozenset(),
    # They are open, or closed.
    "doors": frozenset(),
    # A thread follows the database that was named.
    "tenants": frozenset(),
}
"""Sections that were used up at the start, each with what can change all the same."""
_NAMED = ("recognisers", "models", "voices")
"""Loaded with what they had when they were first asked for."""


@dataclass(slots=True)
class Reread:
    """What has come of reading again, in words."""

    news: list[str] = field(default_factory=list)
    """What new calls find changed."""
    kept: list[str] = field(default_factory=list)
    """What has a fault and therefore stays as it was, each with what is wrong."""
    waiting: list[str] = field(default_factory=list)
    """Settings that were changed and hold from the next start on."""

    def keep(self, problem: str) -> None:
        self.kept.append(problem)
        _log.error("reload: %s", problem)

    def wait(self, settings: list[str]) -> None:
        self.waiting += settings
        if settings:
            _log.warning("reload: %s cannot change while running: restart the daemon", ", ".join(settings))

    def told(self) -> str:
        """One line for the log: a reading that kept anything back does not say that all is well."""
        news = f": {', '.join(self.news)}" if self.news else ""
        return f"reloaded but for {len(self.kept)} (see above){news}" if self.kept else f"reloaded{news}"


class Reloads:
    """One reading at a time, begun once the daemon has started; wanted meanwhile, one more follows."""

    def __init__(self, read: Callable[[], Awaitable[Reread]], spawn: Callable[..., object]) -> None:
        self._read = read
        self._spawn = spawn
        self._wanted: asyncio.Future[Reread] | None = None
        self._running = False
        self._started = False

    def want(self) -> asyncio.Future[Reread]:
        """Read again, now or as soon as the daemon has started.

        Gives what comes of a reading that begins from now on; whoever waits no longer leaves it alone.
        """
        if self._wanted is None:
            self._wanted = asyncio.get_running_loop().create_future()
            self._wanted.add_done_callback(_looked_at)
        wanted = self._wanted
        self._run_if_wanted()
        return wanted

    def begin(self) -> None:
        """The daemon has started."""
        self._started = True
        self._run_if_wanted()

    def _run_if_wanted(self) -> None:
        if self._wanted is not None and self._started and not self._running:
            self._running = True
            self._spawn(self._run(), "reload")

    async def _run(self) -> None:
        try:
            while self._wanted is not None:  # wanted once more meanwhile: files may have changed again
                wanted, self._wanted = self._wanted, None
                systemd.reloading()
                try:
                    wanted.set_result(await self._read())
                except asyncio.CancelledError:
                    wanted.cancel()
                    raise
                except Exception as error:
                    wanted.set_exception(error)
                    raise
                finally:
                    systemd.notify("READY=1")
        finally:
            self._running = False


def _looked_at(done: asyncio.Future[Reread]) -> None:
    """Nobody need wait for it, and its error has been told by the task that read."""
    if not done.cancelled():
        done.exception()


def add_reload(commands: Commands, want: Callable[[], asyncio.Future[Reread]]) -> None:
    """``POST /v1/daemon/reload``: read again, and say what has come of it."""

    async def reload(_: Nothing) -> Done:
        found = await asyncio.shield(want())
        return {"news": found.news, "kept": found.kept, "waiting": found.waiting}

    words = "read configuration and agents again, for new calls, and say what was kept as it was"
    commands.add("reload", words, Nothing, reload, within_s=RELOADED_WITHIN_S)


def merged(old: Config, new: Config) -> tuple[Config, list[str]]:
    """``new``, with everything that cannot change while calls run as in ``old``; and the keys of that."""
    kept: list[str] = []
    sections: dict[str, Section] = {}
    for name, changeable in _FIXED.items():
        before, after = getattr(old, name), getattr(new, name)
        changed = [key for key in type(before).model_fields if getattr(before, key) != getattr(after, key)]
        waiting = [key for key in changed if key not in changeable]
        kept += [f"{name}.{key}" for key in waiting]
        sections[name] = after.model_copy(update={key: getattr(before, key) for key in waiting})
    tables = {name: getattr(old, name) for name in _NAMED}
    kept += [name for name in _NAMED if tables[name] != getattr(new, name)]
    return new.model_copy(update={**sections, **tables}), kept
