"""Threads for engines that block, and that may never come back.

A thread inside a library cannot be ended from outside.  One that has been busy with the same piece of
work for too long is given up: another one takes its place, so that one bad utterance does not take all
other calls with it.  It ends by itself should it ever come back.  When :data:`MOST_LOST` are away at
once, none takes the last one's place any more, and :meth:`Workers.problem` says that no call should be
begun; each work that is still given fails at its limit.

Who is waited for goes first: each piece of work has a :class:`Claim`, which may change while it waits for a
thread.  What was only tried ahead gives a thread up for anything that is more than that.

Lives on an event loop; the threads are daemons, so that the process can always end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import enum
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from offhook.errors import BusyError, DeadlineError

MOST_LOST = 4
"""Threads that may hang before an engine is taken to be broken: each keeps a stack and what it works on."""
LATEST_NS = 1 << 62
"""Later than any point in time."""
_PR_SET_NAME, _PR_GET_NAME = 15, 16
"""linux/prctl.h"""
_JOIN_S = 2.0
"""Wait so long at the end for a thread that works; then it is left behind."""

T = TypeVar("T")


class Urgency(enum.IntEnum):
    """Who waits for a piece of work."""

    COMMITTED = 0
    """A caller, now."""
    PREPARED = 1
    """Perhaps a caller: they have paused, and may have finished."""
    AHEAD = 2
    """Nobody yet: the caller still speaks."""


@dataclass(slots=True)
class Claim:
    """What a piece of work is for, and how soon it is needed; shared by all the work of one answer.

    Changes count at once, for what waits for a thread as well.
    """

    urgency: Urgency = Urgency.COMMITTED
    since_ns: int = 0
    """Since when the caller waits, monotonic: of two that are as urgent the longer wait goes first."""
    others: list[Claim] = field(default_factory=list)
    """Those who want the same work as well: it is as urgent as the most urgent of them."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Seconds of processor time, by the name of the workers that have done the work."""

    @property
    def rank(self) -> tuple[Urgency, int]:
        """What goes first is less."""
        return min([(self.urgency, self.since_ns), *(other.rank for other in self.others)])

    def charge(self, what: str, seconds: float) -> None:
        """So much processor time was used for it, or for the most urgent of the others."""
        if self.others:
            min(self.others, key=lambda other: other.rank).charge(what, seconds)
        else:
            self.cpu_s[what] = self.cpu_s.get(what, 0.0) + seconds


class Job(Generic[T]):
    """A piece of work: waits for a thread, is done by one, or is given up."""

    def __init__(
        self, work: Callable[[Job[T]], T], loop: asyncio.AbstractEventLoop, claim: Claim, name: str = ""
    ) -> None:
        self.loop = loop
        self.claim = claim
        self.result: asyncio.Future[T] = loop.create_future()
        self.cancelled = False
        """Nobody wants it any more: it is not begun, and what has begun should end."""
        self.begun = False
        """A thread works on it."""
        self.displaced = False
        """It was given up for something more urgent."""
        self._name = name
        self._work = work
        self._since_s = 0.0
        self._given_s = 0.0
        """Of its thread's time, what it gave to others."""

    def gave(self, cpu_s: float) -> None:
        """So much of its thread's time went to another job.  From its own thread."""
        self._given_s += cpu_s
        self.beat()

    def beat(self) -> None:
        """It gets on: its thread is not hanging.  From its own thread."""
        self._since_s = time.monotonic()

    @property
    def quiet_s(self) -> float:
        """How long it has not got on."""
        return time.monotonic() - self._since_s

    def run(self) -> None:
        """Do it.  On its thread."""
        self.beat()
        self.begun = True
        begun_s, self._given_s = time.thread_time(), 0.0
        value, error = None, None
        try:
            value = self._work(self)
        except BaseException as raised:
            error = raised
        if self.displaced:
            error = BusyError("a caller who waits goes first")
        self._tell(value, error, time.thread_time() - begun_s - self._given_s)

    def _tell(self, value: T | None, error: BaseException | None, cpu_s: float) -> None:
        def tell() -> None:
            self.claim.charge(self._name, cpu_s)
            if self.result.done():
                return
            if error is not None:
                self.result.set_exception(error)
                self.result.exception()  # somebody may have stopped waiting: that is no matter for a log
            else:
                self.result.set_result(value)  # type: ignore[arg-type]

        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it everybody who waited
            self.loop.call_soon_threadsafe(tell)


