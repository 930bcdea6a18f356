"""Greetings for ``bench_amd``: people, machines, signals and silence, as they come over a telephone line.

Above 400 lines because the greetings are written out.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from py_nanotts import NanoTTS

from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.engines.tts.piper import Piper
from offhook.errors import ModelError
from offhook.who_answered import Verdict
from tests.support.asterisk.asterisk_install import find_asterisk
from tests.support.audio import sounds
from tests.support.audio.audio import RATE_HZ, Samples
from tests.support.audio.audio import resample as to_rate
from tests.support.audio.sounds import MS, SPEECH_DBFS, Generator

LONGEST_MS = 12_000


@dataclass(frozen=True)
class Greeting:
    name: str
    group: str
    truth: Verdict
    samples: Samples
    language: str = "en"


def _tone(hz: tuple[float, ...], ms: int, dbfs: float = -16.0) -> sounds.Signal:
    at = np.arange(ms * MS) / RATE_HZ
    wave = np.sum([np.sin(2 * np.pi * each * at) for each in hz], axis=0)
    fade = np.clip(np.minimum(np.arange(len(at)), np.arange(len(at))[::-1]) / (3 * MS), 0, 1)
    return sounds.at_level(wave * fade, dbfs)


def _gap(ms: int) -> sounds.Signal:
    return np.zeros(ms * MS)


def _say(voice: str, *clauses: str, pause_ms: int = 400) -> sounds.Signal:
    """``flite:slt``, ``espeak:en-us``, ``pico:en-GB`` or ``piper``, each also as a ``child:`` or ``deep:``;
    clauses with a pause between.
    """
    parts: list[sounds.Signal] = []
    for clause in clauses:
        made = _spoken(voice, clause)
        parts += (
            [_gap(pause_ms), sounds.at_level(made, SPEECH_DBFS)]
            if parts
            else [sounds.at_level(made, SPEECH_DBFS)]
        )
    return np.concatenate(parts)


def _spoken(voice: str, text: str) -> Samples:
    kind, _, name = voice.partition(":")
    match kind:
        case "flite":
            return sounds.flite(name, text)
        case "espeak":
            return sounds.espeak(name, text)
        case "pico":
            said = np.frombuffer(NanoTTS().speak(text, voice=name), "<i2").copy()
            return sounds.trimmed(to_rate(said, 16_000, RATE_HZ))
        case "child":  # a smaller head, a higher voice
            return to_rate(_spoken(name, text), RATE_HZ, RATE_HZ * 4 // 5)
        case "deep":  # a larger one, slower
            return to_rate(_spoken(name, text), RATE_HZ, RATE_HZ * 9 // 8)
    return _piper(text)


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
    "seen": [
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
    "untouched": [
        ("pico:en-GB", ("Miller and Sons plumbing, this is Dave speaking, how can I help?",)),
        ("pico:en-US", ("Hello?",)),
        ("child:flite:slt", ("Hello? Who is it?",)),
        ("child:pico:en-US", ("Mummy's phone.",)),
        ("pico:en-GB", ("Uh,", "hello?")),
        ("espeak:en-us+f3", ("Good afternoon, Riverside veterinary clinic.",)),
        ("espeak:en-gb-x-rp+m3", ("Speaking.",)),
        ("flite:kal", ("Hello, Walter Finch.",)),
        ("pico:en-US", ("Accounts, good morning.",)),
        ("espeak:en-gb-x-gbclan+f2", ("Hello there.",)),
        ("pico:en-GB", ("Yes, hello?",)),
        ("pico:en-US", ("Thanks for calling Corner Pizza, what would you like?",)),
        ("flite:awb", ("What is it?",)),
    ],
    "fresh": [
        ("deep:pico:en-GB", ("Hello?",)),
        ("espeak:en-us+f4", ("Hiya.",)),
        ("deep:flite:slt", ("Carter household, Julie here.",)),
        ("pico:en-US", ("Good afternoon, Lakeside Motors, parts department.",)),
        ("espeak:en-gb-scotland+m4", ("Yes, what do you want?",)),
        ("child:pico:en-GB", ("Hello?", "Is that Grandma?")),
        ("piper", ("Sorry, hello, I was just in the garden.",)),
        ("deep:pico:en-US", ("Security.",)),
        ("flite:rms", ("Bluebird travel, you're through to Simon, where would you like to go?",)),
        ("pico:en-GB", ("Um, hi?",)),
    ],
    "later": [
        ("pico:en-US", ("Front gate.",)),
        ("deep:flite:rms", ("Yello.",)),
        ("flite:slt", ("Harrison.",)),
        ("pico:en-GB", ("Hello, you've got Amanda.",)),
        ("espeak:en-us+m7", ("Go ahead.",)),
        ("piper", ("Tower Books, good evening, Joe here.",)),
        ("child:espeak:en-gb", ("Hello?", "Mum! It's for you!")),
        ("flite:awb", ("Yes.", "Yes, hello, I can hear you.")),
        ("pico:de-DE", ("Ja, hallo?",)),
        ("espeak:de+f2", ("Autohaus Reuter, mein Name ist Vogt, was kann ich für Sie tun?",)),
        ("pico:es-ES", ("¿Dígame?",)),
        ("pico:fr-FR", ("Allô, oui ?",)),
        ("espeak:fr", ("Boulangerie Petit, bonjour.",)),
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
    "seen": [
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
    "untouched": [
        ("pico:en-US", ("Hi, this is Laura.", "I'm on holiday until Monday. Please send me a text."), False),
        ("pico:en-GB", ("You have reached Oakwood dental practice.", "The surgery is now closed."), False),
        ("pico:en-US", ("Thank you for calling the gas company.", "For billing, press one."), False),
        ("pico:en-GB", ("The number you have called has not been recognised.",), False),
        ("espeak:en-us+f3", ("Hello, we can't talk just now. Say who you are after the tone.",), True),
        ("espeak:en-gb-x-rp+m3", ("This is the voicemail service for", "Henry Wood."), True),
        ("flite:kal", ("Your call cannot be taken at the moment, so please leave your message.",), True),
        ("flite:awb", ("Hey, this is Mark's phone. Mark is not here. Talk to the beep.",), True),
        ("pico:en-US", ("Welcome to First Savings Bank.", "This call may be recorded."), False),
        ("pico:en-GB", ("The mobile phone you are calling is switched off.", "Please try later."), False),
        ("prompts", ("vm-sorry", "vm-nobodyavail", "vm-intro"), True),
        ("flite:rms", ("Yo, it's Chris, leave it at the beep.",), True),
    ],
    "fresh": [
        ("deep:pico:en-GB", ("Hello.", "You're speaking to Martin's machine.", "Talk to it nicely."), True),
        ("pico:en-US", ("Hi there.", "Sorry we can't pick up.", "Leave us your name and number."), True),
        ("deep:flite:slt", ("Pine Street pharmacy.", "Our opening hours are eight to six.", "Bye."), False),
        ("espeak:en-us+f4", ("It's Becky!", "I'm off travelling.", "Drop me a line after the tone."), True),
        ("piper", ("Good evening.", "All of our advisers are helping other customers."), False),
        ("child:flite:slt", ("Hello.", "Mum and dad are out.", "Say something after the beep."), True),
        ("pico:en-GB", ("This number has been changed.", "Please check it and dial again."), False),
        (
            "espeak:en-gb-scotland+m4",
            ("Baker.", "At present I cannot speak to you.", "Wait for the signal."),
            True,
        ),
        ("prompts", ("vm-theperson", "digits/4", "digits/9", "vm-isonphone", "vm-leavemsg"), True),
        ("deep:pico:en-US", ("Welcome to the county court.", "Para espanol, oprima el dos."), False),
        ("flite:awb", ("Hey!", "Yeah, not really, this is a recording.", "Speak when it beeps."), True),
    ],
    "later": [
        ("pico:en-GB", ("Evening all.", "Nobody's in.", "You know the drill."), True),
        ("deep:pico:en-US", ("Our switchboard is not staffed at this time.", "Try us tomorrow."), False),
        ("flite:slt", ("It's Rob and Jo's place!", "We'd love to hear from you, so leave word."), True),
        ("prompts", ("vm-theperson", "digits/5", "digits/2", "vm-isunavail", "beep"), False),
        ("piper", ("The customer you called has a voicemail that has not been set up yet.",), False),
        ("pico:de-DE", ("Guten Tag, hier ist der Anschluss von Familie Brandt.", "Wir sind verreist."), True),
        ("espeak:es+f1", ("Ha llamado al taller Robles.", "Deje su nombre después de la señal."), True),
        ("pico:fr-FR", ("Bonjour, vous êtes sur le portable de Luc.", "Laissez-moi un mot."), True),
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
    "seen": [
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
    "untouched": [
        ("fax ced noisy", Verdict.FAX, lambda: np.concatenate([_gap(600), _tone((2_100,), 2_800, -26.0)])),
        (
            "japanese ringing",
            Verdict.NETWORK,
            lambda: np.tile(np.concatenate([_tone((384, 416), 1_000), _gap(2_000)]), 3),
        ),
        ("engaged", Verdict.NETWORK, lambda: np.tile(np.concatenate([_tone((400,), 375), _gap(375)]), 10)),
        ("silence", Verdict.SILENCE, lambda: _gap(8_000)),
        (
            "special information",
            Verdict.MACHINE,
            lambda: np.concatenate(
                [
                    _tone((950,), 330),
                    _tone((1_400,), 330),
                    _tone((1_800,), 330),
                    _gap(300),
                    _say("pico:en-US", "We're sorry. Your call did not go through."),
                ]
            ),
        ),
    ],
    "fresh": [
        ("fax ced faint", Verdict.FAX, lambda: np.concatenate([_gap(1_100), _tone((2_092,), 3_000, -30.0)])),
        (
            "italian ringing",
            Verdict.NETWORK,
            lambda: np.tile(np.concatenate([_tone((425,), 1_000), _gap(4_000)]), 2),
        ),
        ("silence", Verdict.SILENCE, lambda: _gap(8_000)),
    ],
    "later": [
        ("fax ced short", Verdict.FAX, lambda: np.concatenate([_gap(700), _tone((2_108,), 1_900, -24.0)])),
        (
            "russian engaged",
            Verdict.NETWORK,
            lambda: np.tile(np.concatenate([_tone((425,), 350), _gap(350)]), 12),
        ),
        ("silence", Verdict.SILENCE, lambda: _gap(8_000)),
    ],
}


SETS = ("tuned", "seen", "untouched", "fresh", "later")
_PAUSES_MS = {"fresh": (500, 1_500), "later": (250, 1_200)}
"""Between a machine's clauses; 350 to 800 in the others."""
_SEEDS = {"tuned": 31, "seen": 33, "untouched": 47, "fresh": 59, "later": 71}


