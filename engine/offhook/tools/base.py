"""What a tool is: something an agent can look up or do, with values that the caller gives.

A tool is made once and shared by all calls of its agent; what differs between calls is the :class:`Context`.
It says what it wants as a JSON schema, from which a model's prompt, a grammar and a form are made alike.

The schema is one object; each property is a value to be had from the caller.  Besides JSON schema's own
``type``, ``enum``, ``format``, ``description``, ``title``, ``default``, ``minimum``, ``maximum``, ``pattern``
and ``maxLength`` these are understood:

* ``format``: date, time, date-time, phone, email, name, digits (spelled one by one), words (the caller's own
  words, as they were said); others are plain text.
* ``x-ask``: the question by which the value is asked for.
* ``x-hours``: of a time, "08:00-18:00": within them a time is meant that could be either half of the day's.
* ``x-keys``: it is keyed in (:class:`offhook.agents.tools.KeyEntry`); no model asks for it or sees it.
* ``x-lead``: words, as a pattern, behind which one of the ``enum`` is meant, whatever was asked for: "with".
* ``x-from``: ``caller`` takes the caller's number when they give no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

Effect = Literal["reads", "writes"]
"""``writes`` changes something outside: it runs once, behind the commit of a turn in which the caller has
said yes."""
Phase = Literal["before", "during", "after"]
"""Of a call."""
ActionKind = Literal["transfer", "attended", "queue", "voicemail", "agent", "takeover", "callback", "hangup"]

SLOW_S = 3.0
"""What a tool may take where nobody says otherwise: a caller waits."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What is said around a tool; empty: the language's own words.

    ``{name}`` is a value of the arguments, ``{result.key}`` one of the result's.
    """

    working: str = ""
    """While it works, where it is not done at once."""
    failed: str = ""
    """When it cannot be done."""
    confirm: str = ""
    """Reads the values back before a write, and ends with a question."""
    done: str = ""
    """When it is done, or what a look-up has found."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What is known of a tool without running it."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    """A JSON schema of type object; see the module."""
    effect: Effect = "reads"
    phases: frozenset[Phase] = frozenset({"during"})
    timeout_s: float = SLOW_S
    when: tuple[str, ...] = ()
    """How callers ask for it, in sentences of the owner's."""
    kind: str = ""
    """One of :data:`offhook.knowledge.wish_kinds.KINDS`, of a tool of the house; "": its sentences tell."""
    confirm: bool | None = None
    """The values are read back and a yes is waited for; None: for what writes."""
    phrases: Phrases = Phrases()
    heeds_key: bool = False
    """Whoever gets the same :attr:`Context.key` twice does it once: it may be asked again when nobody
    knows."""
    undoes: frozenset[str] = frozenset()
    """Names of tools whose effects it takes back or changes: what they did may be wanted once more."""

    @property
    def confirmed(self) -> bool:
        """A yes of the caller's is wanted."""
        return self.effect == "writes" if self.confirm is None else self.confirm

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        """The schema of each value, in the order in which they are asked for."""
        found: Mapping[str, Mapping[str, Any]] = self.parameters.get("properties") or {}
        return found

    @property
    def keyed(self) -> tuple[str, ...]:
        """The values that are keyed in."""
        return tuple(name for name, schema in self.properties.items() if "x-keys" in schema)

    def unmasked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ``values`` that may be said, shown and written down."""
        return {
            name: value
            for name, value in values.items()
            if not (self.properties.get(name, {}).get("x-keys") or {}).get("masked")
        }

    @property
    def shown(self) -> ToolSpec:
        """As models see it: without those."""
        if not self.keyed:
            return self
        properties = {name: one for name, one in self.properties.items() if name not in self.keyed}
        required = [name for name in self.required if name not in self.keyed]
        return replace(self, parameters={**self.parameters, "properties": properties, "required": required})

    @property
    def required(self) -> tuple[str, ...]:
        """The values without which it cannot run."""
        return tuple(self.parameters.get("required") or ())


@dataclass(frozen=True, slots=True)
class Context:
    """For whom a tool runs."""

    call_id: str
    agent: str
    language: str = "en"
    tenant: str | None = None
    caller: str = ""
    """The caller's number, where the line tells it."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """With a time zone: the tenant's.  "Tomorrow" is understood by it."""
    key: str = ""
    """The same for the same request of the same call: whoever is sent it twice has to do it once."""


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of the line when the answer has been heard to its end."""

    kind: ActionKind
    target: str = ""
    """A key of the agent's file, or digits that match a pattern of its owner's; never a model's own."""
    summary: str = ""
    """For the person who takes over: what the caller wants."""
    number: str = ""
    """What the owner of the target wrote to be rung; empty: the target is the dialplan's."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of it."""

    value: Any = None
    """JSON: what the model reads, and phrases quote."""
    say: str = ""
    """The answer, where the tool knows the words; empty: by its phrases, or the model."""
    ok: bool = True
    """False: it was refused, and nothing was changed; ``say`` or ``value`` has the reason."""
    action: Action | None = None
    unsure: bool = False
    """Nobody knows whether it was done: it was sent, and no answer came.  Not ``ok``."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values that a parameter can have now."""

    value: Any
    label: str = ""
    """As it is said; empty: the value itself."""

    @property
    def said(self) -> str:
        return self.label or str(self.value)


class Tool(Protocol):
    """One thing that can be done.  Lives on the event loop; what blocks is done in a thread of its own."""

    @property
    def spec(self) -> ToolSpec: ...

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        """Do it.  ``arguments`` fit the schema.

        Raises :class:`~offhook.errors.ToolError`; with ``sent`` False where certainly nothing was changed.
        """
        ...

    async def options(
        self, parameter: str, arguments: Mapping[str, Any], context: Context
    ) -> Sequence[Option] | None:
        """The only values that ``parameter`` can have now, besides its ``enum``: free slots, departments.

        ``arguments`` are the values known so far.  None: any that fits the schema.  Reads only.
        """
        ...

    async def check(self, arguments: Mapping[str, Any], context: Context) -> Refusal | None:
        """What is wrong with the values so far, such as a day that is booked out; None: nothing.

        Reads only.
        """
        ...

    async def close(self) -> None:
        """Give back what it holds; any number of times."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that cannot be taken: it is forgotten and asked for again."""

    parameter: str
    say: str
    """Why, and what is free instead; a question or followed by one."""
    options: tuple[Option, ...] = ()
    """What would be taken: "the first one" is understood by them."""
    final: bool = False
    """No other value would do either: nothing more is asked."""


class BaseTool:
    """What most tools do not need."""

    def __init__(self, spec: ToolSpec) -> None:
        self._spec = spec

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    async def options(
        self, parameter: str, arguments: Mapping[str, Any], context: Context
    ) -> Sequence[Option] | None:
        return None

    async def check(self, arguments: Mapping[str, Any], context: Context) -> Refusal | None:
        return None

    async def close(self) -> None:
        return None
