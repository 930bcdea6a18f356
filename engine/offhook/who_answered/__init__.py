"""Who, or what, has answered a call that we placed: a person, a machine, a fax, the network, or nobody.

``tones`` hears what is no speech, ``wording`` knows what machines and people say, and ``verdict`` decides
from both and from how speech and pauses lie; the same facts always give the same verdict.
"""

from offhook.who_answered.tones import Tone, ToneDetector
from offhook.who_answered.verdict import Heard, Settings, Verdict, beeped, may_speak, signal, verdict
from offhook.who_answered.wording import of_recording

__all__ = [
    "Heard",
    "Settings",
    "Tone",
    "ToneDetector",
    "Verdict",
    "beeped",
    "may_speak",
    "of_recording",
    "signal",
    "verdict",
]
