"""What had been written of an answer that was given up: the caller may come back to the same words.

They do when what made them "go on" was a breath or a click.  A whole answer is then said from here, with the
audio that the voice keeps; half of one is a guess for the model.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.call.revision import Revision
from offhook.conversation.history import History
from offhook.engines.stt.gate import normalize


@dataclass(frozen=True, slots=True)
class Written:
    """The beginning of an answer, or all of it."""

    words: str
    """That it answers, as :func:`normalize` writes them."""
    turns: int
    """The call's before it."""
    clauses: tuple[str, ...]
    whole: bool
    ends_call: bool


class GivenUp:
    """One call's latest.  Used by whoever holds the pipeline's turn."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._written: Written | None = None

    def keep(self, revision: Revision) -> None:
        """The model's answer of ``revision`` is given up.

        One that was audible was too early, and one that called tools was more than its words: those are
        made anew.
        """
        self._written = None
        if revision.error is not None or revision.called or revision.action is not None:
            return
        if revision.final_words is not None:
            return  # it answered what nobody has said
        if revision.clauses and revision.trace.playback_started_ns is None:
            self._written = Written(
                normalize(revision.caller_text),
                len(self._history.exchanges),
                tuple(revision.clauses),
                revision.answer.finished,
                revision.ends_call,
            )

    def take(self, revision: Revision) -> Written | None:
        """What was written to the words of ``revision``, at this point of the call; once."""
        written, self._written = self._written, None
        if written is None or written.words != normalize(revision.caller_text):
            return None
        return written if written.turns == len(self._history.exchanges) else None
