"""Where a remote model is, how it is asked for, and how long we wait: ``[llm]`` checked as a whole."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from offhook.config import LlmConfig
from offhook.engines.remote.service import ApiKey, Service, checked_url, key_of, warn_of_plain_key
from offhook.errors import ConfigError

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://127.0.0.1:11434"
OPENAI_KEY_ENV = "OPENAI_API_KEY"
"""Sent to :data:`OPENAI_URL` without being named in the configuration, and to nobody else."""

_REMOTE_KEYS = ("base_url", "api_key_env", "api_key_file", "extra", "fallback")
_LOCAL_KEYS = ("n_gpu_layers", "threads", "threads_batch")
_OURS = ("messages", "model", "stream")
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
    if "model" not in llm.model_fields_set or not llm.model.strip():
        example = "llama3.2" if llm.engine == "ollama" else "gpt-4o-mini"
        raise ConfigError(
            f"llm.engine is {llm.engine}: llm.model must name a model of the server, such as {example}"
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
    url = _url(llm)
    endpoint = Endpoint(
        url,
        llm.model,
        _key(llm, url),
        llm.connect_timeout_s,
        llm.first_token_timeout_s,
        llm.token_gap_timeout_s,
        llm.total_timeout_s,
        llm.extra,
    )
    warn_of_plain_key(endpoint)
    return endpoint


def fallback_of(llm: LlmConfig) -> LlmConfig | None:
    """``[llm.fallback]`` as a section of its own, with the time limits of ``[llm]``; None: there is none."""
    if llm.fallback is None:
        return None
    limits = {key: getattr(llm, key) for key in llm.model_fields_set if key.endswith("_timeout_s")}
    return LlmConfig.model_validate(llm.fallback.model_dump(exclude_unset=True) | limits)


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


def _url(llm: LlmConfig) -> str:
    default = OLLAMA_URL if llm.engine == "ollama" else OPENAI_URL
    url = checked_url("llm", llm.base_url or default)
    path = urlsplit(url).path
    for tail in ("/api/chat", "/api") if llm.engine == "ollama" else ("/chat/completions",):
        if path.endswith(tail):
            raise ConfigError(f"llm.base_url ends with {tail}: leave that off, offhook adds it")
    if llm.engine == "ollama" and path.endswith("/v1"):
        raise ConfigError("llm.base_url ends with /v1: leave that off, or set llm.engine to openai")
    return url


def _key(llm: LlmConfig, url: str) -> ApiKey | None:
    default = OPENAI_KEY_ENV if llm.engine == "openai" and url == OPENAI_URL else None
    return key_of("llm", llm.api_key_env, llm.api_key_file, default)
