"""One turn's stamps, and the stages between them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from offhook.config import BudgetConfig

SCHEMA_VERSION = 1
"""Raised when a reader of the old form would misread the new one."""

STAMPS = (
    "speech_end",
    "maybe_done",
    "stt_done",
    "llm_first_token",
    "clause_ready",
    "tts_first_audio",
    "committed",
    "playback_started",
    "playback_ended",
)

STAGES = ("endpoint", "stt", "llm_first_token", "clause", "tts_first_audio", "commit", "playback")

_COUNTS = (
    "revision",
    "wasted_revisions",
    "voiced_ms",
    "audio_ms",
    "tokens_reused",
    "tokens_computed",
    "tokens_generated",
    "tokens_drafted",
    "tokens_accepted",
    "wait_ms",
    "underruns",
)

_LATER = ("tokens_drafted", "tokens_accepted")


def now_ms() -> int:
    """Wall-clock time in Unix milliseconds, for people who read the trace next to other logs."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class TurnTrace:
    """What happened when in one turn; filled in while the turn runs.

    Stamps are on the monotonic clock [ns]; None means "did not happen".  Those of the
    answer's making (``stt_done`` to ``tts_first_audio``) belong to the revision that won.

    | stamp | the moment |
    |---|---|
    | speech_end | the caller's last speech sample reached us (back-dated by the endpointer) |
    | maybe_done | a short silence was seen and this revision was begun |
    | stt_done | the caller's words are known |
    | llm_first_token | the model wrote its first token |
    | clause_ready | the first speakable clause is complete |
    | tts_first_audio | the clause's first audio is in the playback file |
    | committed | the turn is over and the answer may be heard, whether or not it is ready |
    | playback_started | Asterisk was told to play |
    | playback_ended | the answer ended or was cut |
    """

    call_id: str
    """The channel's unique id (``agi_uniqueid``)."""
    turn: int
    """Counts the caller's turns from 1."""
    at_ms: int = 0
    """Wall clock, Unix milliseconds."""
    revision: int = 1
    """Number of the attempt that was heard."""
    wasted_revisions: int = 0
    voiced_ms: int = 0
    """Voiced audio in the caller's utterance."""
    audio_ms: int = 0
    """Audio given to the recogniser."""
    tokens_reused: int = 0
    tokens_computed: int = 0
    tokens_generated: int = 0
    tokens_drafted: int = 0
    """Tokens of a guess of the answer that were computed."""
    tokens_accepted: int = 0
    """Of these, the ones that the model said as well."""
    wait_ms: int = 0
    """Silence that was waited for before the turn was taken to be over."""
    underruns: int = 0
    """Times that the answer's audio ran dry while it was played."""
    cpu_ms: dict[str, float] = field(default_factory=dict)
    """Processor time of the threads that made the answer that was heard, by stage: stt, voice.  Of an engine
    with several threads a piece, the one that was asked."""
    cost: float = 0.0
    """Since the turn before: of others' servers, guesses that were thrown away included."""
    act: str = ""
    """What kind of answer it was: facts, generated, unknown, farewell, ..."""
    mood: str = ""
    """How the caller sounded, by words and voice: angry, neutral, pleased; empty: nothing could tell."""
    tone: tuple[float, float, float] | None = None
    """How else than in their first turns the caller spoke: dB louder, semitones higher, and how much faster
    (0.25: by a quarter); None: nothing could tell."""
    by_voice: bool = False
    """The mood is angry for that; by the words alone it would not have been."""
    reading: int = 0
    """Which of what may have been said instead of what was heard was answered, counted from 1; 0: none."""
    interim: str = ""
    """What became of the words that it was begun on before the final ones had come: open, confirmed,
    corrected, missing; empty: they were final."""
    interrupted: bool = False
    """The caller cut the answer short."""
    speech_end_ns: int | None = None
    maybe_done_ns: int | None = None
    stt_done_ns: int | None = None
    llm_first_token_ns: int | None = None
    clause_ready_ns: int | None = None
    tts_first_audio_ns: int | None = None
    committed_ns: int | None = None
    playback_started_ns: int | None = None
    playback_ended_ns: int | None = None

    def stage_spans_ns(self) -> dict[str, tuple[int, int]]:
        """Beginning and end of each stage whose two stamps exist.

        Stages overlap: while ``endpoint`` still waits for more speech, ``stt`` to
        ``tts_first_audio`` are already preparing the answer.

        | stage | from | to |
        |---|---|---|
        | endpoint | speech_end | committed |
        | stt | maybe_done | stt_done |
        | llm_first_token | stt_done | llm_first_token |
        | clause | llm_first_token, or stt_done where the answer needs none | clause_ready |
        | tts_first_audio | clause_ready | tts_first_audio |
        | commit | committed or tts_first_audio, the later | playback_started |
        | playback | playback_started | playback_ended |
        """
        decided = [at for at in (self.committed_ns, self.tts_first_audio_ns) if at is not None]
        edges = {
            "endpoint": (self.speech_end_ns, self.committed_ns),
            "stt": (self.maybe_done_ns, self.stt_done_ns),
            "llm_first_token": (self.stt_done_ns, self.llm_first_token_ns),
            "clause": (self.llm_first_token_ns or self.stt_done_ns, self.clause_ready_ns),
            "tts_first_audio": (self.clause_ready_ns, self.tts_first_audio_ns),
            "commit": (max(decided, default=None), self.playback_started_ns),
            "playback": (self.playback_started_ns, self.playback_ended_ns),
        }
        return {
            stage: (begin, end)
            for stage, (begin, end) in edges.items()
            if begin is not None and end is not None
        }

    def stages_ms(self) -> dict[str, float]:
        """Duration of each stage that has both stamps."""
        return {stage: _ms(end - begin) for stage, (begin, end) in self.stage_spans_ns().items()}

    def turnaround_ms(self) -> float | None:
        """Caller's last speech to the start of playback, as the daemon sees it."""
        if self.speech_end_ns is None or self.playback_started_ns is None:
            return None
        return _ms(self.playback_started_ns - self.speech_end_ns)

    def over_budget(self, budgets: BudgetConfig) -> tuple[str, ...]:
        """The stages that were late, worst excess first; empty when the turn kept its budget.

        A stage over its own budget is named.  When only the whole is over, the longest
        stage before playback is named: that is where the time went.
        """
        stages = self.stages_ms()
        limits = {
            "stt": budgets.stt_ms,
            "llm_first_token": budgets.llm_ms,
            "tts_first_audio": budgets.tts_ms,
        }
        excess = {
            stage: stages[stage] - limit for stage, limit in limits.items() if stages.get(stage, 0.0) > limit
        }
        if excess:
            return tuple(sorted(excess, key=lambda stage: -excess[stage]))
        total = self.turnaround_ms()
        if total is None or total <= budgets.total_ms:
            return ()
        before = {stage: length for stage, length in stages.items() if stage != "playback"}
        return (max(before, key=lambda stage: before[stage]),) if before else ("turnaround",)

    def to_json(self, budgets: BudgetConfig | None = None) -> str:
        """One line without its newline; with ``budgets``, the late stages are named in it."""
        record: dict[str, Any] = {"v": SCHEMA_VERSION, "call": self.call_id, "turn": self.turn}
        record["at_ms"] = self.at_ms
        record.update({name: getattr(self, name) for name in _COUNTS})
        if self.cost:
            record["cost"] = round(self.cost, 6)
        record["cpu_ms"] = {stage: round(ms, 3) for stage, ms in self.cpu_ms.items()}
        record["act"] = self.act
        if self.mood:
            record["mood"] = self.mood
        if self.tone is not None:
            record["tone"] = [round(each, 2) for each in self.tone]
        if self.by_voice:
            record["by_voice"] = True
        if self.reading:
            record["reading"] = self.reading
        if self.interim:
            record["interim"] = self.interim
        record["interrupted"] = self.interrupted
        record["stamps_ns"] = {name: at for name in STAMPS if (at := getattr(self, f"{name}_ns")) is not None}
        record["stages_ms"] = self.stages_ms()
        record["turnaround_ms"] = self.turnaround_ms()
        if budgets is not None:
            record["over_budget"] = list(self.over_budget(budgets))
        return json.dumps(record, separators=(",", ":"), ensure_ascii=True)

    @classmethod
    def from_json(cls, line: str) -> TurnTrace:
        """The inverse of :meth:`to_json`; derived values are computed anew.

        Raises ValueError for anything that is not a whole record of this version.
        """
        record = json.loads(line)
        if not isinstance(record, dict):
            raise ValueError("not a JSON object")
        if record.get("v") != SCHEMA_VERSION:
            raise ValueError(f"trace version {record.get('v')!r}, this reader knows {SCHEMA_VERSION}")
        call_id, stamps = record.get("call"), record.get("stamps_ns")
        if not isinstance(call_id, str) or not isinstance(stamps, dict):
            raise ValueError("no call id or no stamps")
        # Counts that came later are missing in older lines.
        known = [name for name in _COUNTS if name in record or name not in _LATER]
        whole = {name: _integer(record, name) for name in ("turn", "at_ms", *known)}
        act = record.get("act")
        trace = cls(call_id, whole.pop("turn"))
        for name, count in whole.items():
            setattr(trace, name, count)
        trace.act = act if isinstance(act, str) else ""
        mood = record.get("mood")
        trace.mood = mood if isinstance(mood, str) else ""
        tone = record.get("tone")
        if isinstance(tone, list) and len(tone) == 3 and all(isinstance(each, int | float) for each in tone):
            trace.tone = (float(tone[0]), float(tone[1]), float(tone[2]))
        trace.by_voice = record.get("by_voice") is True
        trace.reading = _integer(record, "reading") if "reading" in record else 0
        interim = record.get("interim")
        trace.interim = interim if isinstance(interim, str) else ""
        cost = record.get("cost", 0.0)
        trace.cost = float(cost) if isinstance(cost, int | float) else 0.0
        cpu_ms = record.get("cpu_ms")
        if isinstance(cpu_ms, dict):
            trace.cpu_ms = {
                stage: float(ms)
                for stage, ms in cpu_ms.items()
                if isinstance(ms, int | float) and not isinstance(ms, bool)
            }
        trace.interrupted = record.get("interrupted") is True
        for name in STAMPS:
            if name in stamps:
                setattr(trace, f"{name}_ns", _integer(stamps, name))
        return trace


def _ms(duration_ns: int) -> float:
    return round(duration_ns / 1e6, 3)


def _integer(record: dict[str, Any], name: str) -> int:
    value = record.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} is not an integer")
    return value
