"""What is fuzzed: each target takes bytes, and holds a parser to what its docstring promises.

A target returns nothing.  Errors that are promised are part of the promise and are swallowed; everything else
that is raised is a finding, and so is an assertion.  No target keeps anything from one input to the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from offhook.agents.loader import load_agent
from offhook.catalogue.bundle import is_bundle, read_bundle
from offhook.catalogue.ctranslate2 import read_whisper
from offhook.conversation.answer_filter import AnswerFilter
from offhook.doors.agi.agi_text import (
    MAX_QUOTED_BYTES,
    AgiEnvironment,
    is_reply_whole,
    parse_reply,
    quote,
    split_command,
)
from offhook.doors.eagi.handoff import Hello, Verdict
from offhook.doors.websocket.control import parse_event
from offhook.engines.llm.anthropic import AnthropicEvents
from offhook.engines.llm.gemini import GeminiEvents
from offhook.engines.llm.gguf_file import token_bytes
from offhook.engines.llm.ollama import OllamaEvents
from offhook.engines.llm.openai import OpenAiEvents
from offhook.engines.llm.responses import ResponsesEvents
from offhook.engines.llm.wire import Delta, EventReader, MalformedError, ReportedError
from offhook.engines.remote.service import Service
from offhook.engines.remote.wyoming import WyomingLine
from offhook.engines.stt import ggml_file
from offhook.engines.stt.ggml_file import check_ggml
from offhook.engines.stt.moonshine_tokens import read_tokenizer
from offhook.engines.tts.vits_split import CannotCutError, cut_file
from offhook.errors import AgiError, ConfigError, HandoffError, ModelError, ProtocolError
from offhook.evaluation.suite import load_suite
from offhook.speech.clauses import clean, split
from offhook.speech.normaliser import spoken
from offhook.tools.formats import calls_in

Target = Callable[[bytes], None]


def handoff(data: bytes) -> None:
    """A launcher's hello, and the daemon's verdict.  What is read says the same when it is written again."""
    with contextlib.suppress(HandoffError):
        hello = Hello.parse(data)
        assert Hello.parse(hello.encode()) == hello
    with contextlib.suppress(HandoffError):
        Verdict.parse(data)


def agi(data: bytes) -> None:
    """Header lines and replies; and text of any kind stays one argument of a command."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(AgiError):
        AgiEnvironment.parse(text.split("\n"))
    if is_reply_whole(text):
        with contextlib.suppress(AgiError):
            parse_reply(text)
    quoted = quote(text)
    assert len(quoted.encode("utf-8", "replace")) <= MAX_QUOTED_BYTES + 2
    assert "\n" not in quoted
    assert len(split_command(f"A {quoted} B")) == 3


def websocket_control(data: bytes) -> None:
    """chan_websocket's events."""
    with contextlib.suppress(ProtocolError):
        event = parse_event(data)
        assert all(isinstance(value, str) for value in event.values.values())


def model_stream(data: bytes) -> None:
    """A model server's stream, in all dialects: where it is cut on its way changes nothing that it says."""
    cut = data[0] % 7 + 1 if data else 1
    for reader in (OpenAiEvents, AnthropicEvents, GeminiEvents, OllamaEvents, ResponsesEvents):
        whole = _read(reader(), [data[1:]])
        pieces = _read(reader(), [data[1:][at : at + cut] for at in range(0, max(len(data) - 1, 1), cut)])
        assert whole == pieces, reader


def _read(reader: EventReader, pieces: list[bytes]) -> tuple[str, str]:
    said: list[Delta] = []
    try:
        for piece in pieces:
            said += reader.feed(piece)
        said += reader.end()
    except (MalformedError, ReportedError):
        return "error", ""  # which of two comes first, and what was said before it, depends on the pieces
    return "", "".join(delta.text for delta in said)


def wyoming(data: bytes) -> None:
    """A Wyoming server's events."""

    async def receive() -> None:
        reader = asyncio.StreamReader(limit=1 << 20)
        reader.feed_data(data)
        reader.feed_eof()
        service = Service("tcp://127.0.0.1:9", "", section="stt")
        line = WyomingLine(service, reader, None)  # type: ignore[arg-type]  # nothing is sent
        with contextlib.suppress(ModelError):
            while True:
                await line.receive()

    _loop.run_until_complete(receive())


def agent_file(data: bytes) -> None:
    """An agent's file."""
    path = _file("agent.toml", data)
    with contextlib.suppress(ConfigError):
        load_agent(str(path))


def suite_file(data: bytes) -> None:
    """A suite of questions."""
    with contextlib.suppress(ConfigError):
        load_suite(_file("suite.json", data))


def gguf_header(data: bytes) -> None:
    """A language model's header: a number of bytes, or nothing."""
    found = token_bytes(_file("model.gguf", data), "f16")
    assert found is None or isinstance(found, float | int)


def ggml_header(data: bytes) -> None:
    """A Whisper file from its beginning, and what follows its vocabulary: an error of a kind, or nothing."""
    with contextlib.suppress(ModelError):
        check_ggml(_file("model.ggml", data))
    with contextlib.suppress(ggml_file._BadFileError):
        ggml_file._walk_tensors(io.BytesIO(data), len(data), _SMALLEST.tensors())


_SMALLEST = ggml_file._Header(50_000, 1_500, 8, 1, 1, 448, 8, 1, 1, 80, 1)


def onnx_network(data: bytes) -> None:
    """A voice's network, which is cut in two: cut, or an error of one kind."""
    with contextlib.suppress(CannotCutError):
        cut_file(_file("voice.onnx", data))


def model_files(data: bytes) -> None:
    """What is imported: a CTranslate2 folder, a bundle, a recogniser's vocabulary."""
    path = _file("model.bin", data)
    with contextlib.suppress(ModelError):
        read_whisper([path.parent])
    with contextlib.suppress(ModelError):
        read_tokenizer(path)
    if is_bundle(path):
        with contextlib.suppress(ModelError), tempfile.TemporaryDirectory(dir=_folder) as into:
            read_bundle(path, Path(into), lambda line: None)


def answer(data: bytes) -> None:
    """A model's text on its way to a voice: nothing raises, and calls in it have a name that was offered."""
    text = data.decode("utf-8", "replace")
    assert all(call.name in ("book", "find") for call in calls_in(text, ["book", "find"]))
    way = AnswerFilter(["Ada"], max_characters=200)
    said = "".join(way.push(text[at : at + 5]) for at in range(0, len(text), 5)) + way.flush()
    assert len(said) <= 400
    for language in ("en", "de", "es", "fr", "ja"):
        split(clean(spoken(said, language)), language)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        handoff,
        agi,
        websocket_control,
        model_stream,
        wyoming,
        agent_file,
        suite_file,
        gguf_header,
        ggml_header,
        onnx_network,
        model_files,
        answer,
    )
}

_loop = asyncio.new_event_loop()
_workshop = tempfile.TemporaryDirectory(
    prefix="offhook-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
)
_folder = Path(_workshop.name)
(_folder / "config.json").write_text(json.dumps({}))
(_folder / "vocabulary.txt").write_text("a\nb\n")


def _file(name: str, data: bytes) -> Path:
    path = _folder / name
    path.write_bytes(data)
    return path
