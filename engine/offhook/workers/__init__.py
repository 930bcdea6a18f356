"""Threads for engines that block, and that may never come back.

A thread inside a library cannot be ended from outside.  One that has been busy with the same piece of
work for too long is given up: another one takes its place, so that one bad utterance does not take all
other calls with it.  It ends by itself should it ever come back.  When :data:`MOST_LOST` are away at
once, none takes the last one's place any more, and :meth:`Workers.problem` says that no call should be
begun; each work that is still given fails at its limit.

Who is waited for goes first: each piece of work has a :class:`Claim`, which may change while it waits for a
thread.  What was only tried ahead gives a thread up for anything that is more than that.

Threads that compute ask for a core before they begin, by the most urgent of what waits for them
(:class:`Place`): one policy for all engines, in ``csrc/base/cores.h``.

Lives on an event loop; the threads are daemons, so that the process can always end.
"""

from __future__ import annotations

from offhook.workers.claim import LATEST_NS, Claim, Urgency
from offhook.workers.job import Job
from offhook.workers.names import name_thread, threads_named
from offhook.workers.place import Place, cores_given
from offhook.workers.pool import CORE_WAIT_S, MOST_LOST, Workers

__all__ = [
    "CORE_WAIT_S",
    "LATEST_NS",
    "MOST_LOST",
    "Claim",
    "Job",
    "Place",
    "Urgency",
    "Workers",
    "cores_given",
    "name_thread",
    "threads_named",
]
