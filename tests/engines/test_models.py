"""Loading the set of models that a configuration names."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from offhook.agents.loader import Agent
from offhook.catalogue import embedded
from offhook.config import Config
from offhook.engines.llm.base import Limits
from offhook.engines.pool import load_knowledge_models, load_models
from offhook.engines.stt.base import recognised
from offhook.errors import ConfigError, ModelError
from offhook.knowledge import acts, matcher
from offhook.knowledge.store import Knowledge
from tests.support.engines.tiny_piper import write_tiny_piper
from tests.support.engines.tiny_whisper import write_tiny_whisper

SMALL_LLM = {"n_ctx": 1024, "n_ctx_call": 512, "threads": 1}


def config(**sections: object) -> Config:
    return Config.model_validate({"llm": SMALL_LLM, "daemon": {"max_calls": 1}, **sections})


async def test_the_embedded_set_hears_thinks_and_speaks() -> None:
    said: list[str] = []
    models = load_models(config(), said.append)
    names = " ".join(said)
    assert "moonshine-tiny-en" in names
    assert "smollm2-135m-instruct" in names
    assert "espeak-en-us" in names

    assert "MiniLM" in names

    assert (await recognised(models.recognizer, np.zeros(16_000, np.int16), 16_000, 0)).text == ""
    template = models.language_model.template
    talk = await models.language_model.conversation(template.prefix("You are brief."))
    await talk.append(*template.user("What is the capital of France?"))
    answer = "".join([piece async for piece in talk.generate(Limits(max_tokens=16))])
    assert "Paris" in answer
    await talk.close()
    assert sum(len(block) for block in models.synthesizer.synthesize(answer)) > 8000
    agent = Agent(
        name="A",
        greeting="Hi.",
        facts=(
            "We rent kayaks and canoes.",
            "Vehicles are left behind the boat house.",
            "Mina takes groups.",
        ),
    )
    knowledge = Knowledge(agent, models.knowledge)
    knowledge.prepare()
    best = knowledge.search("Who leads a party of people?").best
    assert best is not None
    assert best.item.number == 2, "found by its meaning: it shares no word with the question"
    models.close()
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith(("offhook-llm", "offhook-stt"))
    ]


async def test_whisper_and_piper_are_chosen_by_configuration(tmp_path: Path) -> None:
    models = load_models(
        config(
            stt={
                "engine": "whisper",
                "model": str(write_tiny_whisper(tmp_path / "ggml-tiny.bin")),
                "threads": 1,
            },
            tts={"engine": "piper", "voice": str(write_tiny_piper(tmp_path))},
        )
    )
    assert models.recognizer.name == "whisper-tiny"
    assert models.synthesizer.name == "piper-tiny"
    heard = await recognised(models.recognizer, np.full(16_000, 1000, np.int16), 16_000, 900)
    assert heard.audio_ms == 1000
    models.close()


@pytest.mark.parametrize(
    ("sections", "error", "message"),
    [
        ({"stt": {"engine": "whisper"}}, ConfigError, r"stt\.model must name a ggml file"),
        ({"stt": {"engine": "whisper", "model": "/absent.bin"}}, ModelError, "No such file"),
        ({"stt": {"model": "/absent"}}, ModelError, r"no encoder_model\.ort"),
        ({"stt": {"language": "de"}}, ConfigError, "Moonshine knows English only"),
        ({"stt": {"other_languages": ["de"]}}, ConfigError, r"stt\.other_languages is 'de': Moonshine knows"),
        ({"stt": {"terms": ["Larkmoor"]}}, ConfigError, r"stt\.terms: Moonshine takes no words"),
        ({"llm": {**SMALL_LLM, "model": "/absent.gguf"}}, ModelError, "No such file"),
        ({"llm": {"n_ctx": 512, "n_ctx_call": 1024}}, ConfigError, "larger than"),
        ({"tts": {"voice": "no-such-voice"}}, ModelError, "no voice 'no-such-voice'"),
        ({"tts": {"engine": "piper", "voice": "/absent.onnx"}}, ModelError, "missing"),
    ],
)
def test_what_cannot_be_loaded_is_one_clear_line(
    sections: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        load_models(config(**sections))
    assert "\n" not in str(caught.value)


def test_without_the_encoders_packages_words_find_facts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(embedded, "IN_PACKAGES", {embedded.SENTENCES: (("no_such_package", ""),)})
    monkeypatch.setenv("OFFHOOK_MODELS", str(tmp_path))
    assert load_knowledge_models() is None
    (line,) = caplog.messages
    assert "by their words only: minilm is not on this machine: `offhook models pull embedded`" in line


@pytest.mark.parametrize("load", [matcher.Matcher, acts.ActClassifier])
def test_a_network_that_is_missing_is_one_clear_line(tmp_path: Path, load: Callable[[Path], object]) -> None:
    with pytest.raises(ModelError, match=r"absent\.file is missing: install offhook again$"):
        load(tmp_path / "absent.file")


def test_a_failed_load_frees_what_was_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from offhook.engines.stt import gate

    made: list[weakref.ref[gate.Recognizer]] = []
    closed: list[bool] = []
    make, close = gate.Recognizer.__init__, gate.Recognizer.close

    def remember(self: gate.Recognizer, *arguments: object, **options: object) -> None:
        make(self, *arguments, **options)  # type: ignore[arg-type]
        made.append(weakref.ref(self))

    def count(self: gate.Recognizer) -> None:
        closed.append(True)
        close(self)

    monkeypatch.setattr(gate.Recognizer, "__init__", remember)
    monkeypatch.setattr(gate.Recognizer, "close", count)
    with pytest.raises(ModelError):
        load_models(config(tts={"voice": "no-such-voice"}))
    gc.collect()
    assert len(made) == len(closed) == 1
