"""A simulated call from end to end: ``await SimulatedCall(steps, ...).run()``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from offhook.simulator.channel import ChannelOptions, SimulatedChannel
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
        running = asyncio.ensure_future(asyncio.to_thread(self._channel.run))
        try:
            outcome = await asyncio.shield(running)
        except asyncio.CancelledError:
            self._channel.abort()
            await asyncio.wait([running])
            raise
        return account(outcome)

    def run_blocking(self) -> CallRecord:
        """The same without an event loop."""
        return account(self._channel.run())
