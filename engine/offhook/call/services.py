"""What all calls of a daemon share."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from offhook.call.prompts import ReadyPhrases
from offhook.config import Config
from offhook.end_of_turn.wait import ProsodyModel
from offhook.engines.pool import Models
from offhook.engines.tts.voice import Voice
from offhook.observe.load import LoadGauge
from offhook.observe.metrics import Metrics
from offhook.observe.trace import TraceWriter
from offhook.observe.transcript import TranscriptWriter


@dataclass(frozen=True, slots=True)
class Services:
    """What all calls share."""

    config: Config
    models: Models
    voice: Voice
    ready: ReadyPhrases
    load: LoadGauge
    metrics: Metrics
    trace: TraceWriter | None
    transcript: TranscriptWriter | None
    judging: Executor
    """Judges who speaks while we do: nothing else, so that no call's stop waits for a recogniser."""
    history_turns: int | None
    """Turns that the language model remembers; None: as many as fit."""
    prosody: ProsodyModel | None = None