def _language(voice: str) -> str:
    """Of what a voice says."""
    spoken = re.search(r"(?:pico|espeak):(de|es|fr)\b", voice)
    return "en" if spoken is None else spoken[1]


def greetings(group: str) -> Iterator[Greeting]:
    rng = np.random.default_rng(_SEEDS[group])
    line = _line if group in ("tuned", "seen") else _worse_line
    for number, (voice, clauses) in enumerate(PEOPLE[group]):
        pause = int(rng.integers(900, 1_500))
        name = f"person {number + 1:2} {voice}: {' / '.join(clauses)}"
        samples = line(rng, _say(voice, *clauses, pause_ms=pause))
        yield Greeting(name, group, Verdict.HUMAN, samples, _language(voice))
    for number, (voice, parts, beep) in enumerate(MACHINES[group]):
        pause = int(rng.integers(*_PAUSES_MS.get(group, (350, 800))))
        said = _prompts(*parts) if voice == "prompts" else _say(voice, *parts, pause_ms=pause)
        if beep:
            hz = float(rng.choice([440, 800, 1_000, 1_400]))
            said = np.concatenate(
                [said, _gap(int(rng.integers(300, 900))), _tone((hz,), int(rng.integers(200, 900)))]
            )
        name = f"machine {number + 1:2} {voice}: {' / '.join(parts)}"
        yield Greeting(name, group, Verdict.MACHINE, line(rng, said), _language(voice))
    for name, truth, make in SIGNALS[group]:
        yield Greeting(name, group, truth, line(rng, make()))


