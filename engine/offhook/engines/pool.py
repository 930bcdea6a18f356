"""The loaded set of models: one recogniser, one language model, one voice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhook.config import Config, LlmConfig, SttConfig, TtsConfig
from offhook.engines.chosen import language_model, recogniser, voice
from offhook.engines.llm.base import LanguageModel
from offhook.engines.llm.embedded import NAME as EMBEDDED_NAME
from offhook.engines.llm.gguf_file import token_bytes
from offhook.engines.llm.room import free_memory_bytes, room_for, share_of
from offhook.engines.stt.base import Transcriber
from offhook.engines.stt.gate import Recognizer
from offhook.engines.tts.base import Synthesizer
from offhook.errors import ConfigError, ModelError
from offhook.files import check_file, model_errors
from offhook.knowledge.acts import MULTILINGUAL_FILE, ActClassifier
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.store import Models as KnowledgeModels
from offhook.knowledge.store import Networks

_log = logging.getLogger("offhook.engines.pool")

Progress = Callable[[str], None]


EMBEDDED_TOKENS, LOCAL_TOKENS, REMOTE_TOKENS = 1024, 4096, 32_768
"""What one call may use of the context where ``llm.n_ctx_call`` does not say."""


def _silent(line: str) -> None:
    """A start that nobody watches."""


@dataclass(frozen=True, slots=True)
class Models:
    """Everything a call needs to hear, answer and speak; shared by all calls."""

    recognizer: Recognizer
    language_model: LanguageModel
    synthesizer: Synthesizer
    knowledge: KnowledgeModels | None = None
    """What finds facts by their meaning; None: words alone find them."""

    def problem(self) -> str | None:
        """Why no call should be begun now, in one line; None while all is well.  Never waits."""
        return self.language_model.problem() or self.recognizer.problem()

    def close(self, *, voice: bool = True) -> None:
        """Free all models.  No call may use them any more.  ``voice`` False: a thread hangs in it."""
        self.recognizer.close()
        self.language_model.close()
        if voice:
            self.synthesizer.close()


def load_models(config: Config, progress: Progress = _silent) -> Models:
    """Load what ``config`` names, in parallel.

    ``progress`` gets one line per step, from any thread.  Raises ModelError or
    ConfigError with one line that says what to do; what was loaded is freed then.
    """
    jobs: dict[str, Callable[[], Any]] = {
        "recogniser": lambda: load_recognizer(config.stt),
        "language model": lambda: load_language_model(config.llm, config.daemon.max_calls, progress),
        "voice": lambda: load_synthesizer(config.tts),
        "knowledge": load_knowledge_models,
    }
    with ThreadPoolExecutor(len(jobs), thread_name_prefix="offhook-load") as pool:
        futures = {what: pool.submit(_timed, what, job, progress) for what, job in jobs.items()}
    failed = [future.exception() for future in futures.values()]
    if any(failed):
        for future in futures.values():
            _close_loaded(future)
        raise next(error for error in failed if error is not None)
    return Models(*(future.result() for future in futures.values()))


def load_knowledge_models() -> KnowledgeModels | None:
    """What finds facts by their meaning; None, with a line in the log, where its packages are missing."""
    try:
        return KnowledgeModels(Networks(Matcher(), ActClassifier()), _other_languages)
    except ModelError as error:
        _log.warning("facts are found by their words only: %s", error)
        return None


def _other_languages() -> Networks:
    from offhook.knowledge.multilingual import Multilingual

    return Networks(Multilingual(), ActClassifier(MULTILINGUAL_FILE))


def load_recognizer(stt: SttConfig) -> Recognizer:
    """The recogniser that ``[stt]`` names."""
    transcriber: Transcriber
    engine, model = recogniser(stt)
    languages = tuple(dict.fromkeys((stt.language, *stt.other_languages)))
    if engine == "whisper":
        from offhook.engines.stt.whisper import Whisper

        if model is None:
            raise ConfigError(
                "stt.engine is whisper: stt.model must name a ggml file, or a model such as whisper-base"
            )
        with model_errors():
            check_file(model)
        transcriber = Whisper(
            model, threads=stt.threads, language=languages, workers=stt.workers, terms=stt.terms
        )
    else:
        from offhook.engines.stt.moonshine import Moonshine

        if languages != ("en",):
            foreign = next(one for one in languages if one != "en")
            key = "language" if foreign == stt.language else "other_languages"
            raise ConfigError(
                f'stt.{key} is {foreign!r}: Moonshine knows English only; use stt.model = "whisper-base"'
            )
        if stt.terms:
            raise ConfigError('stt.terms: Moonshine takes no words; use stt.model = "whisper-base"')
        transcriber = Moonshine(model, threads=stt.threads)
    return Recognizer(
        transcriber, workers=stt.workers, min_voiced_ms=stt.min_voiced_ms, timeout_s=stt.timeout_s
    )


def call_tokens(llm: LlmConfig, max_calls: int) -> int:
    """What one call may use of the model's context: as configured, or as suits the engine.

    Raises ConfigError when that is too little to talk in.
    """
    if llm.engine != "llama":
        return llm.n_ctx_call or REMOTE_TOKENS
    return share_of(llm, max_calls, EMBEDDED_TOKENS if llm.model == EMBEDDED_NAME else LOCAL_TOKENS)


def load_language_model(llm: LlmConfig, max_calls: int, progress: Progress = _silent) -> LanguageModel:
    """The language model that ``[llm]`` names; the embedded one is prepared on first use."""
    if llm.engine != "llama":
        return _remote_model(llm, max_calls)
    from offhook.engines.llm.endpoint import check_no_endpoint

    check_no_endpoint(llm)
    from offhook.engines.llm.embedded import embedded_model
    from offhook.engines.llm.native import NativeModel

    share = call_tokens(llm, max_calls)
    path = embedded_model(progress) if llm.model == EMBEDDED_NAME else _gguf_file(language_model(llm))
    on_gpu = llm.n_gpu_layers != 0  # then the cache lies there as well
    room = room_for(
        llm,
        max_calls,
        share,
        path.stat().st_size,
        None if on_gpu else token_bytes(path, llm.cache_type),
        free_memory_bytes(),
    )
    return NativeModel(
        path,
        n_ctx=room.n_ctx,
        n_ctx_call=share,
        max_conversations=room.calls,
        threads=llm.threads,
        threads_batch=llm.threads_batch,
        n_gpu_layers=llm.n_gpu_layers,
        flash_attention=llm.flash_attention,
        reproducible=llm.reproducible,
        type_k=llm.cache_type,
        type_v=llm.cache_type,
    )


def _gguf_file(path: Path) -> Path:
    with model_errors():
        check_file(path)
    return path


def _remote_model(llm: LlmConfig, max_calls: int) -> LanguageModel:
    from offhook.engines.llm.endpoint import endpoint_of, fallback_of
    from offhook.engines.llm.exchange import Server
    from offhook.engines.llm.ollama import Ollama
    from offhook.engines.llm.openai import OpenAi
    from offhook.engines.llm.remote import RemoteModel

    def server(of: LlmConfig) -> Server:
        endpoint = endpoint_of(of)
        return Server(endpoint, Ollama(endpoint) if of.engine == "ollama" else OpenAi(endpoint))

    first, second = server(llm), fallback_of(llm)
    return RemoteModel(
        first.endpoint,
        first.dialect,
        n_ctx_call=call_tokens(llm, max_calls),
        max_conversations=max_calls,
        fallback=None if second is None else server(second),
    )


def load_synthesizer(tts: TtsConfig) -> Synthesizer:
    """The voice that ``[tts]`` names."""
    engine, name = voice(tts)
    if engine == "piper":
        from offhook.engines.tts.piper import Piper

        return Piper(Path(name).expanduser(), threads=tts.threads)
    from offhook.engines.tts.espeak import Espeak

    return Espeak(name, rate_wpm=tts.rate_wpm)


def _timed(what: str, job: Callable[[], Any], progress: Progress) -> Any:
    started = time.perf_counter()
    loaded = job()
    name = getattr(loaded, "name", "words only")
    progress(f"{what}: {name}, {time.perf_counter() - started:.1f} s")
    return loaded


def _close_loaded(future: Future[Any]) -> None:
    if future.exception() is None:
        close = getattr(future.result(), "close", None)
        if close is not None:
            close()
