"""Callers of the suites on the tests' real Asterisk: SIP and RTP, the real launcher, the caller's ear.

A sibling of :mod:`offhook.evaluation.call_run`, whose calls are simulated.  What was answered is in the
daemon's transcript; when it was heard, in what came by RTP.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.turnaround.measure import FINE_JOIN_NS, begins_between
from offhook.errors import ConfigError
from offhook.evaluation.call_run import Telephone
from offhook.evaluation.judge import OVER, Reply
from offhook.evaluation.own_daemon import OwnDaemon
from offhook.evaluation.suite import Chain
from offhook.observe.trace import TurnTrace, read_traces
from offhook.simulator import read_transcript
from offhook.simulator.launcher import INSTALLED as LAUNCHER
from tests.support.asterisk.asterisk_install import NoAsteriskError, find_asterisk
from tests.support.asterisk.asterisk_server import SHIPPED, AsteriskServer
from tests.support.audio.audio import Phrase, phrase
from tests.support.audio.media import CallEndedError, Utterance
from tests.support.sip.sip_client import SipCall

QUIET_MS = 1_500
"""An agent that has been silent for so long has finished; a busy machine pauses between two sentences."""
ANSWER_S = 20.0
"""Whoever is not answered in that time asks the next thing, and the answer is lost."""
_GREETING_S = 30.0
_SPEAKS_S = 60.0
_WRITTEN_S = 3.0


@dataclass(slots=True)
class Line:
    """What became of the audio of all calls."""

    frames: int = 0
    lost_packets: int = 0
    """Of the agent's audio."""
    late_frames: int = 0
    """Of the callers': sent more than 5 ms late, so that their times are worth less."""
    refused: list[str] = field(default_factory=list)
    """Calls that broke: why."""


class AsteriskCalls:
    """Places calls to the agents of one daemon; from several threads at once."""

    def __init__(self, server: AsteriskServer, agents: Sequence[str], telephone: Telephone) -> None:
        self._server = server
        self._agents = list(agents)
        self._telephone = telephone
        self._serial = itertools.count(1)
        self._counting = threading.Lock()
        self.line = Line()

    def call(self, agent: str, chain: Chain) -> list[Reply]:
        """One call with the questions of ``chain``: a reply for each.  Blocks for as long as it lasts."""
        texts = [step.question.say for step in chain]
        says = [phrase(text, text, self._telephone.voice(text)) for text in texts]
        dialled = f"8{self._agents.index(agent):02}{next(self._serial):04}"
        return asyncio.run(self._converse(dialled, says))

    async def _converse(self, dialled: str, says: Sequence[Phrase]) -> list[Reply]:
        spoken: list[Utterance] = []
        address = self._server.address
        try:
            async with await SipCall.place(
                address, dialled, user="softphone", password="change-me", timeout_s=_GREETING_S
            ) as call:
                try:
                    await call.media.heard_after(0, timeout_s=_GREETING_S)
                    await call.media.quiet(QUIET_MS, timeout_s=_SPEAKS_S)
                    for each in says:
                        spoken.append(call.media.begin(each))
                        await spoken[-1].done
                        await _answered(call, spoken[-1])
                except (CallEndedError, TimeoutError) as error:
                    self.line.refused.append(f"{dialled}: {error or 'nothing was heard'}")
                self._count(call)
        except (ConnectionError, TimeoutError) as error:
            self.line.refused.append(f"{dialled}: {error or 'not answered'}")
            return [Reply(problem="the call was not answered")] * len(says)
        call_id = _named(self._server.log(), dialled)
        replies = await _replies(self._telephone.daemon, call_id, call, spoken)
        return replies + [Reply(problem=OVER)] * (len(says) - len(replies))

    def _count(self, call: SipCall) -> None:
        media, line = call.media, self.line
        with self._counting:
            line.frames += media.clock.frames
            line.late_frames += media.clock.late_frames
            line.lost_packets += media.received.lost_packets


