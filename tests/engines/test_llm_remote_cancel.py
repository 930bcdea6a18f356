"""Remote models: what comes too late, and what is not wanted any more.

Where a limit is tested, the server never gets any further than that, however slow the machine.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, aclosing

import pytest

from offhook.engines.llm.base import Limits
from offhook.errors import DeadlineError
from tests.support.engines.model_server import Request, Wire, hang, status
from tests.support.engines.remote_models import LIMITS, NDJSON, Side, limited, make_model, text_of
from tests.support.waiting import eventually


class TestDeadlines:
    @pytest.mark.parametrize("sends", [b"", b": still there\n\n"])
    async def test_no_first_word(self, side: Side, sends: bytes) -> None:
        """A server that says it lives says nothing to the caller."""
        alive = [sends] * 3 if sends and side.engine == "openai" else []
        side.server.will(side.stream(*alive, end="hold") if alive else hang)
        other = limited(side, first_token_timeout_s=0.2)
        with pytest.raises(DeadlineError, match=r"no first word within 0.2 s \(llm.first_token_timeout_s\)"):
            await other.ask()
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)
        assert len(side.server.requests) == 1
        await other.model.aclose()

    async def test_silence_in_the_middle(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces("Yes,"), end="hold"))
        other = limited(side, token_gap_timeout_s=0.2)
        with pytest.raises(
            DeadlineError, match=r"stopped in the middle for 0.2 s \(llm.token_gap_timeout_s\)"
        ):
            await other.ask()
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)
        await other.model.aclose()

    async def test_an_answer_that_trickles(self, side: Side) -> None:
        async def trickle(request: Request, wire: Wire) -> None:
            kind = "text/event-stream" if side.engine == "openai" else NDJSON
            await wire.head(content_type=kind, transfer_encoding="chunked")
            while not request.gone.is_set():
                await wire.chunk(side.pieces("a")[-1])
                await asyncio.sleep(0.05)

        side.server.will(trickle)
        other = limited(side, total_timeout_s=0.4)
        with pytest.raises(DeadlineError, match=r"within 0.4 s \(llm.total_timeout_s\)"):
            await other.ask(Limits(4096))
        await other.model.aclose()

    async def test_a_refusal_that_never_ends(self, side: Side) -> None:
        async def behave(request: Request, wire: Wire) -> None:
            await wire.head(500, content_length="1000")
            await request.gone.wait()

        side.server.will(behave)
        other = limited(side, first_token_timeout_s=0.2)
        with pytest.raises(DeadlineError):
            await other.ask()
        await other.model.aclose()

    async def test_no_connection(self, openai: Side) -> None:
        """A listener whose queue is full: the kernel leaves new connections without an answer."""
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(4):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            other = Side(openai.server, "openai", make_model(url, "openai", connect_timeout_s=0.2))
            with pytest.raises(DeadlineError, match=r"no connection within 0.2 s"):
                await other.ask()
            await other.model.aclose()

    async def test_a_second_try_is_within_the_same_time(self, side: Side) -> None:
        side.server.will(status(503, ""), hang)
        other = limited(side, first_token_timeout_s=0.5)
        with pytest.raises(DeadlineError, match=r"no first word within 0.5 s"):
            await other.ask()
        assert len(side.server.requests) == 2
        await other.model.aclose()


class TestCancel:
    async def test_the_server_is_freed(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces("Yes,", " we"), end="hold"))
        conversation = await side.talk()
        generation = conversation.generate(LIMITS)
        pieces = aiter(generation)
        assert await anext(pieces) == "Yes,"
        generation.cancel()
        generation.cancel()
        assert generation.stats.finish_reason == "cancelled"
        assert "".join([piece async for piece in pieces]) in ("", " we")
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)
        await asyncio.wait([generation.task])

    async def test_before_it_began(self, side: Side) -> None:
        side.server.will(hang)
        conversation = await side.talk()
        generation = conversation.generate(LIMITS)
        generation.cancel()
        assert await text_of(generation) == ""
        assert side.server.requests == []
        waiting = conversation.generate(LIMITS)
        await eventually(lambda: len(side.server.requests) == 1, "a request")
        waiting.cancel()
        assert await text_of(waiting) == ""
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)

    @pytest.mark.parametrize("what", ["append", "mark", "rollback", "generate", "close"])
    async def test_the_conversation_goes_on(self, side: Side, what: str) -> None:
        side.server.will(side.stream(*side.pieces("Yes,", " we"), end="hold"), side.answer("No."))
        conversation = await side.talk()
        asked = await conversation.mark()
        generation = conversation.generate(LIMITS)
        async with aclosing(aiter(generation)) as pieces:  # type: ignore[type-var]
            await anext(pieces)
            match what:
                case "append":
                    await conversation.append(side.model.template.assistant_close)
                case "mark":
                    await conversation.mark()
                case "rollback":
                    await conversation.rollback(asked)
                case "generate":
                    assert await text_of(conversation.generate(LIMITS)) == "No."
                case "close":
                    await conversation.close()
            assert generation.stats.finish_reason == "cancelled"
            async for _ in pieces:  # ends
                pass
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)

    async def test_what_was_written_until_then_stays(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces("Yes,"), end="hold"), side.answer("No."))
        conversation = await side.talk()
        asked = await conversation.mark()
        generation = conversation.generate(LIMITS)
        await anext(aiter(generation))
        used = conversation.tokens_used
        generation.cancel()
        await asyncio.wait([generation.task])
        assert conversation.tokens_used == used > asked.tokens
        await conversation.rollback(asked)
        assert conversation.tokens_used == asked.tokens

    async def test_an_answer_that_nobody_reads_to_its_end(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces("Yes,", " we"), end="hold"))
        conversation = await side.talk()
        async with aclosing(aiter(conversation.generate(LIMITS))) as pieces:  # type: ignore[type-var]
            async for _ in pieces:
                break
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)

    async def test_a_cancelled_reader_does_not_hang(self, side: Side) -> None:
        side.server.will(hang)
        conversation = await side.talk()
        reader = asyncio.create_task(text_of(conversation.generate(LIMITS)))
        await eventually(lambda: len(side.server.requests) == 1, "a request")
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await conversation.close()
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)
