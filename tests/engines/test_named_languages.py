"""An agent whose callers speak several languages needs a recogniser that listens for them."""

from __future__ import annotations

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.engines.named import faults, heard_languages, settings

AGENT = Agent(name="Robles", greeting="Hello.", languages={"es": "taller", "fr": "atelier"})


def test_a_model_of_the_catalogue_listens_for_all_of_them() -> None:
    assert heard_languages(AGENT) == "en,es,fr"
    stt = settings(Config(), "stt", "whisper-base", heard_languages(AGENT))
    assert (stt.language, stt.other_languages) == ("en", ("es", "fr"))


def test_a_section_that_does_not_is_a_fault_of_the_agents() -> None:
    assert "does not listen for es, fr" in faults(Config(), AGENT)["languages"]
    some = Config.model_validate({"stt": {"model": "whisper-base", "other_languages": ["es-MX"]}})
    assert "does not listen for fr" in faults(some, AGENT)["languages"]
    more = Config.model_validate({"stt": {"model": "whisper-base", "other_languages": ["es", "fr"]}})
    assert "languages" not in faults(more, AGENT)
    assert "languages" not in faults(Config(), AGENT.model_copy(update={"languages": {}}))
