"""``offhook.toml``: every setting, its default, its unit and its range.

A configuration is read once, checked as a whole, and frozen.  Unknown keys are
errors, with the nearest known key named, because a misspelt limit is a limit
that does not hold.  A relative path in it begins at the folder that the file lies in.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from offhook.errors import ConfigError
from offhook.files import at_home, folder_of, named, placed, read_text

DEFAULT_PATH = Path("/etc/offhook/offhook.toml")
DEFAULT_SOCKET = Path("/run/offhook/offhook.sock")
EMBEDDED_LLM = "smollm2-135m-instruct"
"""What ``llm.model`` calls the embedded language model."""
_FOLDER = "folder"
"""In a validation's context: the folder of the file that is read."""
_SHOWN = 80
"""So many characters of a wrong value are shown; a line for people stays a line."""


def _beside(path: Path, info: ValidationInfo) -> Path:
    """A relative path lies beside the file that names it (:func:`parse_toml`)."""
    return placed(path, (info.context or {}).get(_FOLDER))


def _as_text(model: object) -> object:
    return str(model) if isinstance(model, Path) else model


_MODEL_FILES = (".bin", ".gguf", ".onnx")


_ON_DISK = frozenset({"moonshine", "whisper", "llama", "espeak", "piper"})
"""Engines whose models are files here.  For any other a model's name is left as it is written."""


def _model(model: str, info: ValidationInfo) -> str:
    """A path lies beside the file that names it; what neither is there nor looks like one is a name."""
    if info.data.get("engine", "llama") not in _ON_DISK:
        return model
    beside = _beside(Path(model), info)
    is_file = "/" in model or model.startswith("~") or model.endswith(_MODEL_FILES) or named(beside)
    return str(beside) if is_file else model


ConfigPath = Annotated[Path, AfterValidator(_beside)]
ModelName = Annotated[str, BeforeValidator(_as_text), AfterValidator(_model)]
"""A name of `offhook models list`, or a path."""
_KeyPath = Annotated[Path, AfterValidator(at_home)]
"""Stays relative, and is refused then: what stands there may be the key itself, which no line may show."""


def is_path(agent: str) -> bool:
    """Whether an agent is called by its file, not by its name."""
    return "/" in agent or agent.endswith(".toml")


