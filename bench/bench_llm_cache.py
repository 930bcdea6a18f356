"""What prompts that nobody uses cost the calls that do: the language model's cache with idle prefixes in it.

    python bench/bench_llm_cache.py [--n-ctx 8192 32768] [--idle 0 8 32] [--calls 1 4 8] [--json FILE]

So many prefixes of 600 tokens (businesses whose lines are quiet) are computed beforehand; then calls of one
more business, which share its prefix of 600 tokens, read 60 tokens each and write 48 each, all at once, with
idle prefixes lying in the cache (``llm.n_ctx_parked`` 0) and beside it.  Figures:

decode_ms    processor time of the engine's thread for one step of all the calls
prefill_ms   the same for one token read
open_ms      wall time from asking for a conversation with an idle prefix to a token behind it being read
cells        cells of the cache in use while the calls write

Processor time of one thread, so that other load on the machine and threads that wait for each other count
little.  The texts are compared: what lies idle in the cache must not change an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from offhook.engines.llm.base import Limits
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.native import NativeConversation, NativeModel
from offhook.observe.cpu import ThreadTimes

PREFIX_TOKENS = 600
READ_TOKENS = 60
STEPS = 48
PARKED_TOKENS = 32_768


def text_of(model: NativeModel, tokens: int, seed: str) -> str:
    text = seed
    while len(model.model.tokenize(text, markup=False)) < tokens:
        text += " bread"
    return text


def llm_seconds(times: ThreadTimes) -> float:
    return times.seconds().get("llm", 0.0)


async def written(talk: NativeConversation) -> str:
    return "".join([piece async for piece in talk.generate(Limits(max_tokens=STEPS))])


async def measured(model: NativeModel, calls: int, times: ThreadTimes) -> tuple[dict[str, float], list[str]]:
    prefix = (text_of(model, PREFIX_TOKENS, "business in use"),)
    await model.preload(prefix)
    talks = [await model.conversation(prefix) for _ in range(calls)]
    for talk in talks:
        await talk.append(" Now")
        await talk.computed()
    before, began = model.stats(), llm_seconds(times)
    for number, talk in enumerate(talks):
        await talk.append(
            text_of(model, READ_TOKENS, f"Count to {100 + number}. One, two, three, four, five,")
        )
    for talk in talks:
        await talk.computed()
    read, between = llm_seconds(times), model.stats()
    texts = await asyncio.gather(*(written(talk) for talk in talks))
    wrote, after = llm_seconds(times), model.stats()
    for talk in talks:
        await talk.close()
    steps = after["batches"] - between["batches"]
    return {
        "decode_ms": round((wrote - read) * 1000 / max(1, steps), 2),
        "prefill_ms": round((read - began) * 1000 / (between["batch_tokens"] - before["batch_tokens"]), 3),
        "cells": after["cells_used"],
    }, texts


async def opened_ms(model: NativeModel, number: int) -> float:
    prefix = (idle_text(model, number),)
    began = time.perf_counter()
    talk = await model.conversation(prefix)
    await talk.append(" hello")
    await talk.computed()
    took = time.perf_counter() - began
    await talk.close()
    return took * 1000


def idle_text(model: NativeModel, number: int) -> str:
    return text_of(model, PREFIX_TOKENS, f"business number {number}")


async def run(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    said: dict[int, list[str]] = {}
    for n_ctx, parked in itertools.product(options.n_ctx, (0, PARKED_TOKENS)):
        for idle in sorted(options.idle):
            model = NativeModel(
                path,
                n_ctx=n_ctx,
                n_ctx_call=1024,
                n_ctx_parked=parked,
                max_conversations=max(options.calls),
                threads=1,
                threads_batch=1,
            )
            times = ThreadTimes()
            try:
                for number in range(idle):
                    await model.preload((idle_text(model, number),))
                opened = [await opened_ms(model, number) for number in range(min(idle, 8))]
                for calls in options.calls:
                    found = [await measured(model, calls, times) for _ in range(options.rounds)]
                    for _, texts in found:
                        if said.setdefault(calls, texts) != texts:
                            raise AssertionError("idle prefixes changed what the calls were told")
                    row: dict[str, Any] = {"n_ctx": n_ctx, "parked": parked > 0, "idle": idle, "calls": calls}
                    row |= {key: statistics.median([one[key] for one, _ in found]) for key in found[0][0]}
                    row["open_ms"] = round(statistics.median(opened), 1) if opened else None
                    rows.append(row)
                    print(json.dumps(row), flush=True)
            finally:
                model.close()
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--n-ctx", type=int, nargs="+", default=[8192, 32768])
    parser.add_argument("--idle", type=int, nargs="+", default=[0, 8, 32])
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=Path, help="a GGUF chat model; the embedded one when left out")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args(arguments)
    rows = asyncio.run(run(options.model or embedded_model(), options))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
