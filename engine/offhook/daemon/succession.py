"""A daemon is replaced by another while calls run: new calls go to the new one, the old ones end in the old.

The old daemon starts its successor, as it was started itself, and gives it its listening sockets; both have
them until the end, so a caller who comes at any moment stands in a queue that somebody serves.  The steps::

    successor                                   predecessor
    loads, gets ready       -- ready -->        takes no call any more: launchers queue
                            <-- yours --        (its service manager has been told who comes next)
    takes calls             -- taken -->        closes its copies, lets its calls end, and ends

Whatever goes wrong before ``taken`` leaves the predecessor as it was.  Afterwards the channel stays: the
successor asks through it for calls that the dialplan has announced to the other one
(:class:`~offhook.doors.announced.Elsewhere`), and tells it when both have to end.

Messages are JSON, one a line.  Nothing of a conversation is in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from offhook.daemon import systemd
from offhook.daemon.entrances import Entrances
from offhook.daemon.inherited import given_to_a_successor
from offhook.doors.announced import Announced
from offhook.doors.base import CallOffer
from offhook.errors import OffhookError, ProtocolError
from offhook.processes import how_it_ended

_log = logging.getLogger("offhook.daemon.succession")

READY_WITHIN_S = 300.0
"""For the successor to load its models; the unit's TimeoutStartSec is as long."""
STEP_WITHIN_S = 10.0
"""For each of the other steps, which take milliseconds."""
ANSWER_WITHIN_S = 2.0
_LINE_BYTES = 65_536


class UpgradeError(OffhookError, RuntimeError):
    """There is no successor, and the daemon goes on as before."""


class Channel:
    """JSON messages in both directions.  ``None`` read: the other side has gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._sock, limit=_LINE_BYTES)

    async def read(self) -> dict[str, Any] | None:
        try:
            line = await self._reader.readline()
            return dict(json.loads(line)) if line else None
        except (OSError, ValueError) as error:
            raise ProtocolError(f"what the other daemon says is not understood: {error}") from error

    def write(self, **message: Any) -> None:
        """A few hundred bytes, to somebody who reads: they are not waited for.  Never raises."""
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def say(self, word: str) -> None:
        self.write(say=word)
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


class Predecessor:
    """The daemon that has started this one.  Lives on the event loop."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel = Channel(sock)
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    async def open(self) -> None:
        await self._channel.open()

    async def resign(self) -> None:
        """Have it take no calls any more; returns when they are ours, also when it has died meanwhile."""
        await self._channel.say("ready")
        try:
            async with asyncio.timeout(STEP_WITHIN_S):
                answer = await self._channel.read()
        except TimeoutError as error:
            raise UpgradeError("the daemon that runs does not give its calls away") from error
        if answer not in (None, {"say": "yours"}):
            raise UpgradeError("the daemon that runs does not give its calls away")

    async def taken(self) -> None:
        """We take the calls."""
        await self._channel.say("taken")
        self._listening = asyncio.create_task(self._listen())

    async def failed(self, why: str) -> None:
        """We cannot start."""
        self._channel.write(say="failed", why=why[:500])
        self.close()

    async def ended(self) -> None:
        """Have it end its calls as we end ours; returns when it has gone."""
        await self._channel.say("stop")
        await self._gone.wait()

    async def claim(self, key: uuid.UUID) -> CallOffer | None:
        found = await self._ask("claim", ANSWER_WITHIN_S, key=str(key))
        return None if found is None else CallOffer(**{**found, "arguments": tuple(found["arguments"])})

    async def variables(self, key: uuid.UUID, wait_s: float | None) -> Mapping[str, str] | None:
        within_s = None if wait_s is None else wait_s + ANSWER_WITHIN_S
        found = await self._ask("variables", within_s, key=str(key), wait_s=wait_s)
        return None if found is None else dict(found)

    def close(self) -> None:
        """Any number of times."""
        if self._listening is not None:
            self._listening.cancel()
        self._channel.close()

    async def _ask(self, what: str, within_s: float | None, /, **more: Any) -> Any:
        if self._listening is None or self._gone.is_set():
            return None
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._channel.write(ask=what, number=number, **more)
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._asked[number]

    async def _listen(self) -> None:
        try:
            while (message := await self._channel.read()) is not None:
                waiting = self._asked.get(message.get("number", 0))
                if waiting is not None and not waiting.done():
                    waiting.set_result(message.get("answer"))
        except ProtocolError as error:
            _log.warning("the daemon before this one: %s", error)
        finally:
            self._gone.set()
            for each in self._asked.values():
                if not each.done():
                    each.set_result(None)


