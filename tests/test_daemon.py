"""The daemon's own decisions: whom it takes, and when it says that it is busy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.config import Config, LlmConfig
from offhook.daemon import Daemon, _agent_name, _history_turns
from offhook.errors import BusyError, ConfigError


class Offer:
    """A handoff that only has to be declined."""

    def __init__(self, *args: str) -> None:
        self.hello = SimpleNamespace(args=args)
        self.taken = False

    def accepted(self) -> None:
        self.taken = True


def daemon_with(problem: str | None) -> Daemon:
    daemon = Daemon(Config())
    model = SimpleNamespace(problem=lambda: problem)
    daemon._services = cast(Any, SimpleNamespace(models=SimpleNamespace(language_model=model)))
    return daemon


async def test_a_model_that_hangs_makes_new_calls_busy() -> None:
    offer = Offer("1.2")
    with pytest.raises(BusyError, match="one batch for 12 s"):
        await daemon_with("the language model has computed one batch for 12 s")._on_call(cast(Any, offer))
    assert not offer.taken


async def test_a_stopping_daemon_and_an_unknown_agent_take_no_call() -> None:
    offer = Offer("1.2", "agent=nobody")
    daemon = daemon_with(None)
    with pytest.raises(ConfigError, match=r"no nobody\.toml"):
        await daemon._on_call(cast(Any, offer))
    daemon.stop()
    with pytest.raises(BusyError, match="stopping"):
        await daemon._on_call(cast(Any, offer))
    assert not offer.taken


def test_the_agent_is_an_argument_of_the_dialplan() -> None:
    assert _agent_name(("1795.3", "agent=helpdesk")) == "helpdesk"
    assert _agent_name(("1795.3",)) is None


@pytest.mark.parametrize(
    ("llm", "turns"),
    [
        (LlmConfig(), 0),
        (LlmConfig(history_turns=3), 3),
        (LlmConfig(model="/srv/models/llama.gguf"), None),
        (LlmConfig(model="/srv/models/llama.gguf", history_turns=0), 0),
    ],
)
def test_the_embedded_model_keeps_no_history_unless_told(llm: LlmConfig, turns: int | None) -> None:
    assert _history_turns(llm) == turns
