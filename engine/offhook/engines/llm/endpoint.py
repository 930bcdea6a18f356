"""Where a remote model is, how it is asked for, and how long we wait: ``[llm]`` checked as a whole."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from offhook.config import LlmConfig
from offhook.engines.remote.service import Service, checked_url, key_of, warn_of_plain_key
from offhook.errors import ConfigError

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://127.0.0.1:11434"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is usual of one kind of server."""

    url: str
    example: str
    """A model's name."""
    key_env: str | None = None
    """Sent to ``url`` without being named in the configuration, and to nobody else."""
    tails: tuple[str, ...] = ()
    """Ends of a URL that are not part of it: offhook adds them."""
    key_header: str = "Authorization"
    key_scheme: str = "Bearer"
    headers: Mapping[str, str] = field(default_factory=dict)


_OPENAI = _Kind(OPENAI_URL, "gpt-4o-mini", "OPENAI_API_KEY", ("/chat/completions",))
_KINDS = {
    "openai": _OPENAI,
    "ollama": _Kind(OLLAMA_URL, "llama3.2", None, ("/api/chat", "/api")),
    "responses": replace(_OPENAI, tails=("/responses",)),
    "anthropic": _Kind(
        "https://api.anthropic.com/v1",
        "claude-haiku-4-5",
        "ANTHROPIC_API_KEY",
        ("/messages",),
        "x-api-key",
        "",
        {"anthropic-version": "2023-06-01"},
    ),
    "gemini": _Kind(
        "https://generativelanguage.googleapis.com/v1beta",
        "gemini-2.5-flash",
        "GEMINI_API_KEY",
        ("/models",),
        "x-goog-api-key",
        "",
    ),
}
_REMOTE_KEYS = ("base_url", "api_key_env", "api_key_file", "ca_file", "extra", "fallback")
_LOCAL_KEYS = ("n_gpu_layers", "threads", "threads_batch")
_OURS = ("messages", "model", "stream", "input", "contents")
"""Fields of a request that ``llm.extra`` may not touch."""


@dataclass(frozen=True, slots=True)
class Endpoint(Service):
    """One model on one server."""

    first_token_timeout_s: float = 8.0
    token_gap_timeout_s: float = 5.0
    total_timeout_s: float = 30.0
    extra: dict[str, Any] = field(default_factory=dict)


def endpoint_of(llm: LlmConfig) -> Endpoint:
    """The server that ``[llm]`` names.

    Reads the key, but contacts nobody.  Raises ConfigError with one line that says which
    setting to correct.
    """
    kind = _KINDS.get(llm.engine, _OPENAI)
    if "model" not in llm.model_fields_set or not llm.model.strip():
        raise ConfigError(
            f"llm.engine is {llm.engine}: llm.model must name a model of the server, such as {kind.example}"
        )
    local = [key for key in _LOCAL_KEYS if key in llm.model_fields_set]
    if local:
        raise ConfigError(f"llm.{local[0]} is of no use with llm.engine {llm.engine}: leave it out")
    taken = [name for name in _OURS if name in llm.extra]
    if taken:
        raise ConfigError(f"llm.extra.{taken[0]} cannot be set: offhook writes that field itself")
    try:
        json.dumps(llm.extra, allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigError("llm.extra holds a value that JSON does not have, such as a date") from None
    _check_timeouts(llm)
    url = _url(llm, kind)
    own_key = kind.key_env if url == kind.url else None
    endpoint = Endpoint(
        url,
        llm.model,
        key_of("llm", llm.api_key_env, llm.api_key_file, own_key),
        llm.connect_timeout_s,
        llm.first_token_timeout_s,
        llm.token_gap_timeout_s,
        llm.total_timeout_s,
        llm.extra,
        ca_file=llm.ca_file,
        key_header=kind.key_header,
        key_scheme=kind.key_scheme,
        fixed_headers=kind.headers,
    )
    warn_of_plain_key(endpoint)
    return endpoint


def fallback_of(llm: LlmConfig) -> LlmConfig | None:
    """``[llm.fallback]`` as a section of its own, with the time limits of ``[llm]``, and its prices where it
    names none; None: there is none."""
    if llm.fallback is None:
        return None
    same = {key for key in llm.model_fields_set if key.endswith("_timeout_s") or key.startswith("price_")}
    own = llm.fallback.model_dump(exclude_none=True, exclude_unset=True)
    return LlmConfig.model_validate({key: getattr(llm, key) for key in same} | own)


def check_no_endpoint(llm: LlmConfig) -> None:
    """Raise ConfigError when ``[llm]`` describes a server although the model runs here."""
    remote = [key for key in _REMOTE_KEYS if key in llm.model_fields_set]
    if remote:
        raise ConfigError(
            f"llm.{remote[0]} is set, but llm.engine is {llm.engine}, which runs here:"
            " set llm.engine to openai or ollama, or leave it out"
        )


def _check_timeouts(llm: LlmConfig) -> None:
    ordered = ("connect_timeout_s", "first_token_timeout_s", "total_timeout_s")
    for shorter, longer in itertools.pairwise(ordered):
        both_named = {shorter, longer} <= llm.model_fields_set
        if both_named and getattr(llm, shorter) > getattr(llm, longer):
            raise ConfigError(
                f"llm.{shorter} ({getattr(llm, shorter):g}) is longer than"
                f" llm.{longer} ({getattr(llm, longer):g}), of which it is a part"
            )


def _url(llm: LlmConfig, kind: _Kind) -> str:
    url = checked_url("llm", llm.base_url or kind.url)
    path = urlsplit(url).path
    for tail in kind.tails:
        if path.endswith(tail):
            raise ConfigError(f"llm.base_url ends with {tail}: leave that off, offhook adds it")
    if llm.engine == "ollama" and path.endswith("/v1"):
        raise ConfigError("llm.base_url ends with /v1: leave that off, or set llm.engine to openai")
    return url
