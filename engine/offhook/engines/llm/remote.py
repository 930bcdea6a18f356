"""A language model on another server behind the interface of :mod:`offhook.engines.llm.base`.

The server keeps nothing between two requests: the conversation lies here, as pieces, and
is sent as messages when an answer is wanted.  So appending, marking and rolling back are
free, and a computation is spared only where the server caches prefixes by itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from offhook.engines.llm.base import GenerationStats, Grammar, Limits, Mark, Told, ToolOffer
from offhook.engines.llm.dialect import Dialect, Sending, Server, build_request, read_body
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.exchange import RemoteGeneration
from offhook.engines.llm.loading import ASLEEP_S, LoadKeeper
from offhook.engines.llm.loops import is_current
from offhook.engines.llm.messages import ROLES, Script
from offhook.engines.remote.connections import Connections
from offhook.engines.remote.refusals import broken, detail_of, refused
from offhook.errors import BusyError, ModelError
from offhook.observe import bill

logger = logging.getLogger(__name__)

_MIN_TALK_TOKENS = 128
"""A prefix that leaves a call less than this is refused."""
_LOAD_S = 120.0
"""So long the daemon's start waits for a server that loads a model from disk."""
AWAY_S = 30.0
"""A server that had to be replaced is not asked first for so long: callers do not wait for it each time."""
_MAX_LIST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens."""

    new: float = 0.0
    cached: float = 0.0
    written: float = 0.0


class RemoteModel:
    """A chat model on a server, shared by all calls; see :class:`~offhook.engines.llm.base.LanguageModel`."""

    template = ROLES
    parameters: int | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        dialect: Dialect,
        *,
        n_ctx_call: int = 1024,
        max_conversations: int = 8,
        asleep_s: float = ASLEEP_S,
        fallback: Server | None = None,
        prices: Prices | None = None,
        fallback_prices: Prices | None = None,
    ) -> None:
        """Contacts nobody.  ``n_ctx_call`` tokens, by our estimate, are one conversation's limit.

        A conversation that is opened makes the server load its model, where it is of the kind that unloads
        it; see :mod:`offhook.engines.llm.loading` for ``asleep_s``.  ``fallback`` is asked where the server
        fails before the first word, and for :data:`AWAY_S` first of all then.
        """
        self.name = endpoint.model
        self.endpoint = endpoint
        self.n_ctx_call = n_ctx_call
        self._dialect = dialect
        self._fallback = fallback
        self.prices = prices or Prices()
        self._fallback_prices = fallback_prices or self.prices
        self._away_until_s = 0.0
        """Until then the fallback is asked first, on the event loop's clock."""
        self.places = max_conversations
        self._open: set[RemoteConversation] = set()
        others = [] if fallback is None else [fallback.endpoint]
        self._connections = Connections([endpoint, *others], kept=max_conversations)
        self._closed = False
        self._closing: asyncio.Task[None] | None = None
        self._loads = LoadKeeper(endpoint, dialect, n_ctx_call, asleep_s=asleep_s)
        self._answers: set[asyncio.Task[None]] = set()
        """Answers that are being written, or whose connections are being closed."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} at {self.endpoint.url}>"

    async def preload(self, prefix: Sequence[str]) -> int:
        """Warm the server up; the prefix's tokens, estimated.

        Ollama loads the model and computes the prefix; elsewhere the connection is opened
        and the key tried.  Raises ModelError for what only a person can correct: a key or
        a model that the server does not know, a prefix that is too long.  A server that
        cannot be reached now is only warned of: it may be back when a call comes.
        """
        script = self._script(prefix)
        client = self.client()
        method, path, body = self._dialect.warm_up(script.messages(), self.n_ctx_call)
        limit_s = _LOAD_S if body is not None else self.endpoint.first_token_timeout_s
        request = build_request(client, self.endpoint, method, path, body)
        sending = asyncio.create_task(client.send(request, stream=True), name="offhook-llm-warm-up")
        try:
            async with asyncio.timeout(limit_s):
                response = await asyncio.shield(sending)
                try:
                    content = await read_body(response, _MAX_LIST_BYTES)
                finally:
                    await response.aclose()
        except TimeoutError:
            logger.warning("%s: no answer to the first request within %g s", self.endpoint.url, limit_s)
            if sending.done() or not self._loads.keep(sending, limit_s):
                sending.cancel()
        except httpx.HTTPError as error:
            logger.warning("%s", broken(error, self.endpoint, self._dialect.hints, begun=False))
        except asyncio.CancelledError:
            sending.cancel()
            raise
        else:
            if response.status_code == 200 and body is not None:
                self._loads.answered()
            self._judge(response, content, asked_for_model=body is not None)
        return script.tokens

    async def conversation(self, prefix: Sequence[str]) -> RemoteConversation:
        """Open a conversation; see :class:`~offhook.engines.llm.base.LanguageModel`."""
        script = self._script(prefix)
        if len(self._open) >= self.places:
            raise BusyError(f"all {self.places} conversations of the language model are taken")
        conversation = RemoteConversation(self, script)
        self._open.add(conversation)
        self._loads.wake(self.client)
        return conversation

    def problem(self) -> str | None:
        """None: whether a server is well shows when it is asked."""
        return None

    def close(self) -> None:
        """End running answers and close all connections.  Any number of times, from any thread."""
        if self._closed:
            return
        self._closed = True
        loop = self._connections.loop
        if loop is None or loop.is_closed():
            self._open.clear()
        elif is_current(loop):
            self._shut_down()
        elif loop.is_running():
            loop.call_soon_threadsafe(self._shut_down)
        else:
            loop.run_until_complete(self.aclose())

    async def aclose(self) -> None:
        """:meth:`close`, and wait until the connections are closed."""
        self._closed = True
        self._shut_down()
        if self._closing is not None:
            await self._closing

    # -- for conversations ---------------------------------------------------------------

    def client(self, endpoint: Endpoint | None = None) -> httpx.AsyncClient:
        """Connections to ``endpoint``, or to the model's own.  Raises ModelError when closed."""
        if self._closed:
            raise ModelError("the language model is closed")
        return self._connections.to(endpoint or self.endpoint)

    def answer(
        self,
        script: Script,
        limits: Limits,
        tools: Sequence[ToolOffer] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> RemoteGeneration:
        """Ask for the next message of ``script``, and write it there."""
        messages, tokens = script.messages(), script.tokens
        script.begin_answer()

        def body(dialect: Dialect) -> dict[str, Any]:
            return dialect.request(messages, limits, self.n_ctx_call, tools=tools, schema=schema)

        generation = RemoteGeneration(
            self.client,
            self._servers(),
            body,
            limits,
            tokens,
            script.write,
            self._keep,
            self._replaced,
            tools=tools,
            called=script.call,
        )
        self._answers.add(generation.task)
        whose = bill.BILL.get()

        def ended(task: asyncio.Task[None]) -> None:
            self._answers.discard(task)
            answered = generation.stats.first_token_ns is not None
            if answered and generation.answered_by.endpoint is self.endpoint:
                self._loads.answered()
            if answered or generation.stats.finish_reason == "cancelled":
                first = generation.answered_by.endpoint is self.endpoint
                self._charge(generation.stats, self.prices if first else self._fallback_prices, whose)

        generation.task.add_done_callback(ended)
        return generation

    @staticmethod
    def _charge(stats: GenerationStats, price: Prices, whose: bill.Bill | None) -> None:
        """What an answer has cost; of one that was given up before the server counted, by our estimate."""
        bill.add(bill.NEW_TOKENS, stats.prompt_tokens_computed, price.new / 1e6, bill=whose)
        bill.add(bill.CACHED_TOKENS, stats.prompt_tokens_reused, price.cached / 1e6, bill=whose)
        bill.add(bill.WRITTEN_TOKENS, stats.generated_tokens, price.written / 1e6, bill=whose)

    def _servers(self) -> list[Server]:
        """Whom to ask, one after the other."""
        first = Server(self.endpoint, self._dialect)
        if self._fallback is None:
            return [first]
        away = asyncio.get_running_loop().time() < self._away_until_s
        return [self._fallback, first] if away else [first, self._fallback]

    def _replaced(self, server: Server) -> None:
        if server.endpoint is self.endpoint:
            self._away_until_s = asyncio.get_running_loop().time() + AWAY_S

    def _keep(self, sending: Sending, endpoint: Endpoint, waited_s: float) -> bool:
        return endpoint is self.endpoint and self._loads.keep(sending, waited_s)

    def give_back(self, conversation: RemoteConversation) -> None:
        """Take a conversation's place back."""
        self._open.discard(conversation)

    # -- inside --------------------------------------------------------------------------

    def _script(self, prefix: Sequence[str]) -> Script:
        if self._closed:
            raise ModelError("the language model is closed")
        script = Script(prefix)
        if script.tokens + _MIN_TALK_TOKENS > self.n_ctx_call:
            raise ModelError(
                f"the agent's prompt and examples take about {script.tokens} of a call's {self.n_ctx_call}"
                f" tokens and leave less than {_MIN_TALK_TOKENS}; shorten them or raise llm.n_ctx_call"
            )
        return script

    def _judge(self, response: httpx.Response, content: bytes, *, asked_for_model: bool) -> None:
        """Raise what a person has to correct, warn of the rest."""
        status = response.status_code
        if status == 200:
            if not asked_for_model and self.name not in (listed := _listed(content) or [self.name]):
                some = ", ".join(sorted(listed)[:5])
                logger.warning("%s does not list %r, but %s", self.endpoint.url, self.name, some)
            return
        error = refused(status, response.headers, detail_of(content), self.endpoint, self._dialect.hints)
        if status == 401 or (status == 404 and asked_for_model):
            raise error
        if asked_for_model or status not in (403, 404, 405):  # many servers have no list of models
            logger.warning("%s", error)

    def _shut_down(self) -> None:
        for conversation in list(self._open):
            conversation.fail(ModelError("the language model is closed"))
        self._loads.close()
        clients = self._connections.take()
        if clients:
            self._closing = asyncio.create_task(self._disconnect(clients), name="offhook-llm-close")

    async def _disconnect(self, clients: Sequence[httpx.AsyncClient]) -> None:
        working = {*self._answers, *([self._loads.task] if self._loads.task is not None else [])}
        if working:
            await asyncio.wait(working)
        for client in clients:
            await client.aclose()


class RemoteConversation:
    """One call's messages; see :class:`~offhook.engines.llm.base.Conversation`.

    ``tokens_used`` is an estimate (see :class:`~offhook.engines.llm.messages.Script`), and a
    conversation that outgrows its limit drops its oldest turns by itself.
    """

    def __init__(self, model: RemoteModel, script: Script) -> None:
        self.start = script.start
        self.speculative = False
        self.since_ns = 0
        """Neither changes anything: a server takes requests as they come."""
        self._model = model
        self._script = script
        self._generation: RemoteGeneration | None = None
        self._closed = ""
        """Why nothing can be done any more."""

    @property
    def tokens_used(self) -> int:
        """Tokens in the conversation now, estimated from its length."""
        return self._script.tokens

    @property
    def tokens_limit(self) -> int:
        """Tokens that the conversation may hold."""
        return self._model.n_ctx_call

    @property
    def tokens_dropped(self) -> int:
        """Tokens of old turns given up so far, to stay within the limit."""
        return self._script.tokens_dropped

    async def append(self, *pieces: str) -> None:
        """Add text at the end; costs nothing until an answer is asked for.

        Raises ModelError when the limit is too small for it even without the older turns,
        ValueError for markup that is not the model's own template's.
        """
        self._at_rest()
        dropped = self._script.tokens_dropped
        self._script.append(pieces, self.tokens_limit)
        if self._script.tokens_dropped > dropped:
            logger.info("a long call: about %d tokens of old turns dropped", self._script.tokens_dropped)

    async def mark(self) -> Mark:
        """Remember the present end."""
        self._at_rest()
        return self._script.mark()

    async def rollback(self, mark: Mark) -> None:
        """Forget everything after ``mark``."""
        self._at_rest()
        self._script.rollback(mark)

    def end_probability(self) -> Told:
        """None: servers do not tell."""
        return Told()

    def generate(
        self,
        limits: Limits,
        *,
        draft: str = "",
        tools: Sequence[ToolOffer] = (),
        grammar: Grammar | None = None,
    ) -> RemoteGeneration:
        """Begin an answer; the draft is of no use to a server.

        Raises ValueError when the conversation does not end with a question, and for a grammar that has
        no JSON schema or begins in mid-answer: servers take neither.
        """
        self._at_rest()
        if grammar is not None and (grammar.schema is None or grammar.triggers):
            raise ValueError(
                "a server takes a grammar only as a JSON schema that holds from the first word on"
            )
        if self._script.role != "assistant":
            raise ValueError("nothing to answer: append template.user(...) first")
        schema = None if grammar is None else grammar.schema
        self._generation = self._model.answer(self._script, limits, tools, schema)
        return self._generation

    async def close(self) -> None:
        """Give the conversation's place back.  Any number of times."""
        if not self._closed:
            self._at_rest()
            self._closed = "the conversation is closed"
            self._model.give_back(self)

    def fail(self, error: ModelError) -> None:
        """The model is gone: a running answer ends with ``error``, and so does what is asked later."""
        if not self._closed:
            self._closed = str(error)
            self._model.give_back(self)
            if self._generation is not None:
                self._generation.fail(error)

    def _at_rest(self) -> None:
        """Cancel a running answer, so that nothing more is written.  Raises ModelError when closed."""
        if self._closed:
            raise ModelError(self._closed)
        generation, self._generation = self._generation, None
        if generation is not None:
            generation.cancel()


def _listed(content: bytes) -> list[str] | None:
    """The models that a server lists; None when it says nothing of the kind."""
    try:
        entries = json.loads(content)["data"]
        return [entry["id"] for entry in entries if isinstance(entry["id"], str)] or None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
