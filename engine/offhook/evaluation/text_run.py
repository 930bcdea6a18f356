"""A suite's questions asked in writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from offhook.agents.loader import Agent
from offhook.conversation.session import Answer
from offhook.errors import OffhookError
from offhook.evaluation.judge import Reply, Result, judge_chain
from offhook.evaluation.suite import Chain

Tell = Callable[[int], None]
"""Gets the number of questions that have been asked so far."""


class Session(Protocol):
    """One conversation; :class:`offhook.conversation.session.TextSession` is one."""

    async def open(self) -> None: ...

    async def say(self, caller_text: str, /) -> Answer: ...

    async def close(self) -> None: ...


async def run_text(
    suite: str,
    agent: Agent,
    chains: Sequence[Chain],
    new_session: Callable[[], Session],
    tell: Tell = lambda asked: None,
) -> list[Result]:
    """Ask everything, one conversation after the other; the results in the suite's order."""
    results: list[Result] = []
    for chain in chains:
        replies = await _converse(chain, new_session())
        results += judge_chain(suite, chain, replies, agent)
        tell(len(results))
    return sorted(results, key=lambda result: result.number)


async def _converse(chain: Chain, session: Session) -> list[Reply]:
    """The answers, as far as the conversation went."""
    replies: list[Reply] = []
    try:
        await session.open()
        for step in chain:
            answer = await session.say(step.question.say)
            replies.append(Reply(answer.text, answer.act, answer.ends_call, round(answer.first_ms, 2)))
            if answer.ends_call:
                break
    except OffhookError as error:
        replies.append(Reply(problem=str(error)))
    finally:
        await session.close()
    return replies
