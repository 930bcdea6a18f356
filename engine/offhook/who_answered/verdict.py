"""Who has answered, as a pure function of what was heard until now.

Lengths: a person who answers at home says a word or two, then waits; one at work says up to some three
seconds, then waits; a machine talks on, and says what machines say.  So short speech and a short pause are a
person; the longer the speech was, the longer the pause has to be; and words, where a recogniser gives them,
overrule both.
"""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass

from offhook.who_answered.tones import Tone
from offhook.who_answered.wording import greets, names_itself, of_machine, of_person

BEEP_MS = 180
"""The shortest of them; who holds one note while humming is steady for less."""
_NETWORK_HZ = 640
"""Its ringing and engaged tones are lower."""
_BETWEEN_WORDS_MS = 300
"""A shorter gap is none: a stop consonant, a comma."""


class Verdict(enum.StrEnum):
    """Who has answered."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    NETWORK = "network"
    """It rings, or is engaged, although the line is Up: nobody has answered yet."""
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Settings:
    """How long is waited for what. [ms]"""

    silence_ms: int = 1_500
    """Nothing at all is heard for so long; what comes later is told from it (:func:`signal`)."""
    tiny_ms: int = 250
    """Speech up to this may be the first syllable of more ..."""
    tiny_pause_ms: int = 600
    """... unless it was quiet for so long behind it."""
    short_ms: int = 1_300
    """Speech up to this is a person's hello ..."""
    short_pause_ms: int = 380
    """... once it was quiet for so long."""
    office_pause_ms: int = 650
    """Behind a longer greeting, up to ``office_ms``."""
    name_pause_ms: int = 1_000
    """Behind "Hi, this is Ann": machines go on there."""
    hello_pause_ms: int = 300
    """Behind "Hello" and its like, alone."""
    sure_pause_ms: int = 260
    """Behind what only a person says, and behind one or two words that ask."""
    office_ms: int = 3_400
    """Speech that is longer, and asks nothing, was no person's greeting ..."""
    monologue_ms: int = 4_800
    """... and while it goes on, this much."""
    introduction_ms: int = 6_500
    """The same, where it began with a name or a welcome: "how can I help you" may still come."""
    wordless_ms: int = 2_400
    """The same, where there is no recogniser."""
    words_wait_ms: int = 350
    """So much longer a pause may be, for the words of what was said last."""
    beep_wait_ms: int = 2_500
    """Silence behind a machine's words without a beep: some have none."""
    message_latest_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything until now.  Times are ms from the moment at which the call was answered."""

    speech: tuple[tuple[int, int | None], ...] = ()
    """Begin and end of each stretch; None: it goes on."""
    tones: tuple[Tone, ...] = ()
    words: str | None = None
    """All that was understood; None: nobody recognises anything."""
    words_until_ms: int = 0
    """Speech until then is in :attr:`words`."""
    language: str = "en"


def verdict(heard: Heard, now_ms: int, settings: Settings = Settings()) -> Verdict | None:
    """None: wait, and listen on."""
    speech = _speech(heard, now_ms)
    signal = _signal(heard, speech)
    if signal is not None:
        return signal
    if heard.words and of_machine(heard.words, heard.language):
        return Verdict.MACHINE
    if not speech:
        tone_now = bool(heard.tones) and now_ms - heard.tones[-1].end_ms < settings.silence_ms
        return Verdict.SILENCE if now_ms >= settings.silence_ms and not tone_now else None
    spoken_ms = _length_ms(speech, now_ms)
    end_ms = speech[-1][1]
    if end_ms is None:
        limit_ms = settings.wordless_ms if heard.words is None else settings.monologue_ms
        if heard.words and names_itself(heard.words, heard.language):
            limit_ms = settings.introduction_ms
        return Verdict.MACHINE if spoken_ms >= limit_ms and not _person(heard) else None
    return _after_speech(heard, spoken_ms, end_ms, now_ms - end_ms, settings)


def _after_speech(
    heard: Heard, spoken_ms: int, end_ms: int, pause_ms: int, settings: Settings
) -> Verdict | None:
    if heard.words is None:
        if spoken_ms >= settings.wordless_ms:
            return Verdict.MACHINE
        wait_ms = settings.short_pause_ms if spoken_ms <= settings.short_ms else settings.office_pause_ms
        return Verdict.HUMAN if pause_ms >= wait_ms + settings.words_wait_ms // 2 else None
    known = heard.words_until_ms >= end_ms - 200
    asks = heard.words.rstrip().endswith("?") and len(heard.words.split()) <= 2
    if (known and _person(heard)) or (known and asks and spoken_ms <= settings.short_ms):
        wait_ms = settings.sure_pause_ms
    elif known and greets(heard.words, heard.language):
        wait_ms = settings.hello_pause_ms
    elif known and names_itself(heard.words, heard.language):
        wait_ms = settings.name_pause_ms
    elif spoken_ms <= settings.short_ms:
        wait_ms = settings.short_pause_ms
    else:
        wait_ms = settings.office_pause_ms
    if spoken_ms <= settings.tiny_ms:
        wait_ms = max(wait_ms, settings.tiny_pause_ms)
    if not known:
        wait_ms += settings.words_wait_ms
    if pause_ms < wait_ms:
        return None
    return Verdict.MACHINE if spoken_ms > settings.office_ms and not _person(heard) else Verdict.HUMAN


def _length_ms(speech: tuple[tuple[int, int | None], ...], now_ms: int) -> int:
    """How long was spoken; what lies between two words belongs to it."""
    spoken_ms, before_ms = 0, None
    for begin, end in speech:
        stop = now_ms if end is None else end
        joined = before_ms is not None and begin - before_ms < _BETWEEN_WORDS_MS
        spoken_ms += stop - (before_ms if joined and before_ms is not None else begin)
        before_ms = stop
    return spoken_ms


def _person(heard: Heard) -> bool:
    return bool(heard.words) and of_person(heard.words or "", heard.language)


def _speech(heard: Heard, now_ms: int) -> tuple[tuple[int, int | None], ...]:
    """Without what a detector of speech took tones for."""

    def is_tone(begin: int, end: int | None) -> bool:
        last = now_ms if end is None else end
        inside = sum(max(0, min(last, tone.end_ms) - max(begin, tone.begin_ms)) for tone in heard.tones)
        return inside > 0.6 * max(1, last - begin)

    return tuple((begin, end) for begin, end in heard.speech if not is_tone(begin, end))


def _signal(heard: Heard, speech: tuple[tuple[int, int | None], ...]) -> Verdict | None:
    """What tones alone say."""
    spoke_ms = min((begin for begin, _ in speech), default=None)
    before = [tone for tone in heard.tones if spoke_ms is None or tone.begin_ms < spoke_ms]
    if any(2_070 <= tone.hz <= 2_130 and tone.length_ms >= 300 for tone in heard.tones):
        return Verdict.FAX
    if any(1_060 <= tone.hz <= 1_140 and tone.length_ms >= 380 for tone in before):
        return Verdict.FAX
    if _special_information(before):
        return Verdict.MACHINE
    low = [tone.length_ms for tone in before if tone.hz < _NETWORK_HZ and tone.length_ms >= 180]
    repeated = sum(length >= 300 for length in low) >= 2 or len(low) >= 3  # congestion: 250 ms on and off
    if spoke_ms is None and (repeated or any(length >= 700 for length in low)):
        return Verdict.NETWORK
    return None


def _special_information(tones: list[Tone]) -> bool:
    """Two of the three rising tones that stand before an announcement of the network's."""
    heights = [tone.hz for tone in tones if tone.length_ms >= 150]
    return any(
        (880 <= one <= 1_020 and 1_330 <= two <= 1_470) or (1_330 <= one <= 1_470 and 1_730 <= two <= 1_850)
        for one, two in itertools.pairwise(heights)
    )


