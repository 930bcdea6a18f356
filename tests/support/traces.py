"""Made-up turns with every stamp of a trace."""

from __future__ import annotations

from offhook.observe.trace import STAMPS, TurnTrace

MS = 1_000_000
BASE_NS = 50_000 * MS

FAST = {
    "speech_end": 0,
    "maybe_done": 100,
    "stt_done": 140,
    "llm_first_token": 240,
    "clause_ready": 290,
    "tts_first_audio": 310,
    "committed": 450,
    "playback_started": 452,
    "playback_ended": 2000,
}


def turn(number: int = 1, call: str = "7.1", /, **stamps_ms: float | None) -> TurnTrace:
    """A fast turn; stamps [ms after the end of speech] can be changed, or left out with None."""
    trace = TurnTrace(call, number, at_ms=1_700_000_000_000, voiced_ms=900, audio_ms=1400)
    for name, ms in {**FAST, **stamps_ms}.items():
        assert name in STAMPS
        if ms is not None:
            setattr(trace, f"{name}_ns", BASE_NS + int(ms * MS))
    return trace
