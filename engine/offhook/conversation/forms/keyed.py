"""Values that are keyed in: a PIN, a card, a customer's number.  Pure.

A parameter with ``x-keys`` in its schema (:class:`offhook.agents.tools.KeyEntry`) is entered by keys.  What
is masked is known to the tool alone: no transcript, trace, model or read-back has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.conversation.forms import figures
from offhook.conversation.forms.slots import Found, Hearing, Slot, Value
from offhook.tools.base import ToolSpec

KEYS = "x-keys"
MASKED = "({count} keys)"
"""What stands for a masked entry wherever words are written."""


def entry_of(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How a value is keyed in; None: it is said."""
    return schema.get(KEYS)


def is_masked(schema: Mapping[str, Any]) -> bool:
    entry = entry_of(schema)
    return entry is not None and bool(entry.get("masked", True))


def unmasked(spec: ToolSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that may be said and shown."""
    return {name: value for name, value in values.items() if not is_masked(spec.properties.get(name, {}))}


def keyed(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    """The value, where it was asked for and fits."""
    entry = entry_of(slot.schema) or {}
    digits = hearing.keys
    if digits is None and entry.get("spoken"):
        said = figures.digits(slot, hearing, asked=asked)
        digits = str(said.value) if isinstance(said, Value) else None
    if digits is None or not asked or not fits(digits, entry):
        return None
    label = "" if is_masked(slot.schema) else hearing.form.number.format(value=" ".join(digits))
    return Value(digits, label)


def fits(digits: str, entry: Mapping[str, Any]) -> bool:
    """It has its length, and its check digit is right."""
    length, least = entry.get("length"), entry.get("least", 1)
    if not digits.isdigit() or len(digits) < least or (length is not None and len(digits) > length):
        return False
    return not entry.get("luhn") or luhn(digits)


def luhn(digits: str) -> bool:
    """The check digit of cards (ISO/IEC 7812): every second digit from the right is doubled."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
