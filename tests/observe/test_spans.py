"""Spans of calls and turns, as a collector gets them: by OTLP over HTTP, at a receiver of the test's own."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from offhook.config import TelemetryConfig
from offhook.errors import ConfigError
from offhook.observe.bill import Bill
from offhook.observe.spans import MOST_WAITING, Spans, Who
from offhook.observe.trace import TurnTrace
from tests.support.traces import turn

ENGINES = {"stt": ("moonshine", "tiny-en"), "llm": ("gemini", "flash"), "tts": ("espeak", "en-us")}


class Collector:
    """Takes what is sent, and remembers it."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                collector.headers.append({key.lower(): value for key, value in self.headers.items()})
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *line: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[dict[str, Any]]:
        """All that came, with their attributes as values."""
        return [
            {
                "name": span.name,
                "id": span.span_id,
                "parent": span.parent_span_id,
                "begin": span.start_time_unix_nano,
                "end": span.end_time_unix_nano,
                "error": span.status.code == 2,
                **{each.key: _value(each.value) for each in span.attributes},
            }
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def who(*, words: bool = True) -> Who:
    return Who("7.1", "ferry", "holm", "en", "eagi", ENGINES, words)


def told(
    collector: Collector, trace: TurnTrace, result: str = "ok", *, words: bool = True, **more: Any
) -> None:
    """One call of one turn, sent."""
    spans = Spans(TelemetryConfig(endpoint=collector.address, **more))
    call = spans.call(who(words=words))
    call.turn("When does it leave?", "At six twenty.", trace)
    call.ended(result, Bill(cost=0.25))
    spans.close()


def test_a_turn_is_spans_below_its_call(collector: Collector) -> None:
    trace = turn(3)
    trace.tokens_computed, trace.tokens_reused, trace.tokens_generated = 20, 300, 12
    offset_ns = time.time_ns() - time.monotonic_ns()
    told(collector, trace)
    found = {span["name"]: span for span in collector.spans()}
    assert set(found) == {"conversation", "turn", "stt", "llm", "tts"}
    call, one, llm = found["conversation"], found["turn"], found["llm"]
    assert (call["offhook.result"], call["offhook.cost"], call["offhook.tenant"]) == ("ok", 0.25, "holm")
    assert one["parent"] == call["id"]
    assert {found[name]["parent"] for name in ("stt", "llm", "tts")} == {one["id"]}
    assert one["turn.number"] == 3
    assert one["turn.user_bot_latency_seconds"] == 0.452
    assert (one["offhook.turn.endpointing_ms"], one["offhook.turn.recognise_ms"]) == (450, 40)
    assert (one["offhook.turn.think_ms"], one["offhook.turn.speak_ms"]) == (150, 20)
    assert llm["gen_ai.operation.name"] == "chat"
    assert (llm["gen_ai.provider.name"], llm["gen_ai.request.model"]) == ("gcp.gemini", "flash")
    assert (llm["gen_ai.usage.input_tokens"], llm["gen_ai.usage.cache_read.input_tokens"]) == (320, 300)
    assert llm["gen_ai.response.time_to_first_chunk"] == pytest.approx(0.1)
    assert found["tts"]["gen_ai.output.type"] == "speech"
    assert llm["end"] - llm["begin"] == 150_000_000
    assert trace.speech_end_ns is not None
    assert abs(one["begin"] - (trace.speech_end_ns + offset_ns)) < 10**9, "on the wall's clock"
    (resource,) = collector.requests[0].resource_spans
    named = {each.key: _value(each.value) for each in resource.resource.attributes}
    assert named["service.name"] == "offhook"


@pytest.mark.parametrize(
    ("content", "kept", "words"), [(False, True, False), (True, False, False), (True, True, True)]
)
def test_words_are_sent_where_both_operator_and_tenant_want_it(
    collector: Collector, content: bool, kept: bool, words: bool
) -> None:
    told(collector, turn(), words=kept, content=content)
    sent = str(collector.spans())
    assert ("At six twenty." in sent, "offhook.pii.audible_text" in sent) == (words, words)


def test_a_failed_call_and_a_turn_without_an_answer(collector: Collector) -> None:
    told(collector, turn(1, llm_first_token=None, clause_ready=None, tts_first_audio=None), "failed")
    found = {span["name"]: span for span in collector.spans()}
    assert set(found) == {"conversation", "turn", "stt"}
    assert found["conversation"]["error"]


def test_headers_come_from_a_file(collector: Collector, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("Authorization: Bearer of news\n\n")
    told(collector, turn(), headers_file=file)
    assert collector.headers[0]["authorization"] == "Bearer of news"
    file.write_text("no header\n")
    with pytest.raises(ConfigError, match="a line is NAME: VALUE"):
        Spans(TelemetryConfig(endpoint=collector.address, headers_file=file))


def test_a_collector_that_hangs_holds_up_nobody() -> None:
    waiting = threading.Event()

    class Hanging:
        def export(self, spans: Any) -> None:
            waiting.wait()

        def shutdown(self) -> None:
            pass

    def hang() -> None:
        waiting.wait()

    spans = Spans(TelemetryConfig(endpoint="http://127.0.0.1:1"), Hanging())
    spans.put(hang)  # the thread is at work on something that does not end
    for _ in range(2 * MOST_WAITING):
        spans.call(who())
    assert spans.dropped >= MOST_WAITING - 1
    waiting.set()
    spans.close()
