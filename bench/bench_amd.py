"""Who has answered a placed call: offhook's own ears beside Asterisk's AMD(), on the same greetings.

    python -m bench.bench_amd [--half tuned|untouched|both] [--amd] [--json FILE] [--verbose]

Ninety greetings are made each time: people short and long, machines with and without a beep, faxes, ringing
and engaged tones behind an answer, silence.  Voices: flite, espeak-ng, the Piper voice where it can be had,
and the recorded prompts of Debian's asterisk-core-sounds (CC BY-SA).  Each begins 80 to 600 ms after the
answer, over line noise 32 to 45 dB below speech, through 300-3400 Hz and G.711.  Nothing of it is kept.

``tuned`` (60) was looked at while the lengths in ``who_answered/verdict.py`` and the words beside them were
chosen; ``untouched`` (30: other words and signals, another seed) was not.  Times are from the answer to the
verdict.  Ours: the real detector of speech, every 20 ms, and the embedded recogniser, whose processor time is
added: with its two threads that is more than it takes on an idle machine, and what else the machine does
changes it little.  AMD(): a real Asterisk runs it with its defaults on calls that play the same samples; its
time is from its log.  It knows no fax and no tones: for those, and for silence, whatever it says but HUMAN
counts as right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from bench.amd_calls import amd
from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.core import Endpointer, SileroModel, resample
from offhook.engines.stt.base import STT_RATE_HZ, Transcriber
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.tts.piper import Piper
from offhook.errors import ModelError
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted
from offhook.who_answered import Heard, ToneDetector, Verdict, verdict
from tests.support.asterisk.asterisk_install import find_asterisk
from tests.support.audio import sounds
from tests.support.audio.audio import RATE_HZ, Samples
from tests.support.audio.audio import resample as to_rate
from tests.support.audio.sounds import MS, SPEECH_DBFS, Generator

LONGEST_MS = 12_000
LOOK_MS = 300
"""Between two looks of the recogniser, while speech goes on."""
FIRST_LOOK_MS = 600
STEP_MS = 20


@dataclass(frozen=True)
class Greeting:
    name: str
    half: str
    truth: Verdict
    samples: Samples


@dataclass(frozen=True)
class Decision:
    verdict: Verdict | None
    at_ms: float
    words: str = ""


def _tone(hz: tuple[float, ...], ms: int, dbfs: float = -16.0) -> sounds.Signal:
    at = np.arange(ms * MS) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * each * at) for each in hz], axis=0)
    fade = np.clip(np.minimum(np.arange(len(at)), np.arange(len(at))[::-1]) / (3 * MS), 0, 1)
    return sounds.at_level(wave * fade, dbfs)


def _gap(ms: int) -> sounds.Signal:
    return np.zeros(ms * MS)


def _say(voice: str, *clauses: str, pause_ms: int = 400) -> sounds.Signal:
    """``flite:slt``, ``espeak:en-us`` or ``piper``; clauses with a pause between."""
    kind, _, name = voice.partition(":")
    parts: list[sounds.Signal] = []
    for clause in clauses:
        if kind == "flite":
            made = sounds.flite(name, clause)
        elif kind == "espeak":
            made = sounds.espeak(name, clause)
        else:
            made = _piper(clause)
        parts += (
            [_gap(pause_ms), sounds.at_level(made, SPEECH_DBFS)]
            if parts
            else [sounds.at_level(made, SPEECH_DBFS)]
        )
    return np.concatenate(parts)


def _prompts(*names: str, pause_ms: int = 120) -> sounds.Signal:
    """Recorded prompts of the Asterisk that the tests use."""
    folder = find_asterisk().data / "sounds/en"
    parts: list[sounds.Signal] = []
    for name in names:
        made = subprocess.run(
            ["sox", "-t", "gsm", str(folder / f"{name}.gsm"), "-t", "raw", "-e", "signed", "-b", "16", "-"],
            capture_output=True,
            check=True,
        ).stdout
        parts += [_gap(pause_ms), sounds.at_level(np.frombuffer(made, "<i2").copy(), SPEECH_DBFS)]
    return np.concatenate(parts[1:])


@cache
def _piper_voice() -> Piper | None:
    try:
        return Piper(pull(find("piper-en_US-joe-medium"), lambda _line: None)[0].path)
    except ModelError:
        return None


@cache
def _piper(text: str) -> Samples:
    """The Piper voice that the catalogue has; espeak-ng's British one where it cannot be fetched."""
    voice = _piper_voice()
    if voice is None:
        return sounds.espeak("en-gb", text)
    said = np.concatenate(list(voice.synthesize(text)))
    return sounds.trimmed(to_rate(said, voice.sample_rate_hz, RATE_HZ))


