"""A suite's questions asked in writing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from offhook.agents.loader import Agent
from offhook.conversation.session import Answer
from offhook.errors import OffhookError
from offhook.evaluation.judge import Reply, Result, judge_chain
from offhook.evaluation.suite import Chain, Question
from offhook.evaluation.wants import Caller, Clock, Effect, Wants
from offhook.moments.zones import now_in

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
    tools: Sequence[str] = (),
) -> list[Result]:
    """Ask everything, one conversation after the other; the results in the suite's order.

    ``tools``: the agent's; callers who want something done go on until it is.
    """
    results: list[Result] = []
    for chain in chains:
        replies = await converse(chain, new_session(), agent, tools)
        results += judge_chain(suite, chain, replies, agent, tools)
        tell(len(results))
    return sorted(results, key=lambda result: result.number)


async def converse(chain: Chain, session: Session, agent: Agent, tools: Sequence[str] = ()) -> list[Reply]:
    """The answers, as far as the conversation went."""
    replies: list[Reply] = []
    clock = Clock(now_in(agent.timezone), agent.language)
    try:
        await session.open()
        for step in chain:
            reply, over = await _ask(step.question, session, clock, tools)
            replies.append(reply)
            if over:
                break
    except OffhookError as error:
        replies.append(Reply(problem=str(error)))
    finally:
        await session.close()
    return replies


async def _ask(
    question: Question, session: Session, clock: Clock, tools: Sequence[str]
) -> tuple[Reply, bool]:
    """The answer, with those until what they want is done; and whether the call is over."""
    first = answer = await session.say(question.say)
    answers, said = [first], list[str]()
    if question.wants is not None and tools:
        caller = Caller(Wants.model_validate(question.wants), clock)
        while not answer.ends_call and (words := caller.says(answer.form)) is not None:
            answer = await session.say(words)
            answers.append(answer)
            said.append(words)
    reply = Reply(
        " ".join(each.text for each in answers),
        first.act,
        answer.ends_call,
        round(first.first_ms, 2),
        done=tuple(Effect(*done) for each in answers for done in each.done),
        went_on=tuple(said),
        handed_over=answer.action is not None,
    )
    return reply, answer.ends_call
