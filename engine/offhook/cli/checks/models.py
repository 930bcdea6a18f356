"""The configured models and the default agent."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from offhook.cli.checks.finding import INSTALL, Finding, fail, ok, one_line, warn
from offhook.cli.checks.services import leaves
from offhook.config import Config, LlmConfig, SttConfig, TtsConfig
from offhook.engines import chosen
from offhook.engines.backing import recogniser_behind, voice_behind
from offhook.engines.chosen import Chosen
from offhook.engines.engine import STAGES, Files, Loading, Stage
from offhook.engines.llm.endpoint import endpoint_of, fallback_of
from offhook.engines.named import SECTIONS, choose
from offhook.engines.registry import engines
from offhook.errors import OffhookError, UnreadableError
from offhook.files import check_file, check_folder, file_exists


def check_stt(config: Config) -> Finding:
    """The recogniser's package is installed and its files are there."""
    if _is_remote("stt", config.stt.engine):
        return _check_server("stt", "stt", lambda: chosen.recogniser(config.stt), config.stt)
    return _check("stt", lambda: chosen.recogniser(config.stt), "Moonshine tiny-en, embedded")


def check_llm(config: Config) -> Finding:
    """The language model is installed, or a GGUF file, or a server whose settings are complete."""
    if _is_remote("llm", config.llm.engine):
        return _check_model_server("llm", config.llm)
    return _check("llm", lambda: chosen.language_model(config.llm), "SmolLM2-135M-Instruct, embedded")


def check_tts(config: Config) -> Finding:
    """The voice's package is installed and its files are there."""
    if _is_remote("tts", config.tts.engine):
        return _check_server("tts", "tts", lambda: chosen.voice(config.tts), config.tts)
    return _check("tts", lambda: chosen.voice(config.tts))


def check_named(config: Config) -> Iterator[Finding]:
    """The engines that agents may name: each section of them."""
    for stage, section in SECTIONS.items():
        for name, settings in getattr(config, section).items():
            part, chosen_engine = f"{section}.{name}", functools.partial(choose, stage, settings)
            if not _is_remote(stage, settings.engine):
                yield _check(part, chosen_engine, "embedded")
            elif stage == "llm":
                yield _check_model_server(part, settings)
            else:
                yield _check_server(stage, part, chosen_engine, settings)


def check_behind(config: Config) -> Iterator[Finding]:
    """What takes over where another engine is late, fails or doubts itself: each section of it."""
    hear = {"stt": config.stt} | {f"recognisers.{name}": each for name, each in config.recognisers.items()}
    for part, stt in hear.items():
        if stt.second is not None:
            second = functools.partial(chosen.second, stt, stt.second)
            yield _check(f"{part}.second", lambda second=second: second()[0])  # type: ignore[misc]
        if stt.fallback is not None:
            ours = recogniser_behind(stt, stt.fallback)
            yield _check_ours(f"{part}.fallback", "stt", functools.partial(chosen.recogniser, ours))
    speak = {"tts": config.tts} | {f"voices.{name}": each for name, each in config.voices.items()}
    for part, tts in speak.items():
        if tts.fallback is not None:
            said = voice_behind(tts.fallback)
            yield _check_ours(f"{part}.fallback", "tts", functools.partial(chosen.voice, said))
    answer = {"llm": config.llm} | {f"models.{name}": each for name, each in config.models.items()}
    for part, llm in answer.items():
        behind = fallback_of(llm)
        if behind is not None:
            yield _check_model_server(f"{part}.fallback", behind)


def _check_ours(part: str, stage: Stage, find: Callable[[], Chosen]) -> Finding:
    try:
        found = find()
        if found.engine.remote:
            return fail(
                f"{part}: {found.engine.name} is on a server itself",
                f"name an engine of this machine in [{part}]",
            )
    except OffhookError as error:
        return fail(f"{part}: {error}", f"correct the section [{part}]")
    embedded = found.engine.embedded
    return _check(part, lambda: found, f"{found.engine.name}, {'embedded' if embedded else STAGES[stage]}")


