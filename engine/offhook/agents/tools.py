"""How an agent's file names its tools: ``[tools.NAME]``, a table for each, in the order in which models see
them.

What each becomes, :mod:`offhook.tools.registry` says.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from offhook.config import FOLDER, ConfigPath, Section, clipped
from offhook.files import placed

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
MOST_TOOLS = 32
"""Each is some fifty tokens of every prompt."""

Source = Literal["builtin", "python", "http", "openapi", "mcp"]
_Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Said = Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)]

_ONLY: dict[str, tuple[str, ...]] = {
    "builtin": ("use", "targets", "pattern", "settings"),
    "python": ("function",),
    "http": ("url", "method", "headers", "body", "result", "secret_env", "secret_file"),
    "openapi": ("document", "operation", "url", "headers", "result", "secret_env", "secret_file"),
    "mcp": ("command", "url", "headers", "tool", "environment", "secret_env", "secret_file"),
}
"""The keys that belong to one source, besides those that all have."""
_NEEDED: dict[str, tuple[str, ...]] = {
    "builtin": (),
    "python": ("function",),
    "http": ("url",),
    "openapi": ("document", "operation"),
    "mcp": (),
}


class KeyEntry(Section):
    """How a value is keyed in; the same ends as AGI's GET DATA has."""

    length: int | None = Field(None, ge=1, le=64)
    """The entry is over with so many digits; None: with # or the time-out."""
    least: int | None = Field(None, ge=1, le=64)
    """Fewer are none; None: :attr:`length`, or 1."""
    timeout_ms: int | None = Field(None, ge=500, le=30_000)
    """Allowed between two keys; None: ``turn.digits_timeout_ms``."""
    tries: int = Field(3, ge=1, le=10)
    masked: bool = True
    """Nobody but the tool learns it: no transcript, log, trace, recording or model."""
    luhn: bool = False
    """Its last digit is a check digit, as that of a card is."""
    spoken: bool = False
    """It may be said as well."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.spoken and self.masked:
            raise ValueError(
                "spoken needs masked = false: what is said is heard by recogniser and transcript"
            )
        if self.length is not None and self.least is not None and self.least > self.length:
            raise ValueError("least is more than length")
        return self

    def schema_of(self) -> dict[str, Any]:
        return {**self.model_dump(exclude={"least"}), "least": self.least or self.length or 1}


class ToolParameter(Section):
    """One value that a tool wants, as its JSON schema has it, and how it is asked for."""

    type: Literal["string", "integer", "number", "boolean"] | None = None
    format: Literal["date", "time", "date-time", "phone", "email", "name", "digits", "words"] | None = None
    """How a text is understood and read back; ``words``: the caller's own words, as they were said."""
    enum: tuple[str | int | float, ...] = Field((), max_length=200)
    """The only values."""
    description: _Said = ""
    ask: _Said = ""
    """The question by which it is asked for."""
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = Field(None, ge=1, le=500)
    optional: bool = False
    """It is taken when it is said, and never asked for."""
    hours: str | None = Field(None, pattern=r"^\d\d:\d\d-\d\d:\d\d$")
    """time: "08:00-18:00" tells which three o'clock is meant; without it, the caller is asked."""
    take_from: Literal["caller"] | None = None
    """``caller``: the caller's number, unless they give another."""

    keys: KeyEntry | None = None
    """It is keyed in: ``keys = { length = 4 }``."""

    @model_validator(mode="after")
    def _keyed(self) -> Self:
        if self.keys is not None and (self.type, self.format, self.enum) != (None, None, ()):
            raise ValueError("keys are a text of digits: leave type, format and enum out")
        return self

    def schema_of(self) -> dict[str, Any]:
        """As JSON schema."""
        kind = self.type or "string"
        if self.enum and self.type is None and not isinstance(self.enum[0], str):
            kind = "number"
        found: dict[str, Any] = {"type": kind}
        for key, value in (
            ("format", self.format),
            ("enum", list(self.enum) or None),
            ("description", self.description or None),
            ("minimum", self.minimum),
            ("maximum", self.maximum),
            ("maxLength", self.max_length),
            ("x-ask", self.ask or None),
            ("x-hours", self.hours),
            ("x-from", self.take_from),
            ("x-keys", None if self.keys is None else self.keys.schema_of()),
        ):
            if value is not None:
                found[key] = value
        return found


class ToolPhrases(Section):
    """What is said around a tool; ``{name}`` is one of its values, ``{result.key}`` one of what came of
    it."""

    working: _Said = ""
    failed: _Said = ""
    confirm: _Said = ""
    done: _Said = ""


