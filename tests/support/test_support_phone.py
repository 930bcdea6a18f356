"""The test telephone itself: its codec, its packets, its time line, its digest, and two phones talking."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.support.audio import audio
from tests.support.audio.media import CallEndedError, MediaStream
from tests.support.sip import g711, sip
from tests.support.sip.rtp import FRAME_NS, FRAME_SAMPLES, PCMU, SAMPLE_NS, Packet, ReceivedAudio
from tests.support.sip.tones import tone
from tests.support.words import recall


def test_g711_known_values() -> None:
    # From the table of ITU-T G.711 (16-bit scale).
    assert g711.decode(bytes([0xFF, 0x80, 0x00, 0xF0, 0x8F])).tolist() == [0, 32_124, -32_124, 120, 16_764]
    assert g711.encode(np.array([0, 32_767, -32_768, 120, -8], dtype=np.int16)) == bytes(
        [0xFF, 0x80, 0x00, 0xF0, 0x7E]
    )


def test_g711_is_its_own_inverse_on_its_own_values() -> None:
    values = g711.decode(bytes(range(256)))
    again = g711.decode(g711.encode(values))
    assert np.array_equal(again, values)
    everything = np.arange(-32_768, 32_768).astype(np.int16)
    error = np.abs(g711.decode(g711.encode(everything)).astype(np.int32) - everything)
    assert np.all(error <= np.maximum(8, np.abs(everything.astype(np.int32)) / 32 + 8))


def test_packet_survives_the_wire_and_garbage_does_not() -> None:
    packet = Packet(PCMU, 65_535, 0xFFFFFFFF, 7, b"\xff" * 160, marker=True)
    assert Packet.parse(packet.pack()) == packet
    assert Packet.parse(b"") is None
    assert Packet.parse(b"OPTIONS sip:x SIP/2.0") is None
    assert Packet.parse(b"\x80\xc8" + bytes(26)) is None, "RTCP"
    assert Packet.parse(b"\xb0\x00" + bytes(10) + b"\x01") is None, "an extension that is not there"


def test_timeline_keeps_a_lost_packet_as_silence_and_counts_it() -> None:
    received = ReceivedAudio(0)
    loud = tone(20)
    for number in (0, 1, 3):  # 2 is lost; 3 arrives 7 ms late
        at_ns = number * FRAME_NS + (7_000_000 if number == 3 else 0)
        packet = Packet(PCMU, 65_535 + number, number * FRAME_SAMPLES, 1, g711.encode(loud))
        received.add(Packet(PCMU, packet.sequence & 0xFFFF, packet.timestamp, 1, packet.payload), at_ns)
    line = received.timeline()
    assert received.lost_packets == 1
    assert len(line) == 4 * FRAME_SAMPLES
    assert not line[2 * FRAME_SAMPLES : 3 * FRAME_SAMPLES].any()
    assert line[3 * FRAME_SAMPLES :].any()


def test_a_new_stretch_is_placed_where_it_arrived() -> None:
    received = ReceivedAudio(1_000)
    payload = g711.encode(tone(20))
    received.add(Packet(PCMU, 1, 0, 1, payload, marker=True), 1_000)
    received.add(Packet(PCMU, 2, 90_000, 1, payload, marker=True), 1_000 + 1_000_000_000)
    line = received.timeline()
    assert line[:FRAME_SAMPLES].any()
    assert line[8_000 : 8_000 + FRAME_SAMPLES].any()
    assert not line[FRAME_SAMPLES:8_000].any()
    assert received.lost_packets == 0


def test_first_and_last_audible_sample_of_a_packet_are_found() -> None:
    received = ReceivedAudio(0)
    samples = np.zeros(FRAME_SAMPLES, dtype=np.int16)
    samples[80:140] = 9_000
    received.add(Packet(PCMU, 1, 0, 1, g711.encode(samples)), 500_000_000)
    heard_ns = received.first_audible_ns(0)
    assert heard_ns == 500_000_000 + 80 * SAMPLE_NS
    assert received.last_audible_before_ns(600_000_000) == 500_000_000 + 139 * SAMPLE_NS
    assert received.first_audible_ns(600_000_000) is None


def test_digest_is_that_of_the_standard() -> None:
    # RFC 2069's scheme (no qop), with the values of RFC 2617's example.
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc"'
    header = sip.digest(challenge, "GET", "/dir/index.html", "Mufasa", "Circle Of Life")
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in header
    assert 'opaque="5ccc"' in header
    assert "qop=auth" in sip.digest(challenge + ', qop="auth,auth-int"', "GET", "/", "u", "p")


def test_sip_message_with_compact_headers_is_read() -> None:
    message = sip.parse(b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a\r\ni: 1\r\nCSeq: 7 INVITE\r\n\r\nbody")
    assert message is not None
    assert (message.status, message.cseq, message.get("call-id"), message.body) == (
        200,
        (7, "INVITE"),
        "1",
        "body",
    )
    assert sip.parse(b"\r\n\r\n") is None
    assert sip.parse(b"garbage") is None


def test_utterances_are_cut_at_pauses() -> None:
    gap = np.zeros(4_000, dtype=np.int16)
    cut = audio.split_utterances(np.concatenate([gap, tone(1_000), gap, tone(800), gap]))
    assert [round(len(part) / 8_000, 1) for part in cut] == [1.1, 0.9]


async def test_two_phones_hear_each_other_in_real_time() -> None:
    one, two = MediaStream("127.0.0.1"), MediaStream("127.0.0.1")
    try:
        one.start(("127.0.0.1", two.port))
        two.start(("127.0.0.1", one.port))
        spoken = audio.phrase("tone", "beep", np.concatenate([np.zeros(400, np.int16), tone(500)]))
        utterance = await one.say(spoken)
        heard_ns = await two.heard_after(0)
        await two.quiet(200)
        assert utterance.first_audible_ns is not None
        # A sample is spoken before its frame is sent and heard after it has arrived: never the other way.
        assert heard_ns > utterance.first_audible_ns
        assert two.received.lost_packets == 0
        line = two.received.timeline()
        span = audio.audible_span(line)
        assert span is not None
        assert span[1] - span[0] == pytest.approx(spoken.last_audible - spoken.first_audible, abs=8)
        assert one.clock.frames > 0
        await one.press("5")
        one.end("hung up")
        with pytest.raises(CallEndedError, match="hung up"):
            await one.say(spoken)
        with pytest.raises(CallEndedError, match="hung up"):
            await one.heard_after(time.monotonic_ns() + 10**12)
    finally:
        one.close()
        two.close()


def test_recall_counts_words_in_order() -> None:
    assert recall("What are your opening hours?", "what are your opening hours") == 1
    assert recall("What are your opening hours?", "What are your parking hours.") == 0.8
    assert recall("one two three", "") == 0
    assert recall("", "anything") == 1
