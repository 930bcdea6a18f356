"""The bad lines that are measured over: loss in bursts and echo are what they claim to be."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.turnaround import sounds
from tests.support.audio.audio import activity, audible_span, level_dbfs, phrase
from tests.support.audio.media import MediaStream
from tests.support.sip.impairments import Echo, GilbertElliott, Impairments
from tests.support.sip.rtp import FRAME_NS, FRAME_SAMPLES, SAMPLE_NS


@pytest.mark.parametrize("loss", [0.01, 0.03])
def test_loss_has_its_rate_and_comes_in_bursts(loss: float) -> None:
    network = GilbertElliott(loss, 3.0, seed=7)
    fates = [network.loses() for _ in range(200_000)]
    bursts = [len(list(run)) for lost, run in groupby(fates) if lost]
    assert network.lost / network.frames == pytest.approx(loss, rel=0.1)
    assert np.mean(bursts) == pytest.approx(3.0, rel=0.1)
    assert max(bursts) > 6, "the length of a burst varies"
    again = GilbertElliott(loss, 3.0, seed=7)
    assert [again.loses() for _ in range(1_000)] == fates[:1_000]


def test_no_loss_loses_nothing_and_nonsense_is_refused() -> None:
    assert not any(GilbertElliott(0.0).loses() for _ in range(1_000))
    with pytest.raises(ValueError, match="no such network"):
        GilbertElliott(1.0)
    with pytest.raises(ValueError, match="frame's delay"):
        Echo(-12, 10)


def ramp() -> NDArray[np.int16]:
    """Samples that tell where they come from."""
    return np.arange(1, FRAME_SAMPLES + 1).astype(np.int16) * 100


def test_echo_comes_back_after_its_delay_at_its_level() -> None:
    echo = Echo(-20.0, 120.0)
    echo.hear(ramp(), 1_000_000_000)
    assert not echo.frame(1_000_000_000 + 120_000_000).any(), "that frame ends where the echo begins"
    exact = echo.frame(1_000_000_000 + 120_000_000 + FRAME_NS)
    assert np.allclose(exact, ramp() * 0.1)
    half = echo.frame(1_000_000_000 + 130_000_000)
    assert not half[:80].any()
    assert np.allclose(half[80:], ramp()[:80] * 0.1)


def test_echo_heals_jitter_and_keeps_silence_between_stretches() -> None:
    echo = Echo(0.0, 120.0)
    start_ns = 5_000_000_000
    for number, jitter_ms in enumerate((0, 7, -4, 12)):
        echo.hear(ramp(), start_ns + number * FRAME_NS + jitter_ms * 1_000_000)
    for number in range(4):
        frame = echo.frame(start_ns + 120_000_000 + (number + 1) * FRAME_NS)
        assert np.array_equal(frame, ramp()), f"frame {number}"
    later_ns = start_ns + 500_000_000
    echo.hear(ramp(), later_ns)
    assert not echo.frame(later_ns + 120_000_000).any()
    assert np.array_equal(echo.frame(later_ns + 120_000_000 + FRAME_NS), ramp())


async def test_a_phone_with_an_echo_sends_back_what_it_hears() -> None:
    sent: list[NDArray[np.int16]] = []
    echoing = Impairments(Echo(-6.0, 120.0), sent_hook=lambda frame, at_ns: sent.append(frame))
    speaker, phone = MediaStream("127.0.0.1"), MediaStream("127.0.0.1", impairments=echoing)
    try:
        phone.start(("127.0.0.1", speaker.port))
        speaker.start(("127.0.0.1", phone.port))
        tone = np.round(8_000 * np.sin(np.arange(4_000) * 2 * np.pi * 440 / 8_000)).astype(np.int16)
        await speaker.say(phrase("tone", "beep", tone))
        await speaker.heard_after(0)
        await speaker.quiet(200)
    finally:
        speaker.close()
        phone.close()
    # The tone lies in the first packet that came, so its arrival alone says when it was heard.  When it was
    # spoken again, the frame's place says: how late this machine woke to send it is no part of that.
    first = phone.received.arrivals[0]
    heard_ns = first.at_ns + int(np.flatnonzero(first.samples)[0]) * SAMPLE_NS
    line = np.concatenate(sent)
    spoken_ns = phone.clock.started_ns - FRAME_NS + int(np.flatnonzero(line)[0]) * SAMPLE_NS
    assert abs(spoken_ns - heard_ns - 120_000_000) <= SAMPLE_NS, "to the sample"
    assert level_dbfs(line[activity(line)]) == pytest.approx(level_dbfs(tone) - 6, abs=1)


async def test_lost_frames_are_really_not_sent_and_the_rest_keeps_its_numbers() -> None:
    losing = Impairments(loss=GilbertElliott(0.3, 2.0, seed=3))
    speaker, phone = MediaStream("127.0.0.1", impairments=losing), MediaStream("127.0.0.1")
    try:
        speaker.start(("127.0.0.1", phone.port))
        tone = np.full(16_000, 9_000, np.int16)
        utterance = await speaker.say(phrase("tone", "beep", tone))
        speaker.end("said what it had to say")
        await phone.quiet(100)
        arrived = phone.received.arrivals
    finally:
        speaker.close()
        phone.close()
    assert losing.loss is not None
    lost = losing.loss.lost
    assert 10 < lost < 60
    # Losses after the last packet that arrived cannot be seen by the receiver.
    assert lost - 10 <= phone.received.lost_packets <= lost
    assert len(arrived) == losing.loss.frames - lost
    assert utterance.last_audible_ns is not None, "what is lost was spoken all the same"


def test_noise_lies_so_far_below_the_speech() -> None:
    speech = [sounds.slam(), sounds.cough(), sounds.burst()]
    noise = sounds.room(speech, seconds=4.0)
    for snr_db in (20.0, 10.0):
        power = np.mean([np.mean(np.square(one[activity(one)].astype(np.float64))) for one in speech])
        below = 10 * np.log10(
            power / np.mean(np.square(sounds.background(noise, speech, snr_db).astype(float)))
        )
        assert below == pytest.approx(snr_db, abs=0.2)


@pytest.mark.parametrize("make", [sounds.cough, sounds.slam, sounds.crackle, sounds.burst])
def test_sounds_are_the_same_every_time_and_audible(make: object) -> None:
    assert callable(make)
    one, two = make(), make()
    assert np.array_equal(one, two)
    assert audible_span(one) is not None
    assert np.abs(one.astype(np.int32)).max() < 32_767
