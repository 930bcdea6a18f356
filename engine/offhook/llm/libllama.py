"""libllama behind four verbs: tokenise, decode, copy, forget.

Everything that touches ctypes is here.  A failed ``GGML_ASSERT`` ends the process and
with it every call, so each argument is checked before libllama sees it.

A :class:`Context` belongs to one thread; only :meth:`Context.tokenize` and
:meth:`Context.piece` may be called from others.  ctypes releases the GIL for the whole
of every call.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError

# OpenMP's threads wait for each other at hundreds of barriers per token, spinning.  When a
# core is taken by somebody else for a moment, a long spin burns the time slice that the
# missing thread needs: 30 tokens took 45 ms on two free cores, and up to seconds on busy
# ones.  Sleeping at once costs a third more on free cores; a short spin lies between.
# libgomp reads this when it is loaded, that is, with the next import.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import llama_cpp.llama_cpp as ll

logger = logging.getLogger(__name__)

Logits = NDArray[np.float32]

CHUNK_TOKENS = 128
"""Prompts are computed in pieces of this size, so that a cancellation is seen in between."""
_MAX_SEQUENCES = 256
"""libllama's own limit; asking for more fails."""
_TUNING_S = 0.2
_WORTH_A_THREAD = 1.4
"""More threads have to be this much faster: on a busy machine they wait for each other, one does not."""
_GGUF_MAGIC = b"GGUF"

_FITTING = "a pure-attention chat model (Llama 3, Qwen3, SmolLM2)"
_LOG_ERROR = 4
"""Of ggml_log_level; the binding does not name it."""

_complaints: deque[str] = deque(maxlen=8)
_quiet = threading.Lock()


@ll.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes | None, _: Any) -> None:
    if level == _LOG_ERROR:
        _complaints.append(" ".join((text or b"").decode("utf-8", "replace").split()))
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s", (text or b"").decode("utf-8", "replace").rstrip())


def _setup() -> None:
    """Send libllama's log to Python's and start its backend, once a process."""
    with _quiet:
        if not getattr(_setup, "done", False):
            ll.llama_log_set(_log, None)
            ll.llama_backend_init()
            _setup.done = True  # type: ignore[attr-defined]


