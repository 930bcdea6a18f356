"""Written text in spoken words, for any voice."""

from offhook.speech.normaliser import speakable, spoken

__all__ = ["speakable", "spoken"]
