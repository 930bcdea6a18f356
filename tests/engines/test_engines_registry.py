"""Engines by name: ours, those that a package brings, and names that nobody has."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.config import Config, LlmConfig, SttConfig, TtsConfig
from offhook.engines import chosen, registry
from offhook.engines.engine import STAGES, Engine, Loading, Package, Stage
from offhook.engines.pool import load_models, load_synthesizer
from offhook.errors import ConfigError, ModelError

HARP = Engine("harp", "tts", f"{__name__}:load_harp", remote=True)


def load_flute(tts: TtsConfig, model: str, loading: Loading) -> object:
    raise RuntimeError("a reed\nis missing")


def load_nothing(tts: TtsConfig, model: str, loading: Loading) -> None:
    pass


def load_harp(tts: TtsConfig, model: str, loading: Loading) -> tuple[TtsConfig, str, int]:
    return tts, model, loading.max_calls


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package with a voice, one that takes the name of ours or of another, and some that are broken."""
    own = registry.find("tts", "espeak")
    registry._installed.cache_clear()
    brought = {
        "harp": HARP,
        "espeak": Engine("espeak", "tts", "elsewhere:load"),
        "lute": Engine("lute", "llm", "elsewhere:load"),
        "drum": Engine("drum", "stt", "elsewhere:load"),
        "second-harp": Engine("harp", "tts", "elsewhere:load"),
        "ear-trumpet": Engine("ear-trumpet", "hearing", "elsewhere:load"),  # type: ignore[arg-type]
        "broken": ImportError("no strings"),
        "leaves": SystemExit("no strings either"),
        "number": 7,
    }

    def load(entry: EntryPoint) -> object:
        found = brought[entry.name]
        if isinstance(found, BaseException):
            raise found
        return found

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
    assert chosen.language_model(LlmConfig(engine="lute")).model is None, "the embedded model is not its own"
    assert chosen.language_model(LlmConfig(engine="lute", model="own/small")).model == "own/small"
    assert chosen.recogniser(SttConfig(engine="drum", model="own/small")).model == "own/small"
    assert registry.find("tts", "espeak") is installed.own, "the names of ours stay ours"
    assert "the engine broken cannot be used: no strings" in caplog.text
    assert "the engine leaves cannot be used: no strings either" in caplog.text
    assert "the engine number is no " in caplog.text
    assert "the engine second-harp cannot be used: another package has a voice harp" in caplog.text
    assert "the engine ear-trumpet is for 'hearing'; there are: stt, llm, tts" in caplog.text


def test_the_package_of_the_documentation_is_installed_and_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "engines.md").read_text(encoding="utf-8")
    declared, module = re.findall(r"^```(?:ini|python)\n(.*?)^```$", page, re.M | re.S)
    (tmp_path / "tin_engines.py").write_text(module, encoding="utf-8")
    about = tmp_path / "tin_engines-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tin-engines\nVersion: 1\n", encoding="utf-8"
    )
    points = declared.replace("project.entry-points.", "").replace('"', "")
    (about / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    registry._installed.cache_clear()
    try:
        voice = load_synthesizer(TtsConfig(engine="tin"))
        assert [len(block) for block in voice.synthesize("good day")] == [1_600, 1_600]
    finally:
        registry._installed.cache_clear()
        sys.modules.pop("tin_engines", None)


@pytest.mark.parametrize(
    ("loader", "error", "said"),
    [
        (f"{__name__}:load_oboe", ConfigError, r"has no attribute 'load_oboe': its package is broken$"),
        (f"{__name__}:load_flute", ModelError, r"RuntimeError: a reed is missing$"),
        (f"{__name__}:load_nothing", ModelError, r"load_nothing gave nothing: its package is broken$"),
    ],
)
def test_whatever_a_strangers_loader_does_is_one_line(loader: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=r"^tts\.engine wind: .*" + said):
        Engine("wind", "tts", loader).load(TtsConfig(), "own", Loading())


def test_a_missing_package_says_how_to_get_it() -> None:
    lyre = Engine(
        "lyre", "stt", "no_such_package.x:load", packages=(Package("no_such_package", "pip install y", "y"),)
    )
    with pytest.raises(ConfigError, match=r"stt\.engine lyre: .*no_such_package.*: pip install y$"):
        lyre.load(SttConfig(), None, Loading())
