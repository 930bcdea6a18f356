"""A line that loses nearly a third of what is said on it, both ways, on a real Asterisk."""

from __future__ import annotations

import asyncio

from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.audio.audio import Phrase
from tests.support.daemon_process import DaemonProcess, Heard
from tests.support.kit import greeted
from tests.support.sip.impairments import GilbertElliott, Impairments
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually
from tests.support.words import recall

LOSS, BURST_FRAMES = 0.3, 2.0
CALLERS = 3
ASKED = ("01_hours", "02_location")
WELL = "04_parking"


def losing(seed: int) -> GilbertElliott:
    """From its first frame on a phrase loses the same frames, however late this machine is."""
    return GilbertElliott(LOSS, BURST_FRAMES, seed=seed)


async def test_a_line_that_loses_thirty_in_a_hundred_packets_costs_words_and_no_call(
    daemon: DaemonProcess, asterisk: AsteriskServer, phrases: dict[str, Phrase]
) -> None:
    seen, mark, logged = len(daemon.transcript()), asterisk.log_mark(), len(daemon.log())

    async def talk(number: int) -> None:
        line = Impairments(loss=losing(number), loss_back=losing(100 + number))
        placing = SipCall.place(
            asterisk.address, "700", user="softphone", password="change-me", impairments=line
        )
        async with await placing as call:
            await greeted(call)
            for at, name in enumerate(ASKED):
                line.loss = losing(10 * at + number)
                await call.ask(phrases[name], quiet_ms=1_000)  # something is said to it, each time
                assert line.loss.lost > 10
            assert call.media.received.lost_packets > 50
            line.loss = line.loss_back = None  # and the line is well again
            await call.ask(phrases[WELL], quiet_ms=1_000)
        assert call.ended_by == "caller", "nobody has given up the other"

    await asyncio.gather(*map(talk, range(CALLERS)))

    def heard() -> list[Heard]:
        return daemon.transcript()[seen:]

    def asked_again() -> int:
        return daemon.log()[logged:].count("AskAgain")

    turns = CALLERS * (len(ASKED) + 1)
    await eventually(
        lambda: len(heard()) + asked_again() >= turns, "each is a turn, or what the agent asks to hear again"
    )
    last = {line.call: line for line in heard()}
    assert len(last) == CALLERS
    assert all(recall(phrases[WELL].text, line.heard) >= 0.6 for line in last.values()), last
    lossy = [line for line in heard() if line not in last.values()]
    assert any(recall(phrases[name].text, line.heard) >= 0.6 for line in lossy for name in ASKED), lossy
    assert complaints(asterisk.log(mark)) == []