class Successor:
    """The daemon that is to replace this one.  Lives on the event loop."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel, announced: Announced) -> None:
        self.pid = process.pid
        self._process = process
        self._channel = channel
        self._announced = announced
        self._answering: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(
        cls,
        sockets: Mapping[str, Sequence[socket.socket]],
        announced: Announced,
        *,
        managed: bool = False,
    ) -> Successor:
        """Run what we were started with once more; it gets ``sockets``.  Raises UpgradeError."""
        ours, theirs = socket.socketpair()
        with theirs:
            environment, descriptors = given_to_a_successor(sockets, theirs, managed=managed)
            command = [sys.executable, *sys.orig_argv[1:]]
            try:
                process = await asyncio.to_thread(
                    subprocess.Popen, command, env=environment, pass_fds=descriptors
                )
            except OSError as error:
                ours.close()
                raise UpgradeError(f"{command[0]} cannot be started: {error.strerror}") from error
        ours.setblocking(False)
        channel = Channel(ours)
        await channel.open()
        return cls(process, channel, announced)

    async def ready(self) -> None:
        """Wait until it can take calls.  Raises UpgradeError, with its reason, when it never will."""
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                message = await self._channel.read()
        except TimeoutError as error:
            raise UpgradeError(f"it was not ready after {READY_WITHIN_S:.0f} s") from error
        except ProtocolError as error:
            raise UpgradeError(str(error)) from error
        if message is None:
            raise UpgradeError(f"it {await self._end()} before it was ready: see the log")
        if message.get("say") != "ready":
            raise UpgradeError(str(message.get("why", "it speaks another protocol")))

    async def _end(self) -> str:
        """How its process ended, which has closed its channel; it may take a moment."""
        try:
            return how_it_ended(await asyncio.to_thread(self._process.wait, STEP_WITHIN_S))
        except subprocess.TimeoutExpired:
            return "went silent"

    async def takes(self) -> None:
        """The calls are its.  Raises UpgradeError when it does not take them after all."""
        await self._channel.say("yours")
        try:
            async with asyncio.timeout(STEP_WITHIN_S):
                message = await self._channel.read()
        except (TimeoutError, ProtocolError) as error:
            raise UpgradeError("it was ready, and does not take the calls") from error
        if message != {"say": "taken"}:
            raise UpgradeError("it was ready, and ended before it took the calls")

    async def listen(self, stop: Callable[[], None]) -> None:
        """Answer it until it has gone; ``stop`` when it says that both end."""
        try:
            while (message := await self._channel.read()) is not None:
                if message.get("say") == "stop":
                    stop()
                elif "ask" in message:
                    task = asyncio.create_task(self._answer(message))
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
        except ProtocolError as error:
            _log.warning("the daemon after this one: %s", error)

    async def _answer(self, message: dict[str, Any]) -> None:
        key, answer = uuid.UUID(message["key"]), None
        if message["ask"] == "claim":
            offer = await self._announced.claim(key)
            answer = None if offer is None else asdict(offer)
        elif message["ask"] == "variables":
            answer = dict(await self._announced.variables(key, message["wait_s"]))
        self._channel.write(number=message["number"], answer=answer)

    async def end(self) -> None:
        """It is not wanted any more."""
        self._channel.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self._process.wait)

    def let_go(self) -> None:
        """It outlives us."""
        for task in self._answering:
            task.cancel()
        self._channel.close()
        self._process.returncode = 0  # nobody waits for it here: Popen is not to complain


async def hand_over(entrances: Entrances, announced: Announced, *, named: bool = True) -> Successor:
    """Have a new process take the calls that come at ``entrances``; returns once it does.

    ``named``: the service manager is told who is its main process from now on; where it restarts us it must
    not be, or the end that it has for us would be the successor's.  Raises UpgradeError; then everything is
    as before.
    """
    successor = await Successor.start(entrances.sockets(), announced, managed=entrances.managed)
    try:
        _log.info("process %d is started to take over", successor.pid)
        await successor.ready()
        entrances.pause()
        try:
            if named:
                systemd.notify(f"MAINPID={successor.pid}")
            await successor.takes()
        except BaseException:
            if named:
                systemd.notify(f"MAINPID={os.getpid()}")
            entrances.go_on()
            raise
    except BaseException:
        await successor.end()
        raise
    await entrances.hand_on()
    return successor