class Model:
    """Weights and vocabulary; immutable, free of threads."""

    def __init__(self, path: Path, *, n_gpu_layers: int = 0) -> None:
        """Load a GGUF file.  Raises ModelError when it is missing, broken or of the wrong kind."""
        check_gguf(path)
        _setup()
        params = ll.llama_model_default_params()
        params.n_gpu_layers = n_gpu_layers
        _complaints.clear()
        self.path = path
        self._pointer = ll.llama_model_load_from_file(os.fsencode(path), params)
        if not self._pointer:
            raise ModelError(f"{path}: llama.cpp cannot load it ({_why()}); fetch the file again")
        self.vocab = ll.llama_model_get_vocab(self._pointer)
        self.n_vocab: int = ll.llama_vocab_n_tokens(self.vocab)
        try:
            self._check_kind()
        except ModelError:
            self.close()
            raise

    @property
    def pointer(self) -> Any:
        """The ``llama_model *``; a ModelError once it is closed."""
        if not self._pointer:
            raise ModelError(f"{self.path.name}: the model is closed")
        return self._pointer

    @property
    def n_ctx_train(self) -> int:
        """The longest conversation [tokens] that the model was trained on."""
        return int(ll.llama_model_n_ctx_train(self.pointer))

    def metadata(self, key: str) -> str | None:
        """A string from the GGUF header."""
        size = ll.llama_model_meta_val_str(self.pointer, key.encode(), ctypes.create_string_buffer(1), 1)
        if size < 0:
            return None
        buffer = ctypes.create_string_buffer(size + 1)
        ll.llama_model_meta_val_str(self.pointer, key.encode(), buffer, size + 1)
        return buffer.value.decode("utf-8", "replace")

    def chat_template(self) -> str | None:
        """The model's Jinja template."""
        source = ll.llama_model_chat_template(self.pointer, None)
        return source.decode("utf-8", "replace") if source else None

    def token_text(self, token: int) -> str:
        """How the vocabulary spells a control token; empty for "none"."""
        if not 0 <= token < self.n_vocab:
            return ""
        return (ll.llama_vocab_get_text(self.vocab, token) or b"").decode("utf-8", "replace")

    @property
    def bos(self) -> int | None:
        """The token that begins every text, when the model wants one."""
        token = ll.llama_vocab_bos(self.vocab)
        return int(token) if ll.llama_vocab_get_add_bos(self.vocab) and 0 <= token < self.n_vocab else None

    def tokenize(self, text: str, *, markup: bool) -> list[int]:
        """``text`` as tokens.  Control tokens written in it count only when ``markup``."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        buffer = (ll.llama_token * room)()
        count = ll.llama_tokenize(self.vocab, data, len(data), buffer, room, False, markup)
        if count < 0:
            raise ModelError(f"{self.path.name}: a text of {len(data)} bytes cannot be tokenised")
        tokens = list(buffer[:count])
        if not markup:  # some vocabularies find control tokens in any text
            tokens = [token for token in tokens if not ll.llama_vocab_is_control(self.vocab, token)]
        return tokens

    def piece(self, token: int) -> bytes:
        """The bytes that ``token`` adds to a text; control tokens add none."""
        buffer = ctypes.create_string_buffer(64)
        size = ll.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = ll.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(0, size)]

    def is_end(self, token: int) -> bool:
        """True for the tokens that end an answer."""
        return bool(ll.llama_vocab_is_eog(self.vocab, token))

    def close(self) -> None:
        """Free the weights.  Its contexts must be closed before."""
        if self._pointer:
            ll.llama_model_free(self._pointer)
            self._pointer = None

    def _check_kind(self) -> None:
        kind = self.metadata("general.architecture") or "unknown"
        model = self.pointer
        wrong = None
        if ll.llama_model_has_encoder(model) or not ll.llama_model_has_decoder(model):
            wrong = "has an encoder; a decoder-only chat model is needed"
        elif ll.llama_model_is_recurrent(model) or ll.llama_model_is_hybrid(model):
            wrong = f"is recurrent and cannot take words back; use {_FITTING}"
        elif ll.llama_model_is_diffusion(model):
            wrong = f"writes by diffusion, not word by word; use {_FITTING}"
        elif self.n_vocab <= 0 or ll.llama_vocab_type(self.vocab) == ll.LLAMA_VOCAB_TYPE_NONE:
            wrong = "has no vocabulary; a chat model is needed"
        if wrong:
            raise ModelError(f"{self.path}: this {kind} model {wrong}")


class Context:
    """The computed text of all conversations: numbered sequences over one memory."""

    def __init__(
        self, model: Model, *, n_ctx: int, sequences: int, threads: int | None, batch_threads: int | None
    ):
        """``n_ctx`` tokens for all sequences together; threads None: measured here."""
        if sequences > _MAX_SEQUENCES:
            raise ModelError(
                f"llama.cpp keeps {_MAX_SEQUENCES} sequences at most, {sequences} were asked for"
            )
        cores = len(os.sched_getaffinity(0))
        params = ll.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = CHUNK_TOKENS
        params.n_seq_max = sequences
        params.kv_unified = True  # without it, copying part of a sequence ends the process
        params.swa_full = True  # sliding-window models can only roll back with the whole window kept
        params.n_threads = threads or 1
        params.n_threads_batch = batch_threads or cores
        params.no_perf = True
        _complaints.clear()
        self.model = model
        self.sequences = sequences
        self._pointer = ll.llama_init_from_model(model.pointer, params)
        if not self._pointer:
            raise ModelError(
                f"{model.path}: no memory for a context of {n_ctx} tokens ({_why()}); lower llm.n_ctx"
            )
        self.n_ctx = int(ll.llama_n_ctx(self._pointer))
        self._memory = ll.llama_get_memory(self._pointer)
        self._batch = ll.llama_batch_init(CHUNK_TOKENS, 0, 1)
        self.decode_threads = params.n_threads
        self.batch_threads = params.n_threads_batch
        try:
            self._check_rollback()
            if threads is None:
                self.decode_threads = self._fastest(cores)
                ll.llama_set_n_threads(self._pointer, self.decode_threads, self.batch_threads)
        except ModelError:
            self.close()
            raise

    def decode(
        self, sequence: int, position: int, tokens: Sequence[int], *, logits: bool = True
    ) -> Logits | None:
        """Compute up to ``CHUNK_TOKENS`` tokens of ``sequence`` from ``position`` on.

        Returns a copy of the last token's logits (``[n_vocab]`` float32), None unless
        asked for.  The caller has made sure that there is room.
        """
        if not 0 < len(tokens) <= CHUNK_TOKENS or not 0 <= sequence < self.sequences or position < 0:
            raise ModelError(f"bad request to llama.cpp: {len(tokens)} tokens at {sequence}:{position}")
        batch = self._batch
        batch.n_tokens = len(tokens)
        last = len(tokens) - 1
        for index, token in enumerate(tokens):
            if not 0 <= token < self.model.n_vocab:
                raise ModelError(f"bad request to llama.cpp: token {token} does not exist")
            batch.token[index] = token
            batch.pos[index] = position + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = logits and index == last
        _complaints.clear()
        status = ll.llama_decode(self._pointer, batch)
        if status != 0:
            self.forget(sequence, position)
            why = "no room in the context" if status == 1 else f"error {status}: {_why()}"
            raise ModelError(f"{self.model.path.name}: llama.cpp could not compute ({why})")
        if not logits:
            return None
        pointer = ll.llama_get_logits_ith(self._pointer, last)
        return np.ctypeslib.as_array(pointer, shape=(self.model.n_vocab,)).copy()

    def copy(self, source: int, target: int) -> None:
        """Let ``target`` begin with all of ``source``; shares memory, costs microseconds."""
        ll.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def forget(self, sequence: int, position: int = 0) -> None:
        """Drop ``sequence`` from ``position`` on."""
        if not ll.llama_memory_seq_rm(self._memory, sequence, position, -1):
            raise ModelError(f"{self.model.path.name}: this model cannot take words back")

    def close(self) -> None:
        """Free the memory."""
        if self._pointer:
            ll.llama_batch_free(self._batch)
            ll.llama_free(self._pointer)
            self._pointer = None

    def _check_rollback(self) -> None:
        """Take words back once, for real, before a call depends on it.  Also warms up."""
        if not self._memory:
            raise ModelError(
                f"{self.model.path}: an embedding model, it cannot write; a chat model is needed"
            )
        token = min(self.model.n_vocab - 1, 100)
        self.decode(0, 0, [token] * 4)
        if not ll.llama_memory_seq_rm(self._memory, 0, 2, -1):
            raise ModelError(f"{self.model.path}: this model cannot take words back; use {_FITTING}")
        self.decode(0, 2, [token])
        self.forget(0)

    def _fastest(self, cores: int) -> int:
        """Threads for one token at a time: few cores are often as fast alone, so it is measured."""
        best, best_s = 1, float("inf")
        deadline = time.perf_counter() + _TUNING_S
        token = min(self.model.n_vocab - 1, 100)
        for threads in dict.fromkeys((1, max(1, cores // 2), cores)):
            ll.llama_set_n_threads(self._pointer, threads, self.batch_threads)
            times: list[float] = []
            while len(times) < 5 and time.perf_counter() < deadline:
                started = time.perf_counter()
                self.decode(0, len(times), [token])
                times.append(time.perf_counter() - started)
            self.forget(0)
            taken_s = float(np.median(times[1:])) if len(times) > 1 else float("inf")
            if taken_s * _WORTH_A_THREAD < best_s:
                best, best_s = threads, taken_s
        # A model so large that one token outlasted the measurement wants every core.
        return best if best_s < float("inf") else cores


def check_gguf(path: Path) -> None:
    """Raise ModelError unless ``path`` is a GGUF file."""
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise ModelError(f"{path}: the language model cannot be read: {error.strerror}") from error
    if magic != _GGUF_MAGIC:
        raise ModelError(f"{path}: not a GGUF file; llm.model names a GGUF file of a chat model")


def quantize(source: Path, target: Path, *, threads: int = 2) -> None:
    """Write ``source`` as Q4_0, the format with the fastest CPU kernels, even if it is quantised already."""
    check_gguf(source)
    _setup()
    params = ll.llama_model_quantize_default_params()
    params.ftype = ll.LLAMA_FTYPE_MOSTLY_Q4_0
    params.allow_requantize = True
    params.nthread = threads
    _complaints.clear()
    if ll.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params)) != 0:
        raise ModelError(f"{source}: llama.cpp cannot requantise it ({_why()})")


def _why() -> str:
    """What libllama complained about first: the later lines only say that it gave up."""
    return _complaints[0].split(": ", 1)[-1][:200] if _complaints else "no reason given"
