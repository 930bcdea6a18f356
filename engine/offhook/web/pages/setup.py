"""A test call from this machine: whether the daemon answers, what it understands, and what went wrong."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.agents.loader import agent_names
from offhook.errors import BusyError, ConfigError
from offhook.web.guard import form, session_of
from offhook.web.house import House, back

_log = logging.getLogger("offhook.web")

LONGEST_S = 60
MOST_CHARACTERS = 300
_WIDELY_UNDERSTOOD = "What are your opening hours?"


@dataclass(slots=True)
class Trial:
    """The latest test call."""

    said: str
    agent: str
    done: bool = False
    problems: list[str] = field(default_factory=list)
    greeting_ms: float | None = None
    turns: list[dict[str, Any]] = field(default_factory=list)


def routes(house: House) -> list[Route]:
    state: dict[str, Trial] = {}
    tasks: set[asyncio.Task[None]] = set()

    async def show(request: Request) -> Response:
        agents = await asyncio.to_thread(agent_names, house.config.agent.search)
        return house.page(
            request,
            "setup.html",
            title="Test call",
            agents=agents,
            default=house.config.agent.default,
            trial=state.get("latest"),
            suggestion=_WIDELY_UNDERSTOOD,
        )

    async def place(request: Request) -> Response:
        latest = state.get("latest")
        if latest is not None and not latest.done:
            raise BusyError("A test call goes on already; it takes a minute at most.")
        said, agent = form(request).get("say", "").strip(), form(request).get("agent", "")
        if not said or len(said) > MOST_CHARACTERS:
            raise ConfigError(f"What the caller says has 1 to {MOST_CHARACTERS} characters.")
        if agent and agent not in await asyncio.to_thread(agent_names, house.config.agent.search):
            raise ConfigError(f"There is no agent {agent!r}.")
        state["latest"] = trial = Trial(said, agent)
        _log.info("user=%s places a test call", session_of(request).user)
        task = asyncio.create_task(try_call(house, trial))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        return back("/setup")

    return [Route("/setup", show), Route("/setup", place, methods=["POST"])]


async def try_call(house: House, trial: Trial) -> None:
    """Call the daemon as ``offhook call`` does, and write down how it went."""
    words = ["call", f"--say={trial.said}", "--json", "--timeout", str(LONGEST_S)]
    if trial.agent:
        words.append(f"--agent={trial.agent}")
    try:
        ended, out, err = await house.offhook(*words, within_s=LONGEST_S + 60)
        try:
            record = json.loads(out)
        except ValueError:
            lines = [line for line in err.splitlines() if line.strip()]
            last = lines[-1] if lines else f"`offhook call` ended with {ended}"
            trial.problems.append(last.removeprefix("offhook: error: "))
        else:
            trial.greeting_ms, trial.turns = record["greeting_ms"], record["turns"]
            trial.problems += record["errors"]
    except OSError as error:
        trial.problems.append(f"the call could not be placed: {error}")
    finally:
        trial.done = True