class Target(Section):
    """Where a call can be handed over to."""

    name: _Filled
    """As callers say it: "the front desk"."""
    also: tuple[_Filled, ...] = ()
    """Other names: "reception", "Keisha"."""
    default: bool = False
    """Who just wants "a person" gets this one."""
    number: str | None = Field(None, pattern=r"^\+?[0-9*#]{1,32}$")
    """What is rung, as the dialplan's [offhook-transfers] lets it; None: the key is an extension of the
    dialplan's [offhook-transfer]."""
    attended: bool = False
    """transfer: whoever is rung is told who calls, about what, and takes the call with 1; else it comes back
    to the agent."""


class ToolEntry(Section):
    """One tool of an agent's."""

    source: Source = "builtin"
    description: str = Field("", max_length=1000)
    when: tuple[_Said, ...] = Field((), max_length=30)
    """How callers ask for it, in whole sentences: "I'd like to book a table"."""
    effect: Literal["reads", "writes"] | None = None
    """``writes`` changes something: once, and only after the caller's yes.  None: as its source says."""
    phases: tuple[Literal["before", "during", "after"], ...] = ("during",)
    timeout_s: float = Field(3.0, gt=0, le=60)
    confirm: bool | None = None
    """Values are read back and a yes is waited for; None: for what writes."""
    heeds_key: bool = False
    """Its server does the same ``Idempotency-Key`` once: it may be asked again where no answer came."""
    parameters: dict[str, ToolParameter] = Field(default_factory=dict)
    say: ToolPhrases = ToolPhrases()

    use: str | None = None
    """builtin: which one; None: the table's own name."""
    targets: dict[str, Target] = Field(default_factory=dict)
    """builtin transfer: where calls can go, by key."""
    pattern: str | None = None
    """builtin transfer: which other digits may be dialled, as in the dialplan: "_[1-4]XX"."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """builtin: whatever else it takes."""
    function: str | None = None
    """python: ``file.py:name`` beside the agent's file, or ``package.module:name``."""
    url: str | None = None
    """http: with ``{name}`` for values.  openapi: instead of the document's server.  mcp: a server's."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    """``{secret}`` stands for the secret."""
    body: Any = None
    """http: JSON with ``{name}`` for values; None: all values, for methods that have a body."""
    result: str | None = None
    """A JSONPath to what matters of the answer."""
    secret_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    secret_file: ConfigPath | None = None
    document: ConfigPath | None = None
    """openapi: a file beside the agent's."""
    operation: str | None = None
    """openapi: an operationId."""
    command: tuple[str, ...] = ()
    """mcp: the program that is the server, with its arguments."""
    environment: dict[str, str] = Field(default_factory=dict)
    """mcp: what the program's environment has besides the usual."""
    tool: str | None = None
    """mcp: the server's name for it; None: the table's own name."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        allowed = _ONLY[self.source]
        for source, keys in _ONLY.items():
            for key in keys:
                if key in self.model_fields_set and key not in allowed:
                    raise ValueError(f"{key} belongs to source = {source!r}, and this is {self.source!r}")
        missing = [key for key in _NEEDED[self.source] if not getattr(self, key)]
        if missing:
            raise ValueError(f"source = {self.source!r} wants {' and '.join(missing)}")
        if self.source == "mcp" and bool(self.command) == bool(self.url):
            raise ValueError("source = 'mcp' wants either command (a program) or url (a server)")
        if self.secret_env and self.secret_file:
            raise ValueError("secret_env and secret_file are both set: leave one out")
        return self

    @field_validator("function")
    @classmethod
    def _place(cls, function: str | None, info: ValidationInfo) -> str | None:
        """A file lies beside the agent's."""
        file, colon, name = (function or "").rpartition(":")
        if not file.endswith(".py"):
            return function
        return f"{placed(Path(file), (info.context or {}).get(FOLDER))}{colon}{name}"

    @field_validator("targets")
    @classmethod
    def _keys(cls, targets: dict[str, Target]) -> dict[str, Target]:
        """They are extensions of the dialplan."""
        return checked_names(targets, "a target")

    @field_validator("parameters")
    @classmethod
    def _names(cls, parameters: dict[str, ToolParameter]) -> dict[str, ToolParameter]:
        return checked_names(parameters, "a value")

    def schema_of(self) -> dict[str, Any]:
        """The values as one JSON schema; those that are not optional have to be given."""
        return {
            "type": "object",
            "properties": {name: one.schema_of() for name, one in self.parameters.items()},
            "required": [name for name, one in self.parameters.items() if not one.optional],
        }


def checked_names(tables: dict[str, Any], what: str) -> dict[str, Any]:
    """Raises ValueError unless every name is one that any model can write."""
    for name in tables:
        if not NAME.fullmatch(name):
            raise ValueError(
                f"{clipped(name)}: the name of {what} has small letters, digits and _, and begins"
                " with a letter"
            )
    return tables
