"""Pipecat's side, run by its own environment's Python: a pipeline of its own services in its own defaults.

    python bench/peers/pipecat/worker.py JOB.json

The job names models, an instruction and phrases (16 kHz, int16, ``.npy``).  Phrases are fed in real time, in
frames of 20 ms, each when its last sample has been spoken; what the pipeline sends is placed on the same
clock, as a telephone would play it, and written to ``job["out"]``.  Nothing is judged here.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from moonshine_voice import ModelArch, Transcriber
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import InputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.services.moonshine.stt import MoonshineSTTService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.piper.tts import PiperTTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

IN_HZ, OUT_HZ = 16_000, 8_000
FRAME_S = 0.02
QUIET_S, PATIENCE_S = 1.0, 20.0
"""The caller speaks again after so much silence, as the simulated channel's ``WhenSilent``."""
AUDIBLE = 184
"""-45 dBFS: only to know when the caller goes on."""


class Mouth(BaseInputTransport):  # type: ignore[misc]
    """The caller's line into the pipeline."""

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.ready = asyncio.Event()

    async def start(self, frame: Any) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self.ready.set()


class Ear(BaseOutputTransport):  # type: ignore[misc]
    """What the caller hears, on a clock of real time."""

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.heard: list[tuple[float, bytes]] = []
        self.audible_s = 0.0
        self._until_s = 0.0

    async def start(self, frame: Any) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: Any) -> bool:
        now = time.monotonic()
        begins = max(now, self._until_s)
        self._until_s = begins + len(frame.audio) / 2 / OUT_HZ
        self.heard.append((begins, frame.audio))
        if np.abs(np.frombuffer(frame.audio, np.int16).astype(np.int32)).max(initial=0) > AUDIBLE:
            self.audible_s = self._until_s
        await asyncio.sleep(max(0.0, begins - now))
        return True


class LocalMoonshine(MoonshineSTTService):  # type: ignore[misc]
    """Its own service, with the weights that offhook has."""

    folder = ""

    def _load(self) -> Any:
        return Transcriber(self.folder, ModelArch.TINY)


async def main(job: dict[str, Any]) -> None:
    LocalMoonshine.folder = job["moonshine"]
    params = TransportParams(
        audio_in_enabled=True,
        audio_in_sample_rate=IN_HZ,
        audio_out_enabled=True,
        audio_out_sample_rate=OUT_HZ,
    )
    mouth, ear = Mouth(params), Ear(params)
    llm = OpenAILLMService(
        api_key="none",
        base_url=job["llm"],
        settings=OpenAILLMService.Settings(model="local", temperature=0.0, max_tokens=job["max_tokens"]),
    )
    voice = Path(job["voice"])
    tts = PiperTTSService(
        download_dir=voice.parent, settings=PiperTTSService.Settings(voice=voice.name.removesuffix(".onnx"))
    )
    context = LLMContext([{"role": "system", "content": job["instruction"]}])
    pair = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(vad_analyzer=SileroVADAnalyzer())
    )
    pipeline = Pipeline([mouth, LocalMoonshine(), pair.user(), llm, tts, ear, pair.assistant()])
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=IN_HZ, audio_out_sample_rate=OUT_HZ),
        cancel_on_idle_timeout=False,
    )
    runner = WorkerRunner()
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await mouth.ready.wait()
    began, spoken = await speak(mouth, ear, [np.load(path) for path in job["phrases"]])
    track = np.zeros(int((time.monotonic() - began + 30) * OUT_HZ), np.int16)
    for at, audio in ear.heard:
        samples = np.frombuffer(audio, np.int16)
        place = round((at - began) * OUT_HZ)
        track[place : place + len(samples)] = samples[: max(0, len(track) - place)]
    np.savez(job["out"], track=track, spoken=np.array(spoken))
    heard = [one["content"] for one in context.messages if one["role"] == "user"]
    Path(job["out"]).with_suffix(".json").write_text(json.dumps({"heard": heard}))
    await worker.cancel()
    await asyncio.wait([running], timeout=10)


async def speak(mouth: Mouth, ear: Ear, phrases: list[Any]) -> tuple[float, list[int]]:
    """When the clock began, and the sample (16 kHz) at which each phrase did."""
    began, frame = time.monotonic(), int(IN_HZ * FRAME_S)
    number, spoken = 0, []
    todo = [np.zeros(IN_HZ, np.int16), *phrases]
    for index, phrase in enumerate(todo):
        if index:
            spoken.append(number * frame)
        asked_s, spoke_until = time.monotonic(), number + -(-len(phrase) // frame)
        while True:
            if number >= spoke_until:
                now = time.monotonic()
                done = ear.audible_s > asked_s and now - ear.audible_s > QUIET_S
                if not index or done or now - asked_s > PATIENCE_S + len(phrase) / IN_HZ:
                    break
            at = (number - (spoke_until - -(-len(phrase) // frame))) * frame
            block = np.zeros(frame, np.int16)
            part = phrase[at : at + frame]
            block[: len(part)] = part
            number += 1
            await asyncio.sleep(max(0.0, began + number * FRAME_S - time.monotonic()))
            await mouth.push_audio_frame(InputAudioRawFrame(block.tobytes(), IN_HZ, 1))
    return began, spoken


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
