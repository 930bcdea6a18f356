"""The loaded set of models: one recogniser, one language model, one voice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from offhook.config import Config, LlmConfig, SttConfig, TtsConfig
from offhook.engines.chosen import language_model, recogniser, voice
from offhook.engines.engine import Loading, Progress, silent
from offhook.engines.llm.base import LanguageModel
from offhook.engines.stt.gate import Recognizer
from offhook.engines.tts.base import Synthesizer
from offhook.errors import ModelError
from offhook.knowledge.acts import MULTILINGUAL_FILE, ActClassifier
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.store import Models as KnowledgeModels
from offhook.knowledge.store import Networks

_log = logging.getLogger("offhook.engines.pool")


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


def load_models(config: Config, progress: Progress = silent) -> Models:
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
    """The recogniser that ``[stt]`` names.  Raises ConfigError or ModelError, as all of these."""
    return Recognizer(
        recogniser(stt).load(stt, Loading()),
        workers=stt.workers,
        min_voiced_ms=stt.min_voiced_ms,
        timeout_s=stt.timeout_s,
    )


def load_language_model(llm: LlmConfig, max_calls: int, progress: Progress = silent) -> LanguageModel:
    """The language model that ``[llm]`` names; the embedded one is prepared on first use."""
    model: LanguageModel = language_model(llm).load(llm, Loading(max_calls, progress))
    return model


def load_synthesizer(tts: TtsConfig) -> Synthesizer:
    """The voice that ``[tts]`` names."""
    synthesizer: Synthesizer = voice(tts).load(tts, Loading())
    return synthesizer


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
