"""What of a model's stream may be spoken.

Every model writes more than words: thoughts, tokens of its template, the caller's part of
the dialogue, Markdown, stage directions, calls of tools.  A chat window shows that; a
telephone would read it out.  The filter works on the stream and holds back as little as it
can: a word of prose passes as it comes.

Four parts, one after the other, fed with one character at a time, so that the result does
not depend on the pieces that a server cuts its answer into: :mod:`~offhook.conversation.reasoning`
(thoughts, channels, tokens, tools), :mod:`~offhook.conversation.labels` (who speaks),
:mod:`~offhook.conversation.markup` (Markdown, JSON, stage directions) and
:mod:`~offhook.conversation.outlet` (quotation marks, length).

What the words say is not judged: the text of the persona, many sentences, and the caller's
own words repeated are all let through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.conversation.findings import Findings
from offhook.conversation.labels import Labels
from offhook.conversation.markup import Markup
from offhook.conversation.outlet import Outlet
from offhook.conversation.reasoning import SpeechGate


class AnswerFilter:
    """One answer's way from the model to the voice.  Pure: text in, text out; it never raises."""

    def __init__(
        self,
        names: Sequence[str] = (),
        *,
        max_characters: int = 4000,
        opened: bool = False,
        began_inside: Callable[[], None] = lambda: None,
        tools: Sequence[str] = (),
    ) -> None:
        """``names``: what the agent is called, dropped as a speaker's name in front of its words;
        ``tools``: what it can call, whose calls are not said when they are written among its words.

        ``max_characters``: more of one answer is not said; it ends with its last whole
        sentence.  ``opened``: the prompt ended inside a thought, so the answer begins with the
        rest of one.  Without it a thought that only ends is spoken as far as it was certain to be text;
        ``began_inside`` is then called.
        """
        self._names = tuple(names)
        self._max = max(1, max_characters)
        self._tell_began_inside = began_inside
        self._findings = Findings()
        self._gate = SpeechGate(self._findings, opened=opened, tools=tools)
        self._outlet = Outlet(self._findings, self._max)
        self._labels = Labels(self._findings, self._names)
        self._markup = Markup(self._findings, self._max, self._nested)
        self._flushed = False

    @property
    def finished(self) -> bool:
        """No more of this answer is wanted: stop the generation."""
        return self._findings.finished

    @property
    def ends_call(self) -> bool:
        """The model has decided to end the call, with the built-in ``end_call``."""
        return self._findings.ends_call

    @property
    def changed(self) -> bool:
        """What was let through is not word for word what the model wrote, white space around it aside."""
        return bool(self._findings.removed)

    @property
    def removed(self) -> tuple[str, ...]:
        """What kinds of things were taken out or rewritten, for a log line without content.

        "reasoning", "token", "role", "tool", "end_call", "markup", "code", "json", "aside", "quotes",
        "symbol", "length".
        """
        return self._findings.removed

    @property
    def began_inside(self) -> bool:
        """The answer began inside a thought that the prompt had opened: the next one will be ``opened``."""
        return self._gate.began_inside

    def push(self, piece: str) -> str:
        """The text that is certain to be part of the spoken answer; '' when it is held back."""
        out: list[str] = []
        for char in piece:
            if self._flushed:
                break
            out.append(self._one(char))
            if self.finished:
                out.append(self._rest())
        return "".join(out)

    def flush(self) -> str:
        """The stream has ended: what was held back and is text after all."""
        return "" if self._flushed else self._rest()

    def _one(self, char: str) -> str:
        text = self._gate.push(char)
        if self._gate.restarted:
            self._restart()
            self._tell_began_inside()
        return self._after_gate(text) if text else ""

    def _after_gate(self, text: str) -> str:
        return "".join([self._after_labels(self._labels.push(char)) for char in text])

    def _after_labels(self, text: str) -> str:
        return "".join([self._after_markup(self._markup.push(char)) for char in text])

    def _after_markup(self, text: str) -> str:
        return "".join([self._outlet.push(char) for char in text])

    def _rest(self) -> str:
        self._flushed = True
        out = self._after_gate(self._gate.flush())
        if self._gate.restarted:
            self._tell_began_inside()
        out += self._after_labels(self._labels.flush())
        out += self._after_markup(self._markup.flush())
        return out + self._outlet.flush()

    def _restart(self) -> None:
        """All before this was a thought: what was held of it is forgotten, what has gone out is not."""
        self._gate.restarted = False
        self._labels = Labels(self._findings, self._names)
        self._markup = Markup(self._findings, self._max, self._nested)
        self._outlet = Outlet(self._findings, self._max, self._outlet.used)

    def _nested(self, text: str) -> str:
        """A text that was found inside JSON."""
        inner = AnswerFilter(self._names, max_characters=self._max)
        spoken = inner.push(text) + inner.flush()
        for kind in inner.removed:
            self._findings.note(kind)
        self._findings.finished |= inner.finished
        self._findings.ends_call |= inner.ends_call
        return spoken
