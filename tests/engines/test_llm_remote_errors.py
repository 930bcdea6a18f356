"""Remote models against a server that misbehaves in every way we know of: each is one clear line.

No time limit plays a part here: they are far above what even a busy machine needs.

Above 400 lines because each way in which a server can fail is tried on the same one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.engines.llm.exchange import RETRIES_S
from offhook.errors import BusyError, ConfigError, ModelError, OffhookError
from tests.support.clock import Clock, reached
from tests.support.engines.model_server import (
    Behaviour,
    ModelServer,
    Request,
    Wire,
    leave,
    openai_answer,
    reset,
    speak_smtp,
    status,
)
from tests.support.engines.remote_models import HTML, LIMITS, SECRET, SYSTEM, Side, make_model, text_of

CERTIFICATE = Path(__file__).parents[1] / "data" / "localhost.pem"
"""Self-signed, for 127.0.0.1, with its key: good for nothing but this test."""
BROKEN_STREAMS = [
    ("not JSON", b"data: {oops\n\n", b"{oops\n"),
    ("not UTF-8", b"data: \xff\n\n", b"\xff\n"),
    ("not a JSON object", b"data: 1\n\n", b"1\n"),
]


class TestRefusals:
    @pytest.mark.parametrize(
        ("behaviour", "kind", "says"),
        [
            (
                status(401, {"error": {"message": f"wrong: {SECRET}"}}),
                ModelError,
                r"\(401\): check \$BAKERY_KEY$",
            ),
            (
                status(403, {"error": {"message": "not in your country"}}),
                ModelError,
                r"\(403\): not in your co",
            ),
            (
                status(404, {"error": {"message": "The model does not exist"}}),
                ModelError,
                "no model 'baker-7b'",
            ),
            (status(404, {"error": {"code": "model_not_found"}}), ModelError, "no model 'baker-7b'"),
            (status(404, {"detail": "Not Found"}), ModelError, "answers 404: .*llm.base_url"),
            (status(404, HTML), ModelError, "answers 404: .*llm.base_url"),
            (
                status(429, {"error": {"message": "slow down"}}),
                BusyError,
                r"no more requests .*\(429\): slow d",
            ),
            (status(429, "", retry_after="20"), BusyError, r"\(429\); it asks to wait 20 s$"),
            (
                status(429, "", retry_after="Mon, 01 Jan 2024 00:00:00 GMT"),
                BusyError,
                r"no more requests at the moment \(429\)$",
            ),
            (
                status(429, {"error": {"message": "pay", "code": "insufficient_quota"}}),
                ModelError,
                "quota is used up",
            ),
            (
                status(400, {"error": {"message": "bad\nthing \x1b[31m"}}),
                ModelError,
                r"\(400\): bad thing \[31m$",
            ),
            (
                status(400, {"error": {"message": "x", "code": "context_length_exceeded"}}),
                ModelError,
                "too long .* lower llm.n_ctx_call",
            ),
            (status(422, {"detail": [{"loc": ["body"], "msg": "no"}]}), ModelError, r"\(422\): \[\{.loc"),
            (status(413, HTML), ModelError, "too long"),
            (status(500, {"error": "out of memory"}), ModelError, r"failed \(500\): out of memory$"),
            (status(500, "x" * 900), ModelError, r"failed \(500\): x{200}\.\.\.$"),
            (status(502, HTML), ModelError, r"failed \(502\): look into the logs"),
            (status(503, {"error": "starting"}), BusyError, r"overloaded or starting \(503\): starting"),
            (status(504, HTML), ModelError, r"failed \(504\)"),
            (
                status(302, "", location="http://example.invalid/login"),
                ModelError,
                r"redirects \(302\) to http",
            ),
            (
                status(200, HTML),
                ModelError,
                "answers with text/html instead of a stream; is llm.base_url right",
            ),
            (status(204, ""), ModelError, r"\(204\)"),
            (speak_smtp, ModelError, "the connection broke before the answer began"),
            (leave, ModelError, "the connection broke before the answer began"),
            (reset, ModelError, "the connection broke before the answer began"),
        ],
    )
    async def test_instead_of_an_answer(
        self,
        side: Side,
        behaviour: Behaviour,
        kind: type[Exception],
        says: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        side.server.will(behaviour)
        with pytest.raises(OffhookError, match=says) as caught:
            await side.ask()
        check_error(side, caught.value, kind)
        assert SECRET not in caplog.text

    async def test_ollama_knows_how_to_get_a_model(self, ollama: Side) -> None:
        ollama.server.will(status(404, {"error": "model 'baker-7b' not found"}))
        with pytest.raises(ModelError, match="`ollama pull baker-7b`"):
            await ollama.ask()

    async def test_json_where_a_stream_was_asked_for(self, openai: Side) -> None:
        openai.server.will(status(200, {"error": {"message": "no streaming here"}}))
        with pytest.raises(ModelError, match="application/json instead of a stream: no streaming here"):
            await openai.ask()

    @pytest.mark.parametrize(("says", "sse", "ndjson"), BROKEN_STREAMS)
    @pytest.mark.parametrize("begun", [False, True])
    async def test_malformed_streams(
        self, side: Side, says: str, sse: bytes, ndjson: bytes, begun: bool
    ) -> None:
        pieces = side.pieces("Yes,") if begun else []
        side.server.will(side.stream(*pieces, sse if side.engine == "openai" else ndjson, end="hold"))
        with pytest.raises(ModelError, match=f"malformed stream: .*{says}") as caught:
            await side.ask()
        check_error(side, caught.value, ModelError)
        await asyncio.wait_for(side.server.requests[0].gone.wait(), 20)
        assert len(side.server.requests) == 1

    @pytest.mark.parametrize("begun", [False, True])
    async def test_an_error_inside_the_stream(self, side: Side, begun: bool) -> None:
        pieces = side.pieces("Yes,") if begun else []
        side.server.will(side.stream(*pieces, side.error(f"CUDA out of memory ({SECRET})")))
        with pytest.raises(
            ModelError, match=r"error in the stream: CUDA out of memory \(\[key\]\)"
        ) as caught:
            await side.ask()
        check_error(side, caught.value, ModelError)

    @pytest.mark.parametrize("end", ["complete", "eof"])
    async def test_a_stream_that_ends_too_early(self, side: Side, end: str) -> None:
        side.server.will(side.stream(*side.pieces("Yes,"), end=end))
        conversation = await side.talk()
        generation = conversation.generate(LIMITS)
        pieces = aiter(generation)
        assert await anext(pieces) == "Yes,"
        with pytest.raises(ModelError, match="ended in the middle"):
            await anext(pieces)
        assert generation.stats.finish_reason == "failed"
        side.server.will(side.stream(end=end))
        with pytest.raises(ModelError, match="ended before its first word"):
            await side.ask()

    async def test_an_unwanted_compression(self, side: Side) -> None:
        side.server.will(side.stream(b"\x8b\x00", content_encoding="br"))
        with pytest.raises(ModelError, match=r"compresses its answer \(br\)"):
            await side.ask()
        side.server.will(side.stream(b"this is not gzip", content_encoding="gzip"))
        with pytest.raises(ModelError, match="compression is damaged"):
            await side.ask()

    async def test_nothing_but_thoughts(self, side: Side) -> None:
        side.server.will(side.stream(*side.pieces(finish="length")))
        with pytest.raises(ModelError, match=r"wrote nothing within 20 tokens.*llm\.max_tokens"):
            await side.ask()

    async def test_nobody_listens(self, side: Side) -> None:
        await side.server.stop()
        with pytest.raises(ModelError, match="connection refused") as caught:
            await side.ask()
        assert ("ollama serve" in str(caught.value)) is (side.engine == "ollama")

    async def test_a_name_that_nobody_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(*_: object, **__: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        without_proxies(monkeypatch)
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        await one_question("http://models.invalid/v1", ModelError, "cannot be resolved: check llm.base_url")

    async def test_https_where_http_is_spoken(self) -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as plain:
            port = plain.sockets[0].getsockname()[1]
            await one_question(f"https://127.0.0.1:{port}", ModelError, "does the server speak https")

    async def test_certificates(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(CERTIFICATE)
        async with ModelServer(tls) as server:
            server.will(openai_answer("Yes."))
            await one_question(server.url, ModelError, "certificate is not trusted: self.signed certificate")
            monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
            side = Side(server, "openai", make_model(server.url, "openai"))
            assert (await side.ask())[0] == "Yes."
            await side.model.aclose()
            monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE.parent / "absent.pem"))
            with pytest.raises(ConfigError, match="check SSL_CERT_FILE"):
                make_model(server.url, "openai")


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def one_question(url: str, kind: type[Exception], says: str) -> None:
    """Ask ``url`` and get an error."""
    model = make_model(url, "openai")
    conversation = await model.conversation(model.template.prefix(SYSTEM))
    await conversation.append(*model.template.user("Hi"))
    with pytest.raises(kind, match=says):
        await text_of(conversation.generate(LIMITS))
    await model.aclose()


def check_error(side: Side, error: BaseException, kind: type[Exception]) -> None:
    """Of the right kind, one line, with the address and without the key, causes included."""
    assert type(error) is kind
    assert str(error).startswith(side.server.url)
    assert "\n" not in str(error)
    cause: BaseException | None = error
    while cause is not None:
        assert SECRET not in f"{cause} {cause!r} {cause.__dict__!r}"
        cause = cause.__cause__ or cause.__context__


class TestSecondTry:
    @pytest.mark.parametrize(
        "trouble",
        [
            status(429, ""),
            status(500, ""),
            status(502, HTML),
            status(503, ""),
            status(503, "", retry_after="0.2"),
            status(504, ""),
            status(529, ""),
            status(408, ""),
            status(409, ""),
            status(425, ""),
            status(520, HTML),
            status(522, HTML),
            status(524, HTML),
            status(598, ""),
            leave,
            reset,
        ],
    )
    async def test_what_passes(self, side: Side, trouble: Behaviour) -> None:
        side.server.will(trouble, side.answer("Yes."))
        assert (await side.ask())[0] == "Yes."
        assert len(side.server.requests) == 2
        assert side.server.requests[0].body == side.server.requests[1].body

    @pytest.mark.parametrize("end", ["cut", "reset"])
    async def test_a_stream_that_breaks_before_its_first_word(self, side: Side, end: str) -> None:
        side.server.will(side.stream(*side.pieces(), end=end), side.answer("Yes."))
        assert (await side.ask())[0] == "Yes."

    @pytest.mark.parametrize(
        "error",
        [
            "unexpected EOF",
            {"message": "rate limited upstream", "code": 429},
            {"message": "The server had an error", "type": "server_error", "code": None},
            {"message": "Overloaded", "type": "overloaded_error"},
            {"message": "try again", "status": "UNAVAILABLE", "code": 503},
        ],
    )
    async def test_an_error_in_the_stream_before_its_first_word(self, side: Side, error: object) -> None:
        reported = side.error(error)
        side.server.will(side.stream(reported), side.answer("Yes."))
        assert (await side.ask())[0] == "Yes."
        side.server.will(side.stream(*side.pieces("Yes,"), reported))
        with pytest.raises(ModelError, match="reports an error in the stream"):
            await side.ask()

    @pytest.mark.parametrize(
        "error",
        [
            {"message": "too long", "code": "context_length_exceeded"},
            {"message": "no", "type": "invalid_request_error"},
            {"message": "no key", "code": 401},
            {"message": "pay", "code": "insufficient_quota"},
        ],
    )
    async def test_not_for_an_error_in_the_stream_that_lasts(self, side: Side, error: object) -> None:
        side.server.will(side.stream(side.error(error)))
        with pytest.raises(ModelError, match="reports an error in the stream"):
            await side.ask()
        assert len(side.server.requests) == 1

    @pytest.mark.parametrize("end", ["cut", "reset"])
    async def test_never_after_the_first_word(self, side: Side, end: str) -> None:
        side.server.will(side.stream(*side.pieces("Yes,"), end=end), side.answer("No."))
        with pytest.raises(ModelError, match="the connection broke in the middle of the answer"):
            await side.ask()
        assert len(side.server.requests) == 1

    @pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 529])
    async def test_not_for_ever(self, side: Side, code: int) -> None:
        side.server.will(status(code, ""))
        with pytest.raises(OffhookError, match=str(code)) as caught:
            await side.ask()
        assert len(side.server.requests) == 1 + len(RETRIES_S)
        assert isinstance(caught.value, BusyError) or getattr(caught.value, "lasting", False)

    @pytest.mark.parametrize(
        "trouble",
        [
            status(429, {"error": {"message": "pay", "code": "insufficient_quota"}}),
            status(429, "", retry_after="30"),
            status(503, "", retry_after="30"),
            status(401, ""),
            status(400, ""),
            status(501, ""),
        ],
    )
    async def test_not_for_what_lasts(self, side: Side, trouble: Behaviour) -> None:
        side.server.will(trouble, side.answer("Yes."))
        with pytest.raises(OffhookError):
            await side.ask()
        assert len(side.server.requests) == 1

    @pytest.mark.parametrize("code", [429, 503])
    async def test_a_server_that_asks_to_wait_is_asked_again_then(
        self, side: Side, code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        clock = Clock(monkeypatch)
        side.server.will(status(code, "", retry_after="15"), side.answer("Yes."))
        asking = asyncio.create_task(side.ask())
        await reached(lambda: "trying once more in 15.0 s" in caplog.text, "the first try has failed")
        clock.pass_by(14.0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(side.server.requests) == 1
        clock.pass_by(1.5)
        assert (await asking)[0] == "Yes."

    async def test_an_idle_connection_that_the_server_has_closed(self, side: Side) -> None:
        async def once(request: Request, wire: Wire) -> None:
            await side.answer("Yes.")(request, wire)
            wire.complete = False  # and the connection closes

        side.server.will(once)
        for _ in range(3):
            assert (await side.ask())[0] == "Yes."


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    yield caplog
    assert SECRET not in caplog.text


async def test_the_key_is_nowhere(side: Side, everything_logged: pytest.LogCaptureFixture) -> None:
    side.server.will(
        status(200, {"data": []}),
        side.answer("Yes."),
        status(403, json.dumps({"error": {"message": f"key {SECRET} and Bearer abcdef may not"}})),
        side.stream(*side.pieces("Yes"), side.error(f"bad key {SECRET}")),
        status(302, "", location=f"http://example.invalid/?key={SECRET}"),
    )
    await side.model.preload(side.model.template.prefix(SYSTEM))
    await side.ask()
    errors = []
    for _ in range(3):
        with pytest.raises(ModelError) as caught:
            await side.ask()
        errors.append(str(caught.value))
    assert all("[key]" in error for error in errors)
    assert "abcdef" not in errors[0]
    conversation = await side.talk()
    generation = conversation.generate(LIMITS)
    things = (side.model, side.model.endpoint, side.model.endpoint.key, conversation, generation)
    assert not any(SECRET in f"{thing!r} {thing}" for thing in [*things, *errors])
    assert "$BAKERY_KEY" in repr(side.model.endpoint)
    await conversation.close()
    assert all(request.headers["authorization"] == f"Bearer {SECRET}" for request in side.server.requests)
    assert "HTTP Request" in everything_logged.text  # httpx did log
