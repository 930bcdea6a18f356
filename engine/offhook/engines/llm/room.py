"""Room for calls in the cache of a model that runs here: tokens and bytes, added up before it is loaded.

Each call may fill its share of the context.  Where the shares do not fit side by side, the last call to
grow would be refused in the middle of a sentence, because of others; so they fit, or fewer calls are
taken, or nothing is started.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from offhook.config import EMBEDDED_LLM, LlmConfig
from offhook.errors import ConfigError

logger = logging.getLogger(__name__)

EMBEDDED_TOKENS, LOCAL_TOKENS, REMOTE_TOKENS = 1024, 4096, 32_768
"""What one call may use of the context where ``llm.n_ctx_call`` does not say."""
LEAST_SHARE = 512
"""Tokens of context without which a call is not worth beginning."""
MOST_CALLS = 239
"""Sequences that libllama has (256), less those for prompts and the engine's own."""
_LEAST_CTX = 8192
"""Tokens of context where the configuration says nothing and calls need less: for prompts kept ready."""
_MOST_CTX = 1_048_576
_SPARE = 0.95
"""Of the free memory no more is taken: there are other models."""
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Room:
    """How large the cache is made, and for how many calls."""

    n_ctx: int
    calls: int


def call_tokens(llm: LlmConfig, max_calls: int, *, remote: bool) -> int:
    """What one call may use of the model's context: as configured, or as suits the engine.

    ``remote``: a server has the model.  Raises ConfigError when that is too little to talk in.
    """
    if remote:
        return llm.n_ctx_call or REMOTE_TOKENS
    return share_of(llm, max_calls, EMBEDDED_TOKENS if llm.model == EMBEDDED_LLM else LOCAL_TOKENS)


def share_of(llm: LlmConfig, max_calls: int, suits: int) -> int:
    """Tokens of one call: as configured, or ``suits``, or its part of a context that is configured.

    Raises ConfigError when that part is too small to talk in.
    """
    if llm.n_ctx_call is not None:
        return llm.n_ctx_call
    if llm.n_ctx is None:
        return suits
    share = min(suits, llm.n_ctx // max_calls)
    if share < LEAST_SHARE:
        raise ConfigError(
            f"llm.n_ctx {llm.n_ctx} / daemon.max_calls {max_calls} leaves {share} tokens for a call: raise"
            f" llm.n_ctx to {LEAST_SHARE * max_calls}, or lower daemon.max_calls to"
            f" {max(1, llm.n_ctx // LEAST_SHARE)}"
        )
    return share


def room_for(
    llm: LlmConfig,
    max_calls: int,
    share: int,
    weights_bytes: int,
    token_bytes: float | None,
    free_bytes: int | None,
) -> Room:
    """The cache for ``max_calls`` calls of ``share`` tokens, or, where nothing is configured, for fewer.

    ``token_bytes`` a token of the cache, ``weights_bytes`` the model, ``free_bytes`` of memory; None: not
    known, or no matter.  Raises ConfigError with the sum and what to change.
    """
    calls = min(max_calls, MOST_CALLS)
    if llm.n_ctx is not None:
        need, fit = max_calls * share, llm.n_ctx // share
        if share > llm.n_ctx:
            raise ConfigError(f"llm.n_ctx_call ({share}) is larger than llm.n_ctx ({llm.n_ctx})")
        if need > llm.n_ctx:
            each = llm.n_ctx // max_calls
            less = f", or llm.n_ctx_call to {each}" if each >= LEAST_SHARE else ""
            raise ConfigError(
                f"daemon.max_calls {max_calls} x llm.n_ctx_call {share} = {need} tokens, and llm.n_ctx is"
                f" {llm.n_ctx}: raise it to {need}, or lower daemon.max_calls to {fit}{less}"
            )
        n_ctx = llm.n_ctx
    else:
        n_ctx = min(max(_LEAST_CTX, calls * share), _MOST_CTX)
        calls = min(calls, n_ctx // share)
    if token_bytes is not None and free_bytes is not None:
        room = int(free_bytes * _SPARE - weights_bytes)
        if n_ctx * token_bytes > room:
            fit = max(0, int(room / token_bytes)) // share
            if llm.n_ctx is not None or not fit:
                raise ConfigError(_too_little(weights_bytes, n_ctx, token_bytes, free_bytes, share, fit))
            n_ctx, calls = max(fit * share, LEAST_SHARE), min(calls, fit)
    if calls < max_calls:
        logger.warning(
            "the language model has room for %d calls of %d tokens at once, not for daemon.max_calls %d:"
            " further ones are busy (llm.n_ctx_call, llm.cache_type)",
            calls,
            share,
            max_calls,
        )
    return Room(n_ctx, calls)


def parked_tokens(llm: LlmConfig, n_ctx: int, weights_bytes: int, token_bytes: float | None) -> int:
    """Tokens of idle prompts that are kept beside the cache: as configured, or as many as are in the cache.

    Not more than there is memory for.
    """
    wanted = n_ctx if llm.n_ctx_parked is None else llm.n_ctx_parked
    free_bytes = free_memory_bytes()
    if token_bytes is None or free_bytes is None:
        return wanted
    fit = max(0, int((free_bytes * _SPARE - weights_bytes) / token_bytes) - n_ctx)
    if llm.n_ctx_parked is not None and fit < wanted:
        logger.warning(
            "llm.n_ctx_parked %d: memory is free for %d tokens of idle prompts, beside the model and its"
            " llm.n_ctx; further prompts are computed when their callers come",
            wanted,
            fit,
        )
    return min(wanted, fit)


def _too_little(weights: int, n_ctx: int, token_bytes: float, free: int, share: int, fit: int) -> str:
    cache = n_ctx * token_bytes
    sum_ = (
        f"the language model needs {weights / _GIB:.1f} GiB for its weights and {cache / _GIB:.1f} GiB for"
        f" {n_ctx} tokens of context, and {free / _GIB:.1f} GiB of memory are free"
    )
    if fit:
        return f"{sum_}: lower llm.n_ctx to {fit * share}, or set llm.cache_type to q8_0"
    return f"{sum_}: take a smaller model, lower llm.n_ctx_call, or add memory"


def free_memory_bytes(
    meminfo: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Memory that this process may still take: the machine's, or its control group's if that is less."""
    free = _number(meminfo, "MemAvailable:")
    free_bytes = None if free is None else free * 1024
    try:
        most, used = ((cgroup / name).read_text().strip() for name in ("memory.max", "memory.current"))
        if most != "max":
            # What was only read from files is given up when memory is wanted.
            left = max(0, int(most) - int(used) + (_number(cgroup / "memory.stat", "inactive_file") or 0))
            return left if free_bytes is None else min(free_bytes, left)
    except (OSError, ValueError):
        pass  # no control group, or no limit
    return free_bytes


def _number(file: Path, name: str) -> int | None:
    """The number behind ``name``, in the unit of the file."""
    try:
        for line in file.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass  # another system than we know
    return None
