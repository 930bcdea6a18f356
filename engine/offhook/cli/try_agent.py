"""``offhook agents try``: a conversation with an agent in writing."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator

from offhook.agents.loader import load_agent
from offhook.config import load_config
from offhook.conversation.session import Answer
from offhook.knowledge.store import Ranking
from offhook.observe.trace.waterfall import printable

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
    add("-v", "--verbose", action="store_true", help="also the kind of answer, its facts, its time")


def run(args: argparse.Namespace) -> int:
    # Here, because the file's other commands need none of it.
    from offhook.evaluation.sessions import load_session_factory

    config = load_config(args.config)
    agent = load_agent(args.agent, config.agent.search)
    if args.policy:
        agent = agent.model_copy(update={"policy": args.policy})
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with asyncio.Runner() as runner:
        factory = runner.run(load_session_factory(config, agent))
        session = factory(args.caller)
        try:
            runner.run(session.open())
            if terminal:
                print(f"agent> {printable(agent.disclosed().greeting)}")
            for line in _lines(terminal):
                session.history.found.clear()  # then all that is found belongs to this line
                answer = runner.run(session.say(line))
                print(f"{'agent> ' if terminal else ''}{printable(answer.text)}", flush=True)
                if args.verbose:
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


def _details(answer: Answer, found: Iterable[object]) -> list[str]:
    """The kind of answer, its time, and the likeliest facts; those it is made of with a star."""
    lines = [f"  {answer.act}, {answer.first_ms:.1f} ms to the first words, {answer.total_ms:.1f} ms in all"]
    candidates = [each for ranking in found if isinstance(ranking, Ranking) for each in ranking.candidates]
    others = 0
    for each in candidates:
        chosen = each.item.number in answer.facts
        others += not chosen
        if chosen or others <= _SHOWN:
            lines.append(f"  {'*' if chosen else ' '} {each.log_odds:+6.2f}  {printable(each.item.text)}")
    shown = {each.item.number for each in candidates}
    lines += [f"  * fact {number}" for number in answer.facts if number not in shown]
    return lines