def _line(rng: Generator, said: sounds.Signal) -> Samples:
    """As it comes from a telephone: later or sooner, over noise."""
    lead = _gap(int(rng.integers(80, 600)))
    signal = np.concatenate([lead, said, _gap(max(0, LONGEST_MS - len(said) // MS))])[: LONGEST_MS * MS]
    noisy = sounds.with_noise(
        rng, signal, float(rng.uniform(32, 45)), pink=bool(rng.integers(2)), speech_dbfs=SPEECH_DBFS
    )
    return sounds.telephone(noisy)


def _worse_line(rng: Generator, said: sounds.Signal) -> Samples:
    """The same from elsewhere: another level, mains hum, a mobile's GSM codec, or frames that are lost."""
    line = _line(rng, said * 10 ** (rng.uniform(-8, 3) / 20)).astype(np.float64)
    kind = rng.integers(4)
    if kind == 0:
        at = np.arange(len(line)) / RATE_HZ
        hum = sum(np.sin(2 * np.pi * 50 * n * at + n) / n for n in range(1, 8))
        line += 60.0 * hum
    elif kind == 1:
        line = _gsm(sounds.to_samples(line)).astype(np.float64)
    elif kind == 2:
        frames = line[: len(line) // 160 * 160].reshape(-1, 160)
        frames[rng.random(len(frames)) < 0.02] = 0
        line = frames.reshape(-1)
    return sounds.to_samples(line)


def _gsm(samples: Samples) -> Samples:
    raw = ["-t", "raw", "-r", str(RATE_HZ), "-c", "1", "-e", "signed", "-b", "16", "-"]
    coded = subprocess.run(
        ["sox", *raw, "-t", "gsm", "-"], input=samples.tobytes(), capture_output=True, check=True
    )
    made = subprocess.run(
        ["sox", "-t", "gsm", "-", *raw], input=coded.stdout, capture_output=True, check=True
    )
    return np.frombuffer(made.stdout, "<i2").copy()
