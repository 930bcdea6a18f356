"""What the daemon knows of tenants at one moment: immutable, looked up in memory.

A call takes the snapshot that is there when it begins and keeps it to its end.  An agent's file is kept as
the text of its JSON and checked when somebody asks for it: a thousand tenants that nobody calls cost their
text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import ValidationError

from offhook.agents.loader import Agent
from offhook.config import problem_in_words
from offhook.errors import ConfigError
from offhook.tenants.numbers import Home, readings


@dataclass(frozen=True, slots=True)
class Tenant:
    """One business."""

    id: str
    """A UUID; part of the key of everything that is kept for a tenant."""
    slug: str
    """How the dialplan, commands and logs call it: letters, digits and '-'."""
    name: str
    active: bool = True
    max_calls: int | None = None
    """Calls at the same time; None: as many as the daemon takes."""
    retention_days: int = 30
    """Days after which the records of its calls are deleted."""
    transcripts: bool = False
    """What was said may be written down."""
    recordings: bool = False
    """Calls may be recorded; a number has to want it, too."""
    misses: bool = False
    """Questions that nothing known answered may be written down."""
    disclosure: bool = False
    """The agent says at once that it is one."""
    consent: str | None = None
    """What a caller to a number that is recorded is told before anything else; None: nothing."""
    knowledge: str = ""
    """Which documents it has: another text after every change; empty: none."""


@dataclass(frozen=True, slots=True)
class StoredAgent:
    """One version of one tenant's agent."""

    tenant_id: str
    name: str
    version: int
    body: str = field(repr=False)
    """The agent's file, as JSON."""

    @property
    def key(self) -> tuple[str, str, int]:
        """Unlike for any two agents that may differ: for caches."""
        return (self.tenant_id, self.name, self.version)

    def read(self) -> Agent:
        """The checked agent.  Raises ConfigError when it was written for another offhook, or by hand."""
        try:
            agent = Agent.model_validate_json(self.body)
        except ValidationError as error:
            raise ConfigError(
                f"agent {self.name!r}, version {self.version}: {problem_in_words(error, Agent)}:"
                " put a corrected one, or roll back"
            ) from error
        # Whoever may write a tenant's rows must not have the daemon read files of this machine.
        return agent.model_copy(update={"knowledge": ()}) if agent.knowledge else agent


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number of a tenant, and who answers it."""

    did: str
    """As it is kept: ``+`` and the country code, or the digits of an extension."""
    tenant: Tenant
    agent: StoredAgent
    language: str | None = None
    """None: the agent's."""
    fallback: str | None = None
    """Number or extension that is rung when the agent cannot answer; None: as the dialplan has it."""
    recording: bool = False

    @property
    def recorded(self) -> bool:
        """Whether calls to it are recorded: the tenant and the number have to want it."""
        return self.recording and self.tenant.recordings


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is needed to take a call for anybody."""

    version: int = 0
    """The database's change counter when it was read."""
    home: Home = field(default_factory=Home)
    tenants: Mapping[str, Tenant] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """By slug."""
    agents: Mapping[tuple[str, str], StoredAgent] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    """By the tenant's slug and the agent's name."""
    numbers: Mapping[str, Number] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """By the number as it is kept."""

    def find(self, dialled: str) -> Number | None:
        """Whose number that is, also when its tenant is not active; None: nobody's.  Never raises or
        blocks.
        """
        for reading in readings(dialled, self.home):
            number = self.numbers.get(reading)
            if number is not None:
                return number
        return None


def make_snapshot(
    version: int,
    home: Home,
    tenants: Mapping[str, Tenant],
    agents: Mapping[tuple[str, str], StoredAgent],
    numbers: Mapping[str, Number],
) -> Snapshot:
    """A snapshot of copies that nobody can write to."""
    return Snapshot(
        version,
        home,
        MappingProxyType(dict(tenants)),
        MappingProxyType(dict(agents)),
        MappingProxyType(dict(numbers)),
    )
