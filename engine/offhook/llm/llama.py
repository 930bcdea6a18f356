"""A GGUF model through libllama: many conversations over one context.

The fixed beginning of an agent's conversations is computed once, in a sequence of its
own, and each conversation starts as a copy of it (some 30 microseconds).  Taking words
back drops the tail of the call's sequence; nothing before it is computed again.

One thread owns the context.  Generations take turns there, token by token; computing
them together in one batch is the batching engine's job (see ARCHITECTURE.md).
"""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from offhook.errors import BusyError, ModelError
from offhook.llm.base import FinishReason, GenerationStats, Limits, Mark
from offhook.llm.libllama import CHUNK_TOKENS, Context, Logits, Model
from offhook.llm.sampling import Sampler
from offhook.llm.template import ChatTemplate, Markup, chat_template
from offhook.llm.worker import Worker, tell

_MIN_TALK_TOKENS = 128
"""A prefix that leaves a call less than this is refused."""
_PREFIXES = 16
"""Prefixes kept computed; the least recently used one without a call makes room."""
_SENTINEL = None


@dataclass(slots=True)
class _Prefix:
    sequence: int
    tokens: list[int]
    logits: Logits
    users: int = 0
    used_at: int = 0


class LlamaModel:
    """A GGUF chat model, loaded once and shared by all calls."""

    template: ChatTemplate

    def __init__(
        self,
        path: Path,
        *,
        n_ctx: int = 8192,
        n_ctx_call: int = 1024,
        max_conversations: int = 8,
        threads: int | None = None,
        threads_batch: int | None = None,
        n_gpu_layers: int = 0,
    ) -> None:
        """Load and warm up.

        ``n_ctx`` tokens are shared by all conversations, ``n_ctx_call`` is one
        conversation's limit with its prefix, ``threads`` None measures what is
        fastest.  Raises ModelError with one line that says what to do.
        """
        if n_ctx_call > n_ctx:
            raise ModelError(f"llm.n_ctx_call ({n_ctx_call}) is larger than llm.n_ctx ({n_ctx})")
        self.name = path.stem
        self._model = Model(path, n_gpu_layers=n_gpu_layers)
        try:
            self.template = chat_template(
                self._model.chat_template(),
                bos=self._model.token_text(self._model.bos) if self._model.bos is not None else "",
            )
            self._context = Context(
                self._model,
                n_ctx=n_ctx,
                sequences=min(max_conversations + _PREFIXES, 256),
                threads=threads,
                batch_threads=threads_batch,
            )
        except BaseException:
            self._model.close()
            raise
        self.n_ctx_call = min(n_ctx_call, self._model.n_ctx_train)
        self.threads = self._context.decode_threads
        self._prefixes: dict[tuple[tuple[bool, str], ...], _Prefix] = {}
        self._free = list(range(self._context.sequences))
        self._max_conversations = max_conversations
        self._open: set[LlamaConversation] = set()
        self._clock = 0
        self._worker = Worker("offhook-llm")

    async def preload(self, prefix: Sequence[str]) -> int:
        """Compute ``prefix`` ahead of the first call; see :class:`~offhook.llm.base.LanguageModel`."""
        return await self._worker.call(lambda: len(self._prefix(prefix).tokens))

    async def conversation(self, prefix: Sequence[str]) -> LlamaConversation:
        """Open a conversation; see :class:`~offhook.llm.base.LanguageModel`."""
        made: list[LlamaConversation] = []

        def job() -> LlamaConversation:
            made.append(self._begin(prefix))
            return made[0]

        try:
            return await self._worker.call(job)
        except asyncio.CancelledError:
            # Whoever asked is gone: give the place back as soon as it exists.
            self._worker.post(lambda: _release(made))
            raise

    def close(self) -> None:
        """Free the model; open conversations end."""

        def last() -> None:
            for conversation in list(self._open):
                conversation.release()
            self._context.close()
            self._model.close()

        self._worker.stop(last)

    # -- worker thread ---------------------------------------------------------------

    def _begin(self, pieces: Sequence[str]) -> LlamaConversation:
        if len(self._open) >= self._max_conversations:
            raise BusyError(f"all {self._max_conversations} conversations of the language model are taken")
        prefix = self._prefix(pieces)
        self._make_room(self.n_ctx_call - len(prefix.tokens), keep=prefix)
        if not self._free:
            raise BusyError("all sequences of the language model are taken")
        sequence = self._free.pop()
        self._context.copy(prefix.sequence, sequence)
        prefix.users += 1
        conversation = LlamaConversation(self, prefix, sequence)
        self._open.add(conversation)
        return conversation

    def _prefix(self, pieces: Sequence[str]) -> _Prefix:
        key = tuple((isinstance(piece, Markup), str(piece)) for piece in pieces)
        self._clock += 1
        known = self._prefixes.get(key)
        if known is not None:
            known.used_at = self._clock
            return known
        tokens = self.tokens(pieces)
        bos = self._model.bos
        if bos is not None and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        if not tokens:
            raise ModelError("a conversation needs a prefix: a system prompt")
        if len(tokens) + _MIN_TALK_TOKENS > self.n_ctx_call:
            raise ModelError(
                f"the agent's prompt and examples take {len(tokens)} of a call's {self.n_ctx_call} tokens"
                f" and leave less than {_MIN_TALK_TOKENS}; shorten them or raise llm.n_ctx_call"
            )
        self._make_room(len(tokens), keep=None)
        if not self._free:
            raise BusyError("all sequences of the language model are taken")
        sequence = self._free.pop()
        try:
            logits = self.compute(sequence, 0, tokens)
        except ModelError:
            self._free.append(sequence)
            raise
        known = self._prefixes[key] = _Prefix(sequence, tokens, logits, used_at=self._clock)
        return known

    def _make_room(self, tokens: int, *, keep: _Prefix | None) -> None:
        """See to it that ``tokens`` more are free for certain, for as long as they are needed."""
        while True:
            promised = sum(len(prefix.tokens) for prefix in self._prefixes.values())
            promised += sum(talk.tokens_limit - talk.start.tokens for talk in self._open)
            if promised + tokens <= self._context.n_ctx and len(self._free) > 0:
                return
            idle = [p for p in self._prefixes.items() if not p[1].users and p[1] is not keep]
            if not idle:
                raise BusyError(
                    f"the language model's {self._context.n_ctx} tokens are promised"
                    f" to {len(self._open)} calls; raise llm.n_ctx or lower llm.n_ctx_call"
                )
            key, oldest = min(idle, key=lambda item: item[1].used_at)
            self._context.forget(oldest.sequence)
            self._free.append(oldest.sequence)
            del self._prefixes[key]

    def tokens(self, pieces: Sequence[str]) -> list[int]:
        """``pieces`` as tokens; neighbours of one kind are tokenised as one text."""
        result: list[int] = []
        run, markup = "", False
        for piece in pieces:
            if isinstance(piece, Markup) != markup and run:
                result += self._model.tokenize(run, markup=markup)
                run = ""
            markup = isinstance(piece, Markup)
            run += piece
        return result + self._model.tokenize(run, markup=markup) if run else result

    def compute(self, sequence: int, position: int, tokens: Sequence[int]) -> Logits:
        """Compute ``tokens`` at ``position``, chunk by chunk; the last one's logits.  All or nothing."""
        logits: Logits | None = None
        try:
            for at in range(0, len(tokens), CHUNK_TOKENS):
                chunk = tokens[at : at + CHUNK_TOKENS]
                last = at + len(chunk) == len(tokens)
                logits = self._context.decode(sequence, position + at, chunk, logits=last)
        except ModelError:
            self._context.forget(sequence, position)
            raise
        assert logits is not None
        return logits

    def forget(self, sequence: int, position: int) -> None:
        """Drop the tail of a conversation."""
        self._context.forget(sequence, position)

    def is_end(self, token: int) -> bool:
        """True for tokens that end an answer."""
        return self._model.is_end(token)

    def piece(self, token: int) -> bytes:
        """The bytes that ``token`` adds."""
        return self._model.piece(token)

    def give_back(self, conversation: LlamaConversation) -> None:
        """Take a conversation's place back."""
        self._open.discard(conversation)
        self._context.forget(conversation.sequence)
        self._free.append(conversation.sequence)

    @property
    def worker(self) -> Worker:
        """The thread that owns the context."""
        return self._worker


