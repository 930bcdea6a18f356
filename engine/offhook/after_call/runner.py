"""Does the jobs that follow calls, at the times that they are due, and again when they fail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from offhook.errors import DatabaseError, OffhookError
from offhook.tenants.jobs import Job, Jobs, NewJob

_log = logging.getLogger("offhook.after_call")

AGAIN_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""What Standard Webhooks proposes: for three days and some hours."""
LEASE = timedelta(minutes=10)
"""A job that nobody has spoken of for so long is taken by somebody else."""
DEADLINE_S = 300.0
"""For one try; well within the lease.  A model that summarises a long call needs some of it."""
AT_ONCE = 4
"""Jobs that are worked on at a time: one server that hangs holds up no other."""
_LOOK_S = 60.0
"""How often is looked without being told: another process may have put something."""
_LATEST = timedelta(days=1)


class JobError(OffhookError, RuntimeError):
    """A job could not be done."""

    def __init__(self, message: str, *, lasting: bool = False, after_s: float | None = None) -> None:
        """``lasting``: it is of no use to try again.  ``after_s``: not before, somebody said so."""
        super().__init__(message)
        self.lasting = lasting
        self.after_s = after_s


Handler = Callable[[Job], Awaitable[Sequence[NewJob]]]
"""Does a job; what follows from it.  Raises JobError."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Runner:
    """Lives on the event loop; the database is asked in threads."""

    def __init__(
        self, jobs: Jobs, handlers: Mapping[str, Handler], clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._jobs = jobs
        self._handlers = dict(handlers)
        self._clock = clock
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._trouble = ""

    def wake(self) -> None:
        """Something has been put, or a job is over."""
        self._wake.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                self._wake.clear()
                wait_s = await self._begin()
                # Not wait_for: Python 3.11's loses a cancellation that comes with what it waits for.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def run_due(self) -> int:
        """All that is due now, and what follows from it, one after the other; how many that was."""
        count = 0
        while (job := await asyncio.to_thread(self._jobs.take, self._clock(), LEASE)) is not None:
            await self._do(job)
            count += 1
        return count

    async def _begin(self) -> float:
        """Begin what is due and fits; seconds until somebody should look again."""
        try:
            while len(self._running) < AT_ONCE:
                job = await asyncio.to_thread(self._jobs.take, self._clock(), LEASE)
                if job is None:
                    self._trouble = ""
                    due = await asyncio.to_thread(self._jobs.next_due)
                    if due is None:
                        return _LOOK_S
                    return min(_LOOK_S, max(0.05, (due - self._clock()).total_seconds()))
                task = asyncio.create_task(self._do(job), name=f"job-{job.kind}")
                self._running.add(task)
                task.add_done_callback(self._over)
        except DatabaseError as error:
            if str(error) != self._trouble:  # told once, and again when it is another one
                _log.warning("jobs wait: %s", error)
            self._trouble = str(error)
        else:
            self._trouble = ""
        return _LOOK_S

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()

    async def _do(self, job: Job) -> None:
        handler = self._handlers.get(job.kind)
        try:
            if handler is None:
                raise JobError(f"nobody here does {job.kind!r}")  # a newer daemon may, or one with its extra
            async with asyncio.timeout(DEADLINE_S):
                following = await handler(job)
            await asyncio.to_thread(self._jobs.done, job, following, self._clock())
        except DatabaseError as error:
            _log.warning("job=%s kind=%s: what became of it cannot be written: %s", job.id, job.kind, error)
        except JobError as error:
            await self._failed(job, error)
        except TimeoutError:
            await self._failed(job, JobError(f"took longer than {DEADLINE_S:.0f} s"))
        except Exception as error:
            # Whatever a handler stumbles over must not take the others with it; its words may be a caller's.
            _log.exception("job=%s kind=%s", job.id, job.kind)
            await self._failed(job, JobError(type(error).__name__))

    async def _failed(self, job: Job, error: JobError) -> None:
        over = error.lasting or job.tries > len(AGAIN_S)
        level = logging.ERROR if over else logging.INFO
        what = "given up" if over else "tried again later"
        _log.log(level, "job=%s kind=%s try=%d %s: %s", job.id, job.kind, job.tries, what, error)
        with contextlib.suppress(DatabaseError):  # then its lease runs out, and it is tried again
            if over:
                await asyncio.to_thread(self._jobs.failed, job, str(error))
            else:
                await asyncio.to_thread(self._jobs.again, job, self._clock() + _pause(job, error), str(error))


def _pause(job: Job, error: JobError) -> timedelta:
    """Up to a tenth longer, each job by something else: what failed together does not come back together."""
    seconds = AGAIN_S[job.tries - 1]
    share = zlib.crc32(f"{job.id} {job.tries}".encode()) / 2**32 / 10
    pause = timedelta(seconds=seconds * (1 + share))
    if error.after_s is not None:
        pause = max(pause, timedelta(seconds=error.after_s))
    return min(pause, max(_LATEST, timedelta(seconds=seconds * 1.1)))
