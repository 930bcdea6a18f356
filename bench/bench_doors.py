"""What the doors cost that send their own frames, and how they compare.

    python -m bench.bench_doors pace [--senders 64] [--seconds 10]
    python -m bench.bench_doors loop [--calls 32] [--seconds 5]
    python -m bench.bench_doors turnaround [--calls 5]

``pace``: frames of N senders at the other end of TCP connections, in a process of its own.  ``jitter`` is by
how much the time between two frames of a line is not 20 ms; every sample has to arrive, once and in order.
Both sides ask for real-time priority: without it, it is the machine's other work that is measured.

``loop``: CPU time of the event loop's thread per second of one call, 50 frames a second in each direction: by
the library ``websockets`` in the loop, as most programs do it, and by the native threads behind this door.
The bytes that arrive are compared with those that were sent.  That is the reason why frames are native here
and the handshake alone is the library's.

``turnaround``: as ``bench_call.py``, at a SIP client on a real Asterisk, the same questions through EAGI,
AudioSocket and chan_websocket in turn, so that whatever else the machine does is spread over all of them; all
three are bridged or played by the same Asterisk and answered by the same daemon.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import selectors
import socket
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from offhook.core import MediaThread, PlayoutBuffer, SenderThread, SileroModel
from offhook.simulator.launcher import INSTALLED as LAUNCHER
from tests.support.asterisk.asterisk_install import find_asterisk
from tests.support.asterisk.of_doors import EXTENSIONS, Doors, asterisk_of_doors
from tests.support.audio.audio import load_phrases
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import ROOT
from tests.support.sip.sip_client import SipCall

FRAME = 160
TLV_BYTES = 3 + 2 * FRAME
QUESTIONS = ("01_hours", "02_location", "03_cost", "04_parking")


def percentiles(values: list[float]) -> str:
    names = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return "  ".join(f"{name} {np.percentile(values, p):.2f}" for name, p in names.items())


# --- pace ---------------------------------------------------------------------------------------------


def receive(port: int, lines: int, seconds: float, result: Connection) -> None:
    """In a process of its own: when each frame came, and what they held."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    selector = selectors.DefaultSelector()
    for line in range(lines):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, line)
    came: list[list[int]] = [[] for _ in range(lines)]
    held = [bytearray() for _ in range(lines)]
    until = time.monotonic() + seconds + 1
    while time.monotonic() < until:
        for key, _ in selector.select(0.05):
            data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
            now = time.monotonic_ns()
            before = len(held[key.data]) // TLV_BYTES
            held[key.data] += data
            came[key.data] += [now] * (len(held[key.data]) // TLV_BYTES - before)
    result.send((came, [bytes(each) for each in held]))


def pace(senders: int, seconds: float) -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=senders)
    ours, theirs = multiprocessing.Pipe()
    port = listening.getsockname()[1]
    peer = multiprocessing.Process(target=receive, args=(port, senders, seconds, theirs))
    peer.start()
    accepted = [listening.accept()[0] for _ in range(senders)]
    length = int(seconds * 8_000) // FRAME * FRAME
    content = (np.arange(length) % 30_000 + 1).astype(np.int16)
    with SenderThread() as thread:
        lines = []
        for sock in accepted:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = thread.add(sock.fileno(), 8_000, framing="audiosocket")
            audio = PlayoutBuffer(8_000)
            audio.write(content)
            audio.finish()
            line.play(audio)
            lines.append(line)
            time.sleep(0.02 / senders)  # calls do not begin together
        came, held = ours.recv()
        skipped_ms = sum(line.skipped_ns for line in lines) / 1e6
    peer.join()
    jitter: list[float] = []
    for times, data in zip(came, held, strict=True):
        frames = np.frombuffer(data[: len(data) // TLV_BYTES * TLV_BYTES], np.uint8).reshape(-1, TLV_BYTES)
        audio_sent = np.ascontiguousarray(frames[:, 3:]).view(np.int16).reshape(-1)
        assert np.array_equal(audio_sent[audio_sent != 0], content), "every sample once, in order"
        jitter += [abs(gap - 20e6) / 1e6 for gap in np.diff(times)]
    print(
        f"{senders} senders, {seconds:.0f} s, jitter [ms]: {percentiles(jitter)}; skipped {skipped_ms:.0f} ms"
    )


# --- loop ---------------------------------------------------------------------------------------------


async def by_library(calls: int, seconds: float) -> float:
    """CPU seconds of the loop's thread; the peers are clients in another process."""
    payload = bytes(range(256)) + bytes(64)
    frames = int(seconds * 50)

    async def handle(connection: ServerConnection) -> None:
        async def hear() -> int:
            count = 0
            async for message in connection:
                assert message == payload
                count += 1
            return count

        hearing = asyncio.ensure_future(hear())
        began = time.monotonic()
        for number in range(frames):
            await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
            await connection.send(payload)
        assert await hearing == frames

    async with serve(handle, "127.0.0.1", 0, compression=None, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        peers = multiprocessing.Process(target=library_peers, args=(port, calls, frames, payload))
        peers.start()
        before = time.thread_time()
        await asyncio.to_thread(peers.join)
        used = time.thread_time() - before
        assert peers.exitcode == 0
    return used


def library_peers(port: int, calls: int, frames: int, payload: bytes) -> None:
    async def one() -> None:
        connection: ClientConnection
        async with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None) as connection:
            began = time.monotonic()
            for number in range(frames):
                await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
                await connection.send(payload)
                assert await connection.recv() == payload

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(calls)))

    asyncio.run(all_of_them())


