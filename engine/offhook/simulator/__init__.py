"""A simulated Asterisk channel: real launcher, real pipes, real time, no Asterisk.

It speaks a script into a call, plays Asterisk's part of AGI, and measures what the
caller hears.  See :class:`SimulatedCall`.
"""

from __future__ import annotations

from offhook.simulator.call import SimulatedCall
from offhook.simulator.channel import CallEnd, ChannelOptions, new_uniqueid
from offhook.simulator.record import CallRecord, TurnRecord, complete, merge, read_done, read_transcript
from offhook.simulator.script import After, HangUp, Press, Say, WhenSilent, WhenSpeaking

__all__ = [
    "After",
    "CallEnd",
    "CallRecord",
    "ChannelOptions",
    "HangUp",
    "Press",
    "Say",
    "SimulatedCall",
    "TurnRecord",
    "WhenSilent",
    "WhenSpeaking",
    "complete",
    "merge",
    "new_uniqueid",
    "read_done",
    "read_transcript",
]
