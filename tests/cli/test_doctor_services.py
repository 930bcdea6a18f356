"""``offhook doctor`` asks the engines on servers, and says how soon they answer and what leaves the box."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest

from offhook.cli.checks.finding import Finding, Level
from offhook.cli.checks.models import check_behind, check_llm, check_named, check_stt, check_tts
from offhook.cli.checks.services import Measured, _finding, _sum, check_services
from offhook.cli.doctor import examine
from offhook.config import Config
from offhook.engines.remote.service import Service
from tests.support.engines.hearing_servers import SECRET, hearing_server
from tests.support.engines.model_server import ModelServer, openai_answer
from tests.support.engines.speech_servers import speech_server

KEY = "sk-doctor-secret-0123456789"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARING_KEY", SECRET)


async def findings(sections: dict[str, Any], tries: int = 2) -> list[Finding]:
    config = Config.model_validate(sections)
    return await asyncio.to_thread(lambda: list(check_services(config, tries)))


async def test_each_service_is_measured() -> None:
    async with AsyncExitStack() as stack:
        ears = await stack.enter_async_context(hearing_server("wyoming"))
        voice = await stack.enter_async_context(speech_server("xtts-guide"))
        model = await stack.enter_async_context(ModelServer())
        model.will(openai_answer("Hello."))
        sections = {
            "stt": {"engine": "wyoming", "base_url": ears.url},
            "llm": {"engine": "openai", "base_url": f"{model.url}/v1", "model": "baker-7b"},
            "tts": {"engine": "xtts", "base_url": voice.url, "voice": "mara", "path": "/tts"},
            "budgets": {"total_ms": 60_000},
        }
        found = await findings(sections)
        assert [finding.level for finding in found] == [Level.OK] * 4
        heard, thought, spoken, summed = (finding.what for finding in found)
        assert re.match(r"stt: .* connects in \d+ ms, final words after \d+ ms, 95 of .* \(2 tries\)", heard)
        assert re.match(r"llm: baker-7b at http.* first word after .*; nothing leaves this", thought)
        assert re.match(r"tts: xtts at http.* first audio after \d+ ms", spoken)
        assert re.fullmatch(
            r"servers add about \d+ ms to each turn, at worst \d+ ms: expect a turnaround of about \d+ ms, at"
            r" worst \d+ ms",
            summed,
        )
        asked = [request for request in model.requests if request.body["stream"]]  # one wakes it
        assert (len(ears.queries), len(asked), len(voice.said)) == (2, 2, 2)


async def test_a_service_that_does_not_answer_fails_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_KEY", KEY)
    async with speech_server("elevenlabs") as server:
        tts = {"engine": "elevenlabs", "base_url": server.url, "voice": "mara", "api_key_env": "VOICE_KEY"}
        (found,) = await findings({"tts": tts})
        assert found.level is Level.FAIL
        assert re.search(r"\(401\): check \$VOICE_KEY", found.what)
        assert KEY not in found.what + found.remedy


async def test_behind_a_server_that_is_down_stands_another_engine() -> None:
    tts = {"engine": "piper-http", "base_url": "http://127.0.0.1:9", "fallback": {"engine": "espeak"}}
    (found,) = await findings({"tts": tts})
    assert found.level is Level.WARN
    assert "nothing listens there" in found.what


async def test_what_only_agents_name_and_what_stands_behind_are_measured_too() -> None:
    """The first server is down: what is behind it is measured by itself, and hides nothing."""
    async with AsyncExitStack() as stack:
        ears = await stack.enter_async_context(hearing_server("nova"))
        voice = await stack.enter_async_context(speech_server("wyoming"))
        model = await stack.enter_async_context(ModelServer())
        model.will(openai_answer("Hello."))
        behind = {"engine": "openai", "base_url": f"{model.url}/v1", "model": "baker-7b"}
        sections = {
            "llm": behind | {"base_url": "http://127.0.0.1:9/v1", "fallback": behind},
            "recognisers": {
                "far": {"engine": "deepgram", "base_url": ears.url, "api_key_env": "HEARING_KEY"}
            },
            "models": {"big": behind},
            "voices": {"anna": {"engine": "wyoming", "base_url": voice.url, "voice": "mara"}},
        }
        found = {each.what.partition(":")[0]: each for each in await findings(sections)}
        assert found["llm"].level is Level.WARN
        assert "nothing listens there" in found["llm"].what
        for part in ("llm.fallback", "models.big", "recognisers.far", "voices.anna"):
            assert found[part].level is Level.OK
            assert re.search(r"after \d+ ms, .* \(2 tries\); nothing leaves this machine", found[part].what)
        assert len(found) == 5, "nothing is said of a turn whose model does not answer"
        assert (len(voice.said), len(ears.queries)) == (2, 2)


@pytest.mark.parametrize(
    ("sections", "level", "says"),
    [
        ({"stt": {"second": {"model": "/nowhere/ggml.bin"}}}, Level.FAIL, "stt.second: /nowhere/ggml.bin"),
        (
            {"recognisers": {"far": {"engine": "wyoming", "fallback": {}}}},
            Level.OK,
            "recognisers.far.fallback: moonshine, embedded",
        ),
        (
            {"stt": {"engine": "wyoming", "fallback": {"engine": "deepgram"}}},
            Level.FAIL,
            "stt.fallback: deepgram is on a server itself",
        ),
        (
            {
                "voices": {
                    "anna": {"engine": "wyoming", "fallback": {"engine": "piper", "model": "/nowhere/x.onnx"}}
                }
            },
            Level.FAIL,
            "voices.anna.fallback: /nowhere/x.onnx",
        ),
        (
            {
                "llm": {
                    "engine": "ollama",
                    "model": "x",
                    "fallback": {"engine": "anthropic", "model": "y", "api_key_env": "NO_SUCH_KEY"},
                }
            },
            Level.FAIL,
            "llm.fallback: the environment variable NO_SUCH_KEY is not set",
        ),
    ],
)
def test_what_stands_behind_is_checked_before_it_is_needed(
    sections: dict[str, Any], level: Level, says: str
) -> None:
    (found,) = check_behind(Config.model_validate(sections))
    assert found.level is level
    assert found.what.startswith(says)


@pytest.mark.parametrize(
    ("sections", "level", "says"),
    [
        ({"stt": {"engine": "wyoming"}}, Level.OK, "stt: wyoming at tcp://127.0.0.1:10300"),
        ({"stt": {"engine": "deepgram"}}, Level.FAIL, "DEEPGRAM_API_KEY is not set"),
        (
            {"tts": {"engine": "piper-http", "fallback": {"engine": "espeak"}}},
            Level.OK,
            "tts: piper-http at http://127.0.0.1:5000, espeak behind it",
        ),
        ({"tts": {"engine": "elevenlabs"}}, Level.FAIL, "tts.voice must be a voice's id"),
    ],
)
def test_settings_are_checked_without_asking_anybody(
    sections: dict[str, Any], level: Level, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    config = Config.model_validate(sections)
    found = check_stt(config) if "stt" in sections else check_tts(config)
    assert found.level is level
    assert says in found.what


def test_what_leaves_the_machine_and_what_is_too_slow() -> None:
    cloud = Service("https://speech.example/v1", "small", section="stt")
    measured = Measured(cloud, 0.05, [0.9] * 9 + [2.0])
    assert _finding("stt", "stt", measured).what.endswith("(10 tries); callers' voices leave this machine")
    summed = _sum(Config(), [measured])
    assert summed.level is Level.WARN
    assert "[stt.fallback]" in summed.remedy
    # Nine of ten answer in 900 ms; the tenth, in 2 s, is half of the 95th percentile.
    assert "turnaround of about 940 ms, at worst 1545 ms, and what this machine's own" in summed.what
    fallback = {"engine": "deepgram", "fallback": {"after_ms": 450}}
    summed = _sum(Config.model_validate({"stt": fallback}), [measured])
    assert (summed.level, "about 490 ms, at worst 490 ms" in summed.what) == (Level.OK, True)
    summed = _sum(Config.model_validate({"stt": {**fallback, "commit": "interim"}}), [measured])
    assert re.search(r"turnaround of about (\d+) ms, at worst \1 ms", summed.what), "nobody waits for them"


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"stt": {"engine": "wyoming", "base_url": "tcp://192.0.2.9:10300"}}, "callers' voices leave this"),
        ({"stt": {"engine": "wyoming"}}, "nothing leaves this machine"),
        (
            {"recognisers": {"far": {"engine": "wyoming", "base_url": "tcp://192.0.2.9:10300"}}},
            "recognisers.far: wyoming at tcp://192.0.2.9:10300; callers' voices leave this machine",
        ),
        (
            {"llm": {"engine": "ollama", "base_url": "http://192.0.2.9:11434", "model": "x"}},
            "callers' words, the agent's prompt and what was said before leave this machine",
        ),
    ],
)
def test_what_leaves_the_machine_is_said_without_asking_anybody(sections: dict[str, Any], says: str) -> None:
    config = Config.model_validate(sections)
    found = [check_stt(config), check_llm(config), check_tts(config), *check_named(config)]
    assert any(says in each.what for each in found)


def test_no_server_is_no_finding_and_offline_asks_nobody() -> None:
    assert list(check_services(Config())) == []
    whole = [finding.what for finding in examine(None, with_services=False)]
    assert not any("servers add" in what for what in whole)