async def natively(calls: int, seconds: float) -> float:
    """The same traffic through the threads; the loop is told of speech and of ends, and of nothing else."""
    loop = asyncio.get_running_loop()
    pairs = [socket.socketpair() for _ in range(calls)]
    frames = int(seconds * 50)
    content = (np.arange(frames * FRAME) % 30_000 + 1).astype(np.int16)
    peers = multiprocessing.Process(target=native_peers, args=([pair[1] for pair in pairs], frames))
    with MediaThread(SileroModel()) as media, SenderThread() as thread:
        loop.add_reader(media.event_fd, media.poll)
        loop.add_reader(thread.event_fd, thread.poll)
        before = time.thread_time()
        streams, lines = [], []
        for ours, _ in pairs:
            streams.append(media.add(ours.dup().detach(), 8_000, framing="websocket"))
            line = thread.add(ours.fileno(), 8_000, framing="websocket", lead_ms=200)
            audio = PlayoutBuffer(8_000)
            audio.write(content)
            audio.finish()
            line.play(audio)
            lines.append(line)
        begun = time.thread_time()
        peers.start()
        started = time.thread_time() - begun  # forking is no part of it
        await asyncio.to_thread(peers.join)
        used = time.thread_time() - before - started
        assert peers.exitcode == 0
        assert all(stream.written_samples >= frames * FRAME for stream in streams)
        loop.remove_reader(media.event_fd)
        loop.remove_reader(thread.event_fd)
    for ours, theirs in pairs:
        ours.close()
        theirs.close()
    return used


def native_peers(sockets: list[socket.socket], frames: int) -> None:
    mask = b"\x01\x02\x03\x04"
    frame = b"\x82\xfe" + (2 * FRAME).to_bytes(2) + mask + bytes(2 * FRAME)
    received = [bytearray() for _ in sockets]
    for sock in sockets:
        sock.setblocking(False)
    began = time.monotonic()
    for number in range(frames + 25):
        time.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
        for sock, into in zip(sockets, received, strict=True):
            if number < frames:
                sock.send(frame)
            try:
                into += sock.recv(65_536)
            except BlockingIOError:
                continue
    expected = (np.arange(frames * FRAME) % 30_000 + 1).astype(np.int16)
    for data in received:
        whole = np.frombuffer(bytes(data), np.uint8).reshape(-1, 4 + 2 * FRAME)
        assert np.array_equal(np.ascontiguousarray(whole[:, 4:]).view(np.int16).reshape(-1), expected)


def loop_cost(calls: int, seconds: float) -> None:
    library = asyncio.run(by_library(calls, seconds)) / (calls * seconds)
    native = asyncio.run(natively(calls, seconds)) / (calls * seconds)
    print(
        f"event loop, per second of a call: websockets {library * 1e6:.0f} us, native {native * 1e6:.0f} us"
    )
    print(f"ratio {library / max(native, 1e-9):.0f}")


# --- turnaround -----------------------------------------------------------------------------------------


def turnaround(calls: int) -> None:
    phrases = load_phrases(ROOT / "engine/offhook/assets/demo")
    doors = Doors.free()
    ms: dict[str, list[float]] = {door: [] for door in ("eagi", *EXTENSIONS)}
    greeting_ms: dict[str, list[float]] = {door: [] for door in ms}

    async def converse(address: tuple[str, int], door: str) -> None:
        extension = EXTENSIONS.get(door, "700")
        async with await SipCall.place(address, extension, user="softphone", password="change-me") as call:
            heard_ns = await call.media.heard_after(0)
            assert call.answered_ns is not None
            greeting_ms[door].append((heard_ns - call.answered_ns) / 1e6)
            await call.media.quiet(1_000)
            for name in QUESTIONS:
                ms[door].append((await call.ask(phrases[name], quiet_ms=1_000)).turnaround_ms)

    with (
        tempfile.TemporaryDirectory() as folder,
        asterisk_of_doors(find_asterisk(), doors, scripts=[LAUNCHER]) as server,
        DaemonProcess(doors.settings(Path(folder))) as daemon,
    ):
        server.use_daemon(daemon.socket)
        for _ in range(calls):
            for door in ms:
                asyncio.run(converse(server.address, door))
        server.use_daemon(None)
        answers = daemon.transcript()
    assert len(answers) == sum(len(each) for each in ms.values()), "one answer for each question"
    for door, values in ms.items():
        greeting = float(np.median(greeting_ms[door]))
        print(f"{door:12} turnaround [ms]: {percentiles(values)}   greeting p50 {greeting:.0f}")
    base = np.median(ms["eagi"])
    print(
        json.dumps({door: round(float(np.median(each) - base), 1) for door, each in ms.items()}),
        "ms over eagi",
    )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_subparsers(dest="what", required=True)
    paced = what.add_parser("pace")
    paced.add_argument("--senders", type=int, default=64)
    paced.add_argument("--seconds", type=float, default=10)
    looped = what.add_parser("loop")
    looped.add_argument("--calls", type=int, default=32)
    looped.add_argument("--seconds", type=float, default=5)
    turned = what.add_parser("turnaround")
    turned.add_argument("--calls", type=int, default=5)
    given = parser.parse_args(arguments)
    if given.what == "pace":
        pace(given.senders, given.seconds)
    elif given.what == "loop":
        loop_cost(given.calls, given.seconds)
    else:
        turnaround(given.calls)


if __name__ == "__main__":
    main(sys.argv[1:])
