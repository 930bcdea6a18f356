"""The streams of servers, however they are cut, and texts that a stop string ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.engines.llm.ollama import OllamaEvents
from offhook.engines.llm.openai import OpenAiEvents
from offhook.engines.llm.wire import (
    MAX_LINE_BYTES,
    Delta,
    EventReader,
    MalformedError,
    ReportedError,
    ServerSentEvents,
    StopText,
)
from tests.support.engines.model_server import event, line, ollama_lines, openai_events


def read(reader: EventReader, data: bytes, sizes: list[int]) -> list[Delta]:
    """``data`` in chunks of the given sizes, then the rest."""
    deltas: list[Delta] = []
    for size in sizes:
        deltas += reader.feed(data[:size])
        data = data[size:]
    return [*deltas, *reader.feed(data), *reader.end()]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


WORDS = ["Wir ", "öffnen", " um ", "7 \u20ac", " \U0001f950", "!"]


class TestStreams:
    @given(st.lists(st.integers(1, 40), max_size=60), st.sampled_from(["\n", "\r\n", "\r"]))
    def test_openai_in_any_chunks(self, sizes: list[int], newline: str) -> None:
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}
        raw = "".join(": keep-alive\n\n" + chunk.decode() for chunk in openai_events(WORDS, usage=usage))
        data = ("\ufeff" + raw.replace("\n", newline)).encode()
        deltas = read(OpenAiEvents(), data, sizes)
        assert text_of(deltas) == "".join(WORDS)
        assert [delta.finish for delta in deltas if delta.finish] == ["end"]
        assert deltas[-1].last
        (counted,) = [delta.usage for delta in deltas if delta.usage]
        assert (counted.prompt_tokens, counted.cached_tokens, counted.generated_tokens) == (9, 5, 4)

    @given(st.lists(st.integers(1, 40), max_size=60), st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
    def test_ollama_in_any_chunks(self, sizes: list[int], newline: bytes) -> None:
        lines = [
            json.dumps({"message": {"content": word}, "done": False}, ensure_ascii=False).encode() + newline
            for word in WORDS
        ]
        data = b"".join(lines) + b"".join(ollama_lines([], prompt_eval_count=9, eval_count=4)).rstrip()
        deltas = read(OllamaEvents(), data, sizes)
        assert text_of(deltas) == "".join(WORDS)
        assert deltas[-1].last
        assert deltas[-1].finish == "end"
        assert deltas[-1].usage is not None
        assert deltas[-1].usage.generated_tokens == 4

    def test_an_event_of_several_lines(self) -> None:
        stream = ServerSentEvents()
        assert stream.feed(b"event: x\nid: 1\nretry: 5\ndata: one\ndata:two\ndata:  three\n") == []
        assert stream.feed(b"\n\n\ndata\n\n") == ["one\ntwo\n three", ""]
        assert stream.feed(b"data: cut o") == []
        assert stream.end() == ["cut o"]

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (event(b"{"), "not JSON"),
            (event(b"[" * 100_000), "not JSON"),
            (event(b"17"), "not a JSON object"),
            (event({"nothing": 1}), "without choices"),
            (event({"choices": ["x"]}), "choice that is not an object"),
            (event({"choices": [{"delta": {"content": 5}}]}), "text that is not a string"),
            (b'data: {"choices": [{"delta": {"content": "\xc3\x28"}}]}\n\n', "not UTF-8"),
            (b"data: " + b"x" * (MAX_LINE_BYTES + 1), "a line of more than 1 MiB"),
            (
                b"data: " + b"x" * 700_000 + b"\ndata: " + b"x" * 700_000 + b"\n",
                "an event of more than 1 MiB",
            ),
        ],
    )
    def test_malformed_openai(self, data: bytes, why: str) -> None:
        with pytest.raises(MalformedError, match=why):
            OpenAiEvents().feed(data)

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"<html>\n", "not JSON"),
            (line({"model": "m"}), "without a message"),
            (line({"message": {"content": [1]}}), "text that is not a string"),
            (b'"\xff"\n', "not UTF-8"),
        ],
    )
    def test_malformed_ollama(self, data: bytes, why: str) -> None:
        with pytest.raises(MalformedError, match=why):
            OllamaEvents().feed(data)

    @pytest.mark.parametrize(
        "value",
        [
            {"error": {"message": "out of memory", "type": "server_error"}},
            {"error": "out of memory"},
            {"object": "error", "message": "out of memory"},
        ],
    )
    def test_reported_errors(self, value: dict[str, Any]) -> None:
        with pytest.raises(ReportedError, match="out of memory"):
            OpenAiEvents().feed(event(value))

    @pytest.mark.parametrize(
        ("reason", "finish"),
        [("stop", "end"), ("eos", "end"), ("content_filter", "end"), ("length", "length")],
    )
    def test_reasons_to_finish(self, reason: str, finish: str) -> None:
        (delta,) = OpenAiEvents().feed(event({"choices": [{"delta": {}, "finish_reason": reason}]}))
        assert delta.finish == finish

    @pytest.mark.parametrize(
        "content",
        [
            {"type": "text", "text": "Nine."},
            [{"type": "text"}, {"type": "text", "text": None}, {"type": "text", "text": "Nine."}],
            [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, "Nine."],
            [{"type": "reasoning", "text": "hm"}, {"text": "Nine."}],
        ],
    )
    def test_content_in_parts(self, content: object) -> None:
        (delta,) = OpenAiEvents().feed(event({"choices": [{"delta": {"content": content}}]}))
        assert delta.text == "Nine."
        (delta,) = OllamaEvents().feed(line({"message": {"content": content}}))
        assert delta.text == "Nine."

    def test_an_answer_that_is_a_tool_call(self) -> None:
        with pytest.raises(ReportedError, match="tool_calls"):
            OpenAiEvents().feed(event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}))


class TestStopText:
    def test_a_stop_string_across_events(self) -> None:
        text = StopText(("Caller:", ""))
        pieces = [text.push(piece) for piece in ("Yes. C", "all", " us. Ca", "ll", "er", ": no", "more")]
        assert "".join(pieces) == "Yes. Call us. "
        assert text.stopped
        assert text.rest() == ""

    def test_what_only_looked_like_one_is_said_at_the_end(self) -> None:
        text = StopText(("Caller:",))
        assert text.push("Ask the Call") == "Ask the "
        assert text.rest() == "Call"

    def test_a_character_in_two_events(self) -> None:
        text = StopText(())
        assert [text.push("a\ud83e"), text.push("\udd50b"), text.push("\ud83e")] == ["a", "\U0001f950b", ""]
        assert text.rest() == "\ufffd"

    @given(st.text(alphabet="ab\U0001f950\ud83e\udd50", max_size=12), st.lists(st.integers(1, 4)))
    def test_pieces_are_whole_characters(self, answer: str, sizes: list[int]) -> None:
        text, said, rest = StopText(("bab",)), "", answer
        for size in [*sizes, len(answer)]:
            said += text.push(rest[:size])
            rest = rest[size:]
        said += text.rest()
        said.encode()  # no half characters
        whole = answer.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        assert said == whole.partition("bab")[0]