PEOPLE: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "tuned": [
        ("flite:slt", ("Hello?",)),
        ("flite:rms", ("Yes?",)),
        ("espeak:en-us", ("Hello?",)),
        ("flite:awb", ("Hello, who is this?",)),
        ("flite:slt", ("Good morning, Miller's bakery.",)),
        ("piper", ("Hello?",)),
        ("flite:rms", ("Smith residence.",)),
        ("piper", ("This is Karen.",)),
        ("espeak:en-gb", ("Hi, John speaking.",)),
        ("flite:slt", ("Thank you for calling Harbour Dental, this is Ann speaking, how can I help you?",)),
        ("piper", ("Good afternoon, city library, reference desk, how may I help?",)),
        ("flite:awb", ("Hello?", "Hello?")),
        ("flite:kal16", ("Hello?",)),
        ("espeak:en-029", ("Hello, yes?",)),
        ("flite:rms", ("Good evening.",)),
        ("espeak:en-gb-scotland", ("Who's there?",)),
        ("piper", ("Hey, what's up?",)),
        ("flite:slt", ("Jones and Partners, good afternoon.",)),
        ("flite:awb", ("Yeah, hello?",)),
        ("espeak:en-us", ("Peter Brown.",)),
        ("piper", ("Front desk, how can I help you?",)),
        ("flite:rms", ("Welcome to the Grand Hotel, my name is David, what can I do for you today?",)),
        ("piper", ("Garage Winter, you're speaking with Tom.",)),
        ("flite:kal16", ("Hi.",)),
    ],
    "untouched": [
        ("flite:slt", ("Hello, hello?",)),
        ("flite:rms", ("Hello, Robert here.",)),
        ("flite:awb", ("Yes, please?",)),
        ("flite:kal16", ("Good morning.",)),
        ("espeak:en-us", ("Yes, who is calling?",)),
        ("espeak:en-gb", ("Doctor Lee's office, one moment.",)),
        ("espeak:en-gb-scotland", ("Hello?",)),
        ("espeak:en-029", ("Kitchen.",)),
        ("piper", ("Yeah?",)),
        ("piper", ("Hello, Maria's flower shop.",)),
        ("piper", ("Good morning, you're speaking with the night desk, what can I do for you?",)),
        ("flite:slt", ("Reception, Karen speaking, how may I help you?",)),
    ],
}
MACHINES: dict[str, list[tuple[str, tuple[str, ...], bool]]] = {
    "tuned": [
        ("flite:slt", ("Hi, you've reached Ann and Bob.", "Please leave a message after the tone."), True),
        (
            "flite:rms",
            ("Hello, this is Peter.", "I can't come to the phone right now. Leave your name."),
            True,
        ),
        ("piper", ("You have reached the voice mailbox of five five five, zero one two three.",), True),
        ("espeak:en-us", ("The person you are calling is not available.", "Please record a message."), True),
        ("flite:awb", ("We are not at home right now, but call again later.",), False),
        ("piper", ("Hi!", "This is Susan's phone. I'm busy, so tell me what you want after the beep."), True),
        ("flite:slt", ("Our offices are closed. Our hours are nine to five, Monday to Friday.",), False),
        ("prompts", ("vm-theperson", "digits/7", "digits/0", "digits/3", "vm-isunavail", "vm-intro"), True),
        ("prompts", ("vm-nobodyavail", "vm-leavemsg"), True),
        ("piper", ("Thank you for calling. For sales, press one. For support, press two.",), False),
        (
            "espeak:en-gb",
            ("This is the answering machine of the Wilson family.", "Speak after the beep."),
            True,
        ),
        ("flite:rms", ("Sorry I missed your call. I'll get back to you as soon as I can.",), True),
        (
            "flite:kal16",
            ("Hello. No one is available to take your call.", "Please leave your message."),
            True,
        ),
        ("piper", ("Hey, it's Dave.", "You know what to do, so do it at the beep."), True),
        ("espeak:en-029", ("Your call has been forwarded to an automatic voice message system.",), True),
        (
            "flite:rms",
            ("The subscriber you have dialed is not in service.", "Please try again later."),
            False,
        ),
        (
            "flite:slt",
            ("Good day. The practice is closed for lunch until two o'clock this afternoon.",),
            False,
        ),
        (
            "espeak:en-gb-scotland",
            ("Welcome to the town hall.", "All our lines are busy, please hold."),
            False,
        ),
        ("flite:awb", ("I'm away from my desk.", "Leave me a message and I will call you back."), True),
        (
            "piper",
            ("Hi, you're through to Nadia.", "I can't answer at the moment, please leave a message."),
            True,
        ),
        ("prompts", ("vm-theperson", "vm-isonphone", "vm-intro"), True),
        ("prompts", ("all-circuits-busy-now", "please-try-call-later"), False),
        ("flite:slt", ("You've reached the Martins. We're out walking the dog. Talk to the machine!",), True),
        ("espeak:en-us", ("Hello, this is the mailbox of doctor Green.", "Record after the signal."), True),
    ],
    "untouched": [
        (
            "flite:slt",
            ("Hello, you have reached the law office of Stern and Stern.", "Leave a message."),
            True,
        ),
        ("flite:rms", ("This is the voice mail of Jim Beck. I can't take your call.",), True),
        ("flite:awb", ("We can't get to the phone.", "Please leave your name and your number."), True),
        ("flite:kal16", ("The number you have dialed has been disconnected.",), False),
        ("espeak:en-us", ("The mailbox of the person you called is full.", "Goodbye."), False),
        ("espeak:en-gb", ("You're through to the surgery. We're closed until Monday.",), False),
        ("espeak:en-gb-scotland", ("Please leave a message after the tone.",), True),
        ("espeak:en-029", ("Welcome to the bank.", "For opening hours, press one."), False),
        ("piper", ("Hey, I'm not in right now, so leave me something nice.",), True),
        ("piper", ("Hello, this is Emma. I'm probably in a meeting. Text me instead.",), True),
        ("prompts", ("vm-theperson", "digits/2", "digits/1", "vm-isunavail", "vm-leavemsg"), True),
        ("prompts", ("number-not-answering", "please-try-call-later"), False),
    ],
}
SIGNALS: dict[str, list[tuple[str, Verdict, Callable[[], sounds.Signal]]]] = {
    "tuned": [
        ("fax ced", Verdict.FAX, lambda: np.concatenate([_gap(200), _tone((2_100,), 3_000)])),
        ("fax cng", Verdict.FAX, lambda: np.tile(np.concatenate([_tone((1_100,), 500), _gap(3_000)]), 2)),
        (
            "us ringing",
            Verdict.NETWORK,
            lambda: np.tile(np.concatenate([_tone((440, 480), 2_000), _gap(4_000)]), 2),
        ),
        (
            "us engaged",
            Verdict.NETWORK,
            lambda: np.tile(np.concatenate([_tone((480, 620), 500), _gap(500)]), 8),
        ),
        ("silence", Verdict.SILENCE, lambda: _gap(8_000)),
        ("silence 2", Verdict.SILENCE, lambda: _gap(8_000)),
        ("fax ced late", Verdict.FAX, lambda: np.concatenate([_gap(900), _tone((2_104,), 2_600, -22.0)])),
        ("fax ced quiet", Verdict.FAX, lambda: np.concatenate([_gap(400), _tone((2_096,), 3_200, -28.0)])),
        (
            "uk ringing",
            Verdict.NETWORK,
            lambda: np.tile(
                np.concatenate([_tone((400, 450), 400), _gap(200), _tone((400, 450), 400), _gap(2_000)]), 3
            ),
        ),
        (
            "eu ringing",
            Verdict.NETWORK,
            lambda: np.tile(np.concatenate([_tone((425,), 1_000), _gap(4_000)]), 2),
        ),
        ("silence", Verdict.SILENCE, lambda: _gap(8_000)),
        ("silence 2", Verdict.SILENCE, lambda: _gap(8_000)),
    ],
    "untouched": [
        ("fax", Verdict.FAX, lambda: np.concatenate([_gap(1_500), _tone((2_100,), 3_500, -20.0)])),
        ("fax cng", Verdict.FAX, lambda: np.concatenate([_gap(300), _tone((1_108,), 500), _gap(3_000)])),
        (
            "australian ringing",
            Verdict.NETWORK,
            lambda: np.concatenate([_tone((425,), 400), _gap(200), _tone((425,), 400), _gap(2_000)]),
        ),
        ("congestion", Verdict.NETWORK, lambda: np.tile(np.concatenate([_tone((425,), 250), _gap(250)]), 12)),
        ("silence", Verdict.SILENCE, lambda: _gap(8_000)),
        ("french ringing", Verdict.NETWORK, lambda: np.concatenate([_tone((440,), 1_500), _gap(3_500)])),
    ],
}