class Section(BaseModel):
    """A table of settings: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DaemonConfig(Section):
    """Where the daemon listens, plays from, and how much it takes on."""

    socket: ConfigPath = DEFAULT_SOCKET
    group: str | None = None
    """Group of the socket, its folder and all audio (Asterisk's). None: the daemon's own; for audio that of a
    ``playback_dir`` that is closed to others."""
    playback_dir: ConfigPath = Path("/dev/shm/offhook")
    """tmpfs folder for answers; Asterisk must see it under the same path."""
    max_calls: int = Field(8, ge=1, le=1024)
    trace_file: ConfigPath | None = None
    """One JSON line per turn is appended here; None writes no file."""
    drain_s: float = Field(30.0, ge=0)
    """How long SIGTERM waits for running calls."""


class AgentConfig(Section):
    """Which agent answers when the dialplan names none."""

    default: str = "receptionist"
    """Name of an agent, or path of an agent file."""
    search: tuple[ConfigPath, ...] = (Path("/etc/offhook/agents"),)
    """Folders searched for NAME.toml before the shipped agents."""

    @field_validator("default")
    @classmethod
    def _place(cls, default: str, info: ValidationInfo) -> str:
        return str(_beside(Path(default), info)) if is_path(default) else default


class ConversationConfig(Section):
    """How answers are made."""

    policy: Literal["auto", "grounded", "chat"] = "auto"
    """grounded: an answer follows the fact that fits the caller's words. chat: the model talks with all that
    it has been told. auto: as suits the model. An agent may choose for itself."""
    knowledge_tokens: int = Field(1500, ge=100)
    """chat: an agent's facts are put into the prompt as a whole while they fit into so many tokens; else
    those that fit the question are put beside it."""


class ServiceSection(Section):
    """An engine that may be somebody else's server."""

    base_url: str | None = None
    """Where the server is; None: the service's own address, where it has one."""
    api_key_env: str | None = None
    """NAME of the environment variable that holds the server's key; never the key itself."""
    api_key_file: _KeyPath | None = None
    """File whose only line is the server's key; readable by the daemon and nobody else."""
    ca_file: ConfigPath | None = None
    """Certificates that are trusted instead of the system's, for a server with a private authority."""
    connect_timeout_s: float = Field(3.0, gt=0, le=60)
    extra: dict[str, Any] = {}
    """More fields for each request to the server, as its manual names them:
    ``chat_template_kwargs = { enable_thinking = false }``, ``reasoning_effort = "none"``."""


class SttConfig(ServiceSection):
    """Speech to text."""

    engine: str = "moonshine"
    """moonshine, whisper, or a server: openai, realtime, deepgram, google, wyoming; or another that is
    installed."""
    model: ModelName | None = None
    """A name of `offhook models list`, or a path. Moonshine: a folder with .ort files (None: the embedded
    one). Whisper: a ggml file."""
    threads: int = Field(2, ge=1, le=64)
    workers: int = Field(1, ge=1, le=64)
    """Utterances recognised at the same time."""
    language: str = "en"
    other_languages: tuple[str, ...] = ()
    """What else callers speak (Whisper): an utterance in one of these is noticed, and read again in it."""
    terms: tuple[str, ...] = ()
    """Names and words that callers say and Whisper gets wrong. Few: every utterance takes about a third
    longer with them, and in noise there are more errors."""
    min_voiced_ms: int = Field(160, ge=0, le=2000)
    """Utterances with less voiced audio than this are noise, not words."""
    timeout_s: float = Field(10.0, gt=0, le=300)
    """For one utterance, once a worker has begun it; a worker that takes longer is replaced."""


def spoken_languages(stt: SttConfig) -> tuple[str, ...]:
    """What callers speak, the usual one first."""
    return tuple(dict.fromkeys((stt.language, *stt.other_languages)))


class FallbackConfig(Section):
    """Another model server, asked where the first one fails before the answer's first word."""

    engine: Literal["openai", "ollama", "responses", "anthropic", "gemini"]
    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    api_key_file: ConfigPath | None = None
    ca_file: ConfigPath | None = None
    extra: dict[str, Any] = {}
    """All as in ``[llm]``, whose time limits hold for it, too."""


class LlmConfig(ServiceSection):
    """The language model."""

    engine: str = "llama"
    """llama runs here; openai speaks to any server with ``/chat/completions``, responses to one that has
    only ``/responses``, ollama, anthropic and gemini to those."""
    model: str = EMBEDDED_LLM
    """llama: ``smollm2-135m-instruct`` (embedded), another name of `offhook models list`, or a GGUF file's
    path; else the server's name for it."""
    n_ctx: int | None = Field(None, ge=512, le=1_048_576)
    """Tokens of context for all calls together. None: as many as ``daemon.max_calls`` calls can use, or
    as memory allows; then fewer calls are taken at once."""
    n_ctx_call: int | None = Field(None, ge=256)
    """Tokens of context that one call may use; each call holds them for as long as it lasts.
    None: as suits the model, or its part of ``n_ctx``."""
    threads: int | None = Field(None, ge=1, le=256)
    """Threads that decode single tokens; None uses the machine's cores."""
    threads_batch: int | None = Field(None, ge=1, le=256)
    """Threads that read prompts; None uses the machine's cores."""
    history_turns: int | None = Field(None, ge=0, le=1000)
    """Turns of the call that the model remembers, where it writes the answers. None: as many as fit."""
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
    """openai, responses: up to and with ``/v1``; None is OpenAI's own.  ollama: None is
    http://127.0.0.1:11434.  anthropic, gemini: None is the service's own."""
    first_token_timeout_s: float = Field(8.0, gt=0, le=300)
    """From the question to the answer's first word; connecting and a second try are part of it."""
    token_gap_timeout_s: float = Field(5.0, gt=0, le=300)
    """From one piece of the answer to the next."""
    total_timeout_s: float = Field(30.0, gt=0, le=3600)
    """For a whole answer."""
    fallback: FallbackConfig | None = None
    """A second server, as ``[llm.fallback]``; for engines that are servers."""

    @field_validator("model")
    @classmethod
    def _place(cls, model: str, info: ValidationInfo) -> str:
        return _model(model, info)


class TtsConfig(ServiceSection):
    """Text to speech."""

    engine: str = "espeak"
    """espeak, piper, or a server: openai, xtts, elevenlabs, azure, piper-http, wyoming; or another that is
    installed."""
    model: ModelName | None = None
    """A Piper voice: a name of `offhook models list`, or a path; instead of ``voice``."""
    voice: str = "en-us"
    """espeak: a voice name; agents that name another language get its voice. Piper: path of the
    .onnx file, its .onnx.json beside it."""
    rate_wpm: int = Field(165, ge=80, le=450)
    """Words per minute (espeak)."""
    threads: int = Field(1, ge=1, le=64)
    timeout_s: float = Field(10.0, gt=0, le=300)
    """From one piece of audio to the next, once a clause is begun; a voice that takes longer gets another
    thread."""
    first_audio_timeout_s: float = Field(3.0, gt=0, le=60)
    """A server's first audio of a clause; connecting and a second try are part of it."""
    sample_rate_hz: int | None = Field(None, ge=8_000, le=48_000)
    """In which a server sends its audio; None: as its kind does."""
    voices: dict[str, str] = {}
    """A server's voices for other languages: ``{ de = "Katja", fr = "Denise" }``."""
    path: str | None = None
    """xtts: ``/tts``, ``/tts_to_audio/`` or ``/tts_stream``."""

    @field_validator("voice")
    @classmethod
    def _place(cls, voice: str, info: ValidationInfo) -> str:
        return str(_beside(Path(voice), info)) if info.data.get("engine") == "piper" else voice


class TurnConfig(Section):
    """When the caller's turn is over, and what interrupts ours."""

    responsiveness: Literal["patient", "balanced", "snappy"] = "balanced"
    """The dial: how soon an answer follows, against how often it comes too early."""
    pause_ms: int = Field(40, ge=40, le=1000)
    """Silence after which the answer is prepared ("maybe done")."""
    endpointing_min_ms: int | None = Field(None, ge=60, le=3000)
    """Silence after words that are certainly complete; None: the dial's."""
    endpointing_max_ms: int | None = Field(None, ge=80, le=3000)
    """Silence after which the turn is over whatever was said; None: the dial's.  Numbers, spelt names and
    e-mail addresses that are not complete are waited for longer, up to 2 s: they are said in groups."""
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
    answer_timeout_s: float = Field(15.0, gt=0, le=300)
    """From the end of the caller's turn to the first sound of an answer, whatever it waits for; then the
    caller gets the agent's excuse."""
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


class AudioSocketConfig(Section):
    """The door for calls by AudioSocket; closed unless it listens."""

    listen: str | None = None
    """``HOST:PORT``, such as ``127.0.0.1:9092``, or the path of a Unix socket. Anybody who can connect there
    hears and speaks unencrypted: beyond this machine only in a network of your own, or through stunnel."""
    agents: dict[str, str] = {}
    """By UUID, the agent that answers there. Where not only this machine can connect, calls with other UUIDs
    are taken only when the dialplan has announced them (``[doors.fastagi]``)."""


class WebSocketConfig(Section):
    """The door for calls by chan_websocket; closed unless it listens."""

    listen: str | None = None
    """``HOST:PORT``, or the path of a Unix socket that a web server forwards to."""
    path: str = Field("/media", pattern=r"^/[A-Za-z0-9._~/-]*$")
    """Of the URI in websocket_client.conf."""
    username: str = "asterisk"
    """As in websocket_client.conf."""
    password_file: ConfigPath | None = None
    """File whose only line is the password; needed where not only this machine can connect."""
    certificate: ConfigPath | None = None
    """PEM file with a certificate, and its chain: then the door speaks TLS, ``wss://``."""
    private_key: ConfigPath | None = None
    """PEM file with the certificate's key; None: it is in the same file."""


class FastAgiConfig(Section):
    """Steps of the dialplan that announce a call to one of the doors, and ask how it went."""

    listen: str | None = None
    """``HOST:PORT``, such as ``127.0.0.1:4573``; None: closed."""
    token_file: ConfigPath | None = None
    """File whose only line every step has to bring as ``token=...``; needed where not only this machine can
    connect."""


class DoorsConfig(Section):
    """Ways in which Asterisk brings calls, beside EAGI: for a PBX on another machine."""

    audiosocket: AudioSocketConfig = AudioSocketConfig()
    websocket: WebSocketConfig = WebSocketConfig()
    fastagi: FastAgiConfig = FastAgiConfig()


class TenantsConfig(Section):
    """Whose numbers are dialled: tenants and their agents, in a database."""

    database: str | None = None
    """``postgresql://USER@HOST/NAME`` or ``sqlite:////PATH``.  None: /var/lib/offhook/tenants.db, once there
    is one.  A password belongs into libpq's passfile (~/.pgpass) rather than here."""
    snapshot: ConfigPath | None = Path("/var/lib/offhook/tenants.snapshot")
    """What was last read is kept in this file, for a start while the database is away; None keeps none."""
    poll_s: float = Field(1.0, ge=0.1, le=60)
    """How often SQLite is asked for changes.  PostgreSQL tells them."""


_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")]


class ToolsConfig(Section):
    """What agents' tools may do on this machine.  Agent files are yours; tenants' agents may be theirs."""

    ledger: ConfigPath | None = None
    """What was done, once for each request: a file.  None: /var/lib/offhook/tools.db, or memory where that
    folder is not ours; then a restart forgets it."""
    tenants_may_reach: tuple[str, ...] = ()
    """Hosts and networks of this machine's own neighbourhood that tenants' tools may call, such as
    ``10.1.2.0/24``; public addresses they always may."""
    tenants_may_run: bool = False
    """Tenants' agents may name Python functions and programs of this machine."""


class Config(Section):
    """The whole of ``offhook.toml``."""

    daemon: DaemonConfig = DaemonConfig()
    agent: AgentConfig = AgentConfig()
    conversation: ConversationConfig = ConversationConfig()
    stt: SttConfig = SttConfig()
    llm: LlmConfig = LlmConfig()
    tts: TtsConfig = TtsConfig()
    turn: TurnConfig = TurnConfig()
    budgets: BudgetConfig = BudgetConfig()
    doors: DoorsConfig = DoorsConfig()
    tenants: TenantsConfig = TenantsConfig()
    recognisers: dict[_Name, SttConfig] = {}
    """``[recognisers.NAME]``: as ``[stt]``, for agents that ask for it: ``recogniser = "NAME"``."""
    models: dict[_Name, LlmConfig] = {}
    """``[models.NAME]``: as ``[llm]``, for ``model = "NAME"``."""
    voices: dict[_Name, TtsConfig] = {}
    """``[voices.NAME]``: as ``[tts]``, for ``voice = "NAME"``."""
    tools: ToolsConfig = ToolsConfig()


def load_config(path: Path | None = None) -> Config:
    """Read the configuration.

    ``path`` None means ``$OFFHOOK_CONFIG``, then ``/etc/offhook/offhook.toml``, then
    the defaults.  Raises :class:`ConfigError` with one line: file, key, what is wrong.
    """
    found = find_config(path)
    return Config() if found is None else parse_toml(found, Config)


def find_config(path: Path | None = None) -> Path | None:
    """The file that :func:`load_config` reads; None: there is none, and the defaults hold."""
    if path is not None:
        return path
    variable = os.environ.get("OFFHOOK_CONFIG")
    if variable:
        return Path(variable)
    return DEFAULT_PATH if named(DEFAULT_PATH) else None


SectionT = TypeVar("SectionT", bound=Section)


def parse_toml(path: Path, kind: type[SectionT]) -> SectionT:
    """Read ``path`` as TOML into ``kind``; every failure is one ConfigError line."""
    try:
        path = at_home(path)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}{_toml_hint(str(error), text)}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not valid TOML: brackets are nested too deeply") from error
    try:
        return kind.model_validate(data, context={_FOLDER: folder_of(path)})
    except ValidationError as error:
        raise ConfigError(f"{path}: {problem_in_words(error, kind)}") from error


