"""``offhook.toml``: every setting, its default, its unit and its range.

Unknown keys are errors, because a misspelt limit is a limit that does not hold.  A relative path begins at
the folder that the file lies in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from offhook.config.admission import AdmissionConfig
from offhook.config.apps import AppConfig
from offhook.config.control import ControlConfig, TelemetryConfig, WebConfig
from offhook.config.doors import DoorsConfig
from offhook.config.mail import MailConfig
from offhook.config.outbound import OutboundConfig
from offhook.config.recording import RecordingConfig
from offhook.config.services import (
    CostsConfig,
    FallbackConfig,
    ServiceSection,
    SttFallbackConfig,
    SttSecondConfig,
    TtsFallbackConfig,
)
from offhook.config.values import ConfigPath, ModelName, Section, beside, model_name

DEFAULT_PATH = Path("/etc/offhook/offhook.toml")
DEFAULT_SOCKET = Path("/run/offhook/offhook.sock")
EMBEDDED_LLM = "smollm2-135m-instruct"
"""What ``llm.model`` calls the embedded language model."""


def is_path(agent: str) -> bool:
    """Whether an agent is called by its file, not by its name."""
    return "/" in agent or agent.endswith(".toml")


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
    resume_s: float = Field(600.0, ge=0, le=7200)
    """A caller who was handed over may come back within so long, and the conversation goes on; what was said
    is kept in memory until then. 0 keeps nothing: they are greeted anew."""
    resume_folder: ConfigPath | None = None
    """What is said is kept here, too, while a call runs, so that its caller can go on after a crash: a folder
    in memory (tmpfs) of its own, such as /run/offhook/calls; of tenants' calls, where transcripts are
    allowed. None: it is in this process alone."""
    overlap_s: float = Field(1800.0, ge=0)
    """How long calls may go on in a daemon that has been replaced (`offhook upgrade`)."""


class AgentConfig(Section):
    """Which agent answers when the dialplan names none."""

    default: str = "receptionist"
    """Name of an agent, or path of an agent file."""
    search: tuple[ConfigPath, ...] = (Path("/etc/offhook/agents"),)
    """Folders searched for NAME.toml before the shipped agents."""

    @field_validator("default")
    @classmethod
    def _place(cls, default: str, info: ValidationInfo) -> str:
        return str(beside(Path(default), info)) if is_path(default) else default


class ConversationConfig(Section):
    """How answers are made."""

    policy: Literal["auto", "grounded", "chat"] = "auto"
    """grounded: an answer follows the fact that fits the caller's words. chat: the model talks with all that
    it has been told. auto: as suits the model. An agent may choose for itself."""
    knowledge_tokens: int = Field(1500, ge=100)
    """chat: an agent's facts are put into the prompt as a whole while they fit into so many tokens; else
    those that fit the question are put beside it."""


Device = Literal["auto", "cpu", "cuda"]


class SttConfig(ServiceSection):
    """Speech to text."""

    engine: str = "moonshine"
    """moonshine, whisper, or a server: openai, realtime, deepgram, google, wyoming; or another that is
    installed."""
    model: ModelName | None = None
    """A name of `offhook models list`, or a path. Moonshine: a folder with .ort files (None: the embedded
    one). Whisper: a ggml file."""
    device: Device = "auto"
    """Where it is computed: auto takes a GPU where the library can use one. cuda warns where it cannot, and
    goes on with the processor."""
    gpu_memory_mb: int | None = Field(None, ge=64)
    """Moonshine: the most that it may take of the GPU's memory. None: as much as it likes."""
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
    final_timeout_s: float = Field(3.0, gt=0, le=60)
    """A server's final words, from the moment that they are wanted; connecting is part of it."""
    path: str | None = None
    """openai: where audio is uploaded, below ``base_url``; whisper.cpp's own server has ``/inference``."""
    hears_again: bool | None = None
    """openai, wyoming: a caller who goes on after a short pause is sent there again from where they began,
    and each pause is asked about at once; False: each second is sent once, and words are asked for once a
    pause has lasted 300 ms or the words sound finished. None: True for a server at a private address,
    without a price."""
    commit: Literal["final", "interim"] = "final"
    """What an answer may begin on, where final words come from a server. final: only on these. interim: on
    what deepgram, google, or the fallback has understood of all that was said; should the final words ask
    for another answer, the caller hears the first one break off, and then the right one. Bookings,
    transfers and all else that a tool changes wait for the final words."""
    price_per_minute: float = Field(0.0, ge=0)
    """Of speech that is sent to a server, in ``costs.currency``."""
    fallback: SttFallbackConfig | None = None
    """A recogniser of this machine for when the server is late, as ``[stt.fallback]``."""
    second: SttSecondConfig | None = None
    """Moonshine: a slower recogniser for what it is unsure of, as ``[stt.second]``; None: the caller is
    asked to say it again."""


