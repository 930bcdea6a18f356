"""What we add to a server of somebody else's: each engine against the bare protocol, on the same local fake.

    python -m bench.bench_net_engines [--tries 100] [--turnaround]

A fake answers at once, so that all of the time is either the protocol's library or ours.  Both sides are
asked in turn, and the answers compared to the sample or word.  The fake runs in this process: where both its
thread and the network's are busy, the interpreter's switch between them (5 ms) is in the engine's figures.
Of voices also how soon a server knows that nobody wants a clause any more.

``--turnaround`` places calls to a daemon whose recogniser is a fake with final words 350 ms or 2 s late:
alone, with this machine's recogniser behind it, with interim words, and where answers begin before the final
words (``stt.commit``).  Give it a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import httpx
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import connect

from offhook.core import resample
from offhook.engines.remote.wyoming import Event
from offhook.engines.stt.transcriptions import wav
from offhook.engines.tts.voice import Voice
from offhook.simulator.speech import read_wav
from tests.support.engines import hearing_servers, speech_servers
from tests.support.engines.hearing_servers import hearing_server, speech
from tests.support.engines.model_server import Request
from tests.support.engines.remote_models import Side, both
from tests.support.engines.speech_servers import speech_server

TEXT = "The ferry leaves at nine from the north quay."
WORDS = "a table for six people on friday please"
RATE_HZ = 8_000
Once = Callable[[], Awaitable[float]]
"""One request; seconds to its first result."""


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _compare(name: str, bare: Once, ours: Once, tries: int) -> None:
    for once in (bare, ours):  # connections are opened, code is loaded
        await once()
    pairs = [(await bare(), await ours()) for _ in range(tries)]
    raw, engine = (sorted(1000 * each for each in side) for side in zip(*pairs, strict=True))
    added = sorted(1000 * (ours_s - bare_s) for bare_s, ours_s in pairs)
    print(
        f"{name:22} bare {_quantiles(raw)}   engine {_quantiles(engine)}   added p50"
        f" {statistics.median(added):5.1f} p95 {added[int(0.95 * (len(added) - 1))]:5.1f} ms"
    )


def _quantiles(times: list[float]) -> str:
    return f"p50 {statistics.median(times):5.1f} p95 {times[int(0.95 * (len(times) - 1))]:5.1f} ms"


async def _voices(tries: int) -> None:
    async with speech_server("openai") as server:
        voice = server.voice()
        client = httpx.AsyncClient(headers={"Authorization": f"Bearer {speech_servers.SECRET}"})
        body = {"model": "x", "input": TEXT, "voice": "mara", "response_format": "pcm"}

        async def bare() -> None:
            audio = b""
            async with client.stream("POST", f"{server.url}/audio/speech", json=body) as answer:
                async for chunk in answer.aiter_bytes():
                    audio += chunk
            assert audio == server.audio(TEXT).tobytes()

        await _compare(
            "tts openai, whole",
            lambda: _timed(bare),
            lambda: _timed(lambda: asyncio.to_thread(_say, voice, server.audio(TEXT))),
            tries,
        )
        await client.aclose()
        await asyncio.to_thread(voice.close)
    async with speech_server("elevenlabs") as server:
        voice = server.voice()
        path = "/v1/text-to-speech/mara/multi-stream-input?model_id=x&output_format=pcm_16000"
        socket = await connect(
            "ws" + server.url.removeprefix("http") + path,
            additional_headers={"xi-api-key": speech_servers.SECRET},
            compression=None,
        )

        async def bare_socket() -> None:
            for message in ({"text": f"{TEXT} "}, {"flush": True}, {"close_context": True}):
                await socket.send(json.dumps({**message, "context_id": "c"}))
            audio = b""
            while not (answer := json.loads(await socket.recv())).get("isFinal"):
                audio += base64.b64decode(answer["audio"])
            assert audio == server.audio(TEXT).tobytes()

        await _compare(
            "tts elevenlabs, whole",
            lambda: _timed(bare_socket),
            lambda: _timed(lambda: asyncio.to_thread(_say, voice, server.audio(TEXT))),
            tries,
        )
        await socket.close()
        await asyncio.to_thread(voice.close)


async def _given_up(tries: int) -> None:
    """From the moment when nobody wants a clause any more to the server's knowing it."""
    for kind in speech_servers.KINDS:
        async with speech_server(kind) as server:
            server.mode = "hold"
            voice = Voice(server.voice())
            times = []
            for _ in range(tries):
                server.gone.clear()
                stream = voice.stream(TEXT, RATE_HZ)
                await anext(stream)
                began = time.perf_counter()
                await stream.aclose()
                await server.gone.wait()
                times.append(1000 * (time.perf_counter() - began))
            print(f"tts {kind + ', given up':22} the server knows after {_quantiles(sorted(times))}")
            await asyncio.to_thread(voice.close)


