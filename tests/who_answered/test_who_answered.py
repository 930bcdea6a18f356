"""Who has answered, as tables: what was heard, when, and what follows from it."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.who_answered import (
    Heard,
    Settings,
    Tone,
    ToneDetector,
    Verdict,
    beeped,
    may_speak,
    of_recording,
    signal,
    verdict,
)
from offhook.who_answered.wording import of_machine, of_person

RATE_HZ = 8_000
SETTINGS = Settings()


def heard(
    *speech: tuple[int, int | None], words: str | None = None, until: int = 60_000, **more: object
) -> Heard:
    return Heard(speech, words=words, words_until_ms=until, **more)  # type: ignore[arg-type]


def tone(hz: float, begin_ms: int, end_ms: int, *, goes_on: bool = False) -> Tone:
    return Tone(begin_ms, end_ms, hz, goes_on)


@pytest.mark.parametrize(
    ("facts", "now_ms", "expected"),
    [
        (heard(), 1_490, None),
        (heard(), 1_500, Verdict.SILENCE),
        # A hello and its pause; the first syllable of something longer; words that ask.
        (heard((300, 800), words="Hello."), 1_090, None),
        (heard((300, 800), words="Hello."), 1_100, Verdict.HUMAN),
        (heard((300, 800), words="Hello?"), 1_060, Verdict.HUMAN),
        (heard((300, 500), words="Oh"), 1_090, None),
        (heard((300, 500), words="Oh"), 1_100, Verdict.HUMAN),
        (heard((300, 1_300), words="Hi, this is Ann."), 2_290, None),
        (heard((300, 1_300), words="Hi, this is Ann."), 2_300, Verdict.HUMAN),
        # Words that are not there yet are waited for, and not for ever.
        (heard((300, 1_300), words="", until=0), 2_020, None),
        (heard((300, 1_300), words="", until=0), 2_030, Verdict.HUMAN),
        # An office, and an announcement of the same length.
        (heard((200, 3_900), words="Miller's bakery, how can I help you?"), 4_200, Verdict.HUMAN),
        (heard((200, 3_900), words="The bakery is open on weekdays from nine."), 4_550, Verdict.MACHINE),
        (heard((200, None), words="It goes on and on"), 5_000, Verdict.MACHINE),
        (heard((200, None), words="You've reached"), 1_000, Verdict.MACHINE),
        # How nobody who has just picked up begins, and how they do.
        (heard((200, None), words="The number"), 700, Verdict.MACHINE),
        (heard((200, None), words="Your call has"), 900, Verdict.MACHINE),
        (heard((200, None), words="Hello, is that your call?"), 1_500, None),
        (heard((200, None), words="Yes, the number is right"), 1_500, None),
        # Nobody recognises anything: lengths alone.
        (heard((300, 800)), 1_350, None),
        (heard((300, 800)), 1_355, Verdict.HUMAN),
        (heard((300, None)), 2_700, Verdict.MACHINE),
        # Tones, which a detector of speech may take for speech.
        (heard((200, None), tones=(tone(2_100, 200, 520, goes_on=True),)), 520, Verdict.FAX),
        (heard(tones=(tone(1_100, 300, 800),)), 800, Verdict.FAX),
        (heard((100, 950), tones=(tone(1_100, 950, 1_240),), words="Hello"), 1_240, None),
        (heard(tones=(tone(450, 100, 800, goes_on=True),)), 800, Verdict.NETWORK),
        (heard(tones=(tone(425, 0, 400), tone(425, 600, 1_000))), 1_000, Verdict.NETWORK),
        (heard(tones=(tone(950, 0, 330), tone(1_400, 340, 670))), 700, Verdict.MACHINE),
        (heard(tones=(tone(1_000, 1_800, 1_990),)), 2_000, None),
    ],
)
def test_what_was_heard_says_who_has_answered(facts: Heard, now_ms: int, expected: Verdict | None) -> None:
    assert verdict(facts, now_ms, SETTINGS) is expected


@pytest.mark.parametrize(
    ("facts", "now_ms", "expected"),
    [
        (heard((200, 3_000), tones=(tone(1_000, 3_400, 3_900),)), 3_960, True),
        (heard((200, 3_000), tones=(tone(1_000, 3_400, 3_900, goes_on=True),)), 3_900, False),
        (heard((200, 3_000)), 5_400, False),
        (heard((200, 3_000)), 5_500, True),
        (heard((200, None)), 59_000, False),
        (heard((200, None)), 60_000, True),
        # A tone within the announcement is none of its end.
        (heard((200, 3_000), (3_500, None), tones=(tone(900, 3_100, 3_300),)), 5_000, False),
    ],
)
def test_a_message_is_left_behind_the_beep(facts: Heard, now_ms: int, expected: bool) -> None:
    assert may_speak(facts, now_ms, SETTINGS) is expected


@pytest.mark.parametrize(
    ("language", "machine", "person"),
    [
        ("en", "I can\u2019t come to the phone right now", "How may I help you?"),
        ("de", "Bitte hinterlassen Sie eine Nachricht nach dem Signalton", "Was kann ich für Sie tun?"),
        ("es_MX", "Deje su mensaje después del tono", "¿En qué puedo ayudarle?"),
        ("fr-CA", "Vous êtes bien chez les Martin, laissez un message", "Oui, j'écoute"),
    ],
)
def test_words_of_machines_and_of_people(language: str, machine: str, person: str) -> None:
    assert of_machine(machine, language)
    assert not of_machine(person, language)
    assert of_person(person, language)
    assert not of_person(machine, language)
    assert not of_machine(machine, "xx"), "of an unknown language no word is known"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "He's not here right now, can I take a message?"),
        ("en", "She isn't available, would you like to leave a message?"),
        ("en", "You've reached the wrong person, I'm afraid."),
        ("en", "My husband is out, you can leave a message with me."),
        ("en", "I'm busy, I'll call you back."),
        ("en", "Please leave me alone."),
        ("en", "Sorry, I missed your call this morning, what was it about?"),
        ("en", "We are closed today, try again tomorrow."),
        ("en", "Please hold, I'll get him."),
        ("de", "M\u00f6chten Sie eine Nachricht hinterlassen?"),
        ("es", "No est\u00e1, \u00bfquiere dejar un mensaje?"),
        ("fr", "Il n'est pas l\u00e0, voulez-vous laisser un message ?"),
    ],
)
def test_a_person_who_talks_with_us_stays_one(language: str, text: str) -> None:
    assert not of_recording(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Please leave a message after the tone."),
        ("en", "I can't come to the phone, so leave your name."),
        ("en", "You can leave a message after the beep."),
        ("en", "For opening hours, press one."),
        ("en", "The mobile you are trying to reach is switched off."),
        ("en", "This call may be recorded."),
        ("de", "Hinterlassen Sie uns eine Nachricht nach dem Signalton."),
        ("es_MX", "Deje su mensaje despu\u00e9s del tono."),
        ("fr-CA", "Laissez un message apr\u00e8s le bip."),
    ],
)
def test_what_a_machine_goes_on_with_takes_a_person_back(language: str, text: str) -> None:
    assert of_recording(text, language)
    assert not of_recording(text, "xx")


@pytest.mark.parametrize(
    ("beep", "since_ms", "expected"),
    [
        (tone(1_000, 3_400, 3_600), 3_000, True),
        (tone(1_000, 3_400, 3_560), 3_000, False),  # a whistle, or a vowel that is held
        (tone(1_000, 2_400, 2_800), 3_000, False),
        (tone(350, 3_400, 3_900), 3_000, False),
    ],
)
def test_a_beep_behind_the_verdict_takes_a_person_back(beep: Tone, since_ms: int, expected: bool) -> None:
    assert beeped(heard((300, 800), tones=(beep,)), since_ms) is expected


@pytest.mark.parametrize(
    ("speech", "tones", "now_ms", "expected"),
    [
        # A fax keeps quiet for up to two and a half seconds; until it is one, its tone is no beep.
        ((), (tone(2_100, 2_300, 2_550, goes_on=True),), 2_550, None),
        ((), (tone(2_100, 2_300, 2_620, goes_on=True),), 2_620, Verdict.FAX),
        (((300, 800),), (tone(2_100, 2_300, 2_620, goes_on=True),), 2_620, Verdict.FAX),
        (((300, 800),), (tone(2_100, 2_300, 2_550),), 2_600, Verdict.MACHINE),
        # A line that was answered between two rings, which nobody leaves a message on.
        ((), (tone(440, 3_000, 3_500, goes_on=True),), 3_500, None),
        ((), (tone(440, 3_000, 3_720, goes_on=True),), 3_720, Verdict.NETWORK),
        (((300, 800),), (tone(440, 3_000, 3_500, goes_on=True),), 3_500, Verdict.MACHINE),
    ],
)
def test_a_fax_and_the_network_take_a_person_back_too(
    speech: tuple[tuple[int, int], ...], tones: tuple[Tone, ...], now_ms: int, expected: Verdict | None
) -> None:
    facts = heard(*speech, tones=tones)
    beep = Verdict.MACHINE if beeped(facts, 1_800) else None
    assert (signal(facts, now_ms) or beep) is expected


def _line(*parts: tuple[tuple[float, ...], int]) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Tones of so many ms; no frequency: silence.  Over a little noise."""
    rng = np.random.default_rng(5)
    pieces = []
    for hz, ms in parts:
        at = np.arange(ms * RATE_HZ // 1_000) / RATE_HZ
        wave = sum((np.sin(2 * np.pi * each * at) for each in hz), np.zeros(len(at)))
        pieces.append(4_000 * wave + rng.normal(0, 40, len(at)))
    return np.concatenate(pieces).astype(np.int16)


@pytest.mark.parametrize("block", [80, 160, 1_000])
@pytest.mark.parametrize("hz", [(425.0,), (440.0, 480.0), (1_000.0,), (2_100.0,)])
def test_a_tone_is_found_where_it_is(hz: tuple[float, ...], block: int) -> None:
    audio, detector = _line(((), 400), (hz, 600), ((), 400)), ToneDetector(RATE_HZ)
    for start in range(0, len(audio), block):
        detector.process(audio[start : start + block])
    (found,) = detector.tones
    assert abs(found.begin_ms - 400) <= 40
    assert abs(found.end_ms - 1_000) <= 40
    assert not found.goes_on
    assert min(hz) - 20 <= found.hz <= max(hz) + 20


def test_a_voice_is_no_tone() -> None:
    """Harmonics of one pitch, falling as a vowel's do, and noise."""
    at = np.arange(RATE_HZ) / RATE_HZ
    vowel = sum(np.sin(2 * np.pi * 130 * n * at) / n for n in range(1, 20))
    noise = np.random.default_rng(3).normal(0, 1, RATE_HZ)
    detector = ToneDetector(RATE_HZ)
    detector.process((3_000 * np.concatenate([vowel, noise])).astype(np.int16))
    assert detector.tones == []
