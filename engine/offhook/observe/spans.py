"""Spans of calls and turns for OpenTelemetry, built from a turn's trace when it is over, by an own thread.

A call is a span ``conversation``, its turns are ``turn`` below it, and below those stand ``stt``, ``llm`` and
``tts``, with the names of OpenTelemetry's conventions for generative models (``gen_ai.*``) and Pipecat's for
turns (``turn.*``).  Words are left out unless the operator wants them; then their attributes have ``pii`` in
the name, so that a collector can take them out.

The library is an extra (``otel``), imported where spans are wanted.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from offhook import __version__
from offhook.config import TelemetryConfig
from offhook.errors import ConfigError
from offhook.files import read_text
from offhook.observe.bill import Bill
from offhook.observe.trace import TurnTrace

_log = logging.getLogger("offhook.observe.spans")

MOST_WAITING = 2_048
"""Turns and calls that are not spans yet; more are lost, and counted."""
EXPORT_TIMEOUT_S = 5
PROVIDERS = {
    "openai": "openai",
    "responses": "openai",
    "realtime": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "google": "gcp",
}
"""``gen_ai.provider.name`` by the engine's name; others are called as offhook calls them."""


@dataclass(frozen=True, slots=True)
class Who:
    """One call, as its spans name it."""

    call_id: str
    agent: str
    tenant: str | None
    language: str
    door: str
    engines: dict[str, tuple[str, str]]
    """By stage (stt, llm, tts): the engine's name, and its model's."""
    words: bool
    """What is said may be kept."""


