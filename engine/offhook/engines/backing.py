"""Puts an engine of this machine behind one on a server: ``[stt.fallback]`` and ``[tts.fallback]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from offhook.config import ServiceSection, SttConfig, SttFallbackConfig, TtsConfig, TtsFallbackConfig
from offhook.engines.engine import Stage
from offhook.engines.registry import find
from offhook.engines.stt.base import Recognition
from offhook.engines.tts.base import Synthesizer
from offhook.errors import ConfigError, OffhookError

T = TypeVar("T")
S = TypeVar("S", bound=ServiceSection)


def backed_recognition(
    stt: SttConfig, server: Recognition, load: Callable[[SttConfig], Recognition]
) -> Recognition:
    """``server`` with what ``[stt.fallback]`` names behind it, if there is one; ``load`` loads that."""
    fallback = stt.fallback
    if fallback is None:
        return server
    from offhook.engines.stt.backed import BackedRecognition

    local = _here("stt", recogniser_behind(stt, fallback), load)
    commits = stt.commit == "interim"
    return BackedRecognition(server, local, after_s=fallback.after_ms / 1000, commits=commits)


def recogniser_behind(stt: SttConfig, fallback: SttFallbackConfig) -> SttConfig:
    """``[stt.fallback]`` as a section of its own."""
    kept = ({"model", "threads", "workers"} & fallback.model_fields_set) | {"engine"}
    same = {"language", "other_languages", "min_voiced_ms", "timeout_s"}
    if fallback.engine != "moonshine":  # which takes no words
        same.add("terms")
    settings = fallback.model_dump(include=kept) | stt.model_dump(include=same & stt.model_fields_set)
    return SttConfig.model_validate(settings)


def backed_voice(
    tts: TtsConfig, server: Synthesizer, load: Callable[[TtsConfig], Synthesizer]
) -> Synthesizer:
    """``server`` with what ``[tts.fallback]`` names behind it, if there is one."""
    fallback = tts.fallback
    if fallback is None:
        return server
    from offhook.engines.tts.backed import BackedVoice

    local = _here("tts", voice_behind(fallback), load)
    return BackedVoice(server, local, after_s=fallback.after_ms / 1000)


def voice_behind(fallback: TtsFallbackConfig) -> TtsConfig:
    """``[tts.fallback]`` as a section of its own."""
    kept = ({"model", "voice", "rate_wpm", "threads"} & fallback.model_fields_set) | {"engine"}
    return TtsConfig.model_validate(fallback.model_dump(include=kept))


def check_no_fallback(stage: Stage, name: str, settings: SttConfig | TtsConfig) -> None:
    """Raise ConfigError when an engine that runs here has something behind it, or shall not wait for it."""
    key = "fallback" if settings.fallback is not None else ""
    if isinstance(settings, SttConfig) and settings.commit == "interim":
        key = key or "commit"
    if key:
        raise ConfigError(f"{stage}.{key} is for engines on servers, and {name} runs here: leave it out")


def _here(stage: Stage, settings: S, load: Callable[[S], T]) -> T:
    try:
        name = getattr(settings, "engine", "")
        if find(stage, name).remote:
            raise ConfigError(f"engine {name} is on a server itself: name one of this machine")
        return load(settings)
    except OffhookError as error:
        raise type(error)(f"{stage}.fallback: {error}") from error
