"""A generated answer as clauses that can be spoken while the rest is written."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

from offhook.conversation.answer_filter import AnswerFilter
from offhook.engines.llm.base import Generation
from offhook.speech.clauses import ClauseSplitter

CIRCLE_WORDS = 3
"""A clause of so many words is not said twice in a row on purpose; "yes, yes" is."""
CIRCLE_CLAUSES = 12
"""The longest circle that is noticed."""


class ClauseStream:
    """Iterate once for the clauses.  The attributes are complete when the iteration has ended."""

    def __init__(self, generation: Generation, answer_filter: AnswerFilter, language: str) -> None:
        """``language``: the answer's, which says where it may be cut."""
        self._language = language
        self.generation = generation
        self._filter = answer_filter
        self.raw = ""
        """All that the model wrote, what must not be spoken included."""
        self.circled = False
        """The model began to say the same again: a small one would go on for ever."""

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        splitter = ClauseSplitter(self._language)
        said: deque[str] = deque(maxlen=CIRCLE_CLAUSES)
        async for piece in self.generation:
            self.raw += piece
            for clause in splitter.push(self._filter.push(piece)):
                if self._goes_in_circles(said, clause):
                    break
                yield clause
                said.append(clause)
            if self._filter.finished or self.circled:
                self.generation.cancel()
                break
        if self.circled:
            return
        for clause in (*splitter.push(self._filter.flush()), *splitter.flush()):
            if self._goes_in_circles(said, clause):
                return
            yield clause
            said.append(clause)

    def _goes_in_circles(self, said: Sequence[str], clause: str) -> bool:
        """True for a clause that was just said, or behind the same one as before."""
        if len(clause.split()) < CIRCLE_WORDS or not said:
            return False
        before = list(said)
        pairs = pairwise(before)
        self.circled = clause == before[-1] or (before[-1], clause) in pairs
        return self.circled

    @property
    def verbatim(self) -> bool:
        """The clauses are, word for word, what the model wrote."""
        return not self._filter.changed and not self._filter.finished and not self.circled

    @property
    def ends_call(self) -> bool:
        """The model has decided that the call is over."""
        return self._filter.ends_call or self.generation.stats.ends_call

    @property
    def removed(self) -> tuple[str, ...]:
        """Kinds of text that must not be spoken and were taken out."""
        return self._filter.removed
