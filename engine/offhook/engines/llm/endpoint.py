"""Where a remote model is, how it is asked for, and how long we wait: ``[llm]`` checked as a whole.

The API key is never in the configuration itself and never in anything that can be
printed: an :class:`ApiKey` shows only where it came from.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import logging
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from offhook.config import LlmConfig
from offhook.errors import ConfigError
from offhook.files import user_name

logger = logging.getLogger(__name__)

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://127.0.0.1:11434"
OPENAI_KEY_ENV = "OPENAI_API_KEY"
"""Sent to :data:`OPENAI_URL` without being named in the configuration, and to nobody else."""

_REMOTE_KEYS = ("base_url", "api_key_env", "api_key_file", "extra", "fallback")
_LOCAL_KEYS = ("n_gpu_layers", "threads", "threads_batch")
_OURS = ("messages", "model", "stream")
"""Fields of a request that ``llm.extra`` may not touch."""


class ApiKey:
    """A secret.  Only :meth:`header` gives it out; text forms say where it was found."""

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: str) -> None:
        self._secret = secret
        self.source = source
        """Such as ``$OPENAI_API_KEY``: where a person would correct it."""

    def header(self) -> str:
        """The value of the ``Authorization`` header."""
        return f"Bearer {self._secret}"

    def hide(self, text: str) -> str:
        """``text`` without the key, for servers that repeat it in their errors."""
        return text.replace(self._secret, "[key]") if len(self._secret) > 3 else text

    def __repr__(self) -> str:
        return f"ApiKey(from {self.source})"

    def __reduce__(self) -> str:
        raise TypeError("an API key is not pickled")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model on one server."""

    url: str
    """Without a slash at the end and without credentials, so it may be shown."""
    model: str
    key: ApiKey | None = None
    connect_timeout_s: float = 3.0
    first_token_timeout_s: float = 8.0
    token_gap_timeout_s: float = 5.0
    total_timeout_s: float = 30.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        """The server is on this machine: no proxy, and plain HTTP is no risk."""
        return _is_loopback(urlsplit(self.url).hostname or "")

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": self.key.header()} if self.key is not None else {}


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
    if endpoint.key is not None and url.startswith("http:") and not endpoint.is_local:
        logger.warning("%s: the API key travels unencrypted; use https in llm.base_url", url)
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
            f"llm.{remote[0]} is set, but llm.engine is llama, which runs here:"
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
    url = (llm.base_url or (OLLAMA_URL if llm.engine == "ollama" else OPENAI_URL)).strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("llm.base_url is not a URL: write it like http://192.0.2.7:8000/v1") from None
    if parts.username is not None or parts.password is not None:
        # Not shown: it holds a secret.
        raise ConfigError("llm.base_url must not hold a user or password; use llm.api_key_file")
    if parts.scheme not in ("http", "https") or not host or not url.isascii() or " " in url:
        raise ConfigError(
            f"llm.base_url is {url!a}: write it with http:// or https://, like http://192.0.2.7:8000/v1"
        )
    if parts.query or parts.fragment:
        raise ConfigError("llm.base_url must end with its path: no ? and no #")
    for tail in ("/api/chat", "/api") if llm.engine == "ollama" else ("/chat/completions",):
        if parts.path.endswith(tail):
            raise ConfigError(f"llm.base_url ends with {tail}: leave that off, offhook adds it")
    if llm.engine == "ollama" and parts.path.endswith("/v1"):
        raise ConfigError("llm.base_url ends with /v1: leave that off, or set llm.engine to openai")
    return url


def _key(llm: LlmConfig, url: str) -> ApiKey | None:
    if llm.api_key_env is not None and llm.api_key_file is not None:
        raise ConfigError("llm.api_key_env and llm.api_key_file are both set: leave one out")
    if llm.api_key_file is not None:
        return _key_from_file(llm.api_key_file)
    if llm.api_key_env is not None:
        return _key_from_environment(llm.api_key_env)
    if llm.engine == "openai" and url == OPENAI_URL:
        return _key_from_environment(OPENAI_KEY_ENV)
    return None


def _key_from_environment(name: str) -> ApiKey:
    # A key pasted where its variable's name belongs must not come back in the message.
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and name not in os.environ:
        raise ConfigError(
            "llm.api_key_env must be the NAME of an environment variable that is set, such as"
            f" {OPENAI_KEY_ENV}, and never the key"
        )
    secret = os.environ.get(name, "").strip()
    if not secret:
        raise ConfigError(
            f"the environment variable {name} is not set: put the API key there, name another one in"
            " llm.api_key_env, or a file in llm.api_key_file"
        )
    return _checked(secret, f"${name}")


def _key_from_file(path: Path) -> ApiKey:
    path = path.expanduser()
    if not path.is_absolute():  # may be the key itself: not shown
        raise ConfigError("llm.api_key_file must be the absolute path of a file that holds the key")
    try:
        with path.open(encoding="utf-8-sig") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(8193).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = str(error.strerror) if isinstance(error, OSError) else "not UTF-8 text"
        if isinstance(error, PermissionError):
            why += f": give it to user {user_name()!r} (chown), and to nobody else (chmod 600)"
        raise ConfigError(f"llm.api_key_file {path} cannot be read: {why}") from None
    if mode & stat.S_IROTH:
        logger.warning("%s: everybody on this machine can read the API key; chmod 600 it", path)
    if not secret:
        raise ConfigError(f"llm.api_key_file {path} is empty: write the key into it, on one line")
    return _checked(secret, str(path))


def _checked(secret: str, source: str) -> ApiKey:
    """Only what an HTTP header can carry; otherwise errors further down might show the key."""
    if not re.fullmatch(r"[\x21-\x7e]{1,8192}", secret):
        raise ConfigError(f"the API key in {source} is not one line of plain characters without spaces")
    return ApiKey(secret, source)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
