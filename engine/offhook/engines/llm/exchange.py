"""One question to a remote model and its streamed answer.

Everything has a deadline, and every failure is one line.  What may pass is tried again, within
the deadline for the first word and only while none has come: a caller must not hear half an
answer twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx

from offhook.engines.llm.base import FinishReason, GenerationStats, Limits, ToolCall, ToolOffer
from offhook.engines.llm.dialect import Dialect, Keep, Server, build_request, let_go, read_body
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.tool_calls import accepted
from offhook.engines.llm.wire import (
    Delta,
    MalformedError,
    PassingReport,
    ReportedError,
    StopText,
    Usage,
    WireCall,
)
from offhook.engines.remote.refusals import (
    broken,
    detail_of,
    passes,
    refused,
    refuses_system,
    retry_after_s,
    shown,
)
from offhook.errors import BusyError, DeadlineError, ModelError, OffhookError

logger = logging.getLogger(__name__)

RETRIES_S = (0.1, 0.5, 1.5)
"""Waits before the second try, the third and so on, unless the server asks for longer ones: together about
as long as a caller waits before they ask whether anybody is there.  What would not fit into the time for the
first word is not tried."""
_AFTER_FINISH_S = 0.25
"""The answer is complete; so long we wait for the server's count of tokens and the stream's end."""
_MAX_CHARS_PER_TOKEN = 32
"""An answer longer than this times ``max_tokens`` comes from a server that ignores the limit."""
_PLAIN_TYPES = ("", "text/plain", "application/octet-stream")
"""Content types that say nothing about the content."""


class _PassingError(Exception):
    """A failure that may be gone at the next attempt, ``wait_s`` later at the earliest."""

    def __init__(self, error: OffhookError, wait_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


class RemoteGeneration:
    """An answer being written by a server; see :class:`~offhook.engines.llm.base.Generation`.

    The request is on its way as soon as this exists.  Iteration raises BusyError when the
    server takes no more requests now, DeadlineError when it is late, and ModelError for
    everything else.
    """

    def __init__(
        self,
        client: Callable[[Endpoint], httpx.AsyncClient],
        servers: Sequence[Server],
        body: Callable[[Dialect], dict[str, Any]],
        limits: Limits,
        prompt_tokens: int,
        write: Callable[[str], None],
        keep: Keep = lambda sending, endpoint, waited_s: False,
        replaced: Callable[[Server], None] = lambda server: None,
        *,
        tools: Sequence[ToolOffer] = (),
        called: Callable[[ToolCall], None] = lambda call: None,
    ) -> None:
        """``body`` makes the request anew for each attempt; ``write`` gets what is handed out.

        ``servers`` are asked one after the other, as long as none has written a word; ``replaced`` is told
        of each that has failed.  ``called`` gets each call of one of ``tools``.
        ``keep`` is asked when the request is given up before the server has answered it at all.
        """
        self.stats = GenerationStats(prompt_tokens_computed=prompt_tokens, submitted_ns=time.monotonic_ns())
        self._client = client
        self._servers = servers
        self._endpoint, self._dialect = servers[0].endpoint, servers[0].dialect
        self._body = body
        self._limits = limits
        self._write = write
        self._keep = keep
        self._replaced = replaced
        self._tools = {tool.name: tool for tool in tools}
        self._called = called
        self._not_offered = False
        """A tool was called that nobody has offered."""
        self._pieces: asyncio.Queue[str | OffhookError | None] = asyncio.Queue()
        self._text = StopText(limits.stop)
        self._chars = 0
        self._reason: FinishReason = ""
        self._ended = False
        self._late = ""
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._timer = asyncio.timeout(None)
        self.task = self._loop.create_task(self._run(), name="offhook-llm-answer")
        """Ends when the connection is free again or closed."""

    async def __aiter__(self) -> AsyncIterator[str]:
        try:
            while True:
                piece = await self._pieces.get()
                if isinstance(piece, str):
                    yield piece
                    continue
                self._pieces.put_nowait(None)  # iterating again ends at once
                if piece is not None:
                    raise piece
                return
        finally:
            self.cancel()  # nobody reads any more; nothing when it has ended by itself

    def cancel(self) -> None:
        """Close the stream, which frees the server; the iteration ends after what has come."""
        if not self._ended:
            self._finish("cancelled")
            self.task.cancel()

    def fail(self, error: OffhookError) -> None:
        """Close the stream; the iteration raises ``error``."""
        if not self._ended:
            self._finish("failed", error)
            self.task.cancel()

    # -- the task ----------------------------------------------------------------------

    @property
    def answered_by(self) -> Server:
        """The server that was asked last."""
        return Server(self._endpoint, self._dialect)

    @property
    def _begun(self) -> bool:
        """Something has been handed out: nobody else may be asked."""
        return bool(self._chars or self.stats.tool_calls)

    async def _run(self) -> None:
        for number, server in enumerate(self._servers, 1):
            self._endpoint, self._dialect = server.endpoint, server.dialect
            self._began_s, self._timer = self._loop.time(), asyncio.timeout(None)
            error = await self._ask()
            if error is None or self._begun or self._ended or number == len(self._servers):
                break
            logger.warning("%s; asking %s instead", error, self._servers[number].endpoint.url)
            self._replaced(server)
            self._reason, self._not_offered = "", False
        self._finish("failed" if error else self._reason, error)

    async def _ask(self) -> OffhookError | None:
        """Have one server answer; why it has not."""
        error: OffhookError | None = None
        try:
            async with self._timer:
                await self._answer()
        except OffhookError as raised:
            error = raised
        except TimeoutError:
            if not self._reason:
                error = DeadlineError(f"{self._endpoint.url}: {self._late}")
        except asyncio.CancelledError:
            self._finish("cancelled")
            raise
        except Exception as raised:
            # The type only: what an unforeseen error says may hold anything.
            error = ModelError(f"{self._endpoint.url}: the request failed: {type(raised).__name__}")
            error.__cause__ = raised
        if error is None and self._reason == "length" and not self._begun:
            error = ModelError(
                f"{self._endpoint.url}: {self._endpoint.model} wrote nothing within {self._limits.max_tokens}"
                " tokens: if it thinks first, switch that off in llm.extra, or raise llm.max_tokens"
            )
        return error

    async def _answer(self) -> None:
        self._expect(
            self._endpoint.first_token_timeout_s, "no first word within {:g} s (llm.first_token_timeout_s)"
        )
        for retry_s in (*RETRIES_S, None):
            try:
                await self._attempt()
                return
            except _PassingError as trouble:
                wait_s = max(trouble.wait_s, retry_s or 0.0)
                due_s = self._timer.when()
                if retry_s is None or (due_s is not None and self._loop.time() + wait_s >= due_s):
                    raise _lasting(trouble.error) from trouble.__cause__
                logger.info("%s; trying once more in %.1f s", trouble, wait_s)
                await asyncio.sleep(wait_s)

    async def _attempt(self) -> None:
        endpoint, dialect = self._endpoint, self._dialect
        while True:
            body = self._body(dialect)
            request = build_request(self._client(endpoint), endpoint, "POST", dialect.path, body)
            try:
                response = await self._send(request)
                try:
                    if response.status_code == 200:
                        return await self._read(response)
                    detail = detail_of(await read_body(response))
                finally:
                    await response.aclose()
            except httpx.HTTPError as error:
                if self._reason:
                    return None  # the answer was complete
                begun = self.stats.first_token_ns is not None
                problem = broken(error, endpoint, dialect.hints, begun=begun)
                if begun or not isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
                    raise problem from error
                raise _PassingError(problem) from error
            # llama-server reports what its chat template raises as a failure of its own.
            may_yield = response.status_code in (400, 422)
            may_yield = may_yield or (response.status_code == 500 and refuses_system(detail))
            if not may_yield or not dialect.give_way(detail, body):
                break
        problem = refused(response.status_code, response.headers, detail, endpoint, dialect.hints)
        quota = response.status_code == 429 and not isinstance(problem, BusyError)
        if passes(response.status_code) and not quota:
            raise _PassingError(problem, retry_after_s(response.headers) or 0.0)
        raise _lasting(problem)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """The beginning of the server's answer.  Being cancelled need not end the request."""
        began_s = self._loop.time()
        sending = self._loop.create_task(
            self._client(self._endpoint).send(request, stream=True), name="offhook-llm-send"
        )
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            if sending.done() or not self._keep(sending, self._endpoint, self._loop.time() - began_s):
                sending.cancel()
                await asyncio.wait([sending])
                await let_go(sending)
            raise

    async def _read(self, response: httpx.Response) -> None:
        """Read the stream to its end, or as far as it is wanted."""
        at = self._endpoint.url
        await self._check_type(response)
        reader = self._dialect.events()
        problem, passing = "", False
        try:
            async for data in response.aiter_bytes():
                if self._take(reader.feed(data)):
                    return
            self._take(reader.end())
        except MalformedError as error:
            problem = f"{at}: malformed stream: {error}"
        except ReportedError as error:
            problem = f"{at} reports an error in the stream: {shown(str(error), self._endpoint)}"
            passing = isinstance(error, PassingReport) and not self._begun
        if self._reason:
            return  # the answer was complete; what came after it does not matter
        # Raised out here, so that no traceback leads to the server's own words: they may hold the key.
        if passing:
            raise _PassingError(ModelError(problem))
        when = "in the middle" if self._chars else "before its first word"
        raise ModelError(
            problem
            or f"{at}: the answer ended {when}: the server gave up; look into its logs,"
            " and whether its context is as large as llm.n_ctx_call"
        )

    async def _check_type(self, response: httpx.Response) -> None:
        at = self._endpoint.url
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (*self._dialect.content_types, *_PLAIN_TYPES):
            said = shown(detail_of(await read_body(response)).message, self._endpoint)
            because = f": {said}" if said else "; is llm.base_url right?"
            raise ModelError(f"{at} answers with {shown(kind, self._endpoint)} instead of a stream{because}")
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "deflate"):
            raise ModelError(
                f"{at} compresses its answer ({shown(coding, self._endpoint)}) although asked not to"
            )

    def _take(self, deltas: Sequence[Delta]) -> bool:
        """Use events; True when no more are wanted and the stream may be closed."""
        for delta in deltas:
            if delta.usage is not None:
                self._count(delta.usage)
            if delta.calls or delta.calling:
                self._call(delta.calls)
            if delta.text and not self._reason:
                self._add(delta.text)
                if self._reason:
                    return True
            if not self._reason and (delta.finish or delta.last):
                if self._not_offered and not self._begun:  # behind an answer it does not matter
                    raise ReportedError("the model calls a tool that it does not have")
                self._reason = delta.finish or "end"
                self._emit(self._text.rest())
                self._timer.reschedule(self._loop.time() + _AFTER_FINISH_S)
        return False

    def _goes_on(self) -> None:
        if self.stats.first_token_ns is None:
            self.stats.first_token_ns = time.monotonic_ns()
        self.stats.generated_tokens += 1  # one a piece, unless the server counts
        self._expect(
            self._endpoint.token_gap_timeout_s,
            "the answer stopped in the middle for {:g} s (llm.token_gap_timeout_s)",
        )

    def _call(self, calls: Sequence[WireCall]) -> None:
        if not self._reason:
            self._goes_on()
        for wire_call in calls:
            call = accepted(wire_call, self._tools)
            if call is None:
                self._not_offered = True
            elif not self._ended:
                self.stats.tool_calls.append(call)
                self._called(call)

    def _add(self, text: str) -> None:
        self._goes_on()
        self._chars += len(text)
        self._emit(self._text.push(text))
        if self._text.stopped:
            self._reason = "stop"
        elif self._chars > self._limits.max_tokens * _MAX_CHARS_PER_TOKEN:
            self._emit(self._text.rest())
            self._reason = "length"

    def _count(self, usage: Usage) -> None:
        cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
        self.stats.prompt_tokens_reused = cached
        self.stats.prompt_tokens_computed = usage.prompt_tokens - cached
        if usage.generated_tokens is not None:
            self.stats.generated_tokens = usage.generated_tokens

    def _expect(self, limit_s: float, late: str) -> None:
        """Something has to come within ``limit_s``, and the whole answer within its own limit."""
        total_s = self._endpoint.total_timeout_s
        due_s, end_s = self._loop.time() + limit_s, self._began_s + total_s
        if due_s < end_s:
            self._late = late.format(limit_s)
        else:
            self._late = f"the answer was not complete within {total_s:g} s (llm.total_timeout_s)"
        self._timer.reschedule(min(due_s, end_s))

    def _emit(self, text: str) -> None:
        if text and not self._ended:
            self._write(text)
            self._pieces.put_nowait(text)

    def _finish(self, reason: FinishReason, error: OffhookError | None = None) -> None:
        if not self._ended:
            self._ended = True
            self.stats.finish_reason = reason
            self._pieces.put_nowait(error)


def _lasting(error: OffhookError) -> OffhookError:
    """The same, marked: it was tried again here already, or trying is of no use."""
    if isinstance(error, ModelError):
        error.lasting = True
    return error
