"""What is said of an agent whose language its recogniser, or offhook, does not know."""

from __future__ import annotations

import pytest

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.engines.examine import check_language


@pytest.mark.parametrize(
    ("language", "stt", "said"),
    [
        ("en-GB", {}, []),
        ("fr", {"model": "whisper-base", "language": "fr"}, []),
        ("fr-CA", {"model": "whisper-base", "language": "en", "other_languages": ["fr"]}, []),
        ("fr", {}, [("warning", "the recogniser listens for en alone")]),
        ("it", {"model": "whisper-base", "language": "it"}, [("hint", "offhook has no words of it")]),
        ("it", {}, [("warning", 'language = "it"'), ("hint", "Silence alone ends a turn")]),
    ],
)
def test_a_language_that_is_not_heard_or_not_known_is_named(
    language: str, stt: dict[str, object], said: list[tuple[str, str]]
) -> None:
    agent = Agent(name="A", greeting="Hello.", language=language)
    found = check_language(agent, Config.model_validate({"stt": stt}))
    assert [one.severity.value for one in found] == [severity for severity, _ in said]
    assert all(part in one.what for one, (_, part) in zip(found, said, strict=True))