class _Seat:
    """A thread's place."""

    def __init__(self) -> None:
        self.job: Job[object] | None = None
        self.lost = False
        self.thread: threading.Thread | None = None


class Workers:
    """``count`` threads for one engine."""

    def __init__(self, name: str, what: str, *, count: int = 1, limit_s: float, setting: str = "") -> None:
        """``what`` hangs when a piece of work does not get on for ``limit_s``; ``setting`` is its key."""
        self.limit_s = limit_s
        self._name = name
        self._what = what
        self._count = count
        self._setting = setting
        self._jobs: list[Job[object]] = []
        """Those that wait for a thread; whoever submits them sees to it that they are not too many."""
        self._lock = threading.Condition()
        self._seats: list[_Seat] = []
        self._closed = False

    @property
    def lost(self) -> int:
        """Threads that hang."""
        return sum(seat.lost for seat in self._seats)

    def submit(self, work: Callable[[Job[T]], T], claim: Claim | None = None) -> Job[T]:
        """Have ``work`` done; set the job's ``cancelled`` when it is not wanted any more.

        Without a ``claim`` a caller waits for it.  One that was only tried ahead ends with BusyError when
        its thread is wanted for something more urgent.
        """
        self.replace_hung()
        job = Job(work, asyncio.get_running_loop(), claim or Claim(), self._name)
        with self._lock:
            self._jobs.append(job)  # type: ignore[arg-type]
            self._make_way()
            self._lock.notify()
        return job

    async def run(self, work: Callable[[Job[T]], T], claim: Claim | None = None) -> T:
        """What ``work`` returns.  Raises what it raises, and DeadlineError when that takes too long.

        Waiting for a thread behind others' work does not count: on a busy machine that is no sign of a
        hang.  Cancelling the awaiting task gives the job up.
        """
        job = self.submit(work, claim)
        try:
            while not job.result.done():
                await asyncio.wait({job.result}, timeout=self.patience_s(job))
                if not job.result.done() and self.is_hopeless(job):
                    raise self.late()
            return job.result.result()
        finally:
            job.cancelled = True

    def patience_s(self, job: Job[T]) -> float:
        """How long ``job`` may be waited for before :meth:`is_hopeless` has to be asked."""
        busy: list[float] = [job.quiet_s] if job.begun else []
        if not job.begun:
            busy = [held.quiet_s for seat in self._seats if (held := seat.job) is not None and not seat.lost]
        return max(0.05, self.limit_s - max(busy, default=0.0))

    def is_hopeless(self, job: Job[T]) -> bool:
        """It hangs, or no thread will ever begin it.  Threads that hang are replaced by that."""
        self.replace_hung()
        if job.begun:
            return job.quiet_s >= self.limit_s
        return all(seat.lost for seat in self._seats)

    def late(self) -> DeadlineError:
        """The error for work that takes too long."""
        key = f" ({self._setting})" if self._setting else ""
        return DeadlineError(f"{self._what} has given nothing within {self.limit_s:g} s{key}")

    def give_way(self, job: Job[T]) -> None:
        """Do first, on this thread, what others wait for and ``job`` is only a guess beside.

        Asked by the work itself between two of its steps, where the engine may be used meanwhile.
        """
        if job.claim.rank[0] is Urgency.COMMITTED:
            return
        seat = next((seat for seat in self._seats if seat.job is job), None)
        while seat is not None and not job.cancelled:
            with self._lock:
                committed = [
                    each
                    for each in self._jobs
                    if not each.cancelled and each.claim.rank[0] is Urgency.COMMITTED
                ]
                if not committed or self._closed:
                    return
                other = min(committed, key=lambda each: each.claim.rank)
                self._jobs.remove(other)
                other.beat()
                seat.job = other
            begun_s = time.thread_time()
            other.run()
            job.gave(time.thread_time() - begun_s)
            seat.job = job  # type: ignore[assignment]

    def problem(self) -> str | None:
        """Why no call should be begun now, in one line; None while all is well."""
        if self.lost < MOST_LOST:
            return None
        return f"{self._what} hangs in {self.lost} threads; restart the daemon"

    def replace_hung(self) -> None:
        """Give up threads that hang, and fill their places."""
        with self._lock:
            for seat in self._seats:
                if (held := seat.job) is not None and held.quiet_s >= self.limit_s:
                    seat.lost = True
            seated = sum(not seat.lost for seat in self._seats)
            lost = len(self._seats) - seated
            while not self._closed and seated < self._count and lost < MOST_LOST:
                self._sit_down()
                seated += 1

    def close(self) -> bool:
        """Let the threads end when they have done what they do; False when one hangs, and goes on."""
        with self._lock:
            self._closed = True
            seats = list(self._seats)
            self._lock.notify_all()
        for seat in seats:
            if (held := seat.job) is not None:
                held.cancelled = True
        for seat in seats:
            if seat.thread is not None and not seat.lost:
                seat.thread.join(_JOIN_S)
        return not any(seat.thread is not None and seat.thread.is_alive() for seat in seats)

    def _sit_down(self) -> None:
        seat = _Seat()
        self._seats.append(seat)
        seat.thread = threading.Thread(target=self._serve, args=(seat,), name=self._name, daemon=True)
        seat.thread.start()

    def _serve(self, seat: _Seat) -> None:
        name_thread(self._name)
        while (job := self._next(seat)) is not None:
            job.run()
            seat.job = None
            del job
        with self._lock:
            self._seats.remove(seat)

    def _next(self, seat: _Seat) -> Job[object] | None:
        """The most urgent job, once there is one; None when the thread has to end."""
        with self._lock:
            while True:
                self._jobs = [job for job in self._jobs if not job.cancelled]
                if seat.lost or self._closed:
                    return None
                if self._jobs:
                    # min() takes the first of equals: who came first.
                    job = min(self._jobs, key=lambda job: job.claim.rank)
                    self._jobs.remove(job)
                    job.beat()
                    seat.job = job
                    return job
                self._lock.wait()

    def _make_way(self) -> None:
        """Give up, for what is more urgent, what was only tried ahead: one thread for each."""
        urgent = sum(not job.cancelled and job.claim.rank[0] < Urgency.AHEAD for job in self._jobs)
        seated = [seat for seat in self._seats if not seat.lost]
        ahead = [
            job for seat in seated if (job := seat.job) is not None and job.claim.rank[0] is Urgency.AHEAD
        ]
        free = sum(seat.job is None for seat in seated)
        for job in ahead[: max(0, urgent - free)]:
            job.displaced = job.cancelled = True


def name_thread(name: str) -> None:
    """Give the calling thread a name that the machine's tools show, and that threads begun by it inherit.

    Python before 3.14 keeps names to itself.  15 characters; no matter where it cannot be done.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


@contextlib.contextmanager
def threads_named(name: str) -> Iterator[None]:
    """Threads that are begun meanwhile have this name; the calling one has its own again afterwards."""
    before = ctypes.create_string_buffer(16)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_GET_NAME, before, 0, 0, 0)
    name_thread(name)
    try:
        yield
    finally:
        name_thread(before.value.decode("utf-8", "replace"))
