"""Listening on a network: who connects has little time and little room until it has said what it wants.

One connection is one task, so a stranger that is silent, slow or sends garbage costs itself a deadline and
nobody else anything.  Its descriptor can then be handed to native code, byte for byte where reading stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from offhook.doors.tls import TlsRelay
from offhook.errors import ConfigError, OffhookError, ProtocolError
from offhook.files import let_group_in, make_folders

_log = logging.getLogger("offhook.doors.network")

HELLO_TIMEOUT_S = 3.0
"""For a connection to say what it wants; a TLS handshake and a slow line are part of it."""
MAX_UNKNOWN = 64
"""Connections that have not said it yet; one more pushes out the oldest."""
KEEPALIVE_S = 15
"""A peer that has vanished without a word is noticed after about so long."""
PART_WITHIN_S = 1.0
"""For the peer to close, too, once we have said the last word."""
_MOST_UNREAD = 32
"""Reads of what it still sends meanwhile."""
_BACKLOG = 128
_ACCEPT_AT_ONCE = 16
_ACCEPT_PAUSE_S = 0.1  # after accept() failed for want of descriptors or memory
_RECEIVE_BUFFER = 65_536
"""Bytes of a caller's audio that may lie unread: 4 s at 8 kHz.  The kernel would let it grow to megabytes."""


class Connection:
    """One peer.  Owns its socket until :meth:`detach`."""

    def __init__(self, sock: socket.socket, known: Callable[[], None]) -> None:
        self.sock = sock
        self.peer = _name_of(sock)
        """Who it is, for a log."""
        self._known = known

    def known(self) -> None:
        """It has said what it wants: no newcomer pushes it out any more."""
        self._known()

    async def decrypt(self, tls: TlsRelay) -> None:
        """What comes is TLS; from now on it is plain here.  Raises ProtocolError when it is none."""
        self.sock = await tls.open(self.sock, HELLO_TIMEOUT_S)

    async def read_exactly(self, count: int) -> bytes:
        """The next ``count`` bytes, and no more are taken.  Raises ProtocolError when there are fewer."""
        data = bytearray()
        while len(data) < count:
            more = await asyncio.get_running_loop().sock_recv(self.sock, count - len(data))
            if not more:
                raise ProtocolError("it closed before it had said what it wants")
            data += more
        return bytes(data)

    async def read_some(self, limit: int) -> bytes:
        """What there is next, up to ``limit``; empty at the end."""
        return await asyncio.get_running_loop().sock_recv(self.sock, limit)

    async def peek(self) -> int | None:
        """The next byte, which stays unread; None at the end."""
        while True:
            try:
                data = self.sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                await _readable(self.sock)
            else:
                return data[0] if data else None

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def part(self) -> None:
        """Let the peer read what was sent last: a close with bytes of its unread would take that away."""
        with contextlib.suppress(OSError, TimeoutError):
            self.sock.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(PART_WITHIN_S):
                for _ in range(_MOST_UNREAD):
                    if not await self.read_some(_RECEIVE_BUFFER):
                        return

    def close(self) -> None:
        self.sock.close()


Serve = Callable[[Connection], Awaitable[None]]


