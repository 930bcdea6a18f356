"""Two calls at once in one daemon: each with its own voice, language, dial, recogniser and model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.daemon.reload import Reread
from tests.support.clock import Clock
from tests.support.named_engines import Rooms, studio

PORT = """
name = "Hafen"
language = "de"
greeting = "Guten Tag, wir haben 3 Boote."
persona = "Du kennst zqhafen."
voice = "anna"
model = "clever"
recogniser = "german"
turn = { responsiveness = "patient", endpointing_max_ms = 1500 }
"""
TOWER = """
name = "Tower"
language = "en-GB"
greeting = "Good day, we have 3 bells."
persona = "You know zqtower."
turn = { responsiveness = "snappy", barge_in = false }
"""


def section(name: str) -> dict[str, object]:
    return {"engine": "scripted", "model": name, "timeout_s": 300}


@pytest.fixture
async def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rooms]:
    (tmp_path / "port.toml").write_text(PORT)
    (tmp_path / "tower.toml").write_text(TOWER)
    made = Rooms(
        tmp_path,
        Clock(monkeypatch),
        monkeypatch,
        agent={"search": [str(tmp_path)]},
        voices={"anna": section("anna")},
        models={"clever": {"engine": "scripted", "model": "clever", "history_turns": 3, "max_tokens": 11}},
        recognisers={"german": section("german") | {"language": "de"}},
    )
    yield made
    await made.close()


async def test_each_call_has_its_own(rooms: Rooms) -> None:
    port, tower = await asyncio.gather(
        rooms.call("agent=port", call_id="1.1"), rooms.call("agent=tower", call_id="1.2")
    )
    assert port.said == ["Guten Tag, wir haben 3 Boote."]
    assert tower.said == ["Good day, we have 3 bells."]
    assert ("de", "Guten Tag, wir haben drei Boote.") in studio.spoken["anna"]
    assert ("en-GB", "Good day, we have three bells.") in studio.spoken["ours"]

    answers = list(await asyncio.gather(port.says("Wo liegt zqelbe?"), tower.says("Who rings zqbells?")))
    assert answers == ["That is zqelbe, zqhafen.", "That is zqbells, zqtower."]
    assert set(studio.heard["german"]) == {"Wo liegt zqelbe?"}
    assert set(studio.heard["ours"]) == {"Who rings zqbells?"}
    assert {name: len(each) for name, each in studio.conversations.items()} == {"clever": 1, "ours": 1}
    assert {language for language, _ in studio.spoken["anna"]} == {"de"}
    assert {language for language, _ in studio.spoken["ours"]} == {"en-GB"}

    patient, snappy = port.call.turn_loop.settings, tower.call.turn_loop.settings
    assert patient.endpointing.longest_ms > snappy.endpointing.longest_ms
    assert (patient.barge_in, snappy.barge_in) == (True, False)
    german, english = port.call._profile, tower.call._profile
    assert (german.history_turns, german.limits.max_tokens) == (3, 11)
    assert english.history_turns is None
    assert german.turn.max_silence_s == english.turn.max_silence_s == 600, "the rest is everybody's"


async def test_what_two_agents_say_alike_in_one_voice_is_made_once(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / "belfry.toml").write_text(TOWER.replace("Good day", "Good evening"))
    for number, name in enumerate(("tower", "belfry")):
        await rooms.call(f"agent={name}", call_id=f"1.{number}")
        while rooms.daemon._tasks._tasks:
            await asyncio.gather(*rooms.daemon._tasks._tasks)
    said = [words for _, words in studio.spoken["ours"]]
    assert len(said) == len(set(said))
    assert sum("three bells" in words for words in said) == 2


async def test_a_configuration_that_changes_is_nothing_to_a_call_that_goes_on(rooms: Rooms) -> None:
    line = await rooms.call("agent=tower")
    config = rooms.config.model_copy(
        update={"turn": rooms.config.turn.model_copy(update={"max_silence_s": 5.0, "pause_ms": 300})}
    )
    await rooms.reception.reread(rooms.config, config, Reread())
    assert line.call._profile.turn.max_silence_s == 600
    again = await rooms.call("agent=tower", call_id="1.2")
    assert (again.call._profile.turn.max_silence_s, again.call._profile.turn.pause_ms) == (5.0, 300)
    assert again.call._profile.turn.responsiveness == "snappy", "the agent's own wish stays"
