"""What every language model offers to the rest of offhook.

A model is loaded once.  Each call holds a :class:`Conversation`: a sequence of
text that already carries the model's chat markup (see
:mod:`offhook.engines.llm.template`).  Text is appended as it comes, an answer is generated
from what is there, and a mark taken earlier brings the conversation back to that point.

Text comes in pieces.  A :class:`~offhook.engines.llm.template.Markup` piece may contain the
model's control tokens; any other ``str`` is plain text in which ``<|im_end|>`` and its
like are just characters, because callers and web pages must not write our markup.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from offhook.engines.llm.gbnf import schema_to_gbnf
from offhook.engines.llm.template import ChatTemplate

FinishReason = Literal["", "end", "stop", "length", "context", "cancelled", "failed"]
"""Why a generation ended: the model's end token, a stop string, ``max_tokens``, no room in the
call's context, :meth:`Generation.cancel`, an error; empty while it runs."""


END_CALL = "end_call"
"""The built-in tool by which a model ends the call; it need not be offered."""


class ToolOffer(Protocol):
    """What a model is told of a tool that it may call."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of an object: the arguments."""
        ...


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that an answer calls; its result goes back with :meth:`ChatTemplate.results`."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """As the model wrote them: whether they fit the schema is for the caller of the tool to see."""
    id: str = ""
    """Unique in the conversation."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the server wants back with the call, unread."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """A form that an answer has to follow.

    With ``triggers`` speech is free until one of these strings appears in the answer;
    the grammar then begins with the string's first character.
    """

    gbnf: str
    root: str = "root"
    triggers: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    """The JSON schema that it was made from: servers take that, and no GBNF."""

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], triggers: tuple[str, ...] = ()) -> Grammar:
        """The grammar of all JSON texts that follow ``schema``.  Raises ValueError when there is none."""
        try:
            return cls(schema_to_gbnf()(json.dumps(schema)), triggers=triggers, schema=schema)
        except Exception as error:
            raise ValueError(f"the JSON schema cannot be used: {error}") from error


@dataclass(frozen=True, slots=True)
class Limits:
    """When a generation ends, besides the model's own end-of-message token."""

    max_tokens: int = 96
    temperature: float = 0.0
    """0 takes the likeliest token each time."""
    top_p: float = 0.95
    """Used when ``temperature`` is above 0."""
    seed: int = 0
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these; it is not part of the answer."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in a conversation that can be returned to; cheap, valid until an earlier one is used."""

    tokens: int
    serial: int = 0


@dataclass(slots=True)
class GenerationStats:
    """What one generation cost; complete when the stream has ended."""

    prompt_tokens_reused: int = 0
    """Tokens of the conversation that an earlier computation had left ready."""
    prompt_tokens_computed: int = 0
    """Tokens appended since the last generation, computed for this one."""
    generated_tokens: int = 0
    drafted_tokens: int = 0
    """Tokens of the draft that were computed."""
    accepted_tokens: int = 0
    """Of these, the ones that were generated: they cost no decode of their own."""
    submitted_ns: int = 0
    first_token_ns: int | None = None
    finish_reason: FinishReason = field(default="")
    tool_calls: list[ToolCall] = field(default_factory=list)
    """Tools that the answer calls, in order, each one whole: those that were offered, and :data:`END_CALL`.
    A model in process writes its calls as text, in the form of its family, and has none here."""

    @property
    def ends_call(self) -> bool:
        """The model has called the tool that ends the call."""
        return any(call.name == END_CALL for call in self.tool_calls)


@dataclass(frozen=True, slots=True)
class Told:
    """An end probability that is known at once; None: the model cannot tell."""

    probability: float | None = None

    def __await__(self) -> Generator[None, None, float | None]:
        return self.probability
        yield  # a generator, though it never waits


class Generation(Protocol):
    """An answer being written: iterate once for pieces of text, valid UTF-8 each.

    Iteration raises :class:`~offhook.errors.ModelError` when the model fails; a remote one
    also BusyError or DeadlineError.  After the iteration the conversation ends with the
    answer, without its end-of-message markup: append ``template.assistant_close`` to keep it, or roll back.
    """

    stats: GenerationStats

    def __aiter__(self) -> AsyncIterator[str]: ...

    def cancel(self) -> None:
        """Stop within one decode; the iteration ends.  Safe at any time, any number of times."""
        ...


