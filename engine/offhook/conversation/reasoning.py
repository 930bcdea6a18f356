"""The first part of the filter: of all that a model streams, the words that are meant for the caller.

Thoughts, tool calls, other channels and messages, and every special token end here.
What goes on is the model's text with its markup, and GAP or SEAM where something was taken out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

from offhook.conversation.bare_thoughts import TAIL_CHARS, Opening, answer_after, answer_of_steps, opening_of
from offhook.conversation.findings import GAP, SEAM, Findings
from offhook.conversation.marker_names import (
    BLOCKS,
    END_CALL,
    MESSAGE_ENDS,
    OTHER_MARKS,
    OTHER_ROLES,
    OWN_MARKS,
    OWN_ROLES,
    ROLE_STARTS,
    TEXT_STARTS,
    THOUGHT_ENDS,
    THOUGHTS,
)
from offhook.conversation.markers import CALL, WRITTEN_CALL, Marker, MarkerScanner, gap_of

_MAX_BLOCK_CHARS = 4000


class _Mode(Enum):
    START = auto()
    """Nothing was written yet: it may begin with the name of a channel."""
    SPOKEN = auto()
    THOUGHT = auto()
    """Between marks."""
    BARE_THOUGHT = auto()
    """Without marks."""
    HEADER = auto()
    """Harmony: a speaker's or channel's name, up to ``<|message|>``."""
    ASIDE = auto()
    """Harmony: a channel that is not for the caller, or what stands between two messages."""
    ROLE = auto()
    """A speaker's name after a token that announces it."""
    BLOCK = auto()
    """A tool call, a comment."""


