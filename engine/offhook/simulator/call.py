"""A simulated call from end to end: ``await SimulatedCall(steps, ...).run()``."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Sequence

from offhook.simulator.channel import ChannelOptions, Outcome, SimulatedChannel
from offhook.simulator.record import CallRecord, account
from offhook.simulator.script import Step


class SimulatedCall:
    """One caller on one simulated Asterisk channel.

    Any number may run at the same time; each has a thread that mostly sleeps.  The
    daemon must be another process: models working in this one would disturb the pacing.
    """

    def __init__(self, steps: Sequence[Step], options: ChannelOptions | None = None) -> None:
        """Raises ValueError for a rate that EAGI does not have."""
        self._channel = SimulatedChannel(steps, options or ChannelOptions())

    async def run(self) -> CallRecord:
        """Place the call, wait for its end, measure it.  Once only.

        Cancelling it hangs up and waits for the script to end.  Raises ConfigError when
        the launcher is missing or cannot be started.
        """
        # Not asyncio's pool: that has a few threads only, and a call must not wait for another's end.
        finished: concurrent.futures.Future[Outcome] = concurrent.futures.Future()
        thread = threading.Thread(target=self._run_into, args=[finished], name="offhook-simulated-call")
        thread.start()
        outcome = asyncio.wrap_future(finished)
        try:
            await asyncio.wait([outcome])
        except asyncio.CancelledError:
            self._channel.abort()
            await asyncio.wait([outcome])
            raise
        finally:
            thread.join()
        return account(await outcome)

    def _run_into(self, finished: concurrent.futures.Future[Outcome]) -> None:
        try:
            outcome = self._channel.run()
        except BaseException as error:
            finished.set_exception(error)
        else:
            finished.set_result(outcome)

    def run_blocking(self) -> CallRecord:
        """The same without an event loop."""
        return account(self._channel.run())
