"""The batching engine of the compiled core, as Python sees it.

The model is loaded once.  A native thread computes the tokens of all calls together;
here each call gets an object, each answer an async iterator, and the event loop is woken
by a descriptor.  Nothing here waits for a computation except where it is awaited.

Beyond :mod:`offhook.engines.llm.base` a conversation tells how probably the caller's message
ends here, keeps of an answer what was heard, and may be speculative.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhook import core
from offhook.engines.llm.base import Grammar, Limits, Mark, ToolOffer
from offhook.engines.llm.native_generation import HUNG_S, EndQuestion, NativeGeneration
from offhook.engines.llm.native_news import News
from offhook.engines.llm.template import Markup, chat_template
from offhook.engines.llm.threads import Tuned, tuned_threads
from offhook.errors import BusyError, ModelError

logger = logging.getLogger(__name__)

_Runs = list[tuple[str, bool, bool]]

_PREFIXES = 16
"""Prefixes in the cache; the least recently used one without a call makes room."""
_BATCH_TOKENS = 512
_MAX_SEQUENCES = 255


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """Whether the engine thread works."""

    alive: bool
    decoding_ms: float
    """How long the batch being computed has taken so far; 0 when none is."""
    hung: bool
    """That is far too long; calls should be sent elsewhere."""


class NativeModel:
    """A GGUF chat model in the batching engine; see :class:`~offhook.engines.llm.base.LanguageModel`."""

    def __init__(
        self,
        path: Path,
        *,
        n_ctx: int = 8192,
        n_ctx_call: int = 1024,
        n_ctx_parked: int | None = None,
        max_conversations: int = 8,
        threads: int | None = None,
        threads_batch: int | None = None,
        n_gpu_layers: int = 0,
        flash_attention: bool | None = None,
        type_k: str = "f16",
        type_v: str = "f16",
        full_window: bool = True,
        reproducible: bool | None = None,
    ) -> None:
        """Load, measure threads once per machine and model, and start the thread.  Blocks for seconds.

        ``n_ctx`` tokens are shared by all conversations, ``n_ctx_call`` is one
        conversation's share with its prefix.  ``n_ctx_parked`` tokens of prefixes that no
        conversation uses lie beside the cache instead of in it (None: as many as ``n_ctx``).
        ``threads`` and ``threads_batch`` None take what was measured to be fastest.
        ``type_k`` and ``type_v`` (f16, f32, q8_0, q4_0) are how the cache is kept; a
        quantised ``type_v`` needs flash attention.

        ``flash_attention`` None is the library's choice, which is on.  Off is faster on a CPU as soon as some
        300 cells are in use (a batch of 40 tokens takes 0.8 of the time behind 300 tokens, 0.67 behind 450),
        and gives up that answers are the same in every call.  ``reproducible`` (None: when nothing is on a
        GPU): what other calls do changes an answer at temperature 0 as little as the library allows (see
        csrc/llm/llama_backend.h); long prompts are read a third more slowly.

        Raises ModelError with one line that says what to do.
        """
        if n_ctx_call > n_ctx:
            raise ModelError(f"llm.n_ctx_call ({n_ctx_call}) is larger than llm.n_ctx ({n_ctx})")
        self.name = path.stem
        model = core.LlmModel(str(path), n_gpu_layers=n_gpu_layers)
        self.template = chat_template(model.chat_template, bos=model.begin_text)
        if reproducible is None:
            reproducible = n_gpu_layers == 0
        tuned = Tuned(threads or 1, threads_batch or 1, 0, 0)
        if threads is None or threads_batch is None:
            tuned = tuned_threads(model, n_gpu_layers=n_gpu_layers, reproducible=reproducible)
        self.threads = threads or tuned.decode
        self.threads_batch = threads_batch or tuned.batch
        prefixes = min(_PREFIXES, _MAX_SEQUENCES - max_conversations)
        try:
            self._engine = core.LlmEngine(
                model,
                calls=max_conversations,
                prefixes=max(prefixes, 1),
                context_tokens=n_ctx + max_conversations + 1,
                call_tokens=min(n_ctx_call, model.trained_context_tokens),
                parked_tokens=n_ctx if n_ctx_parked is None else n_ctx_parked,
                batch_tokens=min(_BATCH_TOKENS, n_ctx),
                threads=self.threads,
                batch_threads=self.threads_batch,
                flash_attention=flash_attention,
                key_type=type_k,
                value_type=type_v,
                full_window=full_window,
                reproducible=reproducible,
                decode_ns=tuned.decode_ns,
                prefill_token_ns=tuned.prefill_token_ns,
                cores=core.machine_cores(),
            )
        except ValueError as error:
            raise ModelError(f"the language model cannot be run like this: {error}") from error
        self.model = model
        self.places = max_conversations
        self.parameters: int | None = model.parameters
        self._news = News(self._engine)

    async def preload(self, prefix: Sequence[str]) -> int:
        """Compute ``prefix`` ahead of the first call; see :class:`~offhook.engines.llm.base.LanguageModel`.

        When all places for prefixes are in use by calls, nothing is done: each call computes its own.
        """
        runs = self.runs(prefix)
        try:
            preload = self._engine.preload(runs)
        except BusyError as error:
            logger.info("a prompt is not computed ahead, but in each call: %s", error)
            return sum(len(self.model.tokenize(text, markup=markup)) for text, markup, _ in runs)
        await self._news.wait(preload.id, preload.done)
        return preload.tokens

    async def conversation(self, prefix: Sequence[str], *, speculative: bool = False) -> NativeConversation:
        """Open a conversation; see :class:`~offhook.engines.llm.base.LanguageModel`.

        Does not wait for the prefix: it is computed meanwhile.
        """
        return NativeConversation(self, self._engine.open(self.runs(prefix), committed=not speculative))

    def close(self) -> None:
        """End every generation and the thread, and free the cache.  Any number of times."""
        self._engine.stop()
        self._news.close()

    def health(self) -> EngineHealth:
        """Whether the engine works; never waits for it."""
        _, decoding_since_ns, stopped = self._engine.health()
        decoding_ms = (time.monotonic_ns() - decoding_since_ns) / 1e6 if decoding_since_ns else 0.0
        return EngineHealth(not stopped, decoding_ms, decoding_ms > HUNG_S * 1000)

    def beat(self) -> int:
        """A number, and a wake-up: the number is another one soon, if the engine's thread still moves.

        While a batch is computed it stays the same.
        """
        progress_ns, _, _ = self._engine.health()
        self._engine.wake()
        return progress_ns

    def problem(self) -> str | None:
        """See :mod:`offhook.engines.llm.base`: a thread that has stopped, a batch that hangs."""
        health = self.health()
        if not health.alive:
            return "the language model's thread has stopped; restart the daemon"
        if health.hung:
            return f"the language model has computed one batch for {health.decoding_ms / 1000:.0f} s"
        return None

    def stats(self) -> dict[str, int]:
        """Counters since the start, and what the cache holds now."""
        return self._engine.stats()

    @property
    def news(self) -> News:
        """Who waits for what."""
        return self._news

    def runs(self, pieces: Sequence[str]) -> _Runs:
        """``pieces`` for the engine: neighbours of one kind are tokenised as one text."""
        runs: _Runs = []
        for piece in pieces:
            markup = isinstance(piece, Markup)
            begins_turn = markup and piece == self.template.user_open
            if runs and runs[-1][1] == markup and not begins_turn:
                runs[-1] = (runs[-1][0] + piece, markup, runs[-1][2])
            elif piece:
                runs.append((str(piece), markup, begins_turn))
        return runs


class NativeConversation:
    """One call's text inside the engine; see :class:`~offhook.engines.llm.base.Conversation`.

    Operations take effect at once; computing goes on behind them.
    """

    def __init__(self, model: NativeModel, native: core.LlmConversation) -> None:
        self._model = model
        self._native = native
        self.start = Mark(*native.start())
        self._speculative = False
        self._since_ns = 0
        self._dropped_told = 0
        """Tokens of old turns that the log says are gone."""

    @property
    def tokens_used(self) -> int:
        """Tokens in the conversation now."""
        return self._native.state()[0]

    @property
    def tokens_computed(self) -> int:
        """Of these, tokens that are ready in the cache."""
        return self._native.state()[1]

    @property
    def tokens_limit(self) -> int:
        """Tokens that the conversation may hold."""
        return self._native.tokens_limit

    @property
    def tokens_dropped(self) -> int:
        """Tokens of old turns given up so far, to stay within the limit."""
        return self._native.state()[2]

    @property
    def speculative(self) -> bool:
        """Work that may be thrown away; it yields to other calls' committed work."""
        return self._speculative

    @speculative.setter
    def speculative(self, speculative: bool) -> None:
        self._speculative = speculative
        self._native.set_committed(not speculative, self._since_ns)

    @property
    def since_ns(self) -> int:
        """Since when its caller waits, monotonic; 0: since the text came."""
        return self._since_ns

    @since_ns.setter
    def since_ns(self, since_ns: int) -> None:
        self._since_ns = since_ns
        self._native.set_committed(not self._speculative, since_ns)

    async def append(self, *pieces: str) -> None:
        """Add text at the end; it is computed from now on, without being waited for.

        When it would exceed the limit, the oldest turns are dropped first (a turn begins
        with ``template.user_open``); ModelError, and no change, when even that is not enough.
        """
        self._native.append(self._model.runs(pieces))
        dropped = self.tokens_dropped
        if dropped > self._dropped_told:
            self._dropped_told = dropped
            logger.info("a long call: %d tokens of old turns dropped so far (llm.n_ctx_call)", dropped)

    async def computed(self) -> None:
        """Wait until everything appended so far is computed.  Raises ModelError when that fails."""
        self._native.ask_computed()

        def done() -> bool:
            tokens, computed, _, failure = self._native.state()
            if failure:
                raise ModelError(failure)
            return computed == tokens

        await self._model.news.wait(self._native.id, done)

    def end_probability(self) -> EndQuestion:
        """How probably the message ends here; see :class:`~offhook.engines.llm.base.Conversation`.

        The mass on `.`, `?`, `!`, a closing quote and the end of the message; take off the text's own
        final punctuation before.  Costs nothing more than computing the text, which goes into one
        batch with what is appended, and with the answer that is begun, directly afterwards.
        Raises ModelError when the conversation is closed, ValueError when it is empty.
        """
        return EndQuestion(self._model.news, self._native)

    async def mark(self) -> Mark:
        """Remember the present end."""
        return Mark(*self._native.mark())

    async def rollback(self, mark: Mark) -> None:
        """Forget everything after ``mark``."""
        self._native.rollback(mark.tokens, mark.serial)

    async def keep_answer(self, audible: str) -> None:
        """Cut the last answer, and what follows it, after ``audible``: the beginning of it that was.

        Raises ValueError when there is no answer any more.
        """
        self._native.keep_answer(len(audible.encode()))

    def generate(
        self,
        limits: Limits,
        *,
        draft: str = "",
        tools: Sequence[ToolOffer] = (),
        grammar: Grammar | None = None,
    ) -> NativeGeneration:
        """Begin an answer; see :class:`~offhook.engines.llm.base.Conversation`.

        The draft's tokens are computed together with the last of what was appended, and go through
        the ordinary sampler one by one up to the first that it does not choose: a 12-token clause
        then takes one decode instead of twelve.  ``tools`` change nothing: what describes them is in the
        prefix.  Raises ValueError for limits or a grammar that cannot be used.
        """
        options: dict[str, Any] = {}
        if limits.temperature > 0:
            options = {"top_p": limits.top_p, "seed": limits.seed}
        if grammar is not None:
            options |= {
                "grammar": grammar.gbnf,
                "grammar_root": grammar.root,
                "grammar_triggers": grammar.triggers,
            }
        native = self._native.generate(
            max_tokens=limits.max_tokens,
            stop=limits.stop,
            draft=draft.strip(),
            temperature=limits.temperature,
            **options,
        )
        return NativeGeneration(self._model.news, native)

    async def close(self) -> None:
        """Give the conversation's place back.  Any number of times."""
        self._native.close()
