"""RTP as a telephone needs it: packets, and the audio that arrived put back on a time line."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tests.support.audio import audio
from tests.support.sip import g711

PCMU = 0
TELEPHONE_EVENT = 101
FRAME_SAMPLES = 160
FRAME_NS = 20_000_000
SAMPLE_NS = 125_000

_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet, without extensions and contributing sources."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def pack(self) -> bytes:
        """The packet as bytes."""
        second = self.payload_type | (0x80 if self.marker else 0)
        header = _HEADER.pack(0x80, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc)
        return header + self.payload

    @classmethod
    def parse(cls, data: bytes) -> Packet | None:
        """None for what is not RTP version 2 (RTCP, STUN, garbage)."""
        if len(data) < _HEADER.size or data[0] >> 6 != 2 or 72 <= (data[1] & 0x7F) <= 76:
            return None
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        start = _HEADER.size + 4 * (first & 0x0F)
        if first & 0x10:
            if len(data) < start + 4:
                return None
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        end = len(data) - data[-1] if first & 0x20 else len(data)
        if start > end:
            return None
        return cls(second & 0x7F, sequence, timestamp, ssrc, data[start:end], bool(second & 0x80))


@dataclass(frozen=True, slots=True)
class Arrival:
    """A received audio packet and the monotonic moment at which the kernel had it."""

    packet: Packet
    at_ns: int
    samples: NDArray[np.int16]


@dataclass(slots=True)
class ReceivedAudio:
    """Everything audible that came in, with the time of each sample.

    A sample counts as heard when its packet has arrived and the samples before it
    in that packet have been played: ``arrival + index x 125 µs``.
    """

    origin_ns: int
    arrivals: list[Arrival] = field(default_factory=list)
    lost_packets: int = 0
    reordered_packets: int = 0
    last_audible_ns: int | None = None
    _audible: list[tuple[int, int]] = field(default_factory=list)
    """Per packet with audible samples: when its first and its last one were heard."""
    _last: Packet | None = None

    def add(self, packet: Packet, at_ns: int) -> None:
        """Takes one PCMU packet."""
        last = self._last
        if last is not None and last.ssrc == packet.ssrc:
            step = (packet.sequence - last.sequence) & 0xFFFF
            if step >= 0x8000 or step == 0:
                self.reordered_packets += 1
                return
            self.lost_packets += step - 1
        self._last = packet
        samples = g711.decode(packet.payload)
        self.arrivals.append(Arrival(packet, at_ns, samples))
        span = audio.audible_span(samples)
        if span is not None:
            self._audible.append((at_ns + span[0] * SAMPLE_NS, at_ns + span[1] * SAMPLE_NS))
            self.last_audible_ns = self._audible[-1][1]

    def first_audible_ns(self, after_ns: int) -> int | None:
        """When the first audible sample at or after ``after_ns`` was heard; None: not yet."""
        for first, last in self._audible:
            if last >= after_ns:
                return max(first, after_ns)
        return None

    def last_audible_before_ns(self, before_ns: int) -> int | None:
        """When the last audible sample before ``before_ns`` was heard; None: there was none."""
        for first, last in reversed(self._audible):
            if first < before_ns:
                return min(last, before_ns)
        return None

    def audible_runs(self, join_ns: int) -> list[tuple[int, int]]:
        """Stretches of sound as they were heard: first and last audible sample of each.

        Times follow the arrivals, as in a telephone without a jitter buffer; silence of up
        to ``join_ns`` does not end a stretch.
        """
        runs: list[tuple[int, int]] = []
        for first, last in self._audible:
            if runs and first - runs[-1][1] <= join_ns:
                runs[-1] = (runs[-1][0], max(last, runs[-1][1]))
            else:
                runs.append((first, last))
        return runs

    def timeline(self, until_ns: int | None = None) -> NDArray[np.int16]:
        """What the caller heard from ``origin_ns`` on, gaps as silence. [samples, 8 kHz]

        Packets that belong together are placed by RTP timestamp, so that network
        jitter does not tear them apart.  A marker, a new source or a jump of the
        timestamp begins a new stretch, placed by the arrival of its first packet.
        """
        placed: list[tuple[int, NDArray[np.int16]]] = []
        position = 0
        before: Packet | None = None
        for arrival in self.arrivals:
            if until_ns is not None and arrival.at_ns >= until_ns:
                break
            packet = arrival.packet
            step = (packet.timestamp - before.timestamp) & 0xFFFFFFFF if before is not None else 0
            joined = before is not None and before.ssrc == packet.ssrc and not packet.marker
            if joined and step <= 50 * FRAME_SAMPLES:
                position = placed[-1][0] + step
            else:
                arrived = max(0, arrival.at_ns - self.origin_ns) // SAMPLE_NS
                position = max(arrived, placed[-1][0] + len(placed[-1][1])) if placed else arrived
            placed.append((position, arrival.samples))
            before = packet
        if not placed:
            return np.zeros(0, dtype=np.int16)
        line = np.zeros(max(start + len(samples) for start, samples in placed), dtype=np.int16)
        for start, samples in placed:
            line[start : start + len(samples)] = samples
        return line

    def between(self, start_ns: int, end_ns: int) -> NDArray[np.int16]:
        """The part of :meth:`timeline` heard between two moments."""
        line = self.timeline(end_ns)
        return line[max(0, (start_ns - self.origin_ns) // SAMPLE_NS) :]
