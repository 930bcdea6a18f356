"""What an agent says in calls that we place: ``[outbound]`` of its file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from offhook.config import Section

_Said = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000)]


class Outbound(Section):
    """Nobody has called us: the first words have to say who calls, and why."""

    opening: _Said = Field("", examples=['opening = "Hello, this is the garage. Your car is ready."'])
    """Said when a person has answered; empty: the greeting."""
    message: _Said = ""
    """Left on an answering machine, behind its beep; empty: nothing is left."""
