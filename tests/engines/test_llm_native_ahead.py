"""What the batching engine does ahead of time, on the real embedded model: drafts, and whether words end."""

from __future__ import annotations

import asyncio

import pytest

from offhook.engines.llm.base import Grammar, Limits
from offhook.engines.llm.native import NativeConversation, NativeModel
from offhook.errors import ModelError
from tests.support.engines.llm_engine import QUESTIONS, answer, ask, begin, middle_word

WRONG = "\u0420\u043e\u0437\u043e\u0432\u044b\u0435 \u0441\u043b\u043e\u043d\u044b"
"""Nothing of it is in any answer: pink elephants, in Russian."""


async def test_drafts_change_no_text(llm: NativeModel) -> None:
    talk = await begin(llm)
    limits = Limits(max_tokens=24)
    for question in QUESTIONS[:4]:
        free = await ask(llm, talk, question, limits)
        assert free
        half = free[: len(free) // 2]
        for draft in (free, f"  {free}\n", half, half + WRONG, WRONG, "<|im_end|>", "\u00e9" * 5000):
            await talk.rollback(talk.start)
            await talk.append(*llm.template.user(question))
            generation = talk.generate(limits, draft=draft)
            assert "".join([piece async for piece in generation]) == free
            stats = generation.stats
            assert stats.accepted_tokens <= stats.drafted_tokens
            if draft.strip() == free:
                assert stats.accepted_tokens >= stats.generated_tokens // 2, (
                    "a draft of the answer is accepted"
                )
            if draft == WRONG:
                assert stats.accepted_tokens <= 1
        await talk.rollback(talk.start)
    await talk.close()


async def test_drafts_keep_to_stops_limits_and_cancel(llm: NativeModel) -> None:
    talk = await begin(llm)
    free = await ask(llm, talk, QUESTIONS[0], Limits(max_tokens=24))
    stop = middle_word(free)

    async def again(limits: Limits, grammar: Grammar | None = None) -> tuple[str, str]:
        await talk.rollback(talk.start)
        await talk.append(*llm.template.user(QUESTIONS[0]))
        generation = talk.generate(limits, draft=free, grammar=grammar)
        return "".join([piece async for piece in generation]), generation.stats.finish_reason

    assert await again(Limits(max_tokens=24, stop=(stop,))) == (free[: free.index(stop)], "stop")
    # The cut conversation goes on as if the answer had been said like this.
    await talk.append(llm.template.assistant_close)
    went_on = await ask(llm, talk, QUESTIONS[1])
    await talk.rollback(talk.start)
    await talk.append(
        *llm.template.user(QUESTIONS[0]), free[: free.index(stop)], llm.template.assistant_close
    )
    assert await ask(llm, talk, QUESTIONS[1]) == went_on
    short, reason = await again(Limits(max_tokens=5))
    assert (free.startswith(short), reason) == (True, "length")
    words = Grammar('root ::= [A-Za-z ]+ "!"')
    bound, _ = await again(Limits(max_tokens=12), grammar=words)
    await talk.rollback(talk.start)
    await talk.append(*llm.template.user(QUESTIONS[0]))
    assert "".join([p async for p in talk.generate(Limits(max_tokens=12), grammar=words)]) == bound
    await talk.rollback(talk.start)
    await talk.append(*llm.template.user(QUESTIONS[0]))
    cancelled = talk.generate(Limits(max_tokens=24), draft=free)
    cancelled.cancel()
    assert [piece async for piece in cancelled] == []
    assert (await again(Limits(max_tokens=24)))[0] == free
    await talk.close()


async def test_a_draft_that_the_answer_leaves_and_finds_back_to(llm: NativeModel) -> None:
    talk = await begin(llm)
    limits = Limits(max_tokens=32)
    answers = []
    for question in QUESTIONS:
        answers.append(await ask(llm, talk, question, limits))
        await talk.rollback(talk.start)
    # What it says to a question differs from processor to processor: the answer with the most words is taken.
    plain = max(answers, key=lambda text: len(set(text.split())))
    await talk.append(*llm.template.user(QUESTIONS[answers.index(plain)]))
    mark = await talk.mark()
    words = plain.split()
    assert len(words) >= 12, answers
    drafts = (
        " ".join([*words[:2], "perhaps", *words[3:]]),
        " ".join([*words[:2], "and", "also", *words[2:]]),
        " ".join([*words[:2], *words[4:]]),
        " ".join([*words[:4], *words[:4], *words[4:]]),
    )
    for draft in drafts:
        await talk.rollback(mark)
        generation = talk.generate(limits, draft=draft)
        assert "".join([piece async for piece in generation]) == plain
        # Each leaves the answer within its first four words; so much is only accepted by who finds back.
        assert generation.stats.accepted_tokens >= len(words) // 2, draft
    await talk.close()