class Conversation(Protocol):
    """One call's text inside the model.  Operations take effect in the order they were begun."""

    start: Mark
    """The end of the prefix: rolling back to it forgets the whole dialogue."""
    speculative: bool
    """Work that may be thrown away: where calls share a machine, it yields to their committed work."""
    since_ns: int
    """Since when its caller waits, monotonic; 0: since the text came.  The longest wait goes first."""

    @property
    def tokens_used(self) -> int:
        """Tokens in the conversation now, prefix and answers included."""
        ...

    @property
    def tokens_limit(self) -> int:
        """Tokens that the conversation may hold."""
        ...

    async def append(self, *pieces: str) -> None:
        """Add text at the end and compute it; only new tokens cost anything.

        Markup pieces may hold control tokens, other strings never do.  Raises
        ModelError, and changes nothing, when the context would be full; a generation
        that still runs is cancelled first.
        """
        ...

    async def mark(self) -> Mark:
        """Remember the present end.  A running generation is cancelled first."""
        ...

    async def rollback(self, mark: Mark) -> None:
        """Forget everything after ``mark``.  A running generation is cancelled first.

        Raises ValueError for a mark that an earlier rollback has undone.
        """
        ...

    def end_probability(self) -> Awaitable[float | None]:
        """How probably the message that the conversation ends with is finished here; None: it cannot tell.

        For the caller's words without their final punctuation, quoted or not (see
        :mod:`offhook.end_of_turn.completeness`).  It is asked when this is called and told when it is
        awaited, once the text up to here is computed: what is appended and generated in between changes
        nothing about it, and an engine may compute it all together.  None also when the text was
        rolled back meanwhile, or when another question was asked; ModelError when the
        conversation is closed.  Need not be awaited.
        """
        ...

    def generate(
        self,
        limits: Limits,
        *,
        draft: str = "",
        tools: Sequence[ToolOffer] = (),
        grammar: Grammar | None = None,
    ) -> Generation:
        """Begin an answer.  What is generated becomes part of the conversation.

        ``draft`` is a guess of how the answer begins, plain text.  It never changes what is
        generated; where it is right, the engine is faster.

        ``tools`` are what the answer may call.  A server writes them into its model's prompt, and what it
        calls is in the stats, and in the conversation until it is rolled back; the results are appended as
        ``template.assistant_close`` and ``template.results(...)``, one for each call, and the next answer
        is begun.  In process ``tools`` change nothing: the prefix describes them, ``grammar`` sees to it
        that a call can be read, and whoever reads the answer finds it there.

        ``grammar``: what is generated follows it.  A server takes one that was made from a JSON schema
        and holds from the first word on.  Raises ValueError for a grammar that cannot be used.
        """
        ...

    async def close(self) -> None:
        """Give the conversation's place back.  Cancels a running generation."""
        ...


class LanguageModel(Protocol):
    """A model, loaded once and shared by all calls."""

    name: str
    template: ChatTemplate
    parameters: int | None
    """How large the model is; None: on a server, nobody tells."""
    places: int
    """Conversations that may be open at once."""

    async def preload(self, prefix: Sequence[str]) -> int:
        """Compute ``prefix`` now, so that the first call with it need not wait; its tokens.

        Raises ModelError when it leaves a call no room to talk.
        """
        ...

    async def conversation(self, prefix: Sequence[str]) -> Conversation:
        """Open a conversation that begins with ``prefix`` (system prompt and examples, with markup).

        Conversations with the same prefix share its computation where the engine can.
        Raises :class:`~offhook.errors.BusyError` when no place is free.
        """
        ...

    def problem(self) -> str | None:
        """Why no call should be given to the model now, in one line; None while it is well.  Never waits."""
        ...

    def close(self) -> None:
        """Free the model.  Conversations that are still open end with ModelError."""
        ...
