"""``offhook agents try``: a conversation with an agent in writing."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from offhook.agents.loader import load_agent
from offhook.cli.database import VARIABLE, named_database
from offhook.config import load_config
from offhook.conversation.session import Answer
from offhook.documents.passage import Passage
from offhook.knowledge.store import Candidate, Ranking
from offhook.observe.trace.waterfall import printable
from offhook.tenants.documents import read_passages
from offhook.tenants.registry import get_tenant

_SHOWN = 3
"""Facts that are shown beside an answer, besides those that it is made of."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What ``offhook agents try`` takes, besides ``--config``."""
    parser.description = (
        "Reads what the caller says, a line each, and prints the answers that a call would get. Ends with "
        "the input, or when the agent would end the call. What is booked and noted goes into a book of the"
        " trial's own; tools on servers, in Python and in calendars are really used."
    )
    add = parser.add_argument
    add("agent", metavar="FILE|NAME", help="the path of an agent file, or an agent's name")
    add(
        "--policy",
        choices=("auto", "grounded", "chat"),
        help="instead of the configuration's and the agent's",
    )
    add("--caller", default="", metavar="NUMBER", help="the number that the caller calls from")
    add("--tenant", metavar="TENANT", help="the documents of this tenant are known, too")
    add("--database", metavar="URL", help=f"where they are; default: ${VARIABLE}, else tenants.database")
    add("-v", "--verbose", action="store_true", help="also the kind of answer, its facts, its time")
    add("--json", action="store_true", help="print one JSON object for each answer")


def run(args: argparse.Namespace) -> int:
    # Here, because the file's other commands need none of it.
    from offhook.evaluation.sessions import load_session_factory

    config = load_config(args.config)
    agent = load_agent(args.agent, config.agent.search)
    if args.policy:
        agent = agent.model_copy(update={"policy": args.policy})
    passages = [] if args.tenant is None else _passages(args)
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not args.json
    with asyncio.Runner() as runner:
        factory = runner.run(load_session_factory(config, agent, passages=passages))
        session = factory(args.caller)
        try:
            runner.run(session.open())
            if terminal:
                print(f"agent> {printable(agent.disclosed().greeting)}")
            for line in _lines(terminal):
                session.history.found.clear()  # then all that is found belongs to this line
                answer = runner.run(session.say(line))
                if args.json:
                    print(json.dumps(_record(answer, session.history.found.values())), flush=True)
                else:
                    print(f"{'agent> ' if terminal else ''}{printable(answer.text)}", flush=True)
                if args.verbose and not args.json:
                    print("\n".join(_details(answer, session.history.found.values())), flush=True)
                if answer.ends_call:
                    if terminal:
                        print("(the agent ends the call)")
                    break
        finally:
            runner.run(session.close())
            factory.close()
    return 0


def _lines(terminal: bool) -> Iterator[str]:
    """What is typed, without empty lines."""
    while True:
        if terminal:
            try:
                line = input("caller> ")
            except EOFError:
                print()
                return
        else:
            line = sys.stdin.readline()
            if not line:
                return
        if line.strip():
            yield line.strip()


def _passages(args: argparse.Namespace) -> list[Passage]:
    database = named_database(args)
    with database.reading() as connection:
        database.require_schema(connection)
        return read_passages(connection, get_tenant(connection, args.tenant).id)


def _record(answer: Answer, found: Iterable[object]) -> dict[str, Any]:
    """An answer with the facts that were likeliest, those it is made of first."""
    seen: dict[int, dict[str, Any]] = {}
    for each in _candidates(found):
        chosen = each.item.number in answer.facts
        seen[each.item.number] = {"text": each.item.text, "log_odds": each.log_odds, "chosen": chosen}
    facts = sorted(seen.values(), key=lambda fact: (not fact["chosen"], -fact["log_odds"]))
    shown = sum(fact["chosen"] for fact in facts) + _SHOWN
    return {
        "answer": answer.text,
        "act": answer.act,
        "facts": facts[:shown],
        "first_ms": answer.first_ms,
        "total_ms": answer.total_ms,
        "ends_call": answer.ends_call,
    }


def _candidates(found: Iterable[object]) -> list[Candidate]:
    return [each for ranking in found if isinstance(ranking, Ranking) for each in ranking.candidates]


def _details(answer: Answer, found: Iterable[object]) -> list[str]:
    """The kind of answer, its time, and the likeliest facts; those it is made of with a star."""
    lines = [f"  {answer.act}, {answer.first_ms:.1f} ms to the first words, {answer.total_ms:.1f} ms in all"]
    candidates = _candidates(found)
    others = 0
    for each in candidates:
        chosen = each.item.number in answer.facts
        others += not chosen
        if chosen or others <= _SHOWN:
            lines.append(f"  {'*' if chosen else ' '} {each.log_odds:+6.2f}  {printable(each.item.text)}")
    shown = {each.item.number for each in candidates}
    lines += [f"  * fact {number}" for number in answer.facts if number not in shown]
    return lines