class NetworkListener:
    """Accepts connections at one address and runs a coroutine for each in a task of its own.

    That raises ProtocolError or TimeoutError for what is not for us: a line in the log says which.
    The socket is closed after it in any case.  Until :meth:`start`, whoever connects is refused.
    """

    def __init__(
        self, door: str, address: str, *, group_id: int | None = None, tls: TlsRelay | None = None
    ) -> None:
        """``address`` is ``HOST:PORT`` or the path of a Unix socket, to which ``group_id`` may connect.

        ``tls``: what comes is encrypted.
        """
        self.door = door
        self._address = address
        self._serve_connection: Serve | None = None
        self._group_id = group_id
        self._tls = tls
        self._listening: list[socket.socket] = []
        self._path: Path | None = None
        """To remove at the end."""
        self._owned = True
        self._started = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._unknown: dict[asyncio.Task[None], None] = {}  # in order of arrival
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def where(self) -> str:
        """The address that it listens at, with the port that the system chose where it was to."""
        if self._path is not None or not self._listening:
            return self._address
        name = self._listening[0].getsockname()
        return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"

    @property
    def active(self) -> int:
        """Connections that are open now."""
        return len(self._tasks)

    def bind(self, inherited: Sequence[socket.socket] = (), *, activated: bool = False) -> None:
        """Claim the address.  Raises ConfigError saying what is in the way.

        ``inherited`` listen there already.  ``activated``: their files are the service manager's.
        """
        if inherited:
            self._listening += inherited
            self._owned = not activated
            return
        try:
            if self._address.startswith("/"):
                self._listening.append(self._bind_unix(Path(self._address)))
            else:
                host, port = split_address(self._address)
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
                for family, kind, protocol, _, where in found:
                    self._listening.append(_bind_tcp(family, kind, protocol, where))
        except OSError as error:
            self.close_listeners()
            reason = error.strerror or str(error)
            raise ConfigError(
                f"doors.{self.door}.listen {self._address} cannot be used ({reason}): name a free one"
            ) from error

    def start(self, serve: Serve) -> None:
        """Take connections from now on."""
        self._serve_connection = serve
        if self._owned and self._address.startswith("/"):  # it was another process's until now
            self._path = Path(self._address)
        for sock in self._listening:
            sock.listen(_BACKLOG)
        self.go_on()

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """Those that listen: for a successor of this process."""
        return self._listening

    def pause(self) -> None:
        """Take no connection for now: they queue."""
        if self._started:
            loop = asyncio.get_running_loop()
            for sock in self._listening:
                loop.remove_reader(sock.fileno())
        self._started = False

    def go_on(self) -> None:
        """Take connections again."""
        self._started = True
        for sock in self._listening:
            self._watch(sock)

    def hand_on(self) -> None:
        """Another process takes what comes from now on, at the same sockets; what has come goes on here."""
        self._path = None
        self.stop_accepting()

    def stop_accepting(self) -> None:
        """Close the door; what has come in goes on."""
        self.pause()
        self.close_listeners()

    def close_listeners(self) -> None:
        for sock in self._listening:
            sock.close()
        self._listening.clear()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    async def drained(self) -> None:
        """Wait until no connection is left."""
        await self._idle.wait()

    async def close(self) -> None:
        """Stop accepting, cancel what still runs and wait for it.  Any number of times."""
        self.stop_accepting()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _bind_unix(self, path: Path) -> socket.socket:
        make_folders(path.parent, self._group_id)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise OSError(errno.EEXIST, "there is a file, which is no socket")
            if _answers(path):
                raise OSError(errno.EADDRINUSE, "a program listens there")
            path.unlink()  # of a daemon that died
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.bind(str(path))
            self._path = path
            path.chmod(0o660)
            if self._group_id is not None:
                os.chown(path, -1, self._group_id)
                let_group_in(path.parent, self._group_id)
        except BaseException:
            sock.close()
            raise
        return sock

    def _watch(self, sock: socket.socket) -> None:
        if self._started:
            asyncio.get_running_loop().add_reader(sock.fileno(), self._accept_waiting, sock)

    def _accept_waiting(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_ACCEPT_AT_ONCE):
            try:
                sock, _where = listening.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                # The queue stays readable: without a pause this would spin.
                _log.error("%s: cannot accept: %s: raise the daemon's LimitNOFILE", self.door, error.strerror)
                loop.remove_reader(listening.fileno())
                loop.call_later(_ACCEPT_PAUSE_S, self._watch, listening)
                return
            self._begin(sock)

    def _begin(self, sock: socket.socket) -> None:
        _prepare(sock)
        if len(self._unknown) >= MAX_UNKNOWN:
            # An honest peer says what it wants at once: the one that has been silent longest goes.
            oldest = next(iter(self._unknown))
            del self._unknown[oldest]
            oldest.cancel()
        connection = Connection(sock, lambda: self._unknown.pop(task, None))
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._unknown[task] = None
        self._tasks.add(task)
        self._idle.clear()
        task.add_done_callback(self._forget)
        task.add_done_callback(lambda _: connection.close())  # also when cancelled before its first step

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._unknown.pop(task, None)
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()

    async def _serve(self, connection: Connection) -> None:
        assert self._serve_connection is not None
        try:
            if self._tls is not None:
                await connection.decrypt(self._tls)
            await self._serve_connection(connection)
        except TimeoutError:
            _log.warning("%s: %s has not said in time what it wants; closed", self.door, connection.peer)
        except ProtocolError as error:
            _log.warning("%s: %s refused: %s", self.door, connection.peer, str(error))
        except OffhookError as error:
            _log.info("%s: %s declined: %s", self.door, connection.peer, str(error))
        except OSError as error:
            _log.info("%s: %s has gone: %s", self.door, connection.peer, error.strerror or error)
        except Exception:
            _log.exception("%s: a connection failed", self.door)
        await connection.part()


def split_address(address: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPv6]:PORT`` in parts.  Raises ConfigError saying what it has to look like."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError(f"{address!r} is no address: write HOST:PORT, such as 127.0.0.1:9092")
    return host, int(port)


def listens_at(sock: socket.socket, address: str) -> bool:
    """Whether ``sock`` is bound to ``HOST:PORT`` or to a path; port 0 is any."""
    if sock.family == socket.AF_UNIX or address.startswith("/"):
        return sock.family == socket.AF_UNIX and sock.getsockname() == address
    host, port = split_address(address)
    bound = sock.getsockname()
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return any(where[0] == bound[0] and port in (0, bound[1]) for *_, where in found)
    return False


def is_local(address: str) -> bool:
    """Whether only this machine can connect there."""
    if address.startswith("/"):
        return True
    host, _ = split_address(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name: whatever it means today


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) != errno.ECONNREFUSED


def _bind_tcp(family: int, kind: int, protocol: int, where: object) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)  # accepted ones inherit it
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)  # type: ignore[arg-type]
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    if sock.family == socket.AF_UNIX:
        return
    with contextlib.suppress(OSError):  # gone already
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S // 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_S // 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, KEEPALIVE_S * 1000)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    came = loop.create_future()
    loop.add_reader(sock.fileno(), lambda: None if came.done() else came.set_result(None))
    try:
        await came
    finally:
        loop.remove_reader(sock.fileno())


def _name_of(sock: socket.socket) -> str:
    try:
        where = sock.getpeername()
    except OSError:
        return "somebody"
    return f"{where[0]}:{where[1]}" if isinstance(where, tuple) else "a local program"
