"""The chat policy with servers of every family: each kind of question of a suite is answered end to end."""

from __future__ import annotations

import pytest

from bench.suites.__main__ import FOLDER
from offhook.conversation.policies.chat import Chat
from offhook.conversation.session import TextSession
from offhook.engines.llm.base import Limits
from offhook.evaluation.judge import Reply, judge_chain
from offhook.evaluation.suite import Suite, chains, load_suite
from offhook.knowledge.store import Knowledge
from tests.support.engines.families import FAMILIES, Family
from tests.support.engines.model_server import ModelServer, Request, Wire
from tests.support.engines.remote_models import make_model


def scripted(suite: Suite, family: Family, asked: list[list[str]]) -> object:
    """A server that answers each of the suite's questions as its author would."""
    answers = {" ".join(question.say.split()): question for question in suite.questions}

    async def serve(request: Request, wire: Wire) -> None:
        messages = request.body["messages"]
        asked.append([message["role"] for message in messages])
        question = answers.get(messages[-1]["content"].split("\n")[0])
        text = "Hello." if question is None else question.expect or "Certainly."
        if question is not None and question.ends:
            text += " [end_call]"
        await family.serves(family.answer(text))(request, wire)

    return serve


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
async def test_every_kind_is_answered(family: Family) -> None:
    suite = load_suite(FOLDER / "gym.en.json")
    agent = suite.agent()
    asked: list[list[str]] = []
    async with ModelServer() as server:
        server.will(scripted(suite, family, asked))  # type: ignore[arg-type]
        model = make_model(server.url, family.engine, n_ctx_call=8192)
        policy = Chat(agent, model.template, Knowledge(agent), opened=family.opened)
        for warming in range(2):  # what a family has to be learnt by, such as a thought that was open, is
            session = TextSession(policy, model, Limits(max_tokens=200))
            await session.open()
            await session.say(f"Hello, {warming}?")
            await session.close()
        wrong = []
        for chain in chains(suite.questions):
            session = TextSession(policy, model, Limits(max_tokens=200))
            await session.open()
            replies = []
            for step in chain:
                answer = await session.say(step.question.say)
                replies.append(Reply(answer.text, answer.act, answer.ends_call))
            await session.close()
            results = judge_chain(suite.id, chain, replies, agent)
            wrong += [
                (result.number, result.reply.answer) for result in results if not result.judgement.right
            ]
        await model.aclose()
    assert wrong == []
    assert asked[0][:3] in (["system", "user", "assistant"], ["user", "assistant", "user"]), (
        "the greeting is known"
    )