async def told(talk: NativeConversation) -> float:
    probability = await talk.end_probability()
    assert probability is not None
    return probability


async def test_a_finished_phrase_ends_more_probably(llm: NativeModel) -> None:
    talk = await begin(llm)

    async def probability(words: str) -> float:
        await talk.rollback(talk.start)
        await talk.append(llm.template.user_open, words)
        return await told(talk)

    pairs = (
        ("I would like to order a cake", "I would like to order a"),
        ("What time do you open on Sunday", "What time do you"),
        ("Yes please", "My phone number is five five"),
    )
    for finished, unfinished in pairs:
        assert await probability(finished) > await probability(unfinished), (finished, unfinished)
    assert await talk.end_probability() == await talk.end_probability()

    async def quoted(words: str) -> float:
        await talk.rollback(talk.start)
        await talk.append(llm.template.user_open, f'Caller: "{words}')
        return await told(talk)

    for finished, unfinished in pairs:
        assert await quoted(finished) > 2 * await quoted(unfinished), (finished, unfinished)
    await talk.close()


async def test_an_end_is_judged_together_with_what_follows(llm: NativeModel) -> None:
    talk = await begin(llm)
    words = 'Caller: "I would like to order a cake'
    rest = ('"', *llm.template.user("")[2:])
    for phrase in (words, 'Caller: "I would like to order a'):
        await talk.rollback(talk.start)
        await talk.computed()
        tokens = llm.stats()["batch_tokens"]
        await talk.append(llm.template.user_open, phrase)
        waited = await told(talk)
        await talk.append(*rest)
        said = await answer(talk)
        apart = llm.stats()["batch_tokens"] - tokens

        await talk.rollback(talk.start)
        await talk.computed()
        tokens = llm.stats()["batch_tokens"]
        await talk.append(llm.template.user_open, phrase)
        question = talk.end_probability()
        await talk.append(*rest)
        generation = talk.generate(Limits(max_tokens=20))
        assert await question == pytest.approx(waited, rel=0.05)
        assert await question == await question, "asked once, told as often as one likes"
        together = "".join([piece async for piece in generation])
        assert together == said
        assert await question == pytest.approx(waited, rel=0.05), "what was said since changes nothing"
        # In how many batches is the threads' to say; tests/native/llm/test_end_question.cpp counts those.
        assert llm.stats()["batch_tokens"] - tokens <= apart, "nothing is computed twice"
    await talk.close()


async def test_a_question_for_an_end_that_nobody_waits_for_any_more(llm: NativeModel) -> None:
    talk = await begin(llm)
    await talk.computed()
    mark = await talk.mark()

    def long_text() -> str:
        return "I would like to order a cake. " * 50  # six batches

    await talk.append(long_text())
    question = talk.end_probability()
    await talk.append("And bread.")
    await talk.rollback(mark)
    assert await question is None, "rolled back before it was computed"

    await talk.append(long_text())
    waiting = asyncio.ensure_future(talk.end_probability())
    await asyncio.sleep(0)  # the task begins to wait
    await talk.rollback(mark)
    assert await waiting is None, "one that waits is told too"

    await talk.append("Hello")
    mark = await talk.mark()
    first = talk.end_probability()
    await talk.append(", hello")
    second = talk.end_probability()
    assert await first is None, "a later question replaces it"
    assert 0.0 < (await second or 0.0) < 1.0

    await talk.rollback(mark)
    await talk.append("Good morning. " * 20)
    cancelled = asyncio.ensure_future(talk.end_probability())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await answer(talk) is not None, "and leaves the conversation as it was"

    await talk.rollback(mark)
    await talk.append("I would like bread. " * 60)
    never = talk.end_probability()
    closing = asyncio.ensure_future(talk.end_probability())
    await asyncio.sleep(0)
    await talk.close()
    for late in (never, closing):
        with pytest.raises(ModelError, match="closed"):
            await late
    with pytest.raises(ModelError, match="closed"):
        talk.end_probability()
