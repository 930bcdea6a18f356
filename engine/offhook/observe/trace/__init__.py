"""Every turn leaves a trace: nanosecond stamps, a JSON line, a waterfall for people.

Never holds what was said: no transcript, no digits, no prompt.
"""

from __future__ import annotations

from offhook.observe.trace.file import TraceLog, TraceWriter, read_traces
from offhook.observe.trace.record import SCHEMA_VERSION, STAGES, STAMPS, TurnTrace, now_ms
from offhook.observe.trace.waterfall import call_waterfall, waterfall

__all__ = [
    "SCHEMA_VERSION",
    "STAGES",
    "STAMPS",
    "TraceLog",
    "TraceWriter",
    "TurnTrace",
    "call_waterfall",
    "now_ms",
    "read_traces",
    "waterfall",
]