class SpeechGate:
    """Lets through what is meant to be said.  Feed it one character at a time."""

    def __init__(self, findings: Findings, *, opened: bool = False, tools: Sequence[str] = ()) -> None:
        """``opened``: the prompt ended inside a thought.  ``tools``: names whose calls are not said."""
        self.restarted = False
        """Everything before the characters just returned was a thought: forget what was held of it."""
        self.began_inside = opened
        """The answer began inside a thought: the prompt said so, or a thought ended that had not begun."""
        self._findings = findings
        self._done = False
        """The message is over, or another one begins."""
        self._scanner = MarkerScanner(tools)
        self._mode = _Mode.THOUGHT if opened else _Mode.START
        self._open = ["think"] if opened else []
        """Thoughts that have begun and not ended."""
        self._fresh = opened
        """Nothing came since the thought that the prompt opened."""
        self._said = False
        self._buffer = ""
        self._closer: str | None = None
        self._steps = False
        """The bare thought may end without a mark."""

    def push(self, char: str) -> str:
        """What of the text up to ``char`` goes on."""
        if "\ue000" <= char <= "\uf8ff":  # our own marks lie there
            self._findings.note("symbol")
            return ""
        return "".join([self._take(part) for part in self._scanner.push(char)])

    def flush(self) -> str:
        """The model has stopped writing."""
        if self._done:
            return ""
        text, mark = self._scanner.flush()
        out = "".join([self._text(char) for char in text])
        if self._mode is _Mode.BLOCK:
            self._close_block()
        if self._mode is _Mode.BARE_THOUGHT and self._steps:
            out += self._speak_again(answer_of_steps(self._buffer))
        if mark.lower() == CALL:
            self._findings.end_call()
        elif mark:
            self._findings.note("token")
        if self._mode in (_Mode.START, _Mode.ROLE):
            out += self._release()
        return out

    def _take(self, part: str | Marker) -> str:
        if self._done:
            return ""
        if isinstance(part, Marker):
            return self._marker(part)
        return self._text(part)

    # -- text --------------------------------------------------------------------------------------

    def _text(self, char: str) -> str:
        if self._mode is _Mode.SPOKEN:
            self._said = self._said or not char.isspace()
            return char
        if self._mode is _Mode.START:
            return self._start(char)
        if self._mode is _Mode.ROLE:
            return self._role(char)
        if not char.isspace():
            self._fresh = False
            if self._mode is _Mode.THOUGHT:
                self._findings.note("reasoning")
        if self._mode is _Mode.BARE_THOUGHT:
            self._buffer = (self._buffer + char)[-_MAX_BLOCK_CHARS:]
            answer = answer_after(self._buffer[-TAIL_CHARS:])
            if answer is not None:
                return self._speak_again(answer)
        elif self._mode in (_Mode.HEADER, _Mode.BLOCK):
            self._buffer = (self._buffer + char)[-_MAX_BLOCK_CHARS:]
            if self._closer == "--" and self._buffer.endswith("-->"):
                self._mode = _Mode.SPOKEN
                return SEAM
        return ""

    def _start(self, char: str) -> str:
        if char.isspace() and not self._buffer:
            return char
        self._buffer += char
        opening = opening_of(self._buffer)
        if opening is Opening.UNDECIDED:
            return ""
        if opening is Opening.NONE:
            return self._release()
        self._findings.note("reasoning")
        if opening is Opening.ANSWER:
            return self._speak_again(char)
        self._mode, self._buffer = _Mode.BARE_THOUGHT, ""
        self._steps = opening is Opening.STEPS
        return ""

    def _role(self, char: str) -> str:
        name = self._buffer + char
        if any(role.startswith(name.lower()) for role in OWN_ROLES | OTHER_ROLES):
            self._buffer = name
            return ""
        if not char.isalnum():
            self._settle_role()
        return "" if self._done else self._release() + self._text(char)

    def _settle_role(self) -> None:
        role = self._buffer.lower()
        if role in OTHER_ROLES:
            self._finish("role")
        elif role in OWN_ROLES:
            self._buffer = ""

    def _finish(self, kind: str) -> None:
        self._done = True
        self._findings.finish(kind)

    def _release(self) -> str:
        """What was held while it might have been a name is text."""
        text, self._buffer, self._mode = self._buffer, "", _Mode.SPOKEN
        self._said = self._said or bool(text)
        return text

    def _speak_again(self, text: str = "") -> str:
        """A thought is over."""
        self._mode, self._buffer, self._open = _Mode.SPOKEN, "", []
        if not self._said:
            self._mode = _Mode.START
        return GAP + "".join([self._text(char) for char in text])

    # -- marks -------------------------------------------------------------------------------------

    def _marker(self, mark: Marker) -> str:
        name = mark.name
        if self._mode is _Mode.BLOCK:
            return self._in_block(mark)
        if self._mode is _Mode.THOUGHT:
            return self._in_thought(mark)
        if mark.token and mark.bracket == "<" and name in ("channel", "start", "message"):
            done = self._harmony(mark)
            if done is not None:
                return done
        if self._mode is _Mode.HEADER:
            self._buffer += mark.raw
            return ""
        if self._mode is _Mode.BARE_THOUGHT and self._is_thought(mark):
            return self._spoken(mark) if mark.closes or name in THOUGHT_ENDS else ""
        if self._mode in (_Mode.ASIDE, _Mode.BARE_THOUGHT):
            return ""
        out = ""
        if self._mode is _Mode.ROLE:
            self._settle_role()
        if self._mode in (_Mode.ROLE, _Mode.START):
            out = "" if self._done else self._release()
            self._mode = _Mode.SPOKEN if self._said else _Mode.START
        if self._done:
            return out
        after = self._spoken(mark)
        return after if self.restarted else out + after

    def _spoken(self, mark: Marker) -> str:
        name = mark.name
        if name in END_CALL:
            self._findings.end_call()
            return GAP
        if mark.bracket == WRITTEN_CALL:
            self._findings.note("tool")
            return GAP
        if self._is_thought(mark):
            self._findings.note("reasoning")
            if mark.closes or name in THOUGHT_ENDS:
                self.restarted = self.began_inside = True
                self._said = False
                return self._speak_again()
            self._mode, self._open = _Mode.THOUGHT, [name]
            return GAP
        block = BLOCKS.get("[" + name if mark.bracket == "[" else name, "")
        if block != "" and not mark.closes:
            self._findings.note("tool" if name not in ("script", "style", "!--") else "markup")
            self._mode, self._closer, self._buffer = _Mode.BLOCK, block, ""
            if name == "function":
                self._buffer = mark.raw
            return GAP
        if mark.token:
            return self._token(mark)
        self._findings.note("markup")
        return gap_of(mark)

    def _token(self, mark: Marker) -> str:
        name = mark.name
        self._findings.note("token")
        if name in MESSAGE_ENDS or (name == "turn" and mark.closes) or (name == "s" and mark.closes):
            if self._said or self._findings.ends_call:
                self._finish("token")
        elif name in ROLE_STARTS | OTHER_MARKS | OWN_MARKS | TEXT_STARTS or name == "s":
            own = name in OWN_MARKS | TEXT_STARTS | {"s"} or (name == "inst" and mark.closes)
            if self._said or (not own and name not in ROLE_STARTS):
                self._finish("role")
            elif name in ROLE_STARTS:
                self._mode, self._buffer = _Mode.ROLE, ""
        return "" if self._done else SEAM

    def _in_thought(self, mark: Marker) -> str:
        fresh, self._fresh = self._fresh, False
        self._findings.note("reasoning")
        if not self._is_thought(mark):
            return ""
        if not (mark.closes or mark.name in THOUGHT_ENDS):
            if not fresh:  # some models repeat the tag that the prompt ended with
                self._open.append(mark.name)
            return ""
        while self._open and self._open.pop() != mark.name and mark.name in self._open:
            pass
        return "" if self._open else self._speak_again()

    def _is_thought(self, mark: Marker) -> bool:
        if mark.name == "channel":  # Gemma 4: <|channel>thought ... <channel|>
            return not re.search(r"^<[|\uff5c].*[|\uff5c]>$", mark.raw)
        return mark.name in THOUGHTS or mark.name in THOUGHT_ENDS

    def _in_block(self, mark: Marker) -> str:
        ends = mark.token and (mark.name in MESSAGE_ENDS or (mark.name == "s" and mark.closes))
        if mark.name == self._closer and (mark.closes or mark.name not in BLOCKS):
            self._close_block()
            return GAP
        if ends:
            self._close_block()
            self._finish("token")
            return ""
        self._buffer = (self._buffer + mark.raw)[-_MAX_BLOCK_CHARS:]
        return ""

    def _close_block(self) -> None:
        if re.search(r"\bend_?call\b", self._buffer, re.IGNORECASE):
            self._findings.end_call()
        self._mode, self._buffer, self._closer = _Mode.SPOKEN, "", None

    def _harmony(self, mark: Marker) -> str | None:
        """gpt-oss: ``<|start|>assistant<|channel|>final<|message|>``; None for marks of others."""
        if self._is_thought(mark):
            return None
        header = self._buffer if self._mode is _Mode.HEADER else ""
        held = self._release() if self._mode is _Mode.START else ""
        if re.search(r"\bend_?call\b", header):
            self._findings.end_call()
        speaker = header.split()[0].lower() if header.split() else ""
        if speaker in OTHER_ROLES:
            self._finish("role")
            return ""
        if mark.name == "message":
            if self._mode is not _Mode.HEADER:
                return None
            self._findings.note("reasoning")
            if header.strip() == "" or header.strip().startswith(("final", "assistant")):
                return self._speak_again()
            self._mode, self._buffer = _Mode.ASIDE, ""
            return held
        self._findings.note("token")
        if self._said:
            self._finish("token")
            return held
        self._mode, self._buffer = _Mode.HEADER, ""
        return held + SEAM
