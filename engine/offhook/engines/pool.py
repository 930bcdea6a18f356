"""The loaded engines: everybody's recogniser, language model and voice, and those that agents name."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from offhook.agents.loader import Agent
from offhook.config import Config, LlmConfig, SttConfig, TtsConfig
from offhook.engines.backing import backed_recognition, backed_voice
from offhook.engines.chosen import language_model, recogniser, second, voice
from offhook.engines.engine import Loading, Progress, Stage, silent
from offhook.engines.llm.base import LanguageModel
from offhook.engines.named import FIELDS, SECTIONS, heard_languages, settings
from offhook.engines.stt.base import Recognition, Transcriber
from offhook.engines.stt.gate import Recognizer
from offhook.engines.stt.second import SecondRecognition
from offhook.engines.tts.base import Synthesizer
from offhook.engines.tts.ready import default_ready_audio
from offhook.engines.tts.voice import Voice
from offhook.errors import ModelError, OffhookError
from offhook.knowledge.acts import MULTILINGUAL_FILE, ActClassifier
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.moods import MULTILINGUAL_FILE as MULTILINGUAL_MOODS
from offhook.knowledge.moods import MoodClassifier
from offhook.knowledge.requests import MULTILINGUAL_FILE as MULTILINGUAL_REQUESTS
from offhook.knowledge.requests import RequestClassifier
from offhook.knowledge.store import Models as KnowledgeModels
from offhook.knowledge.store import Networks
from offhook.knowledge.vectors import default_cache
from offhook.knowledge.wish_kinds import MULTILINGUAL_FILE as MULTILINGUAL_WISHES
from offhook.knowledge.wish_kinds import WishKinds
from offhook.workers import threads_named

_log = logging.getLogger("offhook.engines.pool")


@dataclass(frozen=True, slots=True)
class Models:
    """Everything a call needs to hear, answer and speak; shared by calls."""

    recognizer: Recognition
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


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one agent, with the settings that a call reads of them."""

    models: Models
    voice: Voice
    llm: LlmConfig


_Key = tuple[Stage, str, str]
"""Stage, name (empty: everybody's), and language where that makes another engine of it."""


class EnginePool:
    """Engines by name, each loaded once, when it is first asked for, and freed with the pool.

    Any thread may ask; whoever does waits, and nobody loads anything twice.  What could not be loaded is
    tried again by the next one who asks.
    """

    def __init__(self, config: Config, models: Models, *, progress: Progress = silent) -> None:
        """``models``: everybody's, which are the pool's to close from now on."""
        self._config = config
        self._progress = progress
        self._lock = threading.Lock()
        self._memory = threading.Lock()
        """Held by whoever loads a language model: each measures what memory is free."""
        self._knowledge = models.knowledge
        self._ready_audio = default_ready_audio()
        own_voice = self._voice(config.tts, models.synthesizer)
        self._loaded: dict[_Key, Future[Any]] = {
            ("stt", "", ""): _done(models.recognizer),
            ("llm", "", ""): _done(models.language_model),
            ("tts", "", ""): _done((models.synthesizer, own_voice)),
        }

    def load_named(self) -> None:
        """Load what ``offhook.toml`` names beside everybody's.  Raises as :meth:`of`."""
        for stage, section in SECTIONS.items():
            for name in getattr(self._config, section):
                self._get(stage, name, "")

    def ready(self, agent: Agent) -> Engines | None:
        """The engines of ``agent``, if all of them are loaded; never waits.  Raises ConfigError for a name
        that nobody knows.
        """
        keys = self._keys(agent)
        with self._lock:
            known = [self._loaded.get(key) for key in keys]
        if any(each is None or not each.done() for each in known):
            for stage, name, language in keys:
                settings(self._config, stage, name or None, language)
            return None
        return self.of(agent)

    def of(self, agent: Agent) -> Engines:
        """The engines of ``agent``; loads what is missing.  Raises ConfigError or ModelError, in one line
        that names the agent's key.
        """
        hears, thinks, speaks = (self._get(*key) for key in self._keys(agent))
        synthesizer, spoken = speaks
        llm: LlmConfig = settings(self._config, "llm", agent.model)
        return Engines(Models(hears, thinks, synthesizer, self._knowledge), spoken, llm)

    def language_models(self) -> list[LanguageModel]:
        """Those that are loaded."""
        with self._lock:
            loaded = [each for (stage, _, _), each in self._loaded.items() if stage == "llm"]
        return [each.result() for each in loaded if each.done() and each.exception() is None]

    def close(self) -> None:
        """Free everything.  No call may use it any more, and nobody may load."""
        with self._lock:
            loaded = [(stage, each.result()) for (stage, _, _), each in self._loaded.items() if each.done()]
            self._loaded.clear()
        for stage, engine in loaded:
            if stage != "tts":
                engine.close()
                continue
            synthesizer, spoken = engine
            if spoken.close():  # else a thread hangs in it
                synthesizer.close()

    def _voice(self, tts: TtsConfig, synthesizer: Synthesizer) -> Voice:
        here = not voice(tts).engine.remote  # a server's cores are not ours
        return Voice(synthesizer, timeout_s=tts.timeout_s, ready=self._ready_audio, computes=here)

    def _keys(self, agent: Agent) -> tuple[_Key, _Key, _Key]:
        listens = agent.recogniser or ""
        # A section says what it hears; a model of the catalogue listens to the agent's language.
        by_language = listens and listens not in self._config.recognisers
        language = heard_languages(agent) if by_language else ""
        return ("stt", listens, language), ("llm", agent.model or "", ""), ("tts", agent.voice or "", "")

    def _get(self, stage: Stage, name: str, language: str) -> Any:
        key = (stage, name, language)
        with self._lock:
            future, mine = self._loaded.get(key), False
            if future is None:
                future = self._loaded[key] = Future()
                mine = True
        if mine:
            try:
                future.set_result(self._load(stage, name, language))
            except BaseException as error:
                with self._lock:
                    self._loaded.pop(key, None)
                future.set_exception(error)
        return future.result()

    def _load(self, stage: Stage, name: str, language: str) -> Any:
        chosen = settings(self._config, stage, name, language)
        what = f"{FIELDS[stage]} {name}"
        try:
            if stage == "stt":
                return _timed(what, lambda: load_recognizer(chosen), self._progress)
            if stage == "tts":
                loaded = _timed(what, lambda: load_synthesizer(chosen), self._progress)
                return loaded, self._voice(chosen, loaded)
            calls = self._config.daemon.max_calls
            with self._memory:
                return _timed(
                    what, lambda: load_language_model(chosen, calls, self._progress), self._progress
                )
        except OffhookError as error:
            raise type(error)(f"{what}: {error}") from error


