"""TLS in front of a door: decrypted by a thread of its own, and handed on through a local socket.

Native code reads and writes plain descriptors, so what is encrypted has to pass through here, in Python, on a
loop that nobody else waits for.  Many calls are cheaper behind a program that is made for that, such as nginx
or HAProxy, with a Unix socket to the door.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from pathlib import Path

from offhook.errors import ConfigError, ProtocolError

_log = logging.getLogger("offhook.doors.tls")

_BLOCK_BYTES = 8_192
_WAITING_BYTES = 16_384
"""Of each direction: a peer that reads slowly holds up what it is sent, and nothing piles up."""
_SEND_BUFFER_BYTES = 8_192
"""Of the local socket: what a call has sent shall not lie here for long."""


def server_context(certificate: Path, private_key: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or newer with that certificate.  Raises ConfigError when it cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, private_key)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(
            f"doors.websocket.certificate {certificate} cannot be used ({why}): name PEM files of a"
            " certificate and of its key, which the daemon may read"
        ) from error
    return context


class TlsRelay:
    """Owns the thread.  :meth:`close` ends it and whatever it relays."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="offhook-tls", daemon=True)
        self._thread.start()

    async def open(self, sock: socket.socket, handshake_timeout_s: float) -> socket.socket:
        """The plain side of ``sock``, which is the relay's from now on.  Any loop.

        Raises ProtocolError when the peer speaks no TLS.
        """
        assert self._loop is not None, "started"
        work = self._open(self._loop, sock, handshake_timeout_s)
        opening = asyncio.run_coroutine_threadsafe(work, self._loop)
        return await asyncio.wrap_future(opening)

    def close(self) -> None:
        """Any number of times."""
        thread, self._thread = self._thread, None
        if thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            for task in self._relays:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*self._relays, return_exceptions=True))
        finally:
            loop.close()

    async def _open(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, handshake_timeout_s: float
    ) -> socket.socket:
        try:
            encrypted = await _streams(loop, sock, self._context, handshake_timeout_s)
        except (OSError, ssl.SSLError, EOFError) as error:
            sock.close()
            raise ProtocolError("it speaks no TLS: the door's address begins with wss://") from error
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setblocking(False)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        plain = await _streams(loop, ours, None, None)
        relay = loop.create_task(_relay(encrypted, plain))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)
        return theirs


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _streams(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    context: ssl.SSLContext | None,
    handshake_timeout_s: float | None,
) -> _Streams:
    reader = asyncio.StreamReader(limit=_WAITING_BYTES, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol, sock, ssl=context, ssl_handshake_timeout=handshake_timeout_s
    )
    transport.set_write_buffer_limits(high=_WAITING_BYTES)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _relay(one: _Streams, other: _Streams) -> None:
    """Both directions, until either has an end: then the other has, too."""
    (one_reader, one_writer), (other_reader, other_writer) = one, other
    copying = {
        asyncio.ensure_future(_copy(one_reader, other_writer)),
        asyncio.ensure_future(_copy(other_reader, one_writer)),
    }
    try:
        await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in copying:
            each.cancel()
        await asyncio.gather(*copying, return_exceptions=True)
        for writer in (one_writer, other_writer):
            writer.close()  # what was written before still goes
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(_BLOCK_BYTES):
        writer.write(block)
        await writer.drain()
