"""What all calls of a daemon share, whoever answers them."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, field

from offhook.end_of_turn.wait import ProsodyModel
from offhook.observe.bill import Ledger
from offhook.observe.load import LoadGauge
from offhook.observe.metrics import Metrics
from offhook.observe.spans import Spans
from offhook.observe.trace import TraceWriter
from offhook.observe.transcript import TranscriptWriter
from offhook.recording.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Services:
    """Nothing in it depends on who is called: that is the :class:`~offhook.call.profile.CallProfile`."""

    load: LoadGauge
    metrics: Metrics
    trace: TraceWriter | None
    transcript: TranscriptWriter | None
    judging: Executor
    """Judges who speaks while we do: nothing else, so that no call's stop waits for a recogniser."""
    prosody: ProsodyModel | None = None
    ledger: Ledger = field(default_factory=Ledger)
    """What tenants' calls have cost today."""
    recorder: Recorder | None = None
    """None: no call is recorded."""
    spans: Spans | None = None
    """None: nobody collects spans."""