def _done(engine: object) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(engine)
    return future


def load_models(config: Config, progress: Progress = silent) -> Models:
    """Load what everybody has: ``[stt]``, ``[llm]``, ``[tts]``, in parallel.

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


@threads_named("offhook-knowledge")
def load_knowledge_models() -> KnowledgeModels | None:
    """What finds facts by their meaning; None, with a line in the log, where its packages are missing."""
    try:
        english = Networks(Matcher(), ActClassifier(), RequestClassifier(), MoodClassifier(), WishKinds())
        return KnowledgeModels(english, _other_languages, default_cache())
    except ModelError as error:
        _log.warning("facts are found by their words only: %s", error)
        return None


def _other_languages() -> Networks:
    from offhook.knowledge.multilingual import Multilingual

    return Networks(
        Multilingual(),
        ActClassifier(MULTILINGUAL_FILE),
        RequestClassifier(MULTILINGUAL_REQUESTS),
        MoodClassifier(MULTILINGUAL_MOODS),
        WishKinds(MULTILINGUAL_WISHES),
    )


@threads_named("offhook-stt")
def load_recognizer(stt: SttConfig) -> Recognition:
    """The recogniser that ``[stt]`` names.  Raises ConfigError or ModelError, as all of these."""
    chosen = recogniser(stt)
    loaded = chosen.load(stt, Loading())
    if hasattr(loaded, "session"):  # it recognises as the audio comes; others take whole utterances
        return backed_recognition(stt, loaded, load_recognizer)
    first = _whole_utterances(loaded, stt)
    if stt.second is None:
        return first
    try:
        other, settings = second(stt, stt.second)
        slower = _whole_utterances(other.load(settings, Loading()), settings)
    except OffhookError as error:
        first.close()
        raise type(error)(f"stt.second: {error}") from error
    return SecondRecognition(first, slower, within_s=stt.second.within_ms / 1000)


def _whole_utterances(loaded: Transcriber, stt: SttConfig) -> Recognition:
    return Recognizer(
        loaded,
        workers=stt.workers,
        threads=stt.threads,
        min_voiced_ms=stt.min_voiced_ms,
        timeout_s=stt.timeout_s,
    )


def load_language_model(llm: LlmConfig, max_calls: int, progress: Progress = silent) -> LanguageModel:
    """The language model that ``[llm]`` names; the embedded one is prepared on first use."""
    model: LanguageModel = language_model(llm).load(llm, Loading(max_calls, progress))
    return model


@threads_named("offhook-voice")
def load_synthesizer(tts: TtsConfig) -> Synthesizer:
    """The voice that ``[tts]`` names."""
    chosen = voice(tts)
    synthesizer: Synthesizer = chosen.load(tts, Loading())
    return backed_voice(tts, synthesizer, load_synthesizer) if chosen.engine.remote else synthesizer


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
