"""What a call has learned of its line's echo: where it lies, and how much like speech it has looked."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.barge_in.judgement import Judgement, JudgeSettings, Verdict

ECHO_SHARE = 0.2
"""A sound of which so much is our own voice is an echo's, at least in part."""
ECHOES = 3
"""A line on which so many sounds were ours has an echo for as long as the call lasts."""
UNKNOWN_EVIDENCE_MS = 120
"""Evidence of speech that is wanted over an echo before the line is known to have one ..."""
MOST_EVIDENCE_MS = 220
"""... and the most that is wanted after that, on lines that change an echo's shape as it comes."""
FAR_MS = (400, 800, 1_200)
"""What we played is looked at so much earlier to find an echo that the kernels, which look 420 ms back, do
not: of a satellite, or of a mobile on its loudspeaker behind two networks' buffers."""
LATEST_ECHO_MS = FAR_MS[-1] + 500
"""What we played is of use so long."""
USUAL_ECHO_MS = 500
"""On a line that is not known to bring it later, our voice comes back no later than this ..."""
USUAL_WORDS_MS = 800
"""... and a word of it, which may have begun before."""
_MIDDLE_MS = 200
"""A known delay is put there into what the kernels look at."""
_SHOWN = 2.0
"""So many times what our own sounds have shown is wanted on top of what is wanted on a clear line."""
_FADES = 0.9
"""What a sound has shown counts so much when the next one has come."""


def late_ms_of(delay_ms: float | None) -> int:
    """How much earlier what we played is to be looked at for an echo so late; None: not known."""
    return 0 if delay_ms is None or delay_ms <= FAR_MS[0] else round(delay_ms) - _MIDDLE_MS


@dataclass(slots=True)
class LineEcho:
    """One call's.  ``judge`` reads it; whoever asks ``judge`` tells it what came of that.

    A line that only delays and filters leaves nothing that looks like speech once the echo is taken away,
    and is as good as a clear one.  One that tears it (a telephone that stretches what it plays, a loudspeaker
    that rattles) leaves a little in many sounds, and soon enough more in one of them.
    """

    delay_ms: float | None = None
    """Where the echo lies.  A call's echo keeps its way, and so its delay."""
    sounds: int = 0
    """Sounds of the caller's line that were our own."""
    shown_ms: float = 0.0
    """Evidence of speech in such sounds, the most of the latest ones."""
    _sound_ms: int = 0
    """Of the sound that is judged now, and whether it was ours once, and whether it is speech by now."""
    _ours: bool = False
    _speech: bool = False

    @property
    def known(self) -> bool:
        """The line has an echo."""
        return self.sounds >= ECHOES

    @property
    def echoes(self) -> bool:
        """It has given something of our own voice back."""
        return self.sounds > 0

    @property
    def sound_ms(self) -> int:
        """What we played so long ago may still come back."""
        return max(USUAL_ECHO_MS, round((self.delay_ms or 0) + _MIDDLE_MS))

    @property
    def words_ms(self) -> int:
        """Words of ours that were in the air so long ago may be heard now."""
        return self.sound_ms + USUAL_WORDS_MS - USUAL_ECHO_MS

    def next_sound(self) -> None:
        """What is learned from here on is another sound's."""
        if self._ours and not self._speech:
            self.shown_ms = max(self.shown_ms * _FADES, self._sound_ms)
        self._sound_ms, self._ours, self._speech = 0, False, False

    def learn(self, judged: Judgement) -> None:
        """What came of the sound, so far."""
        if judged.verdict is Verdict.ECHO:
            self.delay_ms = judged.echo_delay_ms
            self.sounds += not self._ours
            self._ours = True
        self._sound_ms = max(self._sound_ms, judged.evidence_ms)
        self._speech = judged.verdict is Verdict.SPEECH

    def has_too_little(self, judged: Judgement, settings: JudgeSettings) -> bool:
        """Whether what was judged to be speech may, on this line, still be what is left of our echo."""
        return judged.verdict is Verdict.SPEECH and judged.evidence_ms < self.wanted_ms(judged, settings)

    def wanted_ms(self, judged: Judgement, settings: JudgeSettings) -> float:
        """Evidence with which such a sound is speech on this line."""
        least_ms = settings.min_speech_ms
        if self.known:
            return min(least_ms + _SHOWN * self.shown_ms, max(least_ms, MOST_EVIDENCE_MS))
        return max(least_ms, UNKNOWN_EVIDENCE_MS) if judged.echo_share >= ECHO_SHARE else least_ms
