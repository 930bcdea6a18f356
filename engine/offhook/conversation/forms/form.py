"""The form of one tool in one call: which values are known, and which is asked for.

A form is a value: what a turn makes of it counts when the turn was audible, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from offhook.conversation.forms.slots import Value
from offhook.moments.wish import Wish
from offhook.tools.base import Option

Reply = Literal["asked", "confirming", "left", "run", "none"]
"""``none``: nothing in what the caller said belongs to the form."""


@dataclass(frozen=True, slots=True)
class Form:
    """What is known so far."""

    tool: str
    values: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """The values as they are said back."""
    asked: str | None = None
    tries: int = 0
    """How often that was asked for without an answer."""
    confirming: bool = False
    """They were read back, and a yes is waited for."""
    wish: Wish | None = None
    """What was left open about what is asked for."""
    options: tuple[Option, ...] = ()
    """What was offered for it."""
    cut_short: bool = False
    """What was read back was cut off before all values were said: a yes to that is none."""

    def as_audible(self, audible: str) -> Form:
        """The same, where only ``audible`` of what was said reached the caller."""
        cut = any(label and label not in audible for label in self.labels.values())
        return replace(self, cut_short=self.confirming and cut)

    def with_value(self, name: str, found: Value) -> Form:
        labels = {**self.labels, name: found.label}
        form = replace(self, values={**self.values, name: found.value}, labels=labels)
        return replace(form, asked=None, tries=0, wish=None, options=()) if name == self.asked else form

    def without(self, name: str) -> Form:
        values = {key: value for key, value in self.values.items() if key != name}
        return replace(self, values=values, confirming=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn makes of a form."""

    reply: Reply
    say: str = ""
    form: Form | None = None
    """None: there is none any more."""
    arguments: Mapping[str, Any] | None = None
    """What the tool is to be run with."""
