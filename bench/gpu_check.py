"""``make gpu-check``: what each stage takes on the processor and, where there is one, on the GPU.

One table, in some minutes: the stage, where it was computed, and its median time.  Lines in front of it say
why an engine does not use the GPU.  It needs the models whisper-base and piper-en_US-joe-medium, which are
fetched once, and exits with 1 where a GPU was asked for (``--device cuda``) and something was computed on the
processor after all.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import soxr
from numpy.typing import NDArray

from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.config import Device
from offhook.engines.llm.base import Limits
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.native import NativeModel
from offhook.engines.stt.base import STT_RATE_HZ
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.stt.whisper import Whisper
from offhook.engines.tts.piper import Piper
from offhook.errors import OffhookError

TEXT = "The workshop is open from eight in the morning, and on Saturdays until noon."
RUNS = 7


def median_ms(work: Callable[[], object]) -> float:
    """Of :data:`RUNS` runs, behind one that warms up."""
    work()
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def spoken(voice: Piper) -> NDArray[np.int16]:
    """:data:`TEXT`, ``[samples]`` at 16 kHz."""
    audio = np.concatenate(list(voice.synthesize(TEXT)))
    return soxr.resample(audio, voice.sample_rate_hz, STT_RATE_HZ)  # type: ignore[no-any-return]


def stages(device: Device) -> list[tuple[str, float]]:
    """What each takes. [ms]"""
    rows = []
    voice = Piper(pull(find("piper-en_US-joe-medium"), print)[0].path, device=device)
    rows.append(
        ("Piper joe, a sentence of five seconds, whole", median_ms(lambda: list(voice.synthesize(TEXT))))
    )
    rows.append(("the same, first audio", median_ms(lambda: next(iter(voice.synthesize(TEXT))))))
    audio = spoken(voice)
    voice.close()
    moonshine = Moonshine(device=device)
    rows.append(("Moonshine tiny, that sentence", median_ms(lambda: moonshine.transcribe(audio))))
    moonshine.close()
    whisper = Whisper(pull(find("whisper-base"), print)[0].path, device=device)
    rows.append(("Whisper base, that sentence", median_ms(lambda: whisper.transcribe(audio))))
    whisper.close()
    layers = 0 if device == "cpu" else -1
    rows += asyncio.run(language_model(layers))
    return rows


async def language_model(layers: int) -> list[tuple[str, float]]:
    """First token behind a prompt of some 400 tokens, and 32 more."""
    model = NativeModel(embedded_model(), n_gpu_layers=layers)
    prompt = model.template.prefix(" ".join([TEXT] * 24))
    first, whole = [], []
    for _ in range(3):
        talk = await model.conversation(prompt)
        await talk.append(*model.template.user("When do you open?"))
        began = time.perf_counter()
        times = []
        async for _piece in talk.generate(Limits(max_tokens=32)):
            times.append(1000 * (time.perf_counter() - began))
        first.append(times[0])
        whole.append(times[-1])
        await talk.close()
    model.close()
    return [
        ("SmolLM2 135M, first token", statistics.median(first)),
        ("the same, 32 tokens", statistics.median(whole)),
    ]


def gpu() -> str:
    """Which there is, and how much of its memory is in use."""
    if shutil.which("nvidia-smi") is None:
        return "no nvidia-smi: there is no NVIDIA driver here"
    query = ["nvidia-smi", "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True, timeout=30).stdout.strip() or "no GPU"


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu_check", description="Stages by device.")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    device: Device = parser.parse_args().device
    heard = _Heard()
    logging.getLogger("offhook.engines.device").addHandler(heard)
    logging.getLogger("offhook.engines.device").setLevel(logging.INFO)
    print(f"GPU: {gpu()}")
    columns = {"cpu": stages("cpu")}
    if device != "cpu":
        columns[device] = stages(device)
        print(f"GPU afterwards: {gpu()}")
    print("| stage | " + " | ".join(f"{name} [ms]" for name in columns) + " |")
    print("|---|" + "---|" * len(columns))
    for row in zip(*columns.values(), strict=True):
        print(f"| {row[0][0]} | " + " | ".join(f"{ms:.1f}" for _, ms in row) + " |")
    return 1 if device == "cuda" and heard.on_processor else 0


class _Heard(logging.Handler):
    """Prints what the engines say, and remembers whether one went to the processor."""

    on_processor = False

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        self.on_processor = self.on_processor or "on the processor" in line
        print(f"- {line}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OffhookError as error:
        sys.exit(f"bench.gpu_check: {error}")
