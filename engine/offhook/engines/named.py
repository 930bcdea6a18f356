"""Engines that an agent names: ``voice = "anna"`` in its file is ``[voices.anna]`` in ``offhook.toml``.

A name is that of such a section, or of a model of the catalogue; then the section that is everybody's
(``[stt]``, ``[llm]``, ``[tts]``) says how it is run.
"""

from __future__ import annotations

import difflib
from typing import Any

from offhook.agents.loader import Agent
from offhook.catalogue.entries import catalogue
from offhook.catalogue.folder import stored, stored_models
from offhook.config import Config, LlmConfig, Section, SttConfig, TtsConfig, spoken_languages
from offhook.engines.chosen import Chosen, language_model, recogniser, voice
from offhook.engines.engine import Stage
from offhook.errors import ConfigError, OffhookError
from offhook.languages.codes import base_language

FIELDS: dict[Stage, str] = {"stt": "recogniser", "llm": "model", "tts": "voice"}
"""What an agent's file calls them."""
SECTIONS: dict[Stage, str] = {"stt": "recognisers", "llm": "models", "tts": "voices"}
"""What ``offhook.toml`` calls them."""
_HOW: dict[Stage, frozenset[str]] = {
    "stt": frozenset({"device", "gpu_memory_mb", "threads", "workers", "min_voiced_ms", "timeout_s"}),
    "llm": frozenset(LlmConfig.model_fields)
    - {"engine", "model", "base_url", "api_key_env", "api_key_file", "extra", "fallback"},
    "tts": frozenset({"device", "gpu_memory_mb", "rate_wpm", "threads", "timeout_s"}),
}
"""How a model is run, whichever it is."""


def settings(config: Config, stage: Stage, name: str | None, language: str = "en") -> Any:
    """The section for ``name``; None: everybody's.  ``language``: what callers speak, for a recogniser that
    the catalogue names; several with commas, the usual one first.

    Raises ConfigError with one line, and the nearest names.
    """
    ours: SttConfig | LlmConfig | TtsConfig = getattr(config, stage)
    if name is None:
        return ours
    sections: dict[str, Section] = getattr(config, SECTIONS[stage])
    if name in sections:
        return sections[name]
    entry, here = catalogue().get(name), stored(name)
    task = here.task if here is not None else entry.task if entry is not None else None
    if task != stage:
        raise ConfigError(_unknown(config, stage, name, task))
    how: dict[str, Any] = {key: getattr(ours, key) for key in _HOW[stage] & ours.model_fields_set}
    first, *others = language.split(",")
    spoken = {"language": first, "other_languages": others} if stage == "stt" else {}
    return type(ours).model_validate({**how, **spoken, "model": name})


def heard_languages(agent: Agent) -> str:
    """What the agent's callers speak, its own language first, with commas."""
    return ",".join(dict.fromkeys((base_language(agent.language), *agent.languages)))


def choose(stage: Stage, section: Any) -> Chosen:
    """Which engine and model a section stands for; nothing is loaded.  Raises ConfigError or ModelError."""
    if stage == "stt":
        return recogniser(section)
    return voice(section) if stage == "tts" else language_model(section)


def faults(config: Config, agent: Agent) -> dict[str, str]:
    """Why an engine that ``agent`` names could not be loaded, by the key in its file; nothing is loaded."""
    found = {}
    for stage, key in FIELDS.items():
        name: str | None = getattr(agent, key)
        if name is not None:
            try:
                choose(stage, settings(config, stage, name, heard_languages(agent)))
            except OffhookError as error:
                found[key] = str(error).removeprefix(f"{key} = ")
    if agent.languages and "recogniser" not in found:
        heard = spoken_languages(settings(config, "stt", agent.recogniser, heard_languages(agent)))
        missing = [code for code in agent.languages if code not in map(base_language, heard)]
        if missing:
            found["languages"] = (
                f"the recogniser does not listen for {', '.join(missing)}: name them in other_languages of"
                " its section, with a model that knows them, such as whisper-base"
            )
    return found


def _unknown(config: Config, stage: Stage, name: str, task: str | None) -> str:
    key, section = FIELDS[stage], SECTIONS[stage]
    if task is not None:
        return f"{key} = {name!r} is a model for {task}, not for {stage}"
    known = [*getattr(config, section)]
    known += [each.name for each in catalogue().values() if each.task == stage]
    known += [each.name for each in stored_models().values() if each.task == stage]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`offhook models list` shows what there is"
    shown = name[:80]
    return f"{key} = {shown!r}: neither a section [{section}.{shown}] nor a model of the catalogue; {hint}"
