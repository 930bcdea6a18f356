"""How a caller's voice sounds beside how the same caller began.  Pure."""

from offhook.tone_of_voice.raised import Change, change, is_raised
from offhook.tone_of_voice.tone import Tone, tone_of

__all__ = ["Change", "Tone", "change", "is_raised", "tone_of"]
