"""An AGI program in place of the daemon, for the tests on a real Asterisk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from offhook.doors.agi.agi import AgiChannel
from offhook.doors.eagi.listener import Handoff


@asynccontextmanager
async def agi_program(handoff: Handoff, over: asyncio.Future[None]) -> AsyncIterator[AgiChannel]:
    """Takes the call; ``over`` is done, or fails, with the block.  The caller's audio is thrown away."""
    handoff.accepted()
    audio = handoff.descriptors.audio
    assert audio is not None
    os.set_blocking(audio, False)
    loop = asyncio.get_running_loop()
    loop.add_reader(audio, os.read, audio, 65536)  # a full pipe would be a warning per frame
    channel = AgiChannel(*handoff.descriptors.take_agi())
    try:
        yield channel
    except BaseException as error:
        over.set_exception(error)
    else:
        over.set_result(None)
    finally:
        loop.remove_reader(audio)
        channel.close()
        handoff.done()
