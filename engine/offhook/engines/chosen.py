"""Which engine runs which files: what ``[stt]``, ``[llm]`` and ``[tts]`` name, looked up in the catalogue.

A model's name tells its engine, so ``stt.model = "whisper-base"`` is enough; an engine that is named as well
has to be the same one.  Nothing is loaded here: `offhook doctor` asks, too, on a machine without the core.
"""

from __future__ import annotations

from pathlib import Path

from offhook.catalogue.resolve import Named, resolve
from offhook.config import LlmConfig, SttConfig, TtsConfig
from offhook.errors import ConfigError


def recogniser(stt: SttConfig) -> tuple[str, Path | None]:
    """Engine and files; None: the engine's own.  Raises ConfigError or ModelError with one line."""
    if stt.model is None:
        return stt.engine, None
    named = resolve(stt.model, "stt", "stt.model")
    return _engine("stt", stt.engine, "engine" in stt.model_fields_set, named), named.path


def voice(tts: TtsConfig) -> tuple[str, str]:
    """Engine and voice: a name for espeak, a path for Piper.  Raises as :func:`recogniser`."""
    if tts.model is None:
        return tts.engine, tts.voice
    if "voice" in tts.model_fields_set:
        raise ConfigError("tts.model and tts.voice both name the voice: keep one of them")
    named = resolve(tts.model, "tts", "tts.model")
    piper = Named("piper", named.path)  # only its voices are files, so that a path tells the engine, too
    return _engine("tts", tts.engine, "engine" in tts.model_fields_set, piper), str(named.path)


def language_model(llm: LlmConfig) -> Path:
    """The GGUF file of a model that is not the embedded one.  Raises as :func:`recogniser`."""
    return resolve(llm.model, "llm", "llm.model").path


def _engine(section: str, engine: str, is_set: bool, named: Named) -> str:
    if named.engine is None:
        return engine
    if is_set and engine != named.engine:
        raise ConfigError(
            f"{section}.model is one for {named.engine}, but {section}.engine is {engine}:"
            f" leave {section}.engine away, or name another model"
        )
    return named.engine
