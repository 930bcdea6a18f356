"""Engines that agents name: found, loaded once, shared, and freed with the pool."""

from __future__ import annotations

import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.agents.loader import Agent
from offhook.catalogue import entries
from offhook.config import Config
from offhook.engines import named, registry
from offhook.engines.engine import Engine, Loading, Stage
from offhook.engines.pool import EnginePool, load_models
from offhook.errors import ConfigError, ModelError

loads: Counter[tuple[str, str | None]] = Counter()
closed: Counter[str] = Counter()
gate = threading.Event()


class Scripted:
    """Any engine; it takes until ``gate`` is set to load one that is called slow."""

    sample_rate_hz = 16_000

    def __init__(self, settings: Any, model: str | None, loading: Loading) -> None:
        self.name, self.settings = f"scripted-{model}", settings
        loads[type(settings).__name__, model] += 1
        if model == "slow":
            gate.wait(10)
        if model == "broken" and loads[type(settings).__name__, model] == 1:
            raise ModelError("out of order")

    def problem(self) -> None:
        return None

    def close(self) -> None:
        closed[self.name] += 1


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    stages: tuple[Stage, ...] = ("stt", "llm", "tts")
    brought = tuple(Engine("scripted", stage, f"{__name__}:Scripted", remote=True) for stage in stages)
    monkeypatch.setattr(registry, "_installed", lambda: brought)
    monkeypatch.setattr("offhook.engines.pool.load_knowledge_models", lambda: None)
    loads.clear()
    closed.clear()
    gate.clear()


def section(model: str) -> dict[str, str]:
    return {"engine": "scripted", "model": model}


def config(**sections: Any) -> Config:
    ours = {"stt": section("ours"), "llm": section("ours"), "tts": section("ours")}
    return Config.model_validate({**ours, **sections})


def pool_of(configured: Config) -> EnginePool:
    return EnginePool(configured, load_models(configured))


def agent(**named: str) -> Agent:
    return Agent(name="A", greeting="Hello.", **named)


def test_each_agent_gets_what_it_names_and_the_rest_is_everybodys() -> None:
    pool = pool_of(
        config(
            voices={"anna": section("anna")},
            models={"clever": section("clever")},
            recognisers={"german": section("german") | {"language": "de"}},
        )
    )
    pool.load_named()
    plain, own = agent(), agent(voice="anna", model="clever", recogniser="german")
    ours, theirs = pool.ready(plain), pool.ready(own)
    assert ours is not None
    assert theirs is not None
    assert [each.name for each in (ours.models.recognizer, ours.models.language_model)] == [
        "scripted-ours"
    ] * 2
    assert theirs.models.language_model.name == "scripted-clever"
    assert theirs.models.recognizer.name == "scripted-german"
    assert (theirs.models.synthesizer.name, theirs.llm.model) == ("scripted-anna", "clever")
    assert ours.voice is not theirs.voice
    again = pool.of(agent(voice="anna"))
    assert again.voice is theirs.voice
    assert again.models.language_model is ours.models.language_model
    assert set(pool.language_models()) == {ours.models.language_model, theirs.models.language_model}
    assert set(loads.values()) == {1}
    pool.close()
    ours_three = {"scripted-ours": 3}
    assert closed == ours_three | dict.fromkeys(("scripted-anna", "scripted-clever", "scripted-german"), 1)


def test_two_who_ask_at_once_wait_for_one_load() -> None:
    pool = pool_of(config(voices={"late": section("slow")}))
    found: list[Any] = []
    asking = [threading.Thread(target=lambda: found.append(pool.of(agent(voice="late")))) for _ in range(2)]
    for each in asking:
        each.start()
    assert pool.ready(agent(voice="late")) is None, "whoever may not wait is told"
    assert pool.ready(agent()) is not None
    gate.set()
    for each in asking:
        each.join()
    assert found[0].voice is found[1].voice
    assert loads["TtsConfig", "slow"] == 1
    pool.close()


def test_what_could_not_be_loaded_is_one_line_and_is_tried_again() -> None:
    pool = pool_of(config(models={"odd": section("broken")}))
    with pytest.raises(ModelError, match=r"^model odd: out of order$"):
        pool.of(agent(model="odd"))
    assert pool.of(agent(model="odd")).models.language_model.name == "scripted-broken"
    pool.close()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"voice": "ana"}, r"^voice = 'ana': neither a section \[voices\.ana\] .* did you mean 'anna'\?$"),
        ({"recogniser": "whisper-bse"}, "^recogniser = .* did you mean 'whisper-base'"),
        ({"model": "whisper-base"}, "^model = 'whisper-base' is a model for stt, not for llm$"),
    ],
)
def test_a_name_that_nobody_knows_is_one_line(names: dict[str, str], said: str) -> None:
    pool = pool_of(config(voices={"anna": section("anna")}))
    for ask in (pool.ready, pool.of):
        with pytest.raises(ConfigError, match=said):
            ask(agent(**names))
    pool.close()


def test_what_an_agent_names_is_checked_without_loading_it() -> None:
    configured = config(voices={"anna": section("anna")})
    names = {"voice": "anna", "model": "clevr", "recogniser": "whisper-base-that-is-not"}
    found = named.faults(configured, agent(**names))
    assert set(found) == {"model", "recogniser"}
    assert found["model"].startswith("'clevr': neither a section [models.clevr]")
    assert not loads


def test_a_model_of_the_catalogue_is_run_as_everybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {name: SimpleNamespace(name=name, task=task) for name, task in (("w", "stt"), ("v", "tts"))}
    monkeypatch.setattr(named, "catalogue", lambda: known)
    assert not set(known) & set(entries.catalogue())
    hears: dict[str, Any] = {"workers": 3, "terms": ["Wick"]}
    configured = config(stt=section("ours") | hears, tts=section("x") | {"threads": 2})
    stt = named.settings(configured, "stt", "w", "de")
    tts = named.settings(configured, "tts", "v")
    assert (stt.model, stt.workers, stt.language, stt.terms) == ("w", 3, "de", ())
    assert (tts.model, tts.threads, tts.voice) == ("v", 2, "en-us")
    assert "engine" not in stt.model_fields_set, "the model's name tells it"


def test_what_an_agent_wants_of_turns_is_put_over_everybodys() -> None:
    everybodys = Config.model_validate({"turn": {"pause_ms": 80, "holding_ms": 900}}).turn
    own = Agent.model_validate(
        {"name": "A", "greeting": "Hi.", "turn": {"responsiveness": "patient", "holding_ms": 0}}
    )
    settings = own.turn_settings(everybodys)
    assert (settings.responsiveness, settings.holding_ms, settings.pause_ms) == ("patient", 0, 80)
