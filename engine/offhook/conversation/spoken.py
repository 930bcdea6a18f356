"""The text that leaves the filter: white space, what was taken out between words, sentences of a list."""

from __future__ import annotations

import unicodedata

from offhook.conversation.findings import GAP, SEAM, Findings

_KEPT_SYMBOLS = frozenset("\u00b0\u2122\u00a9\u00ae\u2116")
_MARKS_AFTER = frozenset(".,;:?!\u2026")
_ENDS = frozenset(".?!\u2026:;,\u3002\uff01\uff1f\u060c\u061f\u0964")
_SENTENCE_ENDS = frozenset(".?!\u2026\u3002\uff01\uff1f\u061f\u0964")
_CLOSERS = frozenset("\"')]\u201d\u2019\u00bb")
_DROPPED_CATEGORIES = ("So", "Sk", "Cf", "Co", "Cn", "Cs")


class Spoken:
    """Collects characters; white space waits for the word after it, so that nothing double is left."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._space = ""
        self._gone = False
        """Something was taken out since the last visible character."""
        self.begun = False
        """A visible character has gone out."""
        self.last = ""
        """The last visible character."""
        self.word = ""
        """The last word, in small letters."""
        self._mark = ""
        """The last visible character that closes nothing."""

    @property
    def spaced(self) -> bool:
        """The next character is not glued to a word."""
        return bool(self._space) or not self.begun

    @property
    def alone(self) -> bool:
        """Nothing was said yet, or a sentence has just ended."""
        return not self.begun or self._mark in _SENTENCE_ENDS

    def put(self, text: str) -> str:
        """Characters to be said; the part of all so far that is certain."""
        return "".join([self._put(char) for char in text])

    def cut(self, *, gap: bool = False) -> None:
        """Something was taken out here, and its white space goes with it; ``gap``: what stands around it
        stays apart."""
        self._gone = True
        if gap and not self._space:
            self._space = " "

    def full_stop(self) -> str:
        """The end of a list's item: it becomes a sentence."""
        if not self.begun or self._mark in _ENDS:
            return ""
        self._findings.note("markup")
        self.last = self._mark = "."
        return "."

    def _put(self, char: str) -> str:
        if char in (GAP, SEAM):
            self.cut(gap=char == GAP)
            return ""
        if char in "\n\t\r " or char.isspace():
            if not (self._gone and self._space) or (char == "\n" and "\n" not in self._space):
                self._space += char
            return ""
        if char == "\u2581":  # a space, in the vocabulary of SentencePiece
            self._findings.note("symbol")
            return self._put(" ")
        if not _sayable(char):
            self._findings.note("symbol")
            self.cut(gap=unicodedata.category(char) == "Cc")
            return ""
        space = "" if not self.begun or (self._gone and char in _MARKS_AFTER) else self._space
        if char.isalnum():
            self.word = ("" if space or not self.begun else self.word) + char.lower()
        self._space, self._gone = "", False
        self.begun, self.last = True, char
        if char not in _CLOSERS:
            self._mark = char
        return space + char


def _sayable(char: str) -> bool:
    if char.isascii():
        return char.isprintable()
    return char in _KEPT_SYMBOLS or unicodedata.category(char) not in (*_DROPPED_CATEGORIES, "Cc")