@contextmanager
def asterisk_calls(agents: Sequence[str], telephone: Telephone) -> Iterator[AsteriskCalls]:
    """Calls through an Asterisk of our own, gone behind the block.  Raises ConfigError where none is."""
    if not LAUNCHER.exists():
        raise ConfigError(f"no launcher at {LAUNCHER}: run 'make build'")
    try:
        install = find_asterisk()
    except NoAsteriskError as error:
        raise ConfigError(str(error)) from error
    with AsteriskServer(install, [LAUNCHER], lambda etc: _dialplan(etc, agents)) as server:
        server.use_daemon(telephone.daemon.socket)
        yield AsteriskCalls(server, agents, telephone)


def _dialplan(etc: Path, agents: Sequence[str]) -> None:
    """The shipped one, and numbers for each agent; the log says which call each of them was."""
    lines = [f'#include "{SHIPPED / "extensions.conf"}"', "[offhook-phones](+)"]
    for number, agent in enumerate(agents):
        lines += [
            f"exten => _8{number:02}XXXX,1,Answer()",
            " same => n,Verbose(1,${EXTEN} is ${UNIQUEID})",
            f" same => n,EAGI(${{OFFHOOK_AGI}},${{UNIQUEID}},agent={agent})",
            " same => n,Hangup()",
        ]
    (etc / "extensions.conf").write_text("\n".join([*lines, ""]))


def _named(log: str, dialled: str) -> str:
    """The call that was made to that number, as the daemon knows it; empty: it came to nothing."""
    found = re.search(rf"\b{dialled} is ([\w.-]+)", log)
    return "" if found is None else found[1]


async def _answered(call: SipCall, said: Utterance) -> None:
    """Until an answer was heard to its end, or there is none."""
    try:
        await call.media.heard_after(said.ended_ns, timeout_s=ANSWER_S)
    except TimeoutError:
        return
    await call.media.quiet(QUIET_MS, timeout_s=_SPEAKS_S)


async def _replies(
    daemon: OwnDaemon, call_id: str, call: SipCall, spoken: Sequence[Utterance]
) -> list[Reply]:
    """A reply for each utterance, once the daemon has written its turns down."""
    spoken = [each for each in spoken if each.last_audible_ns is not None]
    begins = [each.first_audible_ns or each.ended_ns for each in spoken]
    deadline_s = time.monotonic() + _WRITTEN_S
    while len(traces := read_traces(daemon.trace).of_call(call_id)) < len(spoken):
        if time.monotonic() > deadline_s:
            break
        await asyncio.sleep(0.05)
    words = read_transcript(daemon.transcript, call_id)
    runs = call.media.received.audible_runs(FINE_JOIN_NS)
    replies = []
    for number, said in enumerate(spoken):
        until_ns = begins[number + 1] if number + 1 < len(begins) else 1 << 62
        mine = [trace for trace in traces if _number_of(trace, begins) == number]
        texts = [words[trace.turn] for trace in mine if trace.turn in words]
        onset_ns = next((start for start, _ in runs if said.ended_ns <= start < until_ns), None)
        replies.append(
            Reply(
                " ".join(answer for _, answer in texts) or None,
                mine[-1].act if mine else "",
                turnaround_ms=None if onset_ns is None else round((onset_ns - said.ended_ns) / 1e6, 1),
                premature=begins_between(runs, begins[number], said.ended_ns) is not None,
                traced_ms=mine[-1].turnaround_ms() if mine else None,
                heard=" ".join(heard for heard, _ in texts) or None,
                problem="" if texts else "nothing was answered",
            )
        )
    return replies


def _number_of(trace: TurnTrace, begins: Sequence[int]) -> int:
    """The utterance that a turn answers: the last that had begun when the daemon heard the end of one."""
    at_ns = trace.speech_end_ns if trace.speech_end_ns is not None else trace.playback_started_ns
    return -1 if at_ns is None else sum(begin <= at_ns for begin in begins) - 1
