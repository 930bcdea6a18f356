"""Every language without data of its own: no word is known, so silence alone ends a turn."""

from offhook.languages.turns.base import TurnLanguage

NEUTRAL = TurnLanguage("")
