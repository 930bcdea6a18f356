"""What a caller's keys mean: an entry that was asked for, a choice of the agent's menu, or a turn in digits.

Where a form asks for a value that is keyed in, the entry has its length, time-out and mask.  A masked entry
goes on as how many keys it had; its digits are in the call's history until that turn is over, and nowhere
else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from offhook.agents.loader import Agent
from offhook.call.dtmf import DigitCollector
from offhook.conversation.forms.form import Form
from offhook.conversation.forms.keyed import asked_for, entry_of, is_masked, turn_of
from offhook.conversation.history import History


class KeyEntries:
    """One call's.  Time is an argument."""

    def __init__(
        self, agent: Agent, history: History, form: Callable[[], Form | None], timeout_ms: int
    ) -> None:
        """``form``: what is being filled in, as the caller was asked last.  ``timeout_ms`` between keys."""
        self.menu = agent.menu
        """What single keys stand for, with who answers now."""
        self._history = history
        self._form = form
        self._timeout_ms = timeout_ms
        self._digits = DigitCollector(timeout_ms)

    @property
    def masked(self) -> bool:
        """Nobody is to hear or read what is entered now."""
        return is_masked(self._asked())

    def press(self, key: str, now_ns: int, expected: int | None) -> str | None:
        """One more key; the entry, when that completes it.  ``expected``: so many digits were asked for."""
        entry = entry_of(self._asked())
        if entry is not None:
            self._digits.timeout_ms = entry.get("timeout_ms") or self._timeout_ms
            return self._digits.press(key, now_ns, entry.get("length"))
        self._digits.timeout_ms = self._timeout_ms
        if expected is None and not self._digits.open and key in self.menu:
            return key
        return self._digits.press(key, now_ns, expected)

    def tick(self, now_ns: int, *, speaking: bool) -> str | None:
        """Time has passed; the entry, when nothing has followed for too long."""
        return self._digits.tick(now_ns, speaking=speaking)

    def words(self, digits: str) -> str:
        """The turn that ``digits`` are, in words; the history has the digits."""
        self._history.keyed = keyed = turn_of(digits, self._asked(), self.menu)
        return keyed.words

    def _asked(self) -> Mapping[str, Any]:
        tools = self._history.tools
        return {} if tools is None else asked_for(self._form(), tools.tools)
