"""The language model engine against what it is built on, and against the peers' way.

Above 400 lines because it is one program of many measurements that share one engine and one bare loop.

Run it alone, on a machine that does nothing else:

    python bench/bench_llm_engine.py [--rounds N] [--json FILE] [--only NAME]

Every figure is a ratio of two things measured in turns in the same process, or a time next to one;
each benchmark checks the answers too, and fails when they are wrong.

throughput   tokens per second of N calls generating together, next to a bare llama_decode loop that
             computes batches of the same shape (N sequences, one token each, the same prefix shared by
             all) and takes the likeliest token of each row.  Both are timed from the first to the last
             token, in turns, on the same model file with the same threads and kind of attention.
             `reproducible` is the default; `free` is without the care that it takes.
locked       time to first token of 8 calls that ask at once, against llama-cpp-python's high-level API
             under a lock, one generation at a time: 95th percentile over all calls and rounds.
prefix       time to first token of a 12-token question behind a cached prefix of 400 tokens, next to
             computing those 12 tokens alone in an empty conversation and cache; models in turns.
             `ordinary_attention` is the same with flash attention switched off.
draft        the shipped receptionist's turns as a model that converses gets them (persona, facts and examples
             cached, the caller's words appended): from append() to the first and to the 12th token, without a
             draft, with the fact that fits as draft, and with the fact of another question; in turns.
             `contraction` gives what is said anyway with one contraction written out, or one more, or a
             word left out: how much is saved when the answer leaves the draft and finds back to it.
question     the same turns, with the fact as draft and all but the caller's last words computed before: from
             those last words to the end probability, to the first and to the 12th token, waiting for the
             probability before the rest is appended, and not; in turns.
gap          the longest wait between two tokens of a running call while another call reads 1,000 tokens,
             next to what one token takes when nobody reads.
cancel       from cancel() to the place being free and the thread idle, next to one batch of that call.
equality     texts of 16 calls at once, next to each alone, at temperature 0: by default, without flash
             attention, and without the care that `reproducible` takes.
growth       memory, descriptors and native objects over many short conversations.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from offhook import core
from offhook.agents.loader import load_agent
from offhook.conversation.base import Turn
from offhook.conversation.history import History
from offhook.conversation.policies.chat import Chat
from offhook.engines.llm.base import Limits
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.native import NativeConversation, NativeModel
from offhook.engines.llm.threads import tuned_threads
from offhook.engines.pool import load_knowledge_models
from offhook.knowledge.store import Knowledge

SYSTEM = "You are the receptionist of a bakery. You are friendly and answer briefly."
QUESTIONS = [
    f"{question}{end}"
    for end in ("", " Please tell me now.")
    for question in (
        "When do you open on Sunday?",
        "Do you have rye bread?",
        "Can I order a cake for tomorrow?",
        "What does a croissant cost?",
        "Where are you?",
        "Is there parking?",
        "I want to speak to the manager.",
        "Do you deliver to the harbour?",
    )
]
STEPS = 32
Result = dict[str, Any]


def make(path: Path, calls: int, **more: Any) -> NativeModel:
    return NativeModel(path, n_ctx=8192, n_ctx_call=2048, max_conversations=calls, **more)


async def begin(model: NativeModel, system: str = SYSTEM) -> NativeConversation:
    return await model.conversation(model.template.prefix(system))


def median(values: list[float]) -> float:
    return statistics.median(values)


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


# --- throughput -----------------------------------------------------------------------------------


class BareLoop:
    """llama_decode and nothing else: N sequences behind one shared prefix, one token each per batch."""

    def __init__(self, path: Path, *, threads: int, batch_threads: int, sequences: int) -> None:
        import llama_cpp.llama_cpp as ll

        self._ll = ll
        params = ll.llama_model_default_params()
        self._model = ll.llama_model_load_from_file(str(path).encode(), params)
        self._vocab = ll.llama_model_get_vocab(self._model)
        self._n_vocab = ll.llama_vocab_n_tokens(self._vocab)
        context = ll.llama_context_default_params()
        context.n_ctx = 8192
        context.n_batch = context.n_ubatch = 512
        context.n_seq_max = sequences + 1
        context.n_outputs_max = sequences + 1
        context.kv_unified = True
        context.n_threads = threads
        context.n_threads_batch = batch_threads
        context.no_perf = True
        self._context = ll.llama_init_from_model(self._model, context)
        self._memory = ll.llama_get_memory(self._context)
        self._batch = ll.llama_batch_init(512, 0, 1)

    def _decode(self, entries: list[tuple[int, int, int, bool]]) -> None:
        batch = self._batch
        batch.n_tokens = len(entries)
        for i, (token, position, sequence, logits) in enumerate(entries):
            batch.token[i] = token
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = logits
        if self._ll.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")

    def run(self, prompts: list[list[int]], prefix: list[int], steps: int) -> tuple[float, list[list[int]]]:
        """Seconds for ``steps`` tokens of every prompt after its first one, and the tokens."""
        import numpy as np

        ll = self._ll
        shared = len(prompts)
        ll.llama_memory_clear(self._memory, False)
        for at in range(0, len(prefix), 63):
            chunk = prefix[at : at + 63]
            self._decode([(token, at + i, shared, False) for i, token in enumerate(chunk)])
        said: list[list[int]] = []
        for sequence, prompt in enumerate(prompts):
            ll.llama_memory_seq_cp(self._memory, shared, sequence, 0, len(prefix))
            self._decode([(t, len(prefix) + i, sequence, i + 1 == len(prompt)) for i, t in enumerate(prompt)])
            said.append([self._best(np, len(prompt) - 1)])
        began = time.perf_counter()
        for step in range(steps):
            self._decode(
                [(said[s][-1], len(prefix) + len(prompts[s]) + step, s, True) for s in range(len(prompts))]
            )
            for sequence in range(len(prompts)):
                said[sequence].append(self._best(np, sequence))
        return time.perf_counter() - began, said

    def _best(self, np: Any, index: int) -> int:
        row = self._ll.llama_get_logits_ith(self._context, index)
        return int(np.ctypeslib.as_array(row, shape=(self._n_vocab,)).argmax())

    def close(self) -> None:
        self._ll.llama_batch_free(self._batch)
        self._ll.llama_free(self._context)
        self._ll.llama_model_free(self._model)


def story(model: NativeModel, index: int) -> tuple[list[tuple[str, bool, bool]], list[int]]:
    """A prompt that the model goes on with for long: it never ends its message within STEPS tokens."""
    words = "One, two, three, four, five, six, seven, eight, nine, ten, eleven,"
    pieces = (*model.template.user(f"Count to {100 + index}."), words)
    runs = model.runs(pieces)
    tokens = [t for text, markup, _ in runs for t in model.model.tokenize(text, markup=markup)]
    return runs, tokens


async def engine_steps(model: NativeModel, calls: int) -> tuple[float, list[int]]:
    """Seconds from everybody's first token to everybody's last one, and the number of tokens of each."""
    talks = [await begin(model) for _ in range(calls)]
    for index, talk in enumerate(talks):
        runs, _ = story(model, index)
        talk._native.append(runs)
    for talk in talks:
        await talk.computed()
    stats = model.stats()
    began = time.perf_counter()
    generations = [talk.generate(Limits(max_tokens=STEPS)) for talk in talks]

    async def read(generation: Any) -> None:
        async for _ in generation:
            pass

    await asyncio.gather(*(read(generation) for generation in generations))
    seconds = time.perf_counter() - began
    counts = [generation.stats.generated_tokens for generation in generations]
    batches = model.stats()["batches"] - stats["batches"]
    if set(counts) != {STEPS}:
        raise AssertionError(f"answers of {counts} tokens: the prompt should make all of them {STEPS} long")
    if batches > STEPS * 1.5 + 4:
        raise AssertionError(f"{batches} batches for {STEPS} tokens: the calls were not batched")
    for talk in talks:
        await talk.close()
    return seconds, counts


async def bench_throughput(path: Path, rounds: int) -> Result:
    return {
        "reproducible" if reproducible else "free": await throughput(path, rounds, reproducible)
        for reproducible in (True, False)
    }


async def throughput(path: Path, rounds: int, reproducible: bool) -> Result:
    model = make(path, 16, reproducible=reproducible)
    prefix_runs = model.runs(model.template.prefix(SYSTEM))
    prefix = [t for text, markup, _ in prefix_runs for t in model.model.tokenize(text, markup=markup)]
    bare = BareLoop(path, threads=model.threads, batch_threads=model.threads_batch, sequences=16)
    await model.preload(model.template.prefix(SYSTEM))
    result: Result = {"threads": model.threads, "threads_batch": model.threads_batch}
    try:
        for calls in (1, 2, 4, 8, 16):
            prompts = [story(model, index)[1] for index in range(calls)]
            engine_rate, bare_rate, ratios = [], [], []
            for _ in range(rounds):
                seconds, counts = await engine_steps(model, calls)
                bare_seconds, _ = bare.run(prompts, prefix, STEPS)
                # The engine's clock starts before the first token, whose logits are there: it computes
                # one batch less than it says tokens.
                engine_rate.append(sum(count - 1 for count in counts) / seconds)
                bare_rate.append(calls * STEPS / bare_seconds)
                ratios.append(engine_rate[-1] / bare_rate[-1])
            result[f"calls_{calls}"] = {
                "engine_tokens_s": round(median(engine_rate), 1),
                "bare_tokens_s": round(median(bare_rate), 1),
                "ratio_median": round(median(ratios), 3),
                "ratio_best": round(max(engine_rate) / max(bare_rate), 3),
            }
    finally:
        bare.close()
        model.close()
    return result


# --- against a lock ---------------------------------------------------------------------------------


async def bench_locked(path: Path, rounds: int) -> Result:
    import llama_cpp

    calls = 8
    limits = Limits(max_tokens=24)
    model = make(path, calls)
    await model.preload(model.template.prefix(SYSTEM))
    llama = llama_cpp.Llama(
        str(path), n_ctx=2048, n_threads=model.threads, n_threads_batch=model.threads_batch, verbose=False
    )
    lock = threading.Lock()
    ours: list[float] = []
    theirs: list[float] = []

    async def ask_engine(question: str) -> None:
        began = time.perf_counter()
        talk = await begin(model)
        await talk.append(*model.template.user(question))
        first = 0.0
        async for _ in talk.generate(limits):
            first = first or time.perf_counter() - began
        if not first:
            raise AssertionError("an empty answer")
        ours.append(first)
        await talk.close()

    def ask_locked(question: str) -> None:
        began = time.perf_counter()
        prompt = "".join((*model.template.prefix(SYSTEM), *model.template.user(question)))
        first = 0.0
        with lock:
            for _ in llama.create_completion(prompt, max_tokens=24, temperature=0.0, stream=True):
                first = first or time.perf_counter() - began
        theirs.append(first)

    try:
        for _ in range(rounds):
            await asyncio.gather(*(ask_engine(question) for question in QUESTIONS[:calls]))
            await asyncio.gather(*(asyncio.to_thread(ask_locked, question) for question in QUESTIONS[:calls]))
    finally:
        llama.close()
        model.close()
    return {
        "calls": calls,
        "engine_ttft_p50_ms": round(median(ours) * 1000, 1),
        "engine_ttft_p95_ms": round(percentile(ours, 0.95) * 1000, 1),
        "locked_ttft_p50_ms": round(median(theirs) * 1000, 1),
        "locked_ttft_p95_ms": round(percentile(theirs, 0.95) * 1000, 1),
        "p95_ratio_locked_to_engine": round(percentile(theirs, 0.95) / percentile(ours, 0.95), 2),
    }


# --- first token behind a prefix ---------------------------------------------------------------------


def words_of(model: NativeModel, tokens: int) -> str:
    """Plain text of exactly so many tokens."""
    text = "bread"
    while len(model.model.tokenize(text, markup=False)) < tokens:
        text += " bread"
    return text


async def bench_prefix(path: Path, rounds: int) -> Result:
    return {
        "default": await first_token_behind_prefix(path, rounds),
        "ordinary_attention": await first_token_behind_prefix(path, rounds, flash_attention=False),
    }


async def first_token_behind_prefix(path: Path, rounds: int, **more: Any) -> Result:
    behind, alone, ratios = [], [], []
    for _ in range(rounds):
        # One model at a time: two of them have more threads than there are cores, which then sleep.
        behind.append(await first_token(path, 400, **more))
        alone.append(await first_token(path, 0, **more))
        ratios.append(behind[-1] / alone[-1])
    return {
        "behind_400_ms": round(median(behind) * 1000, 2),
        "alone_ms": round(median(alone) * 1000, 2),
        "ratio_median": round(median(ratios), 3),
        "ratio_best": round(min(behind) / min(alone), 3),
    }


async def first_token(path: Path, prefix_tokens: int, **more: Any) -> float:
    """Seconds, the median of 12, to the first token of a 12-token question behind a cached prefix."""
    model = make(path, 2, **more)
    try:
        question = words_of(model, 12)
        prefix = (words_of(model, prefix_tokens),) if prefix_tokens else ()
        if prefix:
            await model.preload(prefix)
        seconds = []
        for _ in range(12):
            talk = await model.conversation(prefix)
            began = time.perf_counter()
            await talk.append(question)
            generation = talk.generate(Limits(max_tokens=1))
            async for _piece in generation:
                pass
            seconds.append(time.perf_counter() - began)
            if generation.stats.prompt_tokens_computed != 12:
                raise AssertionError(f"computed {generation.stats.prompt_tokens_computed} tokens, not 12")
            await talk.close()
        return median(seconds)
    finally:
        model.close()


# --- drafts -----------------------------------------------------------------------------------------

FIRST_CLAUSE_TOKENS = 12


async def receptionist(model: NativeModel) -> tuple[Chat, list[Turn]]:
    """The shipped agent, and the questions to it that a fact fits."""
    table = tomllib.loads((Path(__file__).parent / "answers.toml").read_text(encoding="utf-8"))
    agent = load_agent("receptionist")
    policy = Chat(agent, model.template, Knowledge(agent, load_knowledge_models()))
    policy.prepare()
    questions = [entry["text"] for entry in table["questions"] if entry["set"] == "tune"]
    turns = [await policy.turn(question, History()) for question in questions]
    return policy, [turn for turn in turns if turn.say is None and turn.draft]


async def bench_draft(path: Path, rounds: int) -> Result:
    model = make(path, 2)
    policy, turns = await receptionist(model)
    facts = [turn.draft for turn in turns]
    kinds = {"none": [""] * len(facts), "fact": facts, "wrong": facts[1:] + facts[:1], "contraction": []}
    first_ms: dict[str, list[float]] = {kind: [] for kind in kinds}
    clause_ms: dict[str, list[float]] = {kind: [] for kind in kinds}
    drafted, accepted = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    appended: list[float] = []
    try:
        await model.preload(policy.prefix())
        talk = await model.conversation(policy.prefix())
        for index, turn in enumerate(turns):
            texts: list[str] = []
            for kind, drafts in list(kinds.items()) * rounds:
                await talk.rollback(talk.start)
                await talk.computed()
                began = time.perf_counter()
                await talk.append(*turn.pieces)
                appended.append(talk.tokens_used - talk.start.tokens)
                draft = drafts[index] if drafts else reworded(texts[0])
                generation = talk.generate(Limits(max_tokens=60), draft=draft)
                first = clause = 0.0
                text = ""
                async for piece in generation:
                    now = (time.perf_counter() - began) * 1000
                    first = first or now
                    if not clause and generation.stats.generated_tokens >= FIRST_CLAUSE_TOKENS:
                        clause = now
                    text += piece
                texts.append(text)
                if clause:
                    first_ms[kind].append(first)
                    clause_ms[kind].append(clause)
                drafted[kind] += generation.stats.drafted_tokens
                accepted[kind] += generation.stats.accepted_tokens
            if len(set(texts)) != 1:
                raise AssertionError(f"drafts changed the text: {set(texts)}")
        await talk.close()
    finally:
        model.close()
    return {
        "turns": len(turns),
        "tokens_appended_median": median(appended),
        **{f"{kind}_first_token_ms": round(median(first_ms[kind]), 1) for kind in kinds},
        **{f"{kind}_{FIRST_CLAUSE_TOKENS}_tokens_ms": round(median(clause_ms[kind]), 1) for kind in kinds},
        "ratio_median": round(
            median([b / a for a, b in zip(clause_ms["none"], clause_ms["fact"], strict=True)]), 3
        ),
        "wrong_ratio_median": round(
            median([b / a for a, b in zip(clause_ms["none"], clause_ms["wrong"], strict=True)]), 3
        ),
        "contraction_ratio_median": round(
            median([b / a for a, b in zip(clause_ms["none"], clause_ms["contraction"], strict=True)]), 3
        ),
        **{f"{kind}_accepted": f"{accepted[kind]} of {drafted[kind]}" for kind in kinds if kind != "none"},
    }


def reworded(text: str) -> str:
    """The same with its first contraction written out, or contracted; else without its second word."""
    pairs = (("'re", " are"), ("n't", " not"), ("'s", " is"), ("'ll", " will"), ("'m", " am"))
    for short, long in pairs:
        for one, other in ((short, long), (long, short)):
            if one in text:
                return text.replace(one, other, 1)
    words = text.split()
    return " ".join(words[:1] + words[2:])


# --- the end probability and what follows it ----------------------------------------------------------


async def bench_question(path: Path, rounds: int) -> Result:
    model = make(path, 2)
    policy, turns = await receptionist(model)
    stages = ("told", "first_token", f"{FIRST_CLAUSE_TOKENS}_tokens")
    found: dict[str, dict[str, list[float]]] = {
        kind: {stage: [] for stage in stages} for kind in ("waiting", "together")
    }
    submit_us: list[float] = []
    try:
        await model.preload(policy.prefix())
        talk = await model.conversation(policy.prefix())
        for turn in turns:
            heard: set[str] = set()
            done = turn.words.rsplit(" ", 3)[0]
            opening = policy.opening(turn.words)
            for kind in list(found) * rounds:
                await talk.rollback(talk.start)
                await talk.append(*policy.opening(done))
                await talk.computed()
                began = time.perf_counter()
                await talk.append(turn.words[len(done) :])
                question = talk.end_probability()
                if kind == "waiting":
                    probability = await question
                    told = time.perf_counter() - began
                assert "".join(turn.pieces).startswith("".join(opening))
                await talk.append(turn.pieces[1][len(opening[1]) :], *turn.pieces[2:])
                generation = talk.generate(Limits(max_tokens=60), draft=turn.draft)
                submitted = time.perf_counter() - began
                if kind == "together":
                    submit_us.append(submitted * 1e6)
                    probability = await question
                    told = time.perf_counter() - began
                if probability is None or not 0.0 <= probability <= 1.0:
                    raise AssertionError("the question was not answered")
                first = clause = 0.0
                text = ""
                async for piece in generation:
                    now = time.perf_counter() - began
                    first = first or now
                    if not clause and generation.stats.generated_tokens >= FIRST_CLAUSE_TOKENS:
                        clause = now
                    text += piece
                heard.add(text)
                if clause:
                    for stage, at in zip(stages, (told, first, clause), strict=True):
                        found[kind][stage].append(at * 1000)
            if len(heard) != 1:
                raise AssertionError(f"asking changed the text: {heard}")
        await talk.close()
    finally:
        model.close()
    pairs = zip(found["waiting"][stages[-1]], found["together"][stages[-1]], strict=True)
    return {
        "turns": len(turns),
        "submitting_us": round(median(submit_us)),
        **{f"{kind}_{at}_ms": round(median(found[kind][at]), 1) for kind in found for at in stages},
        "ratio_median": round(median([together / waiting for waiting, together in pairs]), 3),
    }


# --- a running call while another reads ---------------------------------------------------------------


async def one_reading(model: NativeModel, book: str) -> tuple[list[float], list[float], float]:
    """Gaps of the talker before and while the reader reads, and how long it read. [s]"""
    talker = await begin(model)
    reader = await begin(model)
    talker._native.append(story(model, 0)[0])
    generation = talker.generate(Limits(max_tokens=160))
    stamps: list[float] = []
    warm = asyncio.Event()

    async def talk() -> None:
        async for _ in generation:
            stamps.append(time.perf_counter())
            if len(stamps) == 8:
                warm.set()

    talking = asyncio.create_task(talk())
    await warm.wait()
    began = time.perf_counter()
    await reader.append(book)
    await reader.computed()
    ended = time.perf_counter()
    generation.cancel()
    await talking
    await talker.close()
    await reader.close()
    gaps = [(b, b - a) for a, b in itertools.pairwise(stamps)]
    busy = [gap for at, gap in gaps if began <= at <= ended]
    if not busy:
        raise AssertionError("the talker said nothing while the reader read")
    return [gap for at, gap in gaps if at < began], busy, ended - began


async def bench_gap(path: Path, rounds: int) -> Result:
    model = make(path, 2)
    book = words_of(model, 1000)
    try:
        readings = [await one_reading(model, book) for _ in range(rounds)]
    finally:
        model.close()
    quiet = [gap for before, _, _ in readings for gap in before]
    busy = [gap for _, during, _ in readings for gap in during]
    return {
        "token_alone_ms": round(median(quiet) * 1000, 2),
        "gap_while_reading_p50_ms": round(median(busy) * 1000, 2),
        "gap_while_reading_p95_ms": round(percentile(busy, 0.95) * 1000, 2),
        "widest_gap_median_ms": round(median([max(during) for _, during, _ in readings]) * 1000, 2),
        "p95_gap_in_tokens": round(percentile(busy, 0.95) / median(quiet), 2),
        "reading_1000_tokens_s": round(median([seconds for _, _, seconds in readings]), 2),
    }


# --- cancelling ---------------------------------------------------------------------------------------


async def bench_cancel(path: Path, rounds: int) -> Result:
    model = make(path, 1)
    free: list[float] = []
    step: list[float] = []
    try:
        for _ in range(rounds * 4):
            talk = await begin(model)
            talk._native.append(story(model, 0)[0])
            generation = talk.generate(Limits(max_tokens=400))
            stamps: list[float] = []
            async for _piece in generation:
                stamps.append(time.perf_counter())
                if len(stamps) == 12:
                    break
            step.append(median([b - a for a, b in itertools.pairwise(stamps[2:])]))
            began = time.perf_counter()
            generation.cancel()
            await talk.close()
            other = await begin(model)  # the only place
            await other.append("x")
            await other.computed()  # the thread serves it
            free.append(time.perf_counter() - began)
            await other.close()
    finally:
        model.close()
    return {
        "batch_ms": round(median(step) * 1000, 2),
        "cancel_until_another_call_is_served_ms": round(median(free) * 1000, 2),
        "in_batches": round(median([f / s for f, s in zip(free, step, strict=True)]), 2),
        "note": "holds the rest of the cancelled call's batch and one batch of the next call",
    }


# --- equality and growth --------------------------------------------------------------------------------


async def bench_equality(path: Path, rounds: int) -> Result:
    result: Result = {}
    ways: dict[str, dict[str, Any]] = {
        "default": {},
        "ordinary_attention": {"flash_attention": False},
        "free": {"reproducible": False},
    }
    for way, more in ways.items():
        model = make(path, 16, **more)
        try:

            async def text(question: str, model: NativeModel = model) -> str:
                talk = await begin(model)
                await talk.append(*model.template.user(question))
                said = "".join([piece async for piece in talk.generate(Limits(max_tokens=48))])
                await talk.close()
                return said

            alone = [await text(question) for question in QUESTIONS]
            equal = total = 0
            for _ in range(min(rounds, 3)):
                together = await asyncio.gather(*(text(question) for question in QUESTIONS))
                equal += sum(one == other for one, other in zip(alone, together, strict=True))
                total += len(alone)
            result[way] = f"{equal} of {total} texts equal"
            if way == "default" and equal < 0.9 * total:
                raise AssertionError(f"reproducible, yet {total - equal} of {total} texts differ")
        finally:
            model.close()
    return result


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def bench_growth(path: Path, rounds: int) -> Result:
    model = make(path, 8)
    conversations = 10_000

    async def caller(count: int) -> None:
        for _ in range(count):
            talk = await begin(model)
            await talk.append(*model.template.user("yes"))
            generation = talk.generate(Limits(max_tokens=1))
            async for _piece in generation:
                pass
            await talk.close()

    try:
        await asyncio.gather(*(caller(25) for _ in range(8)))
        gc.collect()
        memory, descriptors = resident_bytes(), open_descriptors()
        await asyncio.gather(*(caller(conversations // 8) for _ in range(8)))
        gc.collect()
        last = await begin(model)
        await last.append("x")
        await last.computed()
        await last.close()
        del last
        live = core.live_objects()
        stats = model.stats()
        if stats["calls"] != 0 or live["llm_conversations"] > 1 or live["llm_generations"] > 1:
            raise AssertionError(f"left over: {live}, {stats}")
        return {
            "conversations": conversations,
            "memory_growth_percent": round((resident_bytes() - memory) / memory * 100, 2),
            "descriptor_growth": open_descriptors() - descriptors,
        }
    finally:
        model.close()


BENCHES: dict[str, Callable[[Path, int], Coroutine[Any, Any, Result]]] = {
    "throughput": bench_throughput,
    "locked": bench_locked,
    "prefix": bench_prefix,
    "draft": bench_draft,
    "question": bench_question,
    "gap": bench_gap,
    "cancel": bench_cancel,
    "equality": bench_equality,
    "growth": bench_growth,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted(BENCHES), action="append")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--model", type=Path, help="a GGUF chat model; the embedded one when left out")
    options = parser.parse_args(arguments)
    path = options.model or embedded_model()
    model = core.LlmModel(str(path))
    tuned = tuned_threads(model, reproducible=True)
    report: Result = {
        "model": model.description,
        "library": core.llm_library()[1],
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg(),
        "tuned": {"decode": tuned.decode, "batch": tuned.batch},
        "rounds": options.rounds,
    }
    del model
    for name in options.only or BENCHES:
        report[name] = asyncio.run(BENCHES[name](path, options.rounds))
        print(name, json.dumps(report[name]), flush=True)
    report["load_after"] = os.getloadavg()
    if options.json:
        with tempfile.NamedTemporaryFile("w", dir=options.json.parent, delete=False) as file:
            json.dump(report, file, indent=1)
        Path(file.name).replace(options.json)
    print(json.dumps({key: report[key] for key in report if key not in BENCHES}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