class Spans:
    """One daemon's, from construction to :meth:`close`."""

    def __init__(self, config: TelemetryConfig, exporter: Any = None) -> None:
        """``exporter``: in place of OTLP over HTTP.  Raises ConfigError."""
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise ConfigError("telemetry.endpoint needs a library: pip install 'offhook[otel]'") from None
        resource = Resource.create({"service.name": config.service_name, "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or _exporter(config)))
        self._tracer = self._provider.get_tracer("offhook", __version__)
        self._content = config.content
        self.dropped = 0
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._build, name="offhook-spans", daemon=True)
        self._thread.start()

    def call(self, who: Who) -> CallSpans:
        """A call begins."""
        return CallSpans(self, who)

    def close(self) -> None:
        """Send what waits, for some seconds at most.  Blocks."""
        try:
            self._waiting.put(None, timeout=1)
        except queue.Full:
            return
        self._thread.join(EXPORT_TIMEOUT_S)
        self._provider.shutdown()

    def put(self, work: Callable[[], None]) -> None:
        """Any thread; returns at once."""
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            self.dropped += 1

    def _build(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                work()
            except Exception:  # whatever a library thinks of our values: no call has to know
                _log.exception("a span could not be built")


class CallSpans:
    """One call's; it is one of the call's notes.  Lives on the event loop."""

    def __init__(self, spans: Spans, who: Who) -> None:
        self._spans = spans
        self._who = who
        self._span: Any = None
        began_ns = time.time_ns()
        spans.put(lambda: self._begin(began_ns))

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        """A turn is over."""
        wall_ns = time.time_ns() - time.monotonic_ns()
        words = (caller_text, audible_text) if self._spans._content and self._who.words else None
        self._spans.put(lambda: self._turn(trace, wall_ns, words))

    def ended(self, result: str, bill: Bill) -> None:
        """The call is over."""
        ended_ns = time.time_ns()
        self._spans.put(lambda: self._end(result, bill.cost, ended_ns))

    # --- on the spans' own thread --------------------------------------------------------------

    def _begin(self, began_ns: int) -> None:
        who = self._who
        attributes = {
            "offhook.call.id": who.call_id,
            "offhook.agent": who.agent,
            "offhook.tenant": who.tenant or "",
            "offhook.door": who.door,
            "gen_ai.conversation.id": who.call_id,
            "gen_ai.agent.name": who.agent,
            "conversation.type": "voice",
            "language": who.language,
        }
        self._span = self._spans._tracer.start_span(
            "conversation", start_time=began_ns, attributes=attributes
        )

    def _turn(self, trace: TurnTrace, wall_ns: int, words: tuple[str, str] | None) -> None:
        from opentelemetry.trace import set_span_in_context

        stages = trace.stage_spans_ns()
        if not stages:
            return
        first = min(begin for begin, _ in stages.values())
        last = max(end for _, end in stages.values())
        parent = set_span_in_context(self._span)
        turn = self._spans._tracer.start_span(
            "turn", context=parent, start_time=wall_ns + first, attributes=self._of_turn(trace, words)
        )
        below = set_span_in_context(turn)
        for name, begin, end, attributes in self._parts(trace):
            span = self._spans._tracer.start_span(
                name, context=below, start_time=wall_ns + begin, attributes=attributes
            )
            span.end(wall_ns + end)
        turn.end(wall_ns + last)

    def _end(self, result: str, cost: float, ended_ns: int) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("offhook.result", result)
        if cost:
            self._span.set_attribute("offhook.cost", cost)
        if result == "failed":
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end(ended_ns)

    def _of_turn(self, trace: TurnTrace, words: tuple[str, str] | None) -> dict[str, Any]:
        stages = trace.stages_ms()
        found: dict[str, Any] = {
            "offhook.call.id": self._who.call_id,
            "offhook.tenant": self._who.tenant or "",
            "offhook.turn.act": trace.act,
            "turn.number": trace.turn,
            "turn.was_interrupted": trace.interrupted,
        }
        turnaround_ms = trace.turnaround_ms()
        if turnaround_ms is not None:
            found["turn.user_bot_latency_seconds"] = turnaround_ms / 1000
        names = {"endpoint": "endpointing", "stt": "recognise", "tts_first_audio": "speak"}
        found.update({f"offhook.turn.{name}_ms": stages[key] for key, name in names.items() if key in stages})
        thought = [stages[key] for key in ("llm_first_token", "clause") if key in stages]
        if thought:
            found["offhook.turn.think_ms"] = sum(thought)
        if words is not None:
            found["offhook.pii.caller_text"], found["offhook.pii.audible_text"] = words
        return found

    def _parts(self, trace: TurnTrace) -> list[tuple[str, int, int, dict[str, Any]]]:
        """Name, beginning, end (monotonic ns) and attributes of what a turn is made of."""
        stages = trace.stage_spans_ns()
        parts = []
        if "stt" in stages:
            begin, end = stages["stt"]
            parts.append(("stt", begin, end, {**self._engine("stt"), "metrics.ttfb": (end - begin) / 1e9}))
        begin_of = stages.get("llm_first_token") or stages.get("clause")
        end_of = stages.get("clause") or stages.get("llm_first_token")
        if begin_of is not None and end_of is not None:
            thought: dict[str, Any] = {
                **self._engine("llm"),
                "gen_ai.operation.name": "chat",
                "gen_ai.usage.input_tokens": trace.tokens_computed + trace.tokens_reused,
                "gen_ai.usage.cache_read.input_tokens": trace.tokens_reused,
                "gen_ai.usage.output_tokens": trace.tokens_generated,
            }
            if "llm_first_token" in stages:
                first_s = (begin_of[1] - begin_of[0]) / 1e9
                thought |= {"gen_ai.response.time_to_first_chunk": first_s, "metrics.ttfb": first_s}
            parts.append(("llm", begin_of[0], end_of[1], thought))
        if "tts_first_audio" in stages:
            begin, end = stages["tts_first_audio"]
            spoken = {
                **self._engine("tts"),
                "gen_ai.output.type": "speech",
                "metrics.ttfb": (end - begin) / 1e9,
            }
            parts.append(("tts", begin, end, spoken))
        return parts

    def _engine(self, stage: str) -> dict[str, Any]:
        engine, model = self._who.engines.get(stage, ("", ""))
        return {"gen_ai.provider.name": PROVIDERS.get(engine, engine), "gen_ai.request.model": model}


def _exporter(config: TelemetryConfig) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    assert config.endpoint is not None
    headers = {}
    if config.headers_file is not None:
        for line in read_text(config.headers_file).splitlines():
            name, colon, value = line.partition(":")
            if line.strip() and not colon:
                raise ConfigError(f"telemetry.headers_file {config.headers_file}: a line is NAME: VALUE")
            if colon:
                headers[name.strip()] = value.strip()
    address = f"{config.endpoint.rstrip('/')}/v1/traces"
    return OTLPSpanExporter(endpoint=address, headers=headers, timeout=EXPORT_TIMEOUT_S)
