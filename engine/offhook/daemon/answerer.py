"""Who answers: the box's own agents by their names, tenants' agents by the numbers that are theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from offhook.agents.loader import Agent, find_agent, load_agent
from offhook.daemon.profiles import Key
from offhook.doors.base import CallOffer
from offhook.errors import ConfigError, UnreadableError
from offhook.files import named
from offhook.tenants.snapshot import Number, Snapshot

AGENT_ARGUMENT = "agent="
"""``EAGI(offhook-eagi,${UNIQUEID},agent=helpdesk)`` chooses an agent for the call."""
_BOX, _TENANT = "box", "tenant"


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers a call."""

    key: Key
    read: Callable[[], Agent]
    """Reads the agent's file; blocks.  Raises ConfigError."""
    number: Number | None = None
    """The tenant's number; None: an agent of the box's own."""


def of_box(name: str) -> Key:
    """The key of an agent of the box's own."""
    return (_BOX, name)


def of_number(number: Number) -> Answerer:
    """Who answers a tenant's number."""
    return Answerer(_key(number), lambda: _agent(number), number)


def speakers(
    who: Answerer, agent: Agent, search: Sequence[Path], snapshot: Snapshot | None
) -> dict[str, Answerer]:
    """Who answers callers of ``agent``'s other languages, by those: agents of the tenant, or of the box."""
    if who.number is None:
        return {code: by_name(name, search) for code, name in agent.languages.items()}
    found = {}
    for code, name in agent.languages.items():
        stored = None if snapshot is None else snapshot.agents.get((who.number.tenant.slug, name))
        if stored is not None:
            # Its language is its own, not the number's.
            found[code] = of_number(replace(who.number, agent=stored, language=None))
    return found


def by_name(name: str, search: Sequence[Path]) -> Answerer:
    """An agent of the box's own."""
    return Answerer(of_box(name), lambda: load_agent(name, search))


def _key(number: Number) -> Key:
    tenant, name, version = number.agent.key
    told = (_consent(number), "disclosed" if number.tenant.disclosure else "")
    return (_TENANT, tenant, name, str(version), number.language or "", number.tenant.knowledge, *told)


def _agent(number: Number) -> Agent:
    """The agent of a number, in the number's language.  Raises ConfigError."""
    agent = number.agent.read()
    if number.language is not None and number.language != agent.language:
        # Read anew: what the file does not say is said in that language.
        agent = Agent.model_validate({**agent.model_dump(exclude_unset=True), "language": number.language})
    disclosure = agent.disclosure or number.tenant.disclosure
    return agent.beginning(_consent(number)).model_copy(update={"disclosure": disclosure})


def _consent(number: Number) -> str:
    """What a caller who is recorded is told before the greeting."""
    return (number.tenant.consent or "") if number.recorded else ""


def fresh_numbers(before: Snapshot, after: Snapshot) -> tuple[frozenset[Key], list[Number]]:
    """Every agent there is now, by its key, and a number of each that was not there before."""
    known = {_key(number) for number in before.numbers.values()}
    now = {_key(number): number for number in after.numbers.values() if number.tenant.active}
    return frozenset(now), [number for key, number in now.items() if key not in known]


def argument(offer: CallOffer, name: str) -> str | None:
    """What the dialplan has given along behind ``name``; None: nothing."""
    for argument in offer.arguments:
        if argument.startswith(name):
            return argument.removeprefix(name)
    return None


def is_there(name: str, search: tuple[Path, ...]) -> bool:
    """Whether there is an agent of that name, whatever its file is worth.

    Raises ConfigError when a closed folder hides that.
    """
    try:
        return named(find_agent(name, search))
    except UnreadableError:
        raise
    except ConfigError:
        return False
