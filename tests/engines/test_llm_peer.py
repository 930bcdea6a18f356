"""Remote models against a real server: llama-cpp-python's own, with the embedded model.

One process for the whole file, on a port that the kernel chooses.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from offhook.engines.llm.base import Limits
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.endpoint import Endpoint
from offhook.engines.llm.openai import OpenAi
from offhook.engines.llm.remote import RemoteModel
from offhook.engines.remote.service import ApiKey
from offhook.errors import ModelError
from tests.support.waiting import eventually, until

KEY = "a-key-for-this-test-only"
START_S = 240.0
"""The server imports much, and the machine may be busy."""
SYSTEM = "You are a helpful AI assistant."

pytestmark = pytest.mark.timeout(900)


class Peer:
    """The running server."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, url: str) -> None:
        self.process = process
        self._log = log
        self.url = url

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    folder = tmp_path_factory.mktemp("peer")
    log = folder / "log"
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(embedded_model(folder=folder))]
    command += ["--model_alias", "smollm2", "--host", "127.0.0.1", "--port", "0", "--api_key", KEY]
    command += ["--n_ctx", "2048", "--n_threads", "1", "--n_threads_batch", "1", "--verbose", "false"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
    try:
        yield Peer(process, log, _address(process, log))
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server listens, as soon as it says so."""

    def said() -> list[str]:
        text = log.read_text(errors="replace")
        assert process.poll() is None, f"the server did not start:\n{text}"
        return re.findall(r"running on (http://127\.0\.0\.1:[0-9]+)", text)

    until(lambda: bool(said()), f"the server listens; its log is {log}", timeout_s=START_S)
    return said()[0]


def make_model(url: str, key: str = KEY) -> RemoteModel:
    endpoint = Endpoint(url, "smollm2", ApiKey(key, "$PEER_KEY"), 60, 100, 100, 200)
    return RemoteModel(endpoint, OpenAi(endpoint))


@pytest.fixture
async def model(peer: Peer) -> AsyncIterator[RemoteModel]:
    model = make_model(f"{peer.url}/v1")
    yield model
    await model.aclose()


async def ask(model: RemoteModel, words: str, limits: Limits) -> list[str]:
    conversation = await model.conversation(model.template.prefix(SYSTEM))
    await conversation.append(*model.template.user(words))
    pieces = [piece async for piece in conversation.generate(limits)]
    await conversation.close()
    return pieces


async def test_a_dialogue(model: RemoteModel, caplog: pytest.LogCaptureFixture) -> None:
    prefix = model.template.prefix(SYSTEM)
    await model.preload(prefix)
    assert not [record for record in caplog.records if record.name.startswith("offhook")]
    conversation = await model.conversation(prefix)
    await conversation.append(*model.template.user("What is the capital of France?"))
    generation = conversation.generate(Limits(max_tokens=24))
    pieces = [piece async for piece in generation]
    assert "Paris" in "".join(pieces)
    assert len(pieces) > 3
    assert generation.stats.finish_reason in ("end", "length")
    assert generation.stats.first_token_ns is not None
    await conversation.append(model.template.assistant_close, *model.template.user("And of Italy?"))
    assert "Rome" in "".join([piece async for piece in conversation.generate(Limits(max_tokens=24))])
    await conversation.close()


async def test_limits_are_kept(model: RemoteModel) -> None:
    question = "Count from one to twenty."
    assert 1 <= len(await ask(model, question, Limits(max_tokens=5))) <= 5
    whole = "".join(await ask(model, question, Limits(max_tokens=30)))
    stop = whole.split()[len(whole.split()) // 2]
    cut = "".join(await ask(model, question, Limits(max_tokens=30, stop=(stop,))))
    assert cut == whole.partition(stop)[0]


async def test_a_cancel_frees_the_server(peer: Peer, model: RemoteModel) -> None:
    conversation = await model.conversation(model.template.prefix(SYSTEM))
    await conversation.append(*model.template.user("Tell me a very long story about a lighthouse."))
    generation = conversation.generate(Limits(max_tokens=1500, temperature=1.0, seed=1))
    async for _ in generation:
        generation.cancel()
    assert generation.stats.finish_reason == "cancelled"
    await asyncio.wait([generation.task])
    # The server says so when it gives a request up because its client has gone.
    await eventually(lambda: "Disconnected from client" in peer.log(), "the server notices", timeout_s=60)
    await conversation.close()
    assert "".join(await ask(model, "What is the capital of France?", Limits(max_tokens=16)))


async def test_a_wrong_path(peer: Peer) -> None:
    model = make_model(peer.url)
    with pytest.raises(ModelError, match=r"answers 404: llm.base_url should end with .*/v1"):
        await ask(model, "Hi", Limits())
    await model.aclose()


async def test_a_wrong_key(peer: Peer) -> None:
    model = make_model(f"{peer.url}/v1", "another-key")
    with pytest.raises(ModelError, match=r"\(401\): check \$PEER_KEY"):
        await ask(model, "Hi", Limits())
    with pytest.raises(ModelError, match=r"\(401\): check \$PEER_KEY"):
        await model.preload(model.template.prefix(SYSTEM))
    await model.aclose()


async def test_a_conversation_that_the_server_has_no_room_for(peer: Peer) -> None:
    endpoint = Endpoint(f"{peer.url}/v1", "smollm2", ApiKey(KEY, "$PEER_KEY"), 60, 100, 100, 200)
    model = RemoteModel(endpoint, OpenAi(endpoint), n_ctx_call=8192)
    # It begins a stream and ends it at once: all that can be told is that it gave up.
    with pytest.raises(ModelError, match=r"ended before its first word: .* llm.n_ctx_call"):
        await ask(model, "word " * 3000, Limits())
    await model.aclose()
