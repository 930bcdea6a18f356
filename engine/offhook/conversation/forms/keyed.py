"""Values that are keyed in: a PIN, a card, a customer's number.  Pure.

A parameter with ``x-keys`` in its schema (:class:`offhook.agents.tools.KeyEntry`) is entered by keys.  What
is masked is known to the tool alone: no transcript, trace, model or read-back has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from offhook.agents.loader import MenuChoice
from offhook.conversation.forms import figures
from offhook.conversation.forms.slots import Found, Hearing, Slot, Value
from offhook.conversation.history import Keyed
from offhook.tools.base import Tool

if TYPE_CHECKING:
    from offhook.conversation.forms.form import Form

KEYS = "x-keys"
MASKED = "({count} keys)"
"""What stands for a masked entry wherever words are written."""


def entry_of(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How a value is keyed in; None: it is said."""
    return schema.get(KEYS)


def is_masked(schema: Mapping[str, Any]) -> bool:
    entry = entry_of(schema)
    return entry is not None and bool(entry.get("masked"))


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


def asked_for(form: Form | None, tools: Mapping[str, Tool]) -> Mapping[str, Any]:
    """The schema of what the caller was asked for; empty: nothing."""
    if form is None or form.asked is None or form.confirming or form.tool not in tools:
        return {}
    return tools[form.tool].spec.properties.get(form.asked, {})


def turn_of(digits: str, asked: Mapping[str, Any], menu: Mapping[str, MenuChoice]) -> Keyed:
    """The turn that ``digits`` are, where ``asked`` was asked for."""
    words, target, choice = " ".join(digits), "", menu.get(digits)
    if entry_of(asked) is not None:
        words = MASKED.format(count=len(digits)) if is_masked(asked) else words
    elif choice is not None:
        words, target = choice.say or words, choice.to or ""
    return Keyed(words, digits, target)


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
