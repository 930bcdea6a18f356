"""Settings of engines on other people's servers: where they are, what takes over, and what they cost."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from offhook.config.values import ConfigPath, KeyPath, ModelName, Section


class ServiceSection(Section):
    """An engine that may be somebody else's server."""

    base_url: str | None = None
    """Where the server is; None: the service's own address, where it has one."""
    api_key_env: str | None = None
    """NAME of the environment variable that holds the server's key; never the key itself."""
    api_key_file: KeyPath | None = None
    """File whose only line is the server's key; readable by the daemon and nobody else."""
    ca_file: ConfigPath | None = None
    """Certificates that are trusted instead of the system's, for a server with a private authority."""
    connect_timeout_s: float = Field(3.0, gt=0, le=60)
    extra: dict[str, Any] = {}
    """More fields for each request to the server, as its manual names them:
    ``chat_template_kwargs = { enable_thinking = false }``, ``reasoning_effort = "none"``."""


class FallbackConfig(Section):
    """Another model server, asked where the first one fails before the answer's first word."""

    engine: Literal["openai", "ollama", "responses", "anthropic", "gemini"]
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    api_key_file: ConfigPath | None = None
    ca_file: ConfigPath | None = None
    extra: dict[str, Any] = {}
    price_per_million_new: float | None = Field(None, ge=0)
    price_per_million_cached: float | None = Field(None, ge=0)
    price_per_million_written: float | None = Field(None, ge=0)
    """All as in ``[llm]``, whose time limits hold for it, too, and whose prices where it names none."""


class SttFallbackConfig(Section):
    """A recogniser on this machine that takes over for a turn in which the server is late or fails."""

    engine: str = "moonshine"
    model: ModelName | None = None
    threads: int = Field(2, ge=1, le=64)
    workers: int = Field(1, ge=1, le=64)
    """All as in ``[stt]``, whose languages and terms hold for it, too."""
    after_ms: int = Field(450, ge=50, le=10_000)
    """Final words that are later than this are not waited for."""


class SttSecondConfig(Section):
    """A slower recogniser of this machine, asked about turns whose words the first one is unsure of."""

    model: ModelName = "whisper-base"
    """A Whisper model: a name of `offhook models list`, or a ggml file's path."""
    threads: int = Field(2, ge=1, le=64)
    workers: int = Field(1, ge=1, le=64)
    """Both as in ``[stt]``, whose language and limits hold for it, too."""
    within_ms: int = Field(1_500, ge=100, le=10_000)
    """Words that take longer than this are not waited for: the caller is asked to say it again."""


class TtsFallbackConfig(Section):
    """A voice on this machine that speaks a clause for which the server is late or fails."""

    engine: str = "espeak"
    model: ModelName | None = None
    voice: str = "en-us"
    rate_wpm: int = Field(165, ge=80, le=450)
    threads: int = Field(1, ge=1, le=64)
    """All as in ``[tts]``."""
    after_ms: int = Field(700, ge=50, le=10_000)
    """A clause's first audio that is later than this is not waited for."""


class CostsConfig(Section):
    """What calls cost where engines are on other people's servers; the prices stand beside the engines."""

    currency: str = Field("USD", max_length=16)
    """In which all prices are written."""
    per_day: float | None = Field(None, gt=0)
    """What one tenant's calls, or those of the box's own agents, may cost a day (UTC); beyond it new calls
    are busy. None: no limit."""
