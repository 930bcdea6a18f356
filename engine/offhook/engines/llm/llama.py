"""Loads a language model that runs here: a GGUF file, with room for its calls."""

from __future__ import annotations

from pathlib import Path

from offhook.config import LlmConfig
from offhook.engines.engine import Loading
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.gguf_file import token_bytes
from offhook.engines.llm.native import NativeModel
from offhook.engines.llm.room import call_tokens, free_memory_bytes, parked_tokens, room_for
from offhook.files import check_file, model_errors


def load(llm: LlmConfig, model: str | None, loading: Loading) -> NativeModel:
    """``model`` None: the embedded one, which is prepared on first use.  Raises ConfigError or ModelError."""
    share = call_tokens(llm, loading.max_calls, remote=False)
    path = embedded_model(loading.progress) if model is None else Path(model)
    with model_errors():
        check_file(path)
    weights = path.stat().st_size
    each = token_bytes(path, llm.cache_type)
    on_gpu = llm.n_gpu_layers != 0  # then the cache lies there as well
    room = room_for(llm, loading.max_calls, share, weights, None if on_gpu else each, free_memory_bytes())
    return NativeModel(
        path,
        n_ctx=room.n_ctx,
        n_ctx_call=share,
        n_ctx_parked=parked_tokens(llm, 0 if on_gpu else room.n_ctx, weights, each),
        max_conversations=room.calls,
        threads=llm.threads,
        threads_batch=llm.threads_batch,
        n_gpu_layers=llm.n_gpu_layers,
        flash_attention=llm.flash_attention,
        reproducible=llm.reproducible,
        type_k=llm.cache_type,
        type_v=llm.cache_type,
    )