def _release(conversations: Sequence[LlamaConversation]) -> None:
    for conversation in conversations:
        conversation.release()


class LlamaConversation:
    """One call's sequence; see :class:`~offhook.llm.base.Conversation`."""

    def __init__(self, model: LlamaModel, prefix: _Prefix, sequence: int) -> None:
        self.sequence = sequence
        self.start = Mark(len(prefix.tokens))
        self._model = model
        self._prefix = prefix
        self._tokens = list(prefix.tokens)
        self._logits: Logits | None = prefix.logits
        self._limit = model.n_ctx_call
        self._rollbacks: list[int] = []
        self._fresh = 0
        self._generation: LlamaGeneration | None = None
        self._closed = False

    @property
    def tokens_used(self) -> int:
        """Tokens in the conversation now."""
        return len(self._tokens)

    @property
    def tokens_limit(self) -> int:
        """Tokens that the conversation may hold."""
        return self._limit

    async def append(self, *pieces: str) -> None:
        """Add text at the end and compute it."""
        self._interrupt()
        await self._model.worker.call(lambda: self._append(pieces))

    async def mark(self) -> Mark:
        """Remember the present end."""
        self._interrupt()
        return await self._model.worker.call(self._mark)

    async def rollback(self, mark: Mark) -> None:
        """Forget everything after ``mark``."""
        self._interrupt()
        await self._model.worker.call(lambda: self._rollback(mark))

    def generate(self, limits: Limits) -> LlamaGeneration:
        """Begin an answer."""
        self._interrupt()
        generation = LlamaGeneration(self, self._model, limits)
        self._generation = generation

        def begin() -> None:
            generation.begin()
            self._model.worker.begin(generation)

        self._model.worker.post(begin)
        return generation

    async def close(self) -> None:
        """Give the conversation's place back."""
        if self._closed:
            return
        self._interrupt()
        await self._model.worker.call(self.release)

    def _interrupt(self) -> None:
        """End a running generation, so that what follows finds the conversation at rest."""
        generation, self._generation = self._generation, None
        if generation is not None:
            generation.cancel()
            self._model.worker.post(generation.finish_cancelled)

    # -- worker thread ---------------------------------------------------------------

    def release(self) -> None:
        """Free the sequence; later operations fail with ModelError."""
        if not self._closed:
            self._closed = True
            self._prefix.users -= 1
            self._model.give_back(self)

    def room(self) -> int:
        """Tokens that still fit."""
        return self._limit - len(self._tokens)

    def add(self, tokens: Sequence[int]) -> None:
        """Compute ``tokens`` at the end."""
        self._logits = self._model.compute(self.sequence, len(self._tokens), tokens)
        self._tokens.extend(tokens)

    def cut(self, position: int) -> None:
        """Drop tokens from ``position`` on."""
        if position < len(self._tokens):
            self._model.forget(self.sequence, position)
            del self._tokens[position:]
            self._logits = None

    def next_logits(self) -> Logits:
        """What the model expects next; after a rollback the last token is computed again for it."""
        if self._logits is None:
            if len(self._tokens) <= self.start.tokens:
                self._logits = self._prefix.logits
            else:
                last = self._tokens[-1]
                self.cut(len(self._tokens) - 1)
                self.add([last])
                self._fresh += 1
        assert self._logits is not None
        return self._logits

    def take_fresh(self) -> int:
        """How many tokens were computed since the last time this was asked."""
        fresh, self._fresh = self._fresh, 0
        return fresh

    def check_open(self) -> None:
        """Raise ModelError when the conversation is closed."""
        if self._closed:
            raise ModelError("the conversation is closed")

    def _append(self, pieces: Sequence[str]) -> None:
        self.check_open()
        tokens = self._model.tokens(pieces)
        if len(tokens) > self.room():
            raise ModelError(
                f"the call's context is full: {len(self._tokens)} of {self._limit} tokens used,"
                f" {len(tokens)} more needed"
            )
        if tokens:
            self.add(tokens)
            self._fresh += len(tokens)

    def _mark(self) -> Mark:
        self.check_open()
        return Mark(len(self._tokens), len(self._rollbacks))

    def _rollback(self, mark: Mark) -> None:
        self.check_open()
        undone = min(self._rollbacks[mark.serial :], default=mark.tokens)
        if not self.start.tokens <= mark.tokens <= len(self._tokens) or undone < mark.tokens:
            raise ValueError("this mark was undone by an earlier rollback")
        self._rollbacks.append(mark.tokens)
        self.cut(mark.tokens)