def signal(heard: Heard, now_ms: int) -> Verdict | None:
    """What tones alone say, whatever was decided before: a fax is silent for up to 2.5 s (ITU-T V.25) before
    it is one, and a line that is Up may ring after four.
    """
    return _signal(heard, _speech(heard, now_ms))


def beeped(heard: Heard, since_ms: int) -> bool:
    """Whether a machine's beep came after ``since_ms``: pure, steady, and longer than any vowel's is.

    Not while it may still become a fax's, nor where nobody has spoken and it may be the network's.
    """

    def is_beep(tone: Tone) -> bool:
        lowest_hz = 400 if heard.speech else _NETWORK_HZ
        of_fax = 2_070 <= tone.hz <= 2_130 or 1_060 <= tone.hz <= 1_140
        return lowest_hz <= tone.hz <= 3_000 and tone.length_ms >= BEEP_MS and not (of_fax and tone.goes_on)

    return any(is_beep(tone) for tone in heard.tones if tone.begin_ms >= since_ms)


def may_speak(heard: Heard, now_ms: int, settings: Settings = Settings()) -> bool:
    """Whether a machine records now: after its beep, or once it has been silent for long."""
    speech = _speech(heard, now_ms)
    spoke_ms = max((now_ms if end is None else end for _, end in speech), default=0)
    beeps = [tone for tone in heard.tones if 300 <= tone.hz <= 3_000 and not tone.goes_on]
    if any(tone.end_ms > spoke_ms - 60 and tone.begin_ms > 500 for tone in beeps) and now_ms - spoke_ms >= 60:
        return True
    if speech and speech[-1][1] is None:
        return now_ms >= settings.message_latest_ms
    going_on = bool(heard.tones) and heard.tones[-1].goes_on
    return not going_on and now_ms - spoke_ms >= settings.beep_wait_ms
