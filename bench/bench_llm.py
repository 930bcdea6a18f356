"""One conversation at a time with the embedded model: time to the first token, and tokens per second.

Cold: a prefix that was never computed, then the question.  Warm: the agent's prefix is there, the
question is computed, and the first token comes out; this is what a caller waits for.  Bare: the same
number of question tokens through llama_decode alone, in the same run, as the floor of warm.
Decode: tokens per second of a running answer.  Times are medians of all rounds, in extra_info.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from offhook.agents.loader import load_agent
from offhook.dialog import Dialog
from offhook.llm.base import Conversation, Limits
from offhook.llm.embedded import embedded_model
from offhook.llm.libllama import Context, Model
from offhook.llm.llama import LlamaModel

QUESTION = "What are your opening hours?"
ROUNDS = 15

Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""


class Bench:
    """A model and the event loop it is asked from."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.model = self.run(self._load)
        self.dialog = Dialog(load_agent("receptionist"), self.model.template)
        self.question = self.dialog.turn(QUESTION).pieces

    def run(self, job: Callable[..., Any], *arguments: Any) -> Any:
        return self.loop.run_until_complete(job(*arguments))

    async def _load(self) -> LlamaModel:
        return LlamaModel(embedded_model(), n_ctx=4096, max_conversations=2)

    async def first_token(self, talk: Conversation) -> str:
        await talk.append(*self.question)
        generation = talk.generate(Limits(max_tokens=1))
        return "".join([piece async for piece in generation])

    def close(self) -> None:
        self.model.close()
        self.loop.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_first_token_warm(benchmark: Benchmark, bench: Bench) -> None:
    benchmark.group = "llm first token"
    talk = bench.run(bench.model.conversation, bench.dialog.prefix())
    first = benchmark.pedantic(
        bench.run,
        args=(bench.first_token, talk),
        setup=lambda: bench.run(talk.rollback, talk.start),
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    assert first == "We"
    benchmark.extra_info["question_tokens"] = talk.tokens_used - talk.start.tokens
    benchmark.extra_info["prefix_tokens"] = talk.start.tokens
    benchmark.extra_info["ms"] = round(benchmark.stats.stats.median * 1000, 1)
    benchmark.extra_info["threads"] = bench.model.threads
    bench.run(talk.close)


def test_first_token_cold(benchmark: Benchmark, bench: Bench) -> None:
    benchmark.group = "llm first token"
    numbers = itertools.count()
    pieces = bench.dialog.prefix()

    async def ask() -> str:
        # One word of the system prompt is new: nothing after it can be shared.
        prefix = (pieces[0], f"{next(numbers)} {pieces[1]}", *pieces[2:])
        talk = await bench.model.conversation(prefix)
        first = await bench.first_token(talk)
        await talk.close()
        return first

    assert benchmark.pedantic(bench.run, args=(ask,), rounds=5, warmup_rounds=1) == "We"
    benchmark.extra_info["ms"] = round(benchmark.stats.stats.median * 1000, 1)


def test_bare_prefill(benchmark: Benchmark, bench: Bench) -> None:
    benchmark.group = "llm first token"
    model = Model(embedded_model())
    context = Context(model, n_ctx=1024, sequences=1, threads=None, batch_threads=None)
    tokens = bench.model.tokens(bench.question)
    prefix = bench.model.tokens(bench.dialog.prefix())
    for at in range(0, len(prefix), 128):
        context.decode(0, at, prefix[at : at + 128], logits=False)
    logits = benchmark.pedantic(
        context.decode,
        args=(0, len(prefix), tokens),
        setup=lambda: context.forget(0, len(prefix)),
        rounds=ROUNDS,
        warmup_rounds=1,
    )
    assert model.piece(int(logits.argmax())) == b"We"
    benchmark.extra_info["question_tokens"] = len(tokens)
    benchmark.extra_info["ms"] = round(benchmark.stats.stats.median * 1000, 1)
    context.close()
    model.close()


def test_decode(benchmark: Benchmark, bench: Bench) -> None:
    benchmark.group = "llm decode"
    talk = bench.run(bench.model.conversation, bench.dialog.prefix())
    speeds: list[float] = []

    async def answer() -> str:
        await talk.rollback(talk.start)
        await talk.append(*bench.question)
        generation = talk.generate(Limits(max_tokens=24))
        pieces, times = [], []
        async for piece in generation:
            pieces.append(piece)
            times.append(time.perf_counter())
        speeds.append((len(times) - 1) / (times[-1] - times[0]))
        return "".join(pieces)

    text = benchmark.pedantic(bench.run, args=(answer,), rounds=8, warmup_rounds=1)
    assert "Monday to Friday" in text
    benchmark.extra_info["tokens_per_s"] = round(sorted(speeds)[len(speeds) // 2], 1)
    bench.run(talk.close)