def problem_in_words(error: ValidationError, kind: type[Section]) -> str:
    """The first thing that keeps something from being a ``kind``: where, and what is wrong."""
    return _first_problem(error.errors(), kind)


def _toml_hint(problem: str, text: str) -> str:
    """What people mean who get this error of the TOML parser."""
    if "immutable namespace" in problem:
        return ": write a list as key = [...] or as [[key]] tables, not as both"
    at = re.search(r"at line (\d+)", problem)
    line = text.split("\n")[int(at[1]) - 1] if at else ""
    if re.search(r"[=\[,]\s*[\u2018-\u201f\u00ab]", line):
        return ': its quotes are typographic, TOML wants straight ones (")'
    return ""


# --- what is wrong, in words ---------------------------------------------------------------------


def _first_problem(errors: list[ErrorDetails], kind: type[Section]) -> str:
    # A key in the wrong place or misspelt explains why another one is missing, so it comes first.
    problem = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    loc, where, told = problem["loc"], _dotted(problem["loc"]), 1
    if problem["type"] == "extra_forbidden":
        line = _unknown_key(kind, loc)
    elif problem["type"] == "missing":
        missing = [str(e["loc"][-1]) for e in errors if e["type"] == "missing" and e["loc"][:-1] == loc[:-1]]
        told = len(missing)
        example = _tables(kind, loc[:-1]).model_fields[missing[0]].examples
        place = f"{_dotted(loc[:-1])}: " if loc[:-1] else ""
        line = f"{place}missing: {', '.join(missing)}" + (f"; for example: {example[0]}" if example else "")
    else:
        line = f"{where}: {_in_words(problem)}"
    return line + (f" (and {len(errors) - told} more)" if len(errors) > told else "")


