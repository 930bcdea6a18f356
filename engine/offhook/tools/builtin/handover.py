"""Handing the caller over: to a person, a queue, a mailbox.

The tool only chooses: the line changes when the answer has been heard to its end, and the dialplan does it
(``[offhook-actions]`` in ``asterisk/extensions.conf``).  Where to is a key of the agent's file, or digits
that match a pattern of its owner's: a model cannot write a number that is dialled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from offhook.agents.tools import Target, ToolEntry
from offhook.errors import ConfigError
from offhook.tools.base import Action, ActionKind, BaseTool, Context, Tool, ToolResult, ToolSpec
from offhook.tools.builtin import Surroundings

SUMMARY_CHARACTERS = 200


class HandOver(BaseTool):
    """Chooses where the line goes."""

    def __init__(
        self, spec: ToolSpec, kind: ActionKind, targets: Mapping[str, Target], pattern: str | None
    ) -> None:
        super().__init__(spec)
        self._kind = kind
        self._by_name = {target.name: key for key, target in targets.items()}
        self._targets = dict(targets)
        self._digits = None if pattern is None else dialplan_pattern(pattern)

    @property
    def default(self) -> str | None:
        """The name of whom callers get who just want a person."""
        chosen = [target.name for target in self._targets.values() if target.default]
        names = chosen or (
            [target.name for target in self._targets.values()] if len(self._targets) == 1 else []
        )
        return names[0] if names else None

    @property
    def also(self) -> Mapping[str, tuple[str, ...]]:
        """Other names of each target, by its name."""
        return {target.name: target.also for target in self._targets.values()}

    @property
    def targets(self) -> Mapping[str, Target]:
        """Where calls can go, by key."""
        return self._targets

    def choose(self, wanted: str, summary: str = "") -> Action | None:
        """Where ``wanted``, a target's key or name or digits, is; None: the agent's owner has named no such
        place.
        """
        key = wanted if wanted in self._targets else self._by_name.get(wanted)
        if key is None and self._digits is not None and self._digits.fullmatch(wanted):
            key = wanted
        return None if key is None else self._action(key, summary)

    def _action(self, key: str, summary: str) -> Action:
        target = self._targets.get(key)
        kind = "attended" if target is not None and target.attended else self._kind
        number = (target.number or "") if target is not None else ""
        return Action(kind, key, " ".join(summary.split())[:SUMMARY_CHARACTERS], number)

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        wanted = str(arguments.get("to", ""))
        key = self._by_name.get(wanted)
        if key is None and self._digits is not None and self._digits.fullmatch(wanted):
            key = wanted
        if key is None and not wanted and len(self._targets) == 1:
            key = next(iter(self._targets))
        if key is None:
            return ToolResult(f"there is no {wanted!r}; there is: {', '.join(self._by_name)}", ok=False)
        return ToolResult({"to": key}, action=self._action(key, str(arguments.get("reason", ""))))


def transfer(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``use = "transfer"``: one of several people or departments."""
    return [_hand_over("transfer", entry, spec, "Put the caller through to a person or department")]


def queue(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``use = "queue"``: wait for the next free person of a group."""
    return [_hand_over("queue", entry, spec, "Let the caller wait for the next free person")]


def voicemail(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``use = "voicemail"``: the caller records a message."""
    return [_hand_over("voicemail", entry, spec, "Let the caller record a message")]


def agent(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``use = "agent"``: another agent goes on with the conversation; targets' keys are agents' names."""
    return [_hand_over("agent", entry, spec, "Put the caller through to a colleague")]


def _hand_over(kind: ActionKind, entry: ToolEntry, spec: ToolSpec, description: str) -> HandOver:
    if not entry.targets and entry.pattern is None:
        raise ConfigError('wants targets, such as: targets = { desk = { name = "the front desk" } }')
    names = [target.name for target in entry.targets.values()]
    if len({name.lower() for name in names}) != len(names):
        raise ConfigError("two targets have the same name: callers could not tell them apart")
    for key, target in entry.targets.items():
        if kind != "transfer" and (target.attended or target.number is not None):
            raise ConfigError(f"targets.{key}: attended and number are for transfer, and this is {kind}")
    to: dict[str, Any] = {"type": "string", "description": "Whom the caller wants"}
    if entry.pattern is None:
        to["enum"] = names
    else:
        dialplan_pattern(entry.pattern)
        to["format"] = "digits"
    if entry.parameters.get("to") is not None and entry.parameters["to"].ask:
        to["x-ask"] = entry.parameters["to"].ask
    parameters = {
        "type": "object",
        "properties": {
            "to": to,
            "reason": {"type": "string", "format": "words", "description": "What it is about"},
        },
        "required": ["to"] if entry.pattern is not None or len(names) > 1 else [],
    }
    confirm = False if entry.confirm is None else entry.confirm
    found = replace(
        spec,
        description=spec.description or description,
        parameters=parameters,
        effect="writes",
        confirm=confirm,
        heeds_key=True,
    )
    return HandOver(found, kind, entry.targets, entry.pattern)


_CLASSES = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": "[0-9]{1,20}"}


def dialplan_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of the dialplan's, over digits alone.  Raises ConfigError."""
    if not re.fullmatch(r"_?[0-9XZN.+\[\]-]{1,40}", pattern):
        raise ConfigError(f"pattern {pattern!r} is none like in the dialplan: _1XX, _[2-4]NX")
    if not pattern.startswith("_"):
        return re.compile(re.escape(pattern))
    parts = re.findall(r"\[[0-9-]+\]|.", pattern[1:])
    if any(part in "[]-" for part in parts):
        raise ConfigError(f"pattern {pattern!r}: a bracket is not closed")
    return re.compile(
        "".join(_CLASSES.get(part, part if part[0] == "[" else re.escape(part)) for part in parts)
    )
