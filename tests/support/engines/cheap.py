"""Engines that cost next to nothing, for a real daemon: what is tried is the daemon, with many calls.

They are a package like any stranger's, found by its entry points (:func:`installed`).  The recogniser hears
the same question in every utterance, the model gives the same answer, the voice hums 30 ms for a character.
A file whose name is in ``OFFHOOK_CHEAP_TROUBLE`` says what is wrong with them, as long as it is there: lines
of ``stt hang``, ``llm fail``, ``tts slow 0.2``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.engines.engine import Engine, Loading
from offhook.engines.llm.base import Mark
from offhook.engines.stt.base import Transcript
from offhook.engines.tts.base import never
from offhook.errors import ModelError
from tests.support.engines.engines import PlainTemplate, ScriptedConversation, ScriptedGeneration

QUESTION = "When do you open in the morning?"
ANSWER = "We open at nine."
TROUBLE = "OFFHOOK_CHEAP_TROUBLE"
_HUM = np.round(2_000 * np.sin(2 * np.pi * 210 / 8_000 * np.arange(8_000))).astype(np.int16)
_ROOT = Path(__file__).resolve().parents[3]

SETTINGS = """
[stt]
engine = "cheap"
model = "cheap"
[llm]
engine = "cheap"
model = "cheap"
[tts]
engine = "cheap"
model = "cheap"
"""
"""Of ``offhook.toml``."""


def installed(folder: Path) -> dict[str, str]:
    """Install them into ``folder``; the environment in which a daemon finds them."""
    package = folder / "offhook_cheap-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: offhook-cheap\nVersion: 1.0\n")
    entries = "".join(f"{each.stage} = {__name__}:{each.stage.upper()}\n" for each in (STT, LLM, TTS))
    (package / "entry_points.txt").write_text(f"[offhook.engines]\n{entries}")
    ours = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(_ROOT), *ours])}


def _trouble(stage: str) -> tuple[str, ...]:
    try:
        lines = Path(os.environ[TROUBLE]).read_text().splitlines()
    except (KeyError, OSError):
        return ()
    return next((tuple(line.split()[1:]) for line in lines if line.startswith(f"{stage} ")), ())


def _suffer(stage: str) -> None:
    """What is wrong now, in a thread that may wait."""
    match _trouble(stage):
        case ("hang",):
            while _trouble(stage) == ("hang",):
                time.sleep(0.02)  # what hangs is hung until the file says otherwise
        case ("fail",):
            raise ModelError(f"the {stage} engine is out of order")
        case ("slow", seconds):
            time.sleep(float(seconds))


class Ear:
    def __init__(self, stt: Any, chosen: Any, loading: Loading) -> None:
        self.name = "cheap"

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Any = never) -> Transcript:
        _suffer("stt")
        return Transcript(QUESTION, len(audio) // 16, 0.0)

    def close(self) -> None: ...


class _Conversation(ScriptedConversation):
    async def append(self, *pieces: str) -> None:
        while _trouble("llm") == ("hang",):  # noqa: ASYNC110 - told by a file of another process
            await asyncio.sleep(0.02)
        await super().append(*pieces)

    def generate(self, *given: Any, **more: Any) -> ScriptedGeneration:
        failing = _trouble("llm") == ("fail",)
        self.answers = [[ModelError("the llm engine is out of order") if failing else ANSWER]]
        return super().generate(*given, **more)


class Mind:
    template = PlainTemplate()
    parameters = None
    places = 1024

    def __init__(self, llm: Any, chosen: Any, loading: Loading) -> None:
        self.name = "cheap"

    def problem(self) -> None:
        return None

    async def preload(self, prefix: Sequence[str]) -> int:
        return len(prefix)

    async def conversation(self, prefix: Sequence[str]) -> _Conversation:
        return _Conversation([], list(prefix), start=Mark(len(prefix)))

    def close(self) -> None: ...


class Mouth:
    sample_rate_hz = 8_000

    def __init__(self, tts: Any, chosen: Any, loading: Loading | None) -> None:
        self.name = "cheap"

    def speaking(self, language: str) -> Mouth:
        return self

    def synthesize(self, text: str, *, cancelled: Any = never) -> Iterator[NDArray[np.int16]]:
        _suffer("tts")
        yield np.resize(_HUM, 240 * len(text))

    def close(self) -> None: ...


STT = Engine("cheap", "stt", f"{__name__}:Ear", remote=True)
LLM = Engine("cheap", "llm", f"{__name__}:Mind", remote=True)
TTS = Engine("cheap", "tts", f"{__name__}:Mouth", remote=True)
