"""Barge-in: is it the caller, speaking to us?  ``judge`` for the sound, ``is_backchannel`` for the words."""

from offhook.barge_in.cancel import without_our_voice
from offhook.barge_in.judge import judge
from offhook.barge_in.judgement import Judgement, JudgeSettings, Verdict
from offhook.barge_in.line import LATEST_ECHO_MS, LineEcho
from offhook.barge_in.words import is_backchannel, is_own_words

__all__ = [
    "LATEST_ECHO_MS",
    "JudgeSettings",
    "Judgement",
    "LineEcho",
    "Verdict",
    "is_backchannel",
    "is_own_words",
    "judge",
    "without_our_voice",
]
