"""Which engine runs what: ``[stt]``, ``[llm]`` and ``[tts]``, looked up in the registry and the catalogue.

A model's name tells its engine, so ``stt.model = "whisper-base"`` is enough; an engine that is named as well
has to be the same one.  Nothing is loaded here: `offhook doctor` asks, too, on a machine without the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhook.catalogue.resolve import Named, resolve
from offhook.config import EMBEDDED_LLM, LlmConfig, SttConfig, SttSecondConfig, TtsConfig
from offhook.engines.backing import check_no_fallback
from offhook.engines.engine import Engine, Loading, Stage
from offhook.engines.llm.endpoint import check_no_endpoint
from offhook.engines.registry import find
from offhook.engines.remote.settings import check_no_service
from offhook.errors import ConfigError

DOUBTS = "moonshine"
"""The engine that tells which words it is unsure of: ``Transcript.doubtful``."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An engine, and what it is to run."""

    engine: Engine
    model: str | None
    """A path where the engine's models are files, else the engine's own name for it; None: what the engine
    brings with it."""

    def files(self) -> list[Path]:
        """What is read from the disk; nothing where the model comes in a package, or from elsewhere."""
        if self.engine.files is None or self.model is None:
            return []
        return self.engine.files.of(Path(self.model).expanduser())

    def load(self, settings: Any, loading: Loading) -> Any:
        """Blocks for as long as that takes.  Raises ConfigError or ModelError."""
        if self.model is None and self.engine.wants:
            raise ConfigError(f"{self.engine.stage}.engine is {self.engine.name}: {self.engine.wants}")
        return self.engine.load(settings, self.model, loading)


def recogniser(stt: SttConfig) -> Chosen:
    """What ``[stt]`` names.  Raises ConfigError or ModelError with one line."""
    engine = find("stt", stt.engine)
    _check_here("stt", engine, stt)
    if stt.model is None or engine.names_models:
        found = Chosen(engine, stt.model)
    else:
        named = resolve(stt.model, "stt", "stt.model")
        found = _local("stt", engine, "engine" in stt.model_fields_set, named)
    if stt.second is not None:
        if found.engine.name != DOUBTS:
            raise ConfigError(
                f"stt.second is asked where {DOUBTS} is unsure, and {found.engine.name} recognises here:"
                " leave it out"
            )
        second(stt, stt.second)
    return found


def second(stt: SttConfig, opinion: SttSecondConfig) -> tuple[Chosen, SttConfig]:
    """What ``[stt.second]`` names, and how it is run.  Raises as :func:`recogniser`."""
    named = resolve(opinion.model, "stt", "stt.second.model")
    engine = find("stt", named.engine or "whisper")
    if engine.name == DOUBTS:
        raise ConfigError(
            f"stt.second.model = {opinion.model!r} is what is unsure already: name another, such as"
            " whisper-base"
        )
    same = stt.model_dump(include={"language", "device", "min_voiced_ms", "timeout_s"})
    how = opinion.model_dump(include={"model", "threads", "workers"})
    return Chosen(engine, str(named.path)), SttConfig.model_validate(same | how | {"engine": engine.name})


def voice(tts: TtsConfig) -> Chosen:
    """What ``[tts]`` names; for espeak a voice's name.  Raises as :func:`recogniser`."""
    engine, is_set = find("tts", tts.engine), "engine" in tts.model_fields_set
    _check_here("tts", engine, tts)
    if tts.model is None or engine.names_models:
        return Chosen(engine, tts.voice if tts.model is None else tts.model)
    if "voice" in tts.model_fields_set:
        raise ConfigError("tts.model and tts.voice both name the voice: keep one of them")
    named = resolve(tts.model, "tts", "tts.model")
    if named.engine is None and not (is_set and engine.files):
        named = Named("piper", named.path)  # of ours, only its voices are files: a path tells the engine, too
    return _local("tts", engine, is_set, named)


def language_model(llm: LlmConfig) -> Chosen:
    """What ``[llm]`` names.  Raises as :func:`recogniser`."""
    engine = find("llm", llm.engine)
    if engine.remote:
        return Chosen(engine, llm.model)
    check_no_endpoint(llm)
    if engine.names_models:
        return Chosen(engine, llm.model if "model" in llm.model_fields_set else None)
    if engine.embedded is not None and llm.model == EMBEDDED_LLM:
        return Chosen(engine, None)
    return _local("llm", engine, "engine" in llm.model_fields_set, resolve(llm.model, "llm", "llm.model"))


def _check_here(stage: Stage, engine: Engine, settings: SttConfig | TtsConfig) -> None:
    """An engine that runs here has no server: whoever describes one has forgotten to name its engine."""
    if not engine.remote:
        check_no_service(stage, settings)
        check_no_fallback(stage, engine.name, settings)


def _local(stage: Stage, engine: Engine, is_set: bool, named: Named) -> Chosen:
    if named.engine is not None and named.engine != engine.name:
        if is_set:
            raise ConfigError(
                f"{stage}.model is one for {named.engine}, but {stage}.engine is {engine.name}:"
                f" leave {stage}.engine away, or name another model"
            )
        engine = find(stage, named.engine)
    return Chosen(engine, str(named.path))
