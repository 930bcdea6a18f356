"""Reference: the way most guides put an Asterisk voice agent together.

The script listens for 500 ms of silence by loudness alone, writes the utterance to a WAV file, starts a
process that loads its recogniser and prints the words, asks a model server over HTTP for the whole
answer, starts a process that writes the answer's audio to a file, and plays that with STREAM FILE.
While it does so nobody listens.

Kinder than most guides: 500 ms instead of one or two seconds, the same small models as ours, the note
with the right fact beside the caller's words, a server that keeps its model and the prompt's beginning
in memory, and the greeting is made beforehand.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from bench.turnaround.references.frame import SILENCE_MS, Line, open_office, options, serve
from offhook.agents.loader import Agent
from offhook.engines.llm.embedded import embedded_model
from offhook.knowledge.words import WordIndex
from tests.support.audio.audio import read_wav, write_wav

LOUD = 600
"""Root mean square above which a frame is speech: -35 dBFS."""
FRAME_SAMPLES = 160
LEAST_VOICED_MS = 160
PRE_ROLL_FRAMES = 10
STOP = ("Caller:", "Say:", "<|im_")
"""An answer ends where the model begins to write the other side's part."""
_FAREWELL = re.compile(
    r"\b(?:good[ -]?bye|bye|see you(?: later)?|that's all|have a (?:nice|good) day)"
    r"(?:\W+(?:now|then|thanks|thank you))*\W*$",
    re.IGNORECASE,
)
_SERVER_START_S = 90.0


class Guides:
    """The model server's address, and how a call is held."""

    def __init__(self, agent: Agent, url: str, greeting: NDArray[np.int16]) -> None:
        self._agent = agent
        self._notes = [fact.text for fact in agent.facts]
        self._index = WordIndex(self._notes, [fact.keywords for fact in agent.facts])
        self._client = httpx.AsyncClient(base_url=url, timeout=30)
        self._greeting = greeting

    async def converse(self, line: Line) -> None:
        """One call, one turn after the other."""
        fd = line.handoff.descriptors.audio
        assert fd is not None
        os.set_blocking(fd, False)
        await line.play(self._greeting)
        with tempfile.TemporaryDirectory() as scratch:
            while True:
                _throw_away(fd)
                samples, ended_ns, voiced_ms = await listen(fd)
                trace = line.begin_turn(ended_ns, voiced_ms)
                recording, reply = Path(scratch) / "caller.wav", Path(scratch) / "answer.wav"
                write_wav(recording, samples)
                heard = (await _run("bench.turnaround.references.recognise", str(recording))).strip()
                trace.stt_done_ns = time.monotonic_ns()
                if not heard:
                    continue
                text = await self._think(heard)
                trace.clause_ready_ns = time.monotonic_ns()
                await _run("bench.turnaround.speak", text, str(reply))
                await line.answer(trace, heard, text, read_wav(reply))

    async def _think(self, heard: str) -> str:
        if _FAREWELL.search(heard):
            return self._agent.goodbye
        messages = [{"role": "system", "content": self._agent.persona}]
        for example in self._agent.examples:
            messages.append({"role": "user", "content": beside(example.note, example.caller)})
            messages.append({"role": "assistant", "content": example.agent})
        matches = self._index.best(heard)
        if matches:
            note = self._notes[matches[0].number]
        else:
            note = self._agent.unknown if "?" in heard else self._agent.otherwise
        messages.append({"role": "user", "content": beside(note, heard)})
        body = {
            "model": "smollm2",
            "messages": messages,
            "temperature": 0.0,
            "max_tokens": 96,
            "stop": list(STOP),
        }
        response = await self._client.post("/v1/chat/completions", json=body)
        response.raise_for_status()
        return str(response.json()["choices"][0]["message"]["content"]).strip() or self._agent.unclear

    async def close(self) -> None:
        """The connection to the server."""
        self._index.close()
        await self._client.aclose()


def beside(note: str, heard: str) -> str:
    """The caller's words and the note, as the model sees them."""
    words = heard.replace('"', "'")
    return f'Caller: "{words}"\nSay: "{note}"' if note else f'Caller: "{words}"'


async def listen(fd: int) -> tuple[NDArray[np.int16], int, int]:
    """One utterance: its samples, when its last loud frame came, how much of it was loud. [ms]"""
    frames: list[NDArray[np.int16]] = []
    loud_frames, ended_ns, silent_ms, rest = 0, 0, 0, b""
    while True:
        rest += await _read(fd)
        while len(rest) >= 2 * FRAME_SAMPLES:
            frame = np.frombuffer(rest[: 2 * FRAME_SAMPLES], "<i2").astype(np.int16)
            rest = rest[2 * FRAME_SAMPLES :]
            frames.append(frame)
            if float(np.sqrt(np.mean(np.square(frame.astype(np.float64))))) > LOUD:
                loud_frames, silent_ms, ended_ns = loud_frames + 1, 0, time.monotonic_ns()
            else:
                silent_ms += 20
            if not loud_frames:
                del frames[:-PRE_ROLL_FRAMES]
            elif silent_ms >= SILENCE_MS:
                if loud_frames * 20 >= LEAST_VOICED_MS:
                    return np.concatenate(frames), ended_ns, loud_frames * 20
                frames, loud_frames = [], 0


async def _read(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(fd)
    data = os.read(fd, 65_536)
    if not data:
        raise asyncio.CancelledError  # the caller has hung up
    return data


def _throw_away(fd: int) -> None:
    """What came while nobody listened."""
    try:
        while os.read(fd, 65_536):
            pass
    except BlockingIOError:
        pass


async def _run(module: str, *words: str) -> str:
    """A process that does one thing and loads what it needs for it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return said.decode()


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """llama-cpp-python's own server with the embedded model, and its address."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(embedded_model())]
    command += ["--model_alias", "smollm2", "--host", "127.0.0.1", "--port", "0"]
    command += ["--n_ctx", "2048", "--verbose", "false"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
    deadline = time.monotonic() + _SERVER_START_S
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"running on (http://127\.0\.0\.1:[0-9]+)", log.read_text(errors="replace"))
        if found:
            return process, found[1]
        time.sleep(0.1)
    process.kill()
    process.wait()
    raise RuntimeError(f"the model server did not start:\n{log.read_text(errors='replace')}")


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """By its own pid."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def main() -> None:
    """Starts the server, serves."""
    given = options(__doc__ or "")
    async with AsyncExitStack() as stack:
        office = open_office(given, stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server, url = await asyncio.to_thread(start_server, folder)
        stack.callback(stop_server, server)
        await _run("bench.turnaround.speak", office.agent.greeting, str(folder / "greeting.wav"))
        reference = Guides(office.agent, url, read_wav(folder / "greeting.wav"))
        stack.push_async_callback(reference.close)
        await reference._think("Hello?")  # the server reads the prompt's beginning once
        await serve(given, office, reference.converse)


if __name__ == "__main__":
    asyncio.run(main())
