"""Reading again while calls run: when, and what is taken over from a configuration or waits for a restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from offhook.config import Config, Section
from offhook.daemon import systemd

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


class Reloads:
    """One reading at a time, begun once the daemon has started; wanted meanwhile, one more follows."""

    def __init__(self, read: Callable[[], Awaitable[None]], spawn: Callable[..., object]) -> None:
        self._read = read
        self._spawn = spawn
        self._wanted = False
        self._running = False
        self._started = False

    def want(self) -> None:
        """Read again, now or as soon as the daemon has started."""
        self._wanted = True
        self._run_if_wanted()

    def begin(self) -> None:
        """The daemon has started."""
        self._started = True
        self._run_if_wanted()

    def _run_if_wanted(self) -> None:
        if self._wanted and self._started and not self._running:
            self._running = True
            self._spawn(self._run(), "reload")

    async def _run(self) -> None:
        try:
            while self._wanted:  # wanted once more meanwhile: files may have changed again
                self._wanted = False
                systemd.reloading()
                try:
                    await self._read()
                finally:
                    systemd.notify("READY=1")
        finally:
            self._running = False


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
