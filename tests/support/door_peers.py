"""The other side of doors, as Asterisk is: connections that speak AudioSocket, websocket or FastAGI."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.core import PlayoutThread
from offhook.doors.base import CallOffer, Line, Listening, PlaybackEnd
from offhook.doors.media import Hearing, Media, Sending
from offhook.doors.network import NetworkListener, Serve
from offhook.doors.tls import TlsRelay
from offhook.events import SpeechEvent
from offhook.playout.folder import PlaybackFolder
from offhook.playout.utterance import Utterance
from tests.support.waiting import eventually

Samples = NDArray[np.int16]
LISTENING = Listening(pause_ms=100, endpointing_ms=450, ring_s=4)
WAIT_S = 60.0


@contextlib.contextmanager
def media_of(folder: Path) -> Iterator[Media]:
    """What lines are made of."""
    hearing, sending, playout = Hearing(), Sending(), PlayoutThread()
    playback = PlaybackFolder(folder)
    try:
        yield Media(hearing, playout, playback, sending)
    finally:
        sending.close()
        hearing.close()
        playout.stop()
        playback.close()


@contextlib.asynccontextmanager
async def listening(
    door: str, serve: Serve, address: str = "127.0.0.1:0", tls: TlsRelay | None = None
) -> AsyncIterator[NetworkListener]:
    listener = NetworkListener(door, address, tls=tls)
    listener.bind()
    listener.start(serve)
    try:
        yield listener
    finally:
        await listener.close()


class HeldLine:
    """Takes the calls of one door and does with them what the test says.  Its :meth:`take` is the door's."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self.events: list[SpeechEvent] = []
        self.keys: list[str] = []
        self.offers: list[CallOffer] = []
        self.taken = asyncio.Event()
        self.result = "ok"
        self.refusal: Exception | None = None
        self.let_go = asyncio.Event()
        """Ends the call on our side."""

    async def take(self, line: Line) -> None:
        self.offers.append(line.offer)
        if self.refusal is not None:
            raise self.refusal
        line.accept()
        self.line = line
        self.stream = line.hear(self.events.append, LISTENING)
        self.player = line.player(self.keys.append)
        self.taken.set()
        over = asyncio.ensure_future(self.let_go.wait())
        gone = asyncio.ensure_future(line.gone())
        try:
            await asyncio.wait({over, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
            gone.cancel()
        await self.player.close()
        await line.finish("hangup" if line.ended.is_set() else self.result, {"OFFHOOK_ACTION": "none"})
        line.close()

    def check(self, offer: CallOffer) -> str | None:
        if self.refusal is not None:
            raise self.refusal
        return None

    async def heard(self, samples: int) -> Samples:
        """So many samples of the caller that are no silence, which is put in where nothing comes."""
        found = np.zeros(0, np.int16)

        def enough() -> bool:
            nonlocal found
            _, audio = self.stream.read(0, self.stream.written_samples)
            found = audio[audio != 0]
            return len(found) >= samples

        await eventually(enough, "the caller's audio")
        return found

    async def say(self, audio: Samples, *, keys_cut: bool = False) -> tuple[Utterance, PlaybackEnd]:
        utterance = Utterance(self.stream.rate_hz, self.player.track)
        utterance.clause("something")
        utterance.write(audio)
        utterance.finish()
        return utterance, await self.player.play(utterance, keys_cut=keys_cut, started=lambda: None)


class Peer:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, where: str) -> Peer:
        if where.startswith("/"):
            return cls(*await asyncio.open_unix_connection(where))
        host, _, port = where.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def closed(self) -> bytes:
        """What still comes, to the end."""
        try:
            return await asyncio.wait_for(self.reader.read(-1), WAIT_S)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.writer.close()

    # --- AudioSocket --------------------------------------------------------------------------------

    async def frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(WAIT_S):
            kind, size = struct.unpack(">BH", await self.reader.readexactly(3))
            return kind, await self.reader.readexactly(size)

    async def sounds(self, samples: int) -> Samples:
        """So many samples that are no silence, from AudioSocket frames."""
        found = np.zeros(0, np.int16)
        while len(found) < samples:
            _, payload = await self.frame()
            heard = np.frombuffer(payload, np.int16)
            found = np.concatenate([found, heard[heard != 0]])
        return found

    # --- websocket ----------------------------------------------------------------------------------

    async def upgrade(self, path: str, *, login: str | None = None, protocol: str = "media") -> str:
        """The answer's status line."""
        lines = [f"GET {path} HTTP/1.1", "Host: offhook", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Protocol: {protocol}"]
        if login is not None:
            lines.append(f"Authorization: Basic {base64.b64encode(login.encode()).decode()}")
        await self.send("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(WAIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return head.partition("\r\n")[0]

    async def message(self, payload: bytes | str, opcode: int | None = None) -> None:
        """One masked frame: text or binary."""
        data = payload.encode() if isinstance(payload, str) else payload
        code = opcode if opcode is not None else 1 if isinstance(payload, str) else 2
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        await self.send(bytes([0x80 | code]) + size + mask + masked)

    async def received(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        async with asyncio.timeout(WAIT_S):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2))
            return first & 0x0F, await self.reader.readexactly(size)

    # --- FastAGI ------------------------------------------------------------------------------------

    async def step(self, script: str, *arguments: str, **said: str) -> dict[str, str]:
        """One step of the dialplan: the variables that it has set."""
        header = {"network_script": script, "uniqueid": "170.1", **said}
        header |= {f"arg_{number}": argument for number, argument in enumerate(arguments, 1)}
        await self.send("".join(f"agi_{name}: {value}\n" for name, value in header.items()).encode() + b"\n")
        variables = {}
        async with asyncio.timeout(WAIT_S):
            while line := (await self.reader.readline()).decode():
                assert line.startswith("SET VARIABLE "), line
                name, value = line.removeprefix("SET VARIABLE ").rstrip("\n").split(" ", 1)
                variables[name.strip('"')] = value.strip('"')
                await self.send(b"200 result=1\n")
        return variables
