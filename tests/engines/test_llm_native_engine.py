"""The batching engine as a whole, on the real embedded model: many calls, its limits, its files, its end."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook import core
from offhook.engines.llm import native, native_generation
from offhook.engines.llm.base import Limits
from offhook.engines.llm.native import NativeModel
from offhook.engines.llm.threads import Tuned, tuned_threads
from offhook.errors import BusyError, DeadlineError, ModelError
from tests.support.clock import Clock
from tests.support.engines.llm_engine import CALLS, QUESTIONS, SYSTEM, ask, begin, engine
from tests.support.launchers import open_descriptors


async def test_sixteen_at_once_say_what_each_says_alone(llm_file: Path) -> None:
    with engine(llm_file, calls=16, n_ctx=8192) as model:
        questions = [*QUESTIONS, *(f"{question} Please." for question in QUESTIONS)]
        alone = []
        for question in questions:
            talk = await begin(model)
            alone.append(await ask(model, talk, question))
            await talk.close()
        talks = [await begin(model) for _ in questions]
        batches = model.stats()["batches"]
        together = await asyncio.gather(
            *(ask(model, talk, question) for talk, question in zip(talks, questions, strict=True))
        )
        equal = sum(one == other for one, other in zip(alone, together, strict=True))
        # Where a sequence's cells lie may still turn a near tie: see csrc/llm/llama_backend.h.
        assert equal >= 14, [(a, b) for a, b in zip(alone, together, strict=True) if a != b]
        assert model.stats()["batches"] - batches < 16 * 20 / 2, "they were computed together"
        with pytest.raises(BusyError):
            await begin(model)
        await talks[0].close()
        await (await begin(model)).close()


async def test_a_prompt_that_finds_no_place_is_computed_in_its_call(
    llm_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_PREFIXES", 1)
    with engine(llm_file, calls=2, n_ctx=1024) as model:
        first = await begin(model)
        other = model.template.prefix("You answer the telephone of Jetty Kayaks.")
        assert await model.preload(other) > 0, "the only place is the first call's"
        second = await model.conversation(other)
        assert await ask(model, second, QUESTIONS[0])
        await first.close()
        await second.close()


async def test_a_thread_that_hangs_in_an_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    written = ["We open "]

    class Hung:
        id = 1
        cancelled = False

        def stats(self) -> tuple[int, ...]:
            return (0, 0, 1, 0, 0, 1, 0, 0)

        def take(self) -> tuple[str, str, str]:
            return (written.pop() if written else "", "cancelled" if self.cancelled else "", "")

        def cancel(self) -> None:
            self.cancelled = True

    news = SimpleNamespace(listen=lambda native_id: asyncio.Event())
    pieces = aiter(native_generation.NativeGeneration(cast(Any, news), cast(Any, hung := Hung())))
    assert await anext(pieces) == "We open "
    waiting = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0)
    clock.pass_by(10.5)
    with pytest.raises(DeadlineError, match="nothing more for 10 s"):
        await waiting
    assert hung.cancelled


async def test_old_turns_go_and_the_limit_holds(llm_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with engine(llm_file, calls=1, n_ctx=512, n_ctx_call=256) as model:
        talk = await begin(model)
        start = talk.start
        for turn in range(10):
            assert await ask(model, talk, QUESTIONS[turn % 8], Limits(max_tokens=16)) is not None
            await talk.append(model.template.assistant_close)
            await talk.computed()
            assert talk.tokens_used <= talk.tokens_limit == 256
        assert talk.tokens_dropped > 0
        assert re.search(r"a long call: \d+ tokens of old turns dropped so far", caplog.text)
        assert model.stats()["dropped_tokens"] == talk.tokens_dropped
        used = talk.tokens_used
        with pytest.raises(ModelError, match=r"full|tokens"):
            await talk.append(*model.template.user("bread " * 300))
        assert talk.tokens_used == used, "refused text changes nothing"
        await talk.rollback(start)
        assert talk.tokens_used == start.tokens
        with pytest.raises(ModelError, match="no room to talk"):
            await model.conversation(model.template.prefix("word " * 400))


async def test_prefixes_come_and_go(llm_file: Path) -> None:
    """That what comes back is right is tested natively; here, that it is computed again and only then."""
    with engine(llm_file, calls=2, n_ctx=512, n_ctx_call=400) as model:
        names = ("Ada", "Bo", "Cy", "Dee", "Eli", "Flo", "Gus")
        # Each takes about 180 of some 760 tokens: they cannot all stay.
        for name in (*names, *names):
            talk = await begin(model, f"Your name is {name}. " + "You answer politely and briefly. " * 24)
            await talk.append(*model.template.user("What is your name?"))
            cold = talk.generate(Limits(max_tokens=10))
            assert "".join([piece async for piece in cold]).strip()
            assert cold.stats.prompt_tokens_reused == 0, "evicted: computed for this call"
            again = await model.conversation(
                model.template.prefix(f"Your name is {name}. " + "You answer politely and briefly. " * 24)
            )
            await again.append(*model.template.user("What is your name?"))
            warm = again.generate(Limits(max_tokens=1))
            assert [piece async for piece in warm]
            assert warm.stats.prompt_tokens_reused == again.start.tokens
            await talk.close()
            await again.close()
        stats = model.stats()
        assert stats["prefix_misses"] == stats["prefix_hits"] == 14
        assert stats["prefix_evictions"] >= 10
        assert stats["failures"] == 0


async def test_an_idle_prompt_leaves_the_cache_and_answers_as_before(llm_file: Path) -> None:
    garage = "You answer the telephone of a garage that repairs lorries by night."
    with engine(llm_file, calls=2, n_ctx=2048) as model:

        async def asked() -> str:
            caller = await begin(model)
            said = await ask(model, caller, QUESTIONS[0])
            await caller.close()
            return said

        first = await asked()
        talk = await model.conversation(model.template.prefix(garage))
        await talk.append(*model.template.user("Hello?"))
        await talk.computed()
        assert model.stats()["cells_used"] == talk.tokens_used, "what nobody uses is not in it"
        assert await asked() == first
        assert model.stats()["prefix_restores"] == 1
        assert model.stats()["prefix_misses"] == 2
        await talk.close()


async def test_closing_ends_everything(llm_file: Path) -> None:
    with engine(llm_file, calls=2) as model:
        talk = await begin(model)
        await talk.append(*model.template.user("Tell me a very long story."))
        generation = talk.generate(Limits(max_tokens=400))
        reader = asyncio.ensure_future(anext(aiter(generation)))
        await reader
        assert model.health().alive
        assert not model.health().hung
        await asyncio.to_thread(model.close)
        model.close()
        with pytest.raises(ModelError, match="closed"):
            async for _ in generation:
                pass
        assert not model.health().alive
        with pytest.raises(ModelError, match="closed"):
            await talk.append("x")
        with pytest.raises(ModelError, match="closed"):
            await begin(model)
        await talk.close()


async def test_a_thousand_short_conversations_leave_nothing(llm: NativeModel) -> None:
    before = core.live_objects()
    descriptors = len(open_descriptors())
    dice = random.Random(11)
    failures: list[BaseException] = []

    async def caller() -> None:
        for _ in range(1000 // CALLS):
            try:
                talk = await begin(llm, dice.choice(("Be brief.", "Be kind.", SYSTEM)))
            except BusyError:
                continue
            await talk.append(*llm.template.user(dice.choice(("yes", "no", "maybe"))))
            generation = talk.generate(Limits(max_tokens=dice.randint(1, 3)))
            match dice.randrange(4):
                case 0:
                    generation.cancel()
                case 1:
                    await talk.rollback(talk.start)
                case 2:
                    talk.speculative = True
                case _:
                    async for _piece in generation:
                        pass
            await talk.close()

    results = await asyncio.gather(*(caller() for _ in range(CALLS)), return_exceptions=True)
    failures += [result for result in results if isinstance(result, BaseException)]
    assert not failures
    gc.collect()
    last = await begin(llm)  # its place was taken from a closed one: the engine has settled
    await last.append("x")
    await last.computed()
    await last.close()
    del last
    stats = llm.stats()
    assert stats["calls"] == 0
    assert stats["failures"] == 0
    live = core.live_objects()
    assert live["llm_generations"] <= before["llm_generations"] + 1
    assert live["llm_conversations"] <= before["llm_conversations"] + 1
    assert len(open_descriptors()) <= descriptors + 1


def test_files_that_are_no_models(tmp_path: Path, llm_file: Path) -> None:
    garbage = tmp_path / "garbage.gguf"
    garbage.write_bytes(b"not a model")
    half = tmp_path / "half.gguf"
    half.write_bytes(llm_file.read_bytes()[: 1 << 20])
    for path, message in (
        (tmp_path / "none.gguf", "cannot be read"),
        (garbage, "not a GGUF"),
        (half, "loaded"),
    ):
        with pytest.raises(ModelError, match=message):
            NativeModel(path)
    with pytest.raises(ModelError, match="n_ctx_call"):
        NativeModel(llm_file, n_ctx=512, n_ctx_call=1024)
    with pytest.raises(ModelError, match="cache type"):
        NativeModel(llm_file, type_k="f8", threads=1, threads_batch=1)


def test_the_loaded_library_is_the_one_compiled_against() -> None:
    compiled, loaded = core.llm_library()
    assert loaded.startswith(compiled)


def test_one_libllama_for_everybody() -> None:
    """Two copies lie in site-packages; the process must hold one, whoever comes first."""
    look = "print(len({line.split()[-1] for line in open('/proc/self/maps') if 'libllama' in line}))"
    for imports in (
        "import llama_cpp; from offhook import core",
        "from offhook import core; import llama_cpp",
    ):
        done = subprocess.run(
            [sys.executable, "-c", f"{imports}; {look}"],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
        assert done.stdout.strip() == "1", (imports, done.stdout, done.stderr)


def test_nothing_is_written_to_standard_error(llm_file: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from offhook.engines.llm.native import NativeModel;"
        "NativeModel(Path(sys.argv[1]), n_ctx=512, n_ctx_call=256, max_conversations=1).close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(llm_file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OFFHOOK_CACHE": str(tmp_path)},
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_threads_are_measured_once(llm: NativeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    file = tmp_path / "cache" / "threads.json"
    tuned = tuned_threads(llm.model, file=file, max_threads=2)
    assert tuned.decode in (1, 2)
    assert tuned.batch in (1, 2)
    assert tuned.decode_ns > 0
    marked = {key: {**entry, "decode_ns": 123} for key, entry in json.loads(file.read_text()).items()}
    file.write_text(json.dumps(marked))
    assert tuned_threads(llm.model, file=file, max_threads=2) == Tuned(
        tuned.decode, tuned.batch, 123, tuned.prefill_token_ns
    )
    file.write_text("{ not json")
    assert tuned_threads(llm.model, file=file, max_threads=2).decode_ns != 123
    busy = tmp_path / "busy.json"
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 99.0, 99.0))
    tuned_threads(llm.model, file=busy, max_threads=1)
    assert not busy.exists(), "what was measured on a busy machine is not remembered"
