"""Whoever writes something of a call down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offhook.call.profile import OnTurn
from offhook.observe.bill import Bill
from offhook.observe.trace import TurnTrace


class Notes(Protocol):
    """Somebody writes something of a call down."""

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None: ...

    def ended(self, result: str, bill: Bill) -> None: ...


def all_of(notes: Sequence[Notes]) -> OnTurn:
    def turn(caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        for each in notes:
            each.turn(caller_text, audible_text, trace)

    return turn
