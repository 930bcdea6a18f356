"""The one door to the compiled core: audio in, speech events out; answers out, as files that grow.

What lies behind it never waits for Python.  Here its integers become the
dataclasses of :mod:`offhook.events`, and its objects get the shapes Python expects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.core.cores import CorePlace, Cores, core_place, machine_cores
from offhook.core.media import Framing, MediaThread, OnMessage, Stream
from offhook.core.native import _core, llama_folder
from offhook.core.playout import PlayoutFile, PlayoutThread
from offhook.core.sending import PlayoutBuffer, Sender, SenderThread
from offhook.core.voice_activity import (
    SILERO_FILE,
    SILERO_RATE_HZ,
    SILERO_WINDOW_SAMPLES,
    Endpointer,
    SileroBatch,
    SileroModel,
    silero_weights_path,
)

# The language model engine; offhook.engines.llm.native gives it its Python shape.
LlmModel = _core.LlmModel
LlmEngine = _core.LlmEngine
LlmConversation = _core.LlmConversation
LlmGeneration = _core.LlmGeneration
llm_library = _core.llm_library
llm_log = _core.llm_log
llm_requantise = _core.llm_requantise


def live_objects() -> dict[str, int]:
    """Native objects alive now, by kind; all zero once everything is closed and forgotten."""
    return _core.live_objects()


def resample(audio: NDArray[np.int16], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    """Convert ``[samples]`` int16 to double, half or the same rate, aligned and of the same duration.

    Band-limited; releases the GIL.  Raises ValueError for other ratios, TypeError for other types.
    """
    return _core.resample(np.ascontiguousarray(audio), from_hz, to_hz)


__all__ = [
    "SILERO_FILE",
    "SILERO_RATE_HZ",
    "SILERO_WINDOW_SAMPLES",
    "CorePlace",
    "Cores",
    "Endpointer",
    "Framing",
    "LlmConversation",
    "LlmEngine",
    "LlmGeneration",
    "LlmModel",
    "MediaThread",
    "OnMessage",
    "PlayoutBuffer",
    "PlayoutFile",
    "PlayoutThread",
    "Sender",
    "SenderThread",
    "SileroBatch",
    "SileroModel",
    "Stream",
    "core_place",
    "live_objects",
    "llama_folder",
    "llm_library",
    "llm_log",
    "llm_requantise",
    "machine_cores",
    "resample",
    "silero_weights_path",
]
