"""An engine's threads, and who gets one next."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from offhook.errors import DeadlineError
from offhook.workers.claim import Claim, Urgency
from offhook.workers.job import Job
from offhook.workers.names import name_thread
from offhook.workers.place import Place, note_cores

MOST_LOST = 4
"""Threads that may hang before an engine is taken to be broken: each keeps a stack and what it works on."""
CORE_WAIT_S = 0.25
"""A thread looks so often, while it waits for a core, whether anybody still wants its work."""
_JOIN_S = 2.0
"""Wait so long at the end for a thread that works; then it is left behind."""

T = TypeVar("T")


class _Seat:
    """A thread's place."""

    def __init__(self, place: Place | None) -> None:
        self.job: Job[object] | None = None
        self.lost = False
        self.thread: threading.Thread | None = None
        self.place = place

    def leave(self) -> None:
        if self.place is not None:
            self.place.leave()


class Workers:
    """``count`` threads for one engine."""

    def __init__(
        self,
        name: str,
        what: str,
        *,
        count: int = 1,
        limit_s: float,
        setting: str = "",
        place: Callable[[], Place] | None = None,
        threads: int = 1,
    ) -> None:
        """``what`` hangs when a piece of work does not get on for ``limit_s``; ``setting`` is its key.

        ``place`` makes a place among those that compute, for each thread; None: the work does not compute
        here, but waits for others.  ``threads`` of its own the work of one can use.
        """
        self._place = place
        self._threads = threads
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
        if self._place is not None:
            job.claim.watch(self._reorder)
            self._reorder()
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
        seat = self._seat_of(job)
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

    def give_core(self, job: Job[T]) -> None:
        """Let others compute first whose work is more urgent than ``job``, of whatever engine.

        Asked by the work itself, on its thread, between two of its steps.
        """
        seat = self._seat_of(job)
        if seat is None or (place := seat.place) is None or not place.wanted():
            return
        place.leave()
        while not job.cancelled and not seat.lost and not place.enter(self._threads, CORE_WAIT_S):
            job.beat()
        job.beat()

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
                    seat.leave()
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
        seat = _Seat(None if self._place is None else self._place())
        self._seats.append(seat)
        seat.thread = threading.Thread(target=self._serve, args=(seat,), name=self._name, daemon=True)
        seat.thread.start()

    def _serve(self, seat: _Seat) -> None:
        name_thread(self._name)
        while (job := self._next(seat)) is not None:
            job.run()
            seat.leave()
            seat.job = None
            del job
        seat.leave()
        with self._lock:
            self._seats.remove(seat)

    def _next(self, seat: _Seat) -> Job[object] | None:
        """The most urgent job, once there is one, and cores for it; None when the thread has to end."""
        cores: int | None = None
        while True:
            with self._lock:
                while (first := self._first(seat)) is None and not cores:
                    if seat.lost or self._closed:
                        return None
                    self._lock.wait()
                if first is not None and (cores or seat.place is None):
                    self._jobs.remove(first)
                    first.beat()
                    seat.job = first
                    self._urge(seat)
                    note_cores(cores)
                    return first
                if first is not None:
                    self._urge(seat)
            # Without the lock; the job that it begins with is the most urgent one by then.
            seat.leave()
            cores = seat.place.enter(self._threads, CORE_WAIT_S) if seat.place and first else None

    def _first(self, seat: _Seat) -> Job[object] | None:
        """The most urgent job that waits, if this thread may begin one.  With the lock."""
        self._jobs = [job for job in self._jobs if not job.cancelled]
        if seat.lost or self._closed:
            return None
        # min() takes the first of equals: who came first.
        return min(self._jobs, key=lambda job: job.claim.rank, default=None)

    def _seat_of(self, job: Job[T]) -> _Seat | None:
        return next((seat for seat in self._seats if seat.job is job), None)

    def _reorder(self) -> None:
        """Something has become more urgent, or less."""
        with self._lock:
            for seat in self._seats:
                self._urge(seat)

    def _urge(self, seat: _Seat) -> None:
        """What its thread works on, or waits with for a core, is as urgent as this.  With the lock."""
        waiting = [each for each in self._jobs if not each.cancelled]
        jobs = [seat.job] if seat.job is not None and not seat.job.cancelled else waiting
        if seat.place is not None and jobs:
            seat.place.urge(*min(job.claim.rank for job in jobs))

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
