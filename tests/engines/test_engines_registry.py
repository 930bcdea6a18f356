"""Engines by name: ours, those that a package brings, and names that nobody has."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.config import Config, SttConfig, TtsConfig
from offhook.engines import chosen, registry
from offhook.engines.engine import STAGES, Engine, Loading, Package, Stage
from offhook.engines.pool import load_models
from offhook.errors import ConfigError

HARP = Engine("harp", "tts", f"{__name__}:load_harp", remote=True)


def load_harp(tts: TtsConfig, model: str, loading: Loading) -> tuple[TtsConfig, str, int]:
    return tts, model, loading.max_calls


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package with a voice, one that takes the name of ours, one that is broken and one that is none."""
    own = registry.find("tts", "espeak")
    registry._installed.cache_clear()
    brought = {
        "harp": HARP,
        "espeak": Engine("espeak", "tts", "elsewhere:load"),
        "broken": None,
        "number": 7,
    }

    def load(entry: EntryPoint) -> object:
        if brought[entry.name] is None:
            raise ImportError("no strings")
        return brought[entry.name]

    monkeypatch.setattr(EntryPoint, "load", load)
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [EntryPoint(name, "strings", group) for name in brought]
    )
    yield SimpleNamespace(own=own)
    registry._installed.cache_clear()


@pytest.mark.parametrize("stage", STAGES)
def test_ours_are_there_and_can_be_imported(stage: Stage) -> None:
    for name, engine in registry.engines(stage).items():
        assert (engine.name, engine.stage) == (name, stage)
        module, _, function = engine.loader.partition(":")
        assert callable(getattr(__import__(module, fromlist=[function]), function))


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"stt": {"engine": "wisper"}},
            r"stt\.engine: no recogniser is called 'wisper'; did you mean 'wh",
        ),
        ({"tts": {"engine": "polly-ish"}}, r"tts\.engine: no voice .* there are: .*espeak, piper"),
        ({"llm": {"engine": "olama"}}, r"llm\.engine: no language model .* did you mean 'ollama'"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_models(Config.model_validate(sections))
    assert "\n" not in str(caught.value)


def test_an_installed_package_brings_engines(installed: Any, caplog: pytest.LogCaptureFixture) -> None:
    tts = TtsConfig(engine="harp", model="own/small", voice="ann")
    found = chosen.voice(tts)
    assert found.engine is HARP
    assert found.load(tts, Loading(3)) == (tts, "own/small", 3), "a server's name for a model is no path"
    assert registry.find("tts", "espeak") is installed.own, "the names of ours stay ours"
    assert "the engine broken cannot be used: no strings" in caplog.text
    assert "the engine number is no " in caplog.text


def test_a_missing_package_says_how_to_get_it() -> None:
    lyre = Engine(
        "lyre", "stt", "no_such_package.x:load", packages=(Package("no_such_package", "pip install y", "y"),)
    )
    with pytest.raises(ConfigError, match=r"stt\.engine lyre: .*no_such_package.*: pip install y$"):
        lyre.load(SttConfig(), None, Loading())
