"""How an agent's file says what becomes of a caller who is angry: ``[escalation]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from offhook.agents.tools import ToolEntry
from offhook.config import Section, clipped

_LEFT = ("ticket", "message", "callback")
"""Built-in tools that take something down for people: there is a phrase that offers them."""


class Escalation(Section):
    """Angry so often, a caller is asked, once in a call, whether they want a person."""

    after: int = Field(2, ge=1, le=20)
    """Turns in which the caller was angry, not necessarily one after the other."""
    offer: str = Field(min_length=1, examples=['offer = "desk"'])
    """A target of one of the agent's tools, whom a yes puts the caller through to; or the name of a tool
    that takes something down for people, such as ``message``."""
    say: Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)] = ""
    """The question; ``{name}`` is the target's.  Empty: one in the agent's language."""

    def problem(self, tools: Mapping[str, ToolEntry]) -> str | None:
        """What is wrong with it beside these tools, in one line."""
        targets = {key for tool in tools.values() for key in tool.targets}
        if self.offer in targets:
            return None
        left = {name: entry for name, entry in tools.items() if not entry.targets and entry.pattern is None}
        entry = left.get(self.offer)
        if entry is None:
            known = ", ".join(sorted({*targets, *left})) or "none; see docs/howto/handing-over.md"
            return (
                f"escalation.offer = {clipped(self.offer)} is neither a target nor a tool that takes"
                f" something down; there is: {known}"
            )
        if not self.say and (entry.use or self.offer) not in _LEFT:
            return f"escalation.say: write the question that offers {self.offer}, such as a yes answers"
        return None
