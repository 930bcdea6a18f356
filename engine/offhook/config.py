"""``offhook.toml``: every setting, its default, its unit and its range.

A configuration is read once, checked as a whole, and frozen.  Unknown keys are
errors, with the nearest known key named, because a misspelt limit is a limit
that does not hold.
"""

from __future__ import annotations

import difflib
import os
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offhook.errors import ConfigError

DEFAULT_PATH = Path("/etc/offhook/offhook.toml")
DEFAULT_SOCKET = Path("/run/offhook/offhook.sock")


class Section(BaseModel):
    """A table of settings: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DaemonConfig(Section):
    """Where the daemon listens, plays from, and how much it takes on."""

    socket: Path = DEFAULT_SOCKET
    group: str | None = None
    """Group that owns the socket (Asterisk's); None keeps the daemon's own."""
    playback_dir: Path = Path("/dev/shm/offhook")
    """tmpfs folder for answers; Asterisk must see it under the same path."""
    max_calls: int = Field(8, ge=1, le=1024)
    trace_file: Path | None = None
    """One JSON line per turn is appended here; None writes no file."""
    drain_s: float = Field(30.0, ge=0)
    """How long SIGTERM waits for running calls."""


class AgentConfig(Section):
    """Which agent answers when the dialplan names none."""

    default: str = "receptionist"
    """Name of a shipped agent, or path of an agent file."""
    search: tuple[Path, ...] = (Path("/etc/offhook/agents"),)
    """Folders searched for NAME.toml before the shipped agents."""


class SttConfig(Section):
    """Speech to text."""

    engine: Literal["moonshine", "whisper"] = "moonshine"
    model: Path | None = None
    """Moonshine: folder with the .ort files (None: the embedded one). Whisper: a ggml file."""
    threads: int = Field(2, ge=1, le=64)
    workers: int = Field(1, ge=1, le=64)
    """Utterances recognised at the same time."""
    language: str = "en"
    min_voiced_ms: int = Field(160, ge=0, le=2000)
    """Utterances with less voiced audio than this are noise, not words."""


class LlmConfig(Section):
    """The language model."""

    engine: Literal["llama", "openai", "ollama"] = "llama"
    """llama runs here; openai speaks to any server with ``/chat/completions``, ollama to Ollama."""
    model: str = "smollm2-135m-instruct"
    """llama: ``smollm2-135m-instruct`` (embedded) or a GGUF file's path; else the server's name for it."""
    n_ctx: int = Field(8192, ge=512, le=1_048_576)
    """Tokens of context for all calls together."""
    n_ctx_call: int = Field(1024, ge=256)
    """Tokens of context that one call may use; each call holds them for as long as it lasts."""
    threads: int | None = Field(None, ge=1, le=256)
    """Threads that decode single tokens; None uses the machine's cores."""
    threads_batch: int | None = Field(None, ge=1, le=256)
    """Threads that read prompts; None uses the machine's cores."""
    history_turns: int | None = Field(None, ge=0, le=1000)
    """Turns of the call that the model remembers. None: as many as fit; with the embedded model
    none, because a model that small gives an old answer to a new question."""
    max_tokens: int = Field(96, ge=1, le=4096)
    temperature: float = Field(0.0, ge=0.0, le=2.0)
    n_gpu_layers: int = Field(0, ge=-1)
    """Layers computed on the GPU; -1: all. Needs llama-cpp-python built with CUDA."""
    flash_attention: bool | None = None
    """None: as the library finds best, which is on. False: some 15 ms per turn faster on two CPU cores, but
    what other calls hold in the cache may change the words of an answer."""
    reproducible: bool | None = None
    """At temperature 0 what other calls do changes an answer as little as the library allows, and a guess of
    the answer changes it never; for that, long prompts are read a third more slowly. None: where nothing is
    computed on a GPU."""
    cache_type: Literal["f16", "f32", "q8_0", "q4_0"] = "f16"
    """How keys and values are kept; q8_0 halves the memory of a call and costs a little speed."""
    base_url: str | None = None
    """openai: up to and with ``/v1``; None is OpenAI's own.  ollama: None is http://127.0.0.1:11434."""
    api_key_env: str | None = None
    """NAME of the environment variable that holds the server's key; never the key itself."""
    api_key_file: Path | None = None
    """File whose only line is the server's key; readable by the daemon and nobody else."""
    connect_timeout_s: float = Field(3.0, gt=0, le=60)
    first_token_timeout_s: float = Field(8.0, gt=0, le=300)
    """From the question to the answer's first word; connecting and a second try are part of it."""
    token_gap_timeout_s: float = Field(5.0, gt=0, le=300)
    """From one piece of the answer to the next."""
    total_timeout_s: float = Field(30.0, gt=0, le=3600)
    """For a whole answer."""
    extra: dict[str, Any] = {}
    """More fields for each request to the server, as its manual names them:
    ``chat_template_kwargs = { enable_thinking = false }``, ``reasoning_effort = "none"``."""


class TtsConfig(Section):
    """Text to speech."""

    engine: Literal["espeak", "piper"] = "espeak"
    voice: str = "en-us"
    """espeak: a voice name. Piper: path of the .onnx file, its .onnx.json beside it."""
    rate_wpm: int = Field(165, ge=80, le=450)
    """Words per minute (espeak)."""
    threads: int = Field(1, ge=1, le=64)


class TurnConfig(Section):
    """When the caller's turn is over, and what interrupts ours."""

    responsiveness: Literal["patient", "balanced", "snappy"] = "balanced"
    """The dial: how soon an answer follows, against how often it comes too early."""
    pause_ms: int = Field(40, ge=40, le=1000)
    """Silence after which the answer is prepared ("maybe done")."""
    endpointing_min_ms: int | None = Field(None, ge=60, le=3000)
    """Silence after words that are certainly complete; None: the dial's."""
    endpointing_max_ms: int | None = Field(None, ge=80, le=3000)
    """Silence after which the turn is over whatever was said; None: the dial's."""
    speculation: bool = True
    """Recognise while the caller speaks, and answer in their pauses, as far as the machine has room."""
    barge_in: bool = True
    """The caller may interrupt; an agent can close it for itself, or for single phrases."""
    barge_in_ms: int = Field(60, ge=20, le=1000)
    """Evidence of clear speech during an answer that stops it: open, voiced sound that is not our own.
    A stop comes some 80 ms later than that; unclear sounds need longer."""
    digits_timeout_ms: int = Field(3_000, ge=500, le=30_000)
    """Allowed between two keys; # ends an entry at once."""
    holding_ms: int = Field(1_500, ge=0, le=30_000)
    """An answer later than this is announced by the agent's holding phrase; 0: never."""
    max_utterance_s: float = Field(25.0, ge=2, le=60)
    max_silence_s: float = Field(10.0, ge=1, le=600)
    """Silence of both sides after which the caller is asked whether they are there."""
    max_call_s: float = Field(1800.0, ge=10)


class BudgetConfig(Section):
    """A turn slower than this names the stage that was late. [ms]"""

    stt_ms: float = Field(150, gt=0)
    llm_ms: float = Field(300, gt=0)
    tts_ms: float = Field(250, gt=0)
    total_ms: float = Field(800, gt=0)


class Config(Section):
    """The whole of ``offhook.toml``."""

    daemon: DaemonConfig = DaemonConfig()
    agent: AgentConfig = AgentConfig()
    stt: SttConfig = SttConfig()
    llm: LlmConfig = LlmConfig()
    tts: TtsConfig = TtsConfig()
    turn: TurnConfig = TurnConfig()
    budgets: BudgetConfig = BudgetConfig()


def load_config(path: Path | None = None) -> Config:
    """Read the configuration.

    ``path`` None means ``$OFFHOOK_CONFIG``, then ``/etc/offhook/offhook.toml``, then
    the defaults.  Raises :class:`ConfigError` with one line: file, key, what is wrong.
    """
    if path is None:
        named = os.environ.get("OFFHOOK_CONFIG")
        if named:
            path = Path(named)
        elif DEFAULT_PATH.exists():
            path = DEFAULT_PATH
        else:
            return Config()
    return parse_toml(path, Config)


SectionT = TypeVar("SectionT", bound=Section)


def parse_toml(path: Path, kind: type[SectionT]) -> SectionT:
    """Read ``path`` as TOML into ``kind``; every failure is one ConfigError line."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error, kind)}") from error


def _first_problem(error: ValidationError, kind: type[Section]) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    rest = len(error.errors()) - 1
    more = f" (and {rest} more)" if rest else ""
    if problem["type"] == "extra_forbidden":
        known = _keys_beside(kind, problem["loc"])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"unknown key {where!r}; {hint}{more}"
    return f"{where}: {problem['msg']}, got {problem['input']!r}{more}"


def _keys_beside(kind: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """The keys that the table holding ``loc`` knows."""
    for part in loc[:-1]:
        if isinstance(part, int):
            continue  # an index into an array of tables: the element type was taken below
        inner = kind.model_fields[str(part)].annotation
        arms = typing.get_args(inner) if isinstance(inner, types.UnionType) else (inner,)
        for arm in arms:
            for candidate in (*typing.get_args(arm), arm):
                if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                    kind = candidate
    return list(kind.model_fields)