def spoken_languages(stt: SttConfig) -> tuple[str, ...]:
    """What callers speak, the usual one first."""
    return tuple(dict.fromkeys((stt.language, *stt.other_languages)))


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
    n_ctx_parked: int | None = Field(None, ge=0, le=16_777_216)
    """Tokens of the prompts that no call uses, kept ready in memory beside the cache, where they would make
    every call slower: as much memory as so many tokens of ``n_ctx``. A prompt beyond that is computed anew
    when its caller comes. None: as many as ``n_ctx``, where memory allows; 0: they lie in the cache."""
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
    price_per_million_new: float = Field(0.0, ge=0)
    """Tokens that a server reads, in ``costs.currency``; of an answer that is given up they are estimated."""
    price_per_million_cached: float = Field(0.0, ge=0)
    """Tokens that it had ready."""
    price_per_million_written: float = Field(0.0, ge=0)
    """Tokens of its answers."""
    fallback: FallbackConfig | None = None
    """A second server, as ``[llm.fallback]``; for engines that are servers."""

    @field_validator("model")
    @classmethod
    def _place(cls, model: str, info: ValidationInfo) -> str:
        return model_name(model, info)


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
    device: Device = "auto"
    """Piper: where it is computed, as in ``[stt]``."""
    gpu_memory_mb: int | None = Field(None, ge=64)
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
    price_per_million_characters: float = Field(0.0, ge=0)
    """Of text that is sent to a server, in ``costs.currency``."""
    fallback: TtsFallbackConfig | None = None
    """A voice of this machine for when the server is late, as ``[tts.fallback]``."""

    @field_validator("voice")
    @classmethod
    def _place(cls, voice: str, info: ValidationInfo) -> str:
        return str(beside(Path(voice), info)) if info.data.get("engine") == "piper" else voice


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
    """Then the call ends with a goodbye, between two turns; ``inf``: it never does."""


class BudgetConfig(Section):
    """A turn slower than this names the stage that was late. [ms]"""

    stt_ms: float = Field(150, gt=0)
    llm_ms: float = Field(300, gt=0)
    tts_ms: float = Field(250, gt=0)
    total_ms: float = Field(800, gt=0)


class TenantsConfig(Section):
    """Whose numbers are dialled: tenants and their agents, in a database."""

    database: str | None = None
    """``postgresql://USER@HOST/NAME`` or ``sqlite:////PATH``.  None: /var/lib/offhook/tenants.db, once there
    is one.  A password belongs into libpq's passfile (~/.pgpass) rather than here."""
    snapshot: ConfigPath | None = Path("/var/lib/offhook/tenants.snapshot")
    """What was last read is kept in this file, for a start while the database is away; None keeps none."""
    poll_s: float = Field(1.0, ge=0.1, le=60)
    """How often SQLite is asked for changes.  PostgreSQL tells them."""
    recordings: ConfigPath | None = None
    """A folder into which Asterisk itself records calls, each with ``${UNIQUEID}`` in its name: what is
    deleted of a call is deleted there, too, as it is in ``recording.folder``.  None: there is none."""


_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")]


class ToolsConfig(Section):
    """What agents' tools may do on this machine.  Agent files are yours; tenants' agents may be theirs."""

    ledger: ConfigPath | None = None
    """What was done, once for each request of the box's own agents (tenants' are in their database): a file.
    None: /var/lib/offhook/tools.db, or memory where that folder is not ours; then a restart forgets it."""
    records: ConfigPath = Path("/var/lib/offhook/box.db")
    """What agents of the box's own leave behind: appointments, tickets, jobs that follow calls.  A file of
    SQLite; tenants' agents have their database."""
    tenants_may_reach: tuple[str, ...] = ()
    """Hosts and networks of this machine's own neighbourhood that tenants' tools may call, such as
    ``10.1.2.0/24``; public addresses they always may."""
    tenants_may_run: bool = False
    """Tenants' agents may name Python functions and programs of this machine."""


_Address = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")]


class MetricsConfig(Section):
    """What the daemon tells about itself over HTTP: numbers and health, nothing that was said."""

    listen: _Address | None = None
    """``HOST:PORT`` of the pages /metrics (Prometheus) and /health; None: no door is opened.  Who reaches it
    may read it, so let it be ``127.0.0.1:9464``, or an address that only your monitoring reaches."""
    tenants: bool = False
    """Calls and turnaround by tenant, too: as many time series more as there are tenants, up to 500."""


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
    outbound: OutboundConfig = OutboundConfig()
    metrics: MetricsConfig = MetricsConfig()
    control: ControlConfig = ControlConfig()
    web: WebConfig = WebConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    tenants: TenantsConfig = TenantsConfig()
    costs: CostsConfig = CostsConfig()
    recognisers: dict[_Name, SttConfig] = {}
    """``[recognisers.NAME]``: as ``[stt]``, for agents that ask for it: ``recogniser = "NAME"``."""
    models: dict[_Name, LlmConfig] = {}
    """``[models.NAME]``: as ``[llm]``, for ``model = "NAME"``."""
    voices: dict[_Name, TtsConfig] = {}
    """``[voices.NAME]``: as ``[tts]``, for ``voice = "NAME"``."""
    tools: ToolsConfig = ToolsConfig()
    admission: AdmissionConfig = AdmissionConfig()
    mail: MailConfig = MailConfig()
    recording: RecordingConfig = RecordingConfig()
    apps: dict[_Name, AppConfig] = {}
    """``[apps.NAME]``: functions for ``AGI(offhook-eagi,${UNIQUEID},app=NAME)``."""

    @property
    def recordings(self) -> tuple[Path, ...]:
        """The folders in which recordings of calls may lie."""
        return tuple(each for each in (self.recording.folder, self.tenants.recordings) if each is not None)
