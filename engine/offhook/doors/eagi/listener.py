"""The daemon's door: a Unix socket where launchers bring calls.

One connection is one call.  Each has its own task, so a client that is silent, late or sends
garbage costs itself a deadline and nobody else anything.  Who may come is decided by the
socket's mode (0660) and, again, by the kernel's word about the peer (SO_PEERCRED).

Runs on the event loop; nothing here blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from offhook.doors.eagi.handoff import (
    ForeignVersionError,
    NoHelloError,
    Reason,
    Verdict,
    VerdictKind,
    receive_hello,
)
from offhook.doors.eagi.lifeline import Handoff, HandoffState
from offhook.doors.eagi.unix_socket import BoundSocket, Peer, read_peer
from offhook.errors import BusyError, ConfigError, HandoffError, HangupError, OffhookError

__all__ = ["Handoff", "Listener"]

log = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 2.0
START_WITHIN_S = 1.5
"""So long a launcher is left waiting for a daemon that loads its models; it gives up by itself after 2 s."""
MAX_UNKNOWN = 64
"""Connections that have not said hello yet; one more pushes out the oldest."""
_ACCEPT_AT_ONCE = 16
_ACCEPT_PAUSE_S = 0.1  # after accept() failed for want of descriptors or memory

Read = TypeVar("Read")
OnCall = Callable[[Handoff], Awaitable[None]]


class Listener:
    """Accepts launchers and runs ``on_call`` for each call, in a task of its own.

    ``on_call`` answers with ``accepted()`` and later ``done()``; it lives as long as the call.
    When it raises BusyError before accepting, the launcher is told busy, and to see the log;
    ConfigError, that its agent cannot be used; anything else, failed.  Descriptors and connection
    are closed after it in any case.  ``max_calls`` None sets no limit here.
    """

    def __init__(
        self,
        path: Path,
        on_call: OnCall,
        *,
        group: str | None = None,
        max_calls: int | None = None,
        hello_timeout_s: float = HELLO_TIMEOUT_S,
        max_unknown: int = MAX_UNKNOWN,
        peer_of: Callable[[socket.socket], Peer] = read_peer,
    ) -> None:
        self.path = path
        self._on_call = on_call
        self._group = group
        self._max_calls = max_calls
        self._hello_timeout_s = hello_timeout_s
        self._max_unknown = max_unknown
        self._peer_of = peer_of
        self._bound: BoundSocket | None = None
        self._started = asyncio.Event()
        self._start_within_s = 0.0
        self._succeeds = False
        self._handed_on = False
        self._stopping = False
        self._unknown: dict[asyncio.Task[None], None] = {}  # in order of arrival
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def active_calls(self) -> int:
        """Calls whose ``on_call`` is running."""
        return len(self._calls)

    async def bind(
        self, inherited: Sequence[socket.socket] = (), *, activated: bool = False, succeeds: bool = False
    ) -> None:
        """Claim the socket; raises :class:`ConfigError` saying what is in the way.

        Launchers that come before :meth:`start` are told busy at once, instead of waiting.  ``inherited``
        listens there already.  ``activated``: it is the service manager's, at which launchers queue while no
        daemon runs, so they may wait a little for this one.  ``succeeds``: another daemon takes calls there
        until :meth:`start`.
        """
        if inherited:
            self._bound = BoundSocket.adopt(inherited[0], self.path, activated=activated)
        else:
            self._bound = BoundSocket.bind(self.path, self._group)
        self._start_within_s = START_WITHIN_S if activated else 0.0
        self._succeeds = bool(inherited) and succeeds
        if not self._succeeds:
            self._listen()

    def start(self) -> None:
        """Take calls from now on."""
        self._started.set()
        self._listen()

    @property
    def sockets(self) -> list[socket.socket]:
        """Those that listen: for a successor of this process."""
        return [] if self._bound is None else [self._bound.sock]

    def pause(self) -> None:
        """Take no call for now: launchers queue."""
        if self._bound is not None:
            asyncio.get_running_loop().remove_reader(self._bound.sock.fileno())

    def go_on(self) -> None:
        """Take calls again."""
        self._listen()

    def hand_on(self) -> None:
        """Another process takes the calls that come from now on, at the same socket; those here go on."""
        if self._bound is not None and not self._stopping:
            self.pause()
            self._handed_on = True
            self._bound.close(handed_on=True)

    def stop_accepting(self) -> None:
        """Close the door: running calls go on, later launchers find no socket."""
        if self._bound is None or self._stopping:
            return
        self._stopping = True
        if self._bound.sock.fileno() < 0:
            return  # handed on
        if self._succeeds and not self._started.is_set():  # callers and the file are another's still
            self._bound.close(handed_on=True)
            return
        while self._accept_one():  # whoever already stands in the queue is told why
            pass
        asyncio.get_running_loop().remove_reader(self._bound.sock.fileno())
        self._bound.close()

    async def drained(self) -> None:
        """Wait until no call is running; where the socket has been handed on, until none is being brought."""
        while tasks := [*self._calls, *(self._unknown if self._handed_on else ())]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Stop accepting, cancel what still runs and wait for it; the socket file is gone then."""
        self.stop_accepting()
        tasks = [*self._unknown, *self._calls]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Listener:
        await self.bind()
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _listen(self) -> None:
        if self._bound is not None and self._bound.sock.fileno() >= 0 and not self._stopping:
            asyncio.get_running_loop().add_reader(self._bound.sock.fileno(), self._accept_waiting)

    def _accept_waiting(self) -> None:
        """Accept a few; the loop comes back for the rest after their hellos have been read."""
        for _ in range(_ACCEPT_AT_ONCE):
            if not self._accept_one():
                return

    def _accept_one(self) -> bool:
        """False when nobody is waiting, or nobody can be let in now."""
        assert self._bound is not None
        loop = asyncio.get_running_loop()
        try:
            sock, _ = self._bound.sock.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            # The queue stays readable: without a pause this would spin.
            log.error("cannot accept a call: %s: raise the daemon's LimitNOFILE", error.strerror)
            loop.remove_reader(self._bound.sock.fileno())
            loop.call_later(_ACCEPT_PAUSE_S, self._listen)
            return False
        sock.setblocking(False)
        if len(self._unknown) >= self._max_unknown:
            # An honest launcher says hello at once: the one that has been silent longest goes.
            oldest = next(iter(self._unknown))
            del self._unknown[oldest]
            oldest.cancel()
        task = loop.create_task(self._serve(sock))
        self._unknown[task] = None
        task.add_done_callback(self._forget)
        # Also when it is cancelled before its first step; after a handoff this does nothing.
        task.add_done_callback(lambda _: sock.close())
        return True

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._unknown.pop(task, None)
        self._calls.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a connection failed", exc_info=error)

    async def _serve(self, sock: socket.socket) -> None:
        handoff = await self._receive(sock)
        if handoff is not None:
            try:
                await self._admit(handoff)
            finally:
                handoff.close()

    async def _receive(self, sock: socket.socket) -> Handoff | None:
        """The call that the connection brings, or None after answering what is wrong with it."""
        peer = self._peer_of(sock)
        reason = Reason.PROTOCOL
        try:
            if not self._may_come(peer):
                reason = Reason.NOT_ALLOWED
                await self._hello_read(sock, lambda: sock.recv(1))  # its descriptors die in the kernel
                raise HandoffError(
                    f"uid {peer.uid} is neither root, nor this daemon's, nor in the socket's group"
                )
            hello, descriptors = await self._hello_read(sock, lambda: receive_hello(sock))
        except TimeoutError:
            log.warning("launcher %d (uid %d) did not say hello in time; closed", peer.pid, peer.uid)
            return None
        except NoHelloError:
            log.debug("process %d (uid %d) asked how the daemon is", peer.pid, peer.uid)
            with contextlib.suppress(OSError):
                sock.send(self._state().encode())
            return None
        except ForeignVersionError as error:
            reason = Reason.VERSION
            problem: Exception = error
        except (HandoffError, OSError) as error:
            problem = error
        else:
            return Handoff(sock, hello, descriptors, peer)
        log.warning("launcher %d (uid %d) refused: %s", peer.pid, peer.uid, problem)
        with contextlib.suppress(OSError):
            sock.send(Verdict(VerdictKind.FAILED, reason).encode())
        return None

    def _state(self) -> Verdict:
        """What somebody is told who brings no call: what would become of one."""
        if self._stopping:
            return Verdict(VerdictKind.FAILED, Reason.STOPPING)
        if not self._started.is_set():
            return Verdict(VerdictKind.BUSY, Reason.STARTING)
        full = self._max_calls is not None and len(self._calls) >= self._max_calls
        return Verdict(VerdictKind.BUSY if full else VerdictKind.DONE)

    async def _hello_read(self, sock: socket.socket, read: Callable[[], Read]) -> Read:
        """What ``read`` returns, at once or as soon as something has come."""
        try:
            return read()
        except BlockingIOError:
            async with asyncio.timeout(self._hello_timeout_s):
                await _readable(sock)
            return read()

    def _may_come(self, peer: Peer) -> bool:
        assert self._bound is not None
        gid = self._bound.gid
        return peer.uid in (0, os.geteuid()) or gid == peer.gid or gid in peer.groups

    async def _admit(self, handoff: Handoff) -> None:
        task = asyncio.current_task()
        assert task is not None
        if not self._started.is_set() and self._start_within_s:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._start_within_s):
                    await self._started.wait()
        self._unknown.pop(task, None)
        if self._stopping:
            handoff.refuse(Reason.STOPPING)
            return
        state = self._state()
        if state.kind is VerdictKind.BUSY:
            handoff.busy(state.reason)
            return
        self._calls.add(task)
        try:
            await self._on_call(handoff)
            if handoff.state is not HandoffState.FINISHED and not handoff.closed.is_set():
                log.error("a call ended without done(); the launcher is told failed")
        except BusyError as error:
            if handoff.state is HandoffState.OFFERED:
                log.info("call declined: %s", error)
                handoff.busy(Reason.UNWELL)
            else:
                log.error("call given up: %s", error)
        except ConfigError as error:
            log.error("call refused: %s", error)
            handoff.refuse(Reason.AGENT)
        except HangupError:
            pass  # the caller's right
        except OffhookError as error:
            log.error("call given up: %s", error)
        except Exception:
            log.exception("a call failed")
        finally:
            handoff.refuse(Reason.STOPPING if self._stopping else Reason.INTERNAL)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    came = loop.create_future()
    loop.add_reader(sock.fileno(), lambda: None if came.done() else came.set_result(None))
    try:
        await came
    finally:
        loop.remove_reader(sock.fileno())