async def _models(tries: int) -> None:
    """From the question to the whole answer, on a connection that is open."""
    for engine in ("openai", "ollama"):
        async with both(engine) as side:
            side.server.will(side.answer(*(f"{word} " for word in TEXT.split())))
            client = httpx.AsyncClient()
            await side.ask()
            asked = side.server.requests[-1]

            async def bare(
                side: Side = side, client: httpx.AsyncClient = client, asked: Request = asked
            ) -> None:
                said = ""
                url = side.server.url + asked.path
                async with client.stream("POST", url, content=asked.content) as answer:
                    async for line in answer.aiter_lines():
                        data = line.removeprefix("data: ")
                        if data.startswith("{"):
                            value = json.loads(data)
                            choices = value.get("choices") or [{}]
                            part = value.get("message") or choices[0].get("delta") or {}
                            said += part.get("content") or ""
                assert said.strip() == TEXT

            async def ours(side: Side = side) -> None:
                said, _ = await side.ask()
                assert said.strip() == TEXT

            await _compare(f"llm {engine}, whole", partial(_timed, bare), partial(_timed, ours), tries)
            await client.aclose()


def _say(voice: object, wanted: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    audio = np.concatenate(list(voice.synthesize(TEXT)))  # type: ignore[attr-defined]
    assert np.array_equal(audio, wanted)


async def _ears(tries: int) -> None:
    audio = speech(WORDS, RATE_HZ)
    async with hearing_server("openai") as server:
        ear = server.recognition()
        client = httpx.AsyncClient(headers={"Authorization": f"Bearer {hearing_servers.SECRET}"})

        async def bare() -> None:
            files = {"file": ("a.wav", wav(audio, RATE_HZ), "audio/wav")}
            form = {"model": "x", "response_format": "json", "language": "en"}
            answer = await client.post(f"{server.url}/audio/transcriptions", data=form, files=files)
            assert answer.json()["text"].strip() == WORDS

        async def ours() -> None:
            session = ear.session(RATE_HZ)
            session.push(audio)
            assert (await session.final(5_000)).text == WORDS
            session.cancel()

        await _compare("stt openai", lambda: _timed(bare), lambda: _timed(ours), tries)
        await client.aclose()
        await asyncio.to_thread(ear.close)
    async with hearing_server("wyoming") as server:
        ear = server.recognition()
        host, _, port = server.url.removeprefix("tcp://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        wide = speech(WORDS, 16_000)
        form = {"rate": 16_000, "width": 2, "channels": 1}

        async def bare_line() -> None:
            chunk = Event("audio-chunk", form, wide.tobytes())
            for event in (Event("transcribe"), Event("audio-start", form), chunk, Event("audio-stop")):
                writer.write(event.encode())
            head = json.loads(await reader.readline())
            assert json.loads(await reader.readexactly(head["data_length"]))["text"] == WORDS

        async def ours_line() -> None:
            session = ear.session(16_000)
            session.push(wide)
            assert (await session.final(5_000)).text == WORDS
            session.cancel()

        await _compare("stt wyoming", lambda: _timed(bare_line), lambda: _timed(ours_line), tries)
        writer.close()
        await asyncio.to_thread(ear.close)


SAID = ("01_hours", "03_cost", "04_parking")
LOCAL = 'fallback = { engine = "moonshine", after_ms = %d }'
TURNAROUNDS = (
    ("", 0.0, "", "this machine's recogniser, no server"),
    ("openai", 0.35, "", "words 350 ms late, alone"),
    ("openai", 0.35, LOCAL % 5_000, "words 350 ms late, this machine guesses"),
    ("openai", 0.35, LOCAL % 5_000 + '\ncommit = "interim"', "words 350 ms late, begun on this machine's"),
    ("nova", 0.35, "", "words 350 ms late, eager interim words"),
    ("nova", 0.35, 'commit = "interim"', "words 350 ms late, begun on eager interim words"),
    ("openai", 2.0, LOCAL % 450, "words 2 s late, this machine takes over"),
    ("openai", 2.0, LOCAL % 450 + '\ncommit = "interim"', "words 2 s late, begun on this machine's"),
)
"""What kind of server, or none; how late its final words are [s]; settings of [stt]; what that is called."""


async def _turnaround(calls: int) -> None:
    """Calls to a daemon whose server's final words are late."""
    from offhook.engines.stt.moonshine import Moonshine
    from tests.simulator.test_call_on_servers import SPEECH, called
    from tests.support.daemon_process import DaemonProcess

    ear = Moonshine(threads=1)
    known = KnownSpeech(SAID)

    def understands(samples: NDArray[np.int16], rate_hz: int) -> str:
        return ear.transcribe(resample(samples, rate_hz, 16_000)).text

    for kind, delay_s, more, name in TURNAROUNDS:
        async with hearing_server(kind or "openai") as server:
            server.delay_s = delay_s
            server.understands = understands if kind == "openai" else known
            engine = "deepgram" if kind == "nova" else kind
            settings = f'[stt]\nengine = "{engine}"\nbase_url = {json.dumps(server.url)}\n'
            settings += f'api_key_env = "HEARING_KEY"\nfinal_timeout_s = 20\n{more}\n'
            settings = settings if kind else ""
            daemon = DaemonProcess(settings, environment={"HEARING_KEY": hearing_servers.SECRET})
            try:
                await asyncio.to_thread(daemon.start)
                traces = []
                for _ in range(calls):
                    record = await called(daemon, *SAID)
                    traces += [turn.trace for turn in record.turns if turn.trace is not None]
                times = sorted(ms for trace in traces if (ms := trace.turnaround_ms()) is not None)
                became = Counter(trace.interim for trace in traces if trace.interim)
                told = f"; {dict(became)}" if became else ""
                if kind:
                    said_s = (
                        calls * sum(len(read_wav(SPEECH / f"{each}.wav", RATE_HZ)) for each in SAID) / RATE_HZ
                    )
                    told += f"; {server.seconds:.1f} s uploaded, {said_s:.1f} s said"
                print(f"turnaround, {name:48} {_quantiles(times)} of {len(times)}{told}", flush=True)
            finally:
                await asyncio.to_thread(daemon.close)
    ear.close()


class KnownSpeech:
    """Understands phrases that are known, sample by sample, so far as they have come: it costs nothing.

    The simulated channel loses no sample.  A server that gives words while they are said would not have the
    cores that are measured here.
    """

    STRETCH = 80
    """Samples that no other place of the phrases has."""

    def __init__(self, names: Sequence[str]) -> None:
        from tests.simulator.test_call_on_servers import SPEECH, TEXTS

        self._phrases = [(read_wav(SPEECH / f"{name}.wav", RATE_HZ), TEXTS[name].split()) for name in names]

    def __call__(self, samples: NDArray[np.int16], rate_hz: int) -> str:
        loud = np.flatnonzero(np.abs(samples) > 500)
        if len(loud) < self.STRETCH:
            return ""
        first = samples[loud[0] : loud[0] + self.STRETCH].tobytes()
        latest = samples[max(0, loud[-1] - self.STRETCH) : loud[-1]].tobytes()
        for phrase, words in self._phrases:
            begin, at = phrase.tobytes().find(first) // 2, phrase.tobytes().find(latest) // 2
            if begin >= 0 and at >= 0:
                sounds = np.flatnonzero(np.abs(phrase) > 500)
                # A service that was asked in mid-phrase is told the rest as a piece by itself.
                share = [
                    (place - sounds[0]) / (sounds[-1] - sounds[0]) for place in (begin, at + self.STRETCH + 1)
                ]
                skipped, said = (round(len(words) * min(1.0, max(0.0, each))) for each in share)
                return " ".join(words[skipped:said])
        return ""


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--turnaround", action="store_true", help="nothing but the calls")
    parser.add_argument("--calls", type=int, default=3, help="of three turns each, for each row")
    args = parser.parse_args()
    os.environ |= {"VOICE_KEY": speech_servers.SECRET, "HEARING_KEY": hearing_servers.SECRET}
    if args.turnaround:
        await _turnaround(args.calls)
        return
    await _voices(args.tries)
    await _given_up(args.tries)
    await _ears(args.tries)
    await _models(args.tries)


if __name__ == "__main__":
    asyncio.run(main())