def _check_model_server(part: str, llm: LlmConfig) -> Finding:
    try:
        endpoint = endpoint_of(llm)
    except OffhookError as error:
        return fail(f"{part}: {error}", f"correct the section [{part}]")
    return ok(f"{part}: {endpoint.model} at {endpoint.url}; {leaves('llm', endpoint)}")


def _check_server(
    stage: Stage, part: str, choice: Callable[[], Chosen], settings: SttConfig | TtsConfig
) -> Finding:
    """Everything about a server that can be known without asking it: settings, key, packages."""
    try:
        found = choice()
        for package in found.engine.packages:
            if not package.is_there():
                return fail(f"{part}: {package.what} is not installed", package.install)
        loaded = found.load(settings, Loading())
    except OffhookError as error:
        return fail(f"{part}: {error}", f"correct the section [{part}]")
    at, left = loaded.service.url, leaves(stage, loaded.service)
    loaded.close()
    behind = f", {settings.fallback.engine} behind it" if settings.fallback is not None else ""
    return ok(f"{part}: {found.engine.name} at {at}{behind}; {left}")


def _is_remote(stage: Stage, name: str) -> bool:
    engine = engines(stage).get(name)
    return engine is not None and engine.remote


def _check(part: str, find: Callable[[], Chosen], embedded: str = "") -> Finding:
    try:
        found = find()
    except OffhookError as error:
        return fail(f"{part}: {error}", "`offhook models list` shows what there is")
    engine, model = found.engine, found.model
    inside = [] if engine.embedded is None or model is not None else [engine.embedded]
    for package in (*engine.packages, *inside):
        if not package.is_there():
            return fail(f"{part}: {package.what} is not installed", package.install)
    if model is None:
        return fail(f"{part}: no model is named", engine.wants) if engine.wants else ok(f"{part}: {embedded}")
    if engine.files is None:
        return ok(f"{part}: {engine.name}, {model}")
    return _check_files(part, engine.files, Path(model).expanduser())


def check_agent(config: Config) -> Finding:
    """The default agent can be read."""
    try:
        agents = importlib.import_module("offhook.agents.loader")
        agent = agents.load_agent(config.agent.default, config.agent.search)
    except UnreadableError as error:
        return fail(f"agent: {error.what}", error.remedy)
    except OffhookError as error:
        return fail(f"agent: {error}", "name a shipped agent or the path of an agent file in agent.default")
    except ImportError as error:
        return fail(f"agent: {one_line(error)}", INSTALL)
    examine = importlib.import_module("offhook.engines.examine")
    for found in examine.check_language(agent, config):
        if found.severity == "warning":
            return warn(f"agent {agent.name}: {found.what}", "offhook agents check says more")
    return ok(f"agent {agent.name}")


def _check_files(part: str, files: Files, model: Path) -> Finding:
    others = [each for each in files.of(model) if each != model]
    try:
        missing = [each.name for each in others if not file_exists(each)]
        if missing:
            if files.inside:
                check_folder(model)
                return fail(f"{part}: {model} lacks {', '.join(missing)}", "name a folder with all of them")
            return fail(f"{part}: {others[0]} is missing", f"put it beside {model.name}")
        for each in others:
            check_file(each)
    except UnreadableError as error:
        return fail(f"{part}: {error.what}", error.remedy)
    if files.inside:
        return ok(f"{part}: {model}")
    try:
        check_file(model)
        with model.open("rb") as file:
            head = file.read(max(1, len(files.magic)))
    except UnreadableError as error:
        return fail(f"{part}: {error.what}", f"{error.remedy}; {files.kind} is wanted")
    except OSError as error:
        return fail(f"{part}: {model}: {error.strerror}", f"name {files.kind} that the daemon may read")
    if not head.startswith(files.magic) or not head:
        return fail(f"{part}: {model} is not {files.kind}", "fetch it again, or name another")
    return ok(f"{part}: {model}")
