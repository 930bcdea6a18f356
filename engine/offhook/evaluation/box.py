"""How many calls this machine holds: the agent's own facts asked about in more and more calls at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.daemon.pace import Box, Row, engines_of
from offhook.errors import ConfigError
from offhook.evaluation.own_daemon import OwnDaemon, own_daemon
from offhook.evaluation.voices import CallersVoice
from offhook.simulator import CallRecord, ChannelOptions, HangUp, Say, SimulatedCall, WhenSilent
from offhook.simulator.script import Step

_QUIET = WhenSilent(ms=700, patience_ms=60_000)
_MOST_QUESTIONS = 12
_WORDS = 12
_ANYTHING = "What can you do for me?"
_CALL_S, _TURN_S = 60.0, 60.0


def questions(agent: Agent) -> list[str]:
    """What callers say: the beginnings of facts, as somebody asks who has half understood."""
    facts = [" ".join(str(fact).split()[:_WORDS]).rstrip(".,;:") for fact in agent.facts[:_MOST_QUESTIONS]]
    return [f"Is it right that {fact}?" for fact in facts] or [_ANYTHING]


def measure(
    config: Config,
    agent: Agent,
    voice: CallersVoice,
    at_once: Sequence[int],
    *,
    turns: int,
    tell: Callable[[Row], None],
) -> Box:
    """A row for each number of calls; each caller says ``turns`` things, some ten seconds each.

    Raises ConfigError or ModelError.
    """
    said = [Say(voice(text), _QUIET, text) for text in questions(agent)]
    rows = []
    with own_daemon(config, {"box": agent}, max_calls=max(at_once)) as daemon:
        asyncio.run(_calls(daemon, said, 1, turns=2))  # what is loaded by the first call is not the second's
        for number in at_once:
            records = asyncio.run(_calls(daemon, said, number, turns=turns))
            row = _row(number, records)
            if row is None:
                why = daemon.problem() or "see the log"
                raise ConfigError(f"with {number} calls nobody was answered: {why}")
            rows.append(row)
            tell(row)
    return Box(tuple(rows), engines_of(config), machine())


def machine() -> str:
    """Processor and cores."""
    lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    return f"{len(os.sched_getaffinity(0))} x {model}"


async def _calls(daemon: OwnDaemon, said: Sequence[Say], number: int, *, turns: int) -> list[CallRecord]:
    deadline_s = _CALL_S + _TURN_S * turns

    async def call(which: int) -> CallRecord:
        await asyncio.sleep(which * 0.35)  # callers do not all come in the same moment
        steps: list[Step] = [said[(which + turn) % len(said)] for turn in range(turns)]
        options = ChannelOptions(socket=daemon.socket, deadline_s=deadline_s)
        return await SimulatedCall([*steps, HangUp(_QUIET)], options).run()

    return list(await asyncio.gather(*(call(which) for which in range(number))))


def _row(number: int, records: Sequence[CallRecord]) -> Row | None:
    turns = [turn for record in records for turn in record.turns]
    took = [turn.turnaround_ms for turn in turns if turn.turnaround_ms is not None]
    if not took:
        return None
    unanswered = len(turns) - len(took) + sum(record.unspoken for record in records)
    p50, p95 = np.percentile(took, [50, 95])
    return Row(number, len(took), round(float(p50), 1), round(float(p95), 1), unanswered)