def _in_words(problem: ErrorDetails) -> str:
    value, limits = problem["input"], problem.get("ctx", {})
    match problem["type"]:
        case "value_error":  # our own words; they say what the value is where that helps
            return str(limits["error"])
        case "string_too_short" if not value.strip():
            return "is empty"
        case "string_too_long":
            return f"{len(value):,} characters; at most {limits['max_length']:,}: it begins {clipped(value)}"
        case "too_long":
            return f"{len(value):,} entries; at most {limits['max_length']:,}"
        case "tuple_type":
            return f"a list is wanted, in square brackets, not {clipped(value)}"
        case _:
            return f"{problem['msg']}, got {clipped(value)}"


def clipped(value: object) -> str:
    """``value`` as Python writes it, on one short line."""
    text = repr(value[: 2 * _SHOWN]) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _unknown_key(kind: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    known, key = list(_tables(kind, loc[:-1]).model_fields), str(loc[-1])
    what = f"unknown key {clipped(_dotted(loc))}"
    if len(loc) > 1 and key in kind.model_fields:
        return f"{what}; {key!r} belongs to the whole file: move it above the first line in [brackets]"
    near = difflib.get_close_matches(key, known, n=1)
    return f"{what}; " + (f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}")


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)


def _tables(kind: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The table at ``loc``."""
    for part in loc:
        # An index into an array, or a name among tables: the element's type was taken with the name of all.
        if isinstance(part, str) and part in kind.model_fields:
            kind = next(_models_in(kind.model_fields[part].annotation), kind)
    return kind


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
