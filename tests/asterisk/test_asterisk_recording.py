"""What a recording of a real call holds, beside what the caller said and received, each at its time."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.asterisk.test_asterisk_barge_in import begin_answer
from tests.support.asterisk.received import SILENT, sound
from tests.support.audio.audio import Phrase
from tests.support.daemon_process import DaemonProcess
from tests.support.kit import LongAnswer, PlaceCall, greeted, new_lines
from tests.support.sip.rtp import FRAME_SAMPLES, SAMPLE_NS
from tests.support.waiting import eventually

MS = 8
PIECE = 400 * MS

Samples = NDArray[np.int16]


def place(piece: Samples, line: Samples) -> int:
    """Where a piece of sound stands in a line that holds it, however loud the rest is."""
    size, ends = 1 << (len(line) + len(piece)).bit_length(), len(line) - len(piece)
    spectrum = np.fft.rfft(line.astype(float), size) * np.conj(np.fft.rfft(piece.astype(float), size))
    energy = np.concatenate([[0.0], np.cumsum(np.square(line.astype(float)))])
    power = np.sqrt(np.maximum(energy[len(piece) :] - energy[: -len(piece)], 1.0))[:ends]
    at = int((np.fft.irfft(spectrum, size)[:ends] / power).argmax())
    there = line[at : at + len(piece)]
    alike = float(np.corrcoef(there.astype(float), piece.astype(float))[0, 1])
    assert alike > 0.95, f"it is in there: {alike:.2f}"
    return at


def read(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8_000, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)


def recorded(folder: Path, call: str) -> list[Path]:
    return [path for path in folder.rglob("*.wav") if path.stem.endswith(f"-{call}")]


async def test_a_recording_has_both_sides_where_they_were_heard(
    museum: DaemonProcess,
    museum_recordings: Path,
    place_call: PlaceCall,
    phrases: dict[str, Phrase],
    long_answer: LongAnswer,
) -> None:
    """Both as the caller had them, to a frame; an answer that was cut off ends where it did."""
    async with await place_call() as call:
        await greeted(call)
        seen = len(museum.transcript())
        question = phrases["01_hours"]
        asked_ns = await begin_answer(call, phrases, 1_000)
        stop = await call.ask(phrases["stop"])
        lines = await new_lines(museum, seen, 2)
        await call.media.quiet(700)
    await eventually(lambda: bool(recorded(museum_recordings, lines[0].call)), "the recording is whole")
    (path,) = recorded(museum_recordings, lines[0].call)
    both = read(path)
    caller, agent = both[:, 0], both[:, 1]
    received, line = call.media.received, call.media.received.timeline()

    def index(at_ns: int) -> int:
        return (at_ns - received.origin_ns) // SAMPLE_NS

    # Pieces of both sides, where the recording has them and where the caller had them.
    answer_ns = received.first_audible_ns(asked_ns)
    cut_ns = received.last_audible_before_ns(stop.answer_from_ns - 1)
    stop_ns = stop.utterance.first_audible_ns
    assert answer_ns is not None
    assert cut_ns is not None
    assert stop_ns is not None
    end, begin = question.last_audible, phrases["stop"].first_audible
    begun, cut = index(answer_ns), index(cut_ns)
    placed = {
        "the question's end": (place(question.samples[end - PIECE : end], caller) + PIECE, index(asked_ns)),
        "the answer's beginning": (place(line[begun : begun + PIECE], agent), begun),
        "the words that stop it": (
            place(phrases["stop"].samples[begin : begin + PIECE], caller),
            index(stop_ns),
        ),
        "where it is cut": (place(line[cut - PIECE : cut], agent) + PIECE, cut),
    }
    zero = placed["the question's end"][0] - placed["the question's end"][1]
    off_ms = {name: (there - here - zero) / MS for name, (there, here) in placed.items()}
    assert all(abs(off) <= 20 for off in off_ms.values()), off_ms

    # What was cut off is not in it, and what was not said is silence.
    after = placed["where it is cut"][0] + 2 * FRAME_SAMPLES
    until = placed["where it is cut"][0] + index(stop.answer_from_ns) - cut - 2 * FRAME_SAMPLES
    assert until - after > 500 * MS
    assert np.abs(agent[after:until]).max() < SILENT
    heard = sound(received, asked_ns, cut_ns)
    assert len(heard) < 0.7 * len(long_answer.sound)