def greetings(half: str) -> Iterator[Greeting]:
    rng = np.random.default_rng({"tuned": 31, "untouched": 33}[half])
    for number, (voice, clauses) in enumerate(PEOPLE[half]):
        pause = int(rng.integers(900, 1_500))
        name = f"person {number + 1:2} {voice}: {' / '.join(clauses)}"
        yield Greeting(name, half, Verdict.HUMAN, _line(rng, _say(voice, *clauses, pause_ms=pause)))
    for number, (voice, parts, beep) in enumerate(MACHINES[half]):
        pause = int(rng.integers(350, 800))
        said = _prompts(*parts) if voice == "prompts" else _say(voice, *parts, pause_ms=pause)
        if beep:
            hz = float(rng.choice([440, 800, 1_000, 1_400]))
            said = np.concatenate(
                [said, _gap(int(rng.integers(300, 900))), _tone((hz,), int(rng.integers(200, 900)))]
            )
        name = f"machine {number + 1:2} {voice}: {' / '.join(parts)}"
        yield Greeting(name, half, Verdict.MACHINE, _line(rng, said))
    for name, truth, make in SIGNALS[half]:
        yield Greeting(name, half, truth, _line(rng, make()))


def _line(rng: Generator, said: sounds.Signal) -> Samples:
    """As it comes from a telephone: later or sooner, over noise."""
    lead = _gap(int(rng.integers(80, 600)))
    signal = np.concatenate([lead, said, _gap(max(0, LONGEST_MS - len(said) // MS))])[: LONGEST_MS * MS]
    noisy = sounds.with_noise(
        rng, signal, float(rng.uniform(32, 45)), pink=bool(rng.integers(2)), speech_dbfs=SPEECH_DBFS
    )
    return sounds.telephone(noisy)


def decide(samples: Samples, model: SileroModel, recogniser: Transcriber | None) -> Decision:
    """What our ears say, every 20 ms, with the recogniser's time added to its words."""
    endpointer, tones = Endpointer(model, RATE_HZ, pause_ms=40, endpointing_ms=3_000), ToneDetector(RATE_HZ)
    speech: list[tuple[int, int | None]] = []
    words: str | None = None if recogniser is None else ""
    until_ms, look_ms = 0, FIRST_LOOK_MS
    coming: list[tuple[float, int, str]] = []
    for now_ms in range(STEP_MS, LONGEST_MS + STEP_MS, STEP_MS):
        block = samples[(now_ms - STEP_MS) * MS : now_ms * MS]
        tones.process(block)
        paused = False
        for event in endpointer.process(block):
            at_ms = event.position_samples // MS
            if isinstance(event, SpeechStarted | SpeechResumed):
                speech.append((at_ms, None))
            elif isinstance(event, SpeechPaused) and speech:
                speech[-1] = (speech[-1][0], at_ms)
                paused = True
        spoken_ms = sum((now_ms if end is None else end) - begin for begin, end in speech)
        if recogniser is not None and speech and (paused or spoken_ms >= look_ms) and not coming:
            began = time.process_time()
            heard = samples[max(0, speech[0][0] - 200) * MS : now_ms * MS]
            padded = np.concatenate([heard, np.zeros(200 * MS, np.int16)])  # as a call's recogniser does
            text = recogniser.transcribe(resample(padded, RATE_HZ, STT_RATE_HZ)).text
            coming.append((now_ms + (time.process_time() - began) * 1_000, now_ms, text))
            look_ms = spoken_ms + LOOK_MS
        if coming and coming[0][0] <= now_ms:
            _, until_ms, words = coming.pop()
        facts = Heard(tuple(speech), tuple(tones.tones), words, until_ms)
        found = verdict(facts, now_ms)
        if found is not None:
            return Decision(found, now_ms, words or "")
    return Decision(None, LONGEST_MS)


def _right(truth: Verdict, found: str) -> bool:
    """Of AMD(): MACHINE, HUMAN, NOTSURE, HANGUP."""
    if truth is Verdict.HUMAN:
        return found == "HUMAN"
    return found == "MACHINE" if truth is Verdict.MACHINE else found != "HUMAN"


def _report(name: str, rows: list[tuple[Greeting, bool, float, str]], *, verbose: bool) -> dict[str, object]:
    figures: dict[str, object] = {}
    for half in ("tuned", "untouched", "both"):
        chosen = [row for row in rows if half in ("both", row[0].half)]
        if not chosen:
            continue
        right, times = [row for row in chosen if row[1]], sorted(row[2] for row in chosen)
        by_kind = Counter(row[0].truth.value for row in right)
        figures[half] = {
            "greetings": len(chosen),
            "right": round(len(right) / len(chosen), 3),
            "p50_ms": statistics.median(times),
            "p95_ms": times[int(0.95 * (len(times) - 1))],
            "right_by_kind": dict(by_kind),
        }
        print(
            f"{name:8} {half:10} {len(right)}/{len(chosen)} right, p50 {statistics.median(times):.0f} ms,"
            f" p95 {times[int(0.95 * (len(times) - 1))]:.0f} ms  {dict(by_kind)}"
        )
    for greeting, is_right, at_ms, found in rows:
        if verbose or not is_right:
            mark = "ok " if is_right else "BAD"
            print(f"    {mark} {found:10} {at_ms:6.0f} ms  {greeting.half:9} {greeting.name}")
    return figures


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--half", choices=("tuned", "untouched", "both"), default="both")
    parser.add_argument("--amd", action="store_true", help="a real Asterisk's AMD() as well")
    parser.add_argument("--no-words", action="store_true", help="without the recogniser")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args(argv)
    halves = ("tuned", "untouched") if args.half == "both" else (args.half,)
    made = [each for half in halves for each in greetings(half)]
    recogniser: Transcriber | None = None
    if not args.no_words:
        recogniser = Moonshine()
    model, rows = SileroModel(), []
    for greeting in made:
        decision = decide(greeting.samples, model, recogniser)
        rows.append(
            (
                greeting,
                decision.verdict is greeting.truth,
                decision.at_ms,
                f"{decision.verdict or 'none':8} [{decision.words[-40:]}]",
            )
        )
    figures = {"offhook": _report("offhook", rows, verbose=args.verbose)}
    if args.amd:
        answers = asyncio.run(amd([each.samples for each in made]))
        rows = [
            (greeting, _right(greeting.truth, found), at_ms, found)
            for greeting, (found, at_ms) in zip(made, answers, strict=True)
        ]
        figures["amd"] = _report("AMD()", rows, verbose=args.verbose)
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
