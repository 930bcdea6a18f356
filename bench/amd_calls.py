"""Asterisk's own AMD(), on real calls that play given samples: what it says, and when."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from tests.support.asterisk.asterisk_install import find_asterisk
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer, log_time
from tests.support.audio.audio import Phrase, Samples
from tests.support.sip.sip_client import SipCall

_AT_ONCE = 20
_FIRST = 8_000
_DIALPLAN = """
[offhook-phones](+)
exten => _8XXX,1,Answer()
 same => n,AMD()
 same => n,Log(NOTICE,amd ${EXTEN} ${AMDSTATUS})
 same => n,Hangup()
"""


async def amd(greetings: Sequence[Samples]) -> list[tuple[str, float]]:
    """AMDSTATUS and the time from the answer [ms] of each."""

    def adjust(etc: Path) -> None:
        (etc / "extensions.conf").write_text(f'#include "{SHIPPED / "extensions.conf"}"\n{_DIALPLAN}')
        with (etc / "modules.conf").open("a") as modules:
            modules.write("\n[modules](+)\nload = app_amd.so\n")
        (etc / "amd.conf").write_text("[general]\n")

    places = asyncio.Semaphore(_AT_ONCE)

    async def call(server: AsteriskServer, number: int, samples: Samples) -> None:
        phrase = Phrase("greeting", "", samples, 0, len(samples) - 1)
        async with (
            places,
            await SipCall.place(
                server.address, str(_FIRST + number), user="softphone", password="change-me"
            ) as answered,
        ):
            saying = asyncio.create_task(answered.media.say(phrase))
            await answered.wait_ended(30)
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)

    with AsteriskServer(find_asterisk(), [], adjust) as server:
        await asyncio.gather(*(call(server, number, each) for number, each in enumerate(greetings)))
        log = server.log().splitlines()
    found: list[tuple[str, float]] = []
    for number in range(len(greetings)):
        began = next(line for line in log if f"[{_FIRST + number}@offhook-phones:1] Answer" in line)
        ended = next(line for line in log if re.search(rf"\] NOTICE\[.*amd {_FIRST + number} ", line))
        status = ended.rsplit(" ", 1)[1]
        found.append((status, (log_time(ended) - log_time(began)).total_seconds() * 1_000))
    return found
