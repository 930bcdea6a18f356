"""What a running daemon takes over from a configuration that was read again, and what waits for a restart."""

from __future__ import annotations

from collections.abc import Mapping

from offhook.config import Config, Section

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
