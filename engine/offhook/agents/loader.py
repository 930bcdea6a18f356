"""An agent: what it says, knows and sounds like, as a TOML file.

Shipped agents lie beside this file; a user's own lie in the folders of
``agent.search`` or anywhere, by path.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from offhook.config import Section, parse_toml
from offhook.errors import ConfigError

SHIPPED = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

Spoken = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
"""Something the agent says in one go."""


class Example(Section):
    """One exchange that shows the model how to answer.

    ``note`` stands beside the caller's words just as a matching fact does in a call.
    """

    caller: Spoken
    agent: Spoken
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=400)] = ""


class Fact(Section):
    """One thing the agent knows.  A statement that answers by itself works best."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    keywords: tuple[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)], ...
    ] = ()
    """Words callers use that the text does not: "doctor" for "dentist".

    A phrase made of everyday words only, such as "thank you", counts when it is all
    that the caller says, or when nothing else they say has any weight.
    """


class Agent(Section):
    """A whole agent file."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    language: Literal["en"] = "en"
    greeting: Spoken
    goodbye: Spoken = "Goodbye."
    apology: Spoken = "I'm sorry, something went wrong. Please try again later."
    unclear: Spoken = "I'm sorry, could you say that again?"
    """Said when the model's answer cannot be used."""
    still_there: Spoken = "Are you still there?"
    holding: Spoken = "One moment, please."
    """Said when an answer takes long."""
    barge_in: bool = True
    """False: the caller cannot interrupt this agent."""
    heard_in_full: tuple[Literal["greeting", "goodbye", "apology"], ...] = ()
    """Phrases that the caller cannot interrupt, where barge-in is open otherwise."""
    persona: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    """The system prompt: who the agent is and how it answers.  Small models follow short ones best."""
    unknown: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = ""
    """The note beside a question that no fact answers; empty for none."""
    otherwise: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)] = ""
    """The note beside words that ask nothing and match no fact; empty for none."""
    examples: tuple[Example, ...] = Field((), max_length=8)
    facts: tuple[Fact, ...] = Field((), max_length=2000)


def load_agent(name: str, search: Iterable[Path] = ()) -> Agent:
    """The agent called ``name`` in ``search`` or among the shipped ones, or the file of that path.

    Raises ConfigError with one line: file, key, what is wrong.
    """
    if "/" in name or name.endswith(".toml"):
        return parse_toml(Path(name).expanduser(), Agent)
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"agent {name!r}: a name has letters, digits, '-' and '_' only; a path contains '/'"
        )
    folders = [*search, SHIPPED]
    for folder in folders:
        path = folder / f"{name}.toml"
        if path.is_file():
            return parse_toml(path, Agent)
    known = agent_names(folders)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise ConfigError(f"agent {name!r}: no {name}.toml in {', '.join(map(str, folders))}; {hint}")


def agent_names(search: Iterable[Path] = ()) -> list[str]:
    """The names that :func:`load_agent` would find."""
    return sorted({path.stem for folder in (*search, SHIPPED) for path in folder.glob("*.toml")})