class LlamaGeneration:
    """An answer being written; see :class:`~offhook.llm.base.Generation`."""

    def __init__(self, conversation: LlamaConversation, model: LlamaModel, limits: Limits) -> None:
        self.stats = GenerationStats(submitted_ns=time.monotonic_ns())
        self._conversation = conversation
        self._model = model
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | ModelError | None] = asyncio.Queue()
        self._cancelled = False
        self._ended = False
        self._text = _StopText(limits.stop)
        self._sampler = Sampler(temperature=limits.temperature, top_p=limits.top_p, seed=limits.seed)
        self._first_token = 0

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            piece = await self._pieces.get()
            if piece is _SENTINEL:
                self._pieces.put_nowait(_SENTINEL)  # iterating again ends at once
                return
            if isinstance(piece, ModelError):
                self._pieces.put_nowait(_SENTINEL)
                raise piece
            yield piece

    def cancel(self) -> None:
        """Stop within one decode."""
        self._cancelled = True

    # -- worker thread ---------------------------------------------------------------

    def begin(self) -> None:
        """Take stock before the first step."""
        self._first_token = self._conversation.tokens_used

    def finish_cancelled(self) -> None:
        """End now; nothing when it has ended."""
        self._finish("cancelled")

    def step(self) -> bool:
        """Write one token; False when the answer has ended."""
        if self._ended:
            return False
        try:
            reason = self._step()
        except Exception as error:
            problem = (
                error if isinstance(error, ModelError) else ModelError(f"the language model failed: {error}")
            )
            self._finish("failed", problem)
            return False
        if reason:
            self._finish(reason)
        return not reason

    def _step(self) -> FinishReason:
        talk, stats = self._conversation, self.stats
        talk.check_open()
        if self._cancelled:
            return "cancelled"
        token = self._sampler.pick(talk.next_logits())
        if stats.first_token_ns is None:
            stats.first_token_ns = time.monotonic_ns()
            stats.prompt_tokens_computed = talk.take_fresh()
            stats.prompt_tokens_reused = self._first_token - stats.prompt_tokens_computed
        if self._model.is_end(token):
            return "end"
        if talk.room() < 1:
            return "context"
        stats.generated_tokens += 1
        self._emit(self._text.push(self._model.piece(token)))
        if self._text.stopped:
            self._keep_only_spoken()
            return "stop"
        talk.add([token])
        return "length" if stats.generated_tokens >= self._limits.max_tokens else ""

    def _keep_only_spoken(self) -> None:
        """A stop string may have begun inside a token: leave in the conversation what was handed out."""
        talk = self._conversation
        talk.cut(self._first_token)
        tokens = self._model.tokens([self._text.handed_out])
        if tokens:
            talk.add(tokens[: talk.room()])

    def _finish(self, reason: FinishReason, error: ModelError | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        self._sampler.close()
        if reason in ("end", "length", "context"):
            self._emit(self._text.rest())
        self.stats.finish_reason = reason
        tell(self._loop, lambda: self._pieces.put_nowait(error))

    def _emit(self, text: str) -> None:
        if text:
            tell(self._loop, lambda: self._pieces.put_nowait(text))


@dataclass(slots=True)
class _StopText:
    """Bytes in, whole characters out, nothing from a stop string on."""

    stops: tuple[str, ...]
    handed_out: str = ""
    stopped: bool = False
    _held: str = ""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def push(self, data: bytes) -> str:
        self._held += self._decoder.decode(data)
        found = [at for stop in self.stops if stop and (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._hand_out(min(found))
        keep = max((_overlap(self._held, stop) for stop in self.stops if stop), default=0)
        return self._hand_out(len(self._held) - keep)

    def rest(self) -> str:
        self._held += self._decoder.decode(b"", final=True)
        return self._hand_out(len(self._held))

    def _hand_out(self, count: int) -> str:
        text, self._held = self._held[:count], self._held[count:]
        self.handed_out += text
        return text


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``stop``."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
