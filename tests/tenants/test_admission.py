"""Who is let in, as a table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from offhook.tenants.admission import Refusal, admit
from offhook.tenants.directory import DirectoryHealth
from offhook.tenants.numbers import Home
from offhook.tenants.snapshot import Number, Snapshot, StoredAgent, Tenant, make_snapshot

TENANTS = {
    "leeds": Tenant("1", "leeds", "Leeds", max_calls=2),
    "york": Tenant("2", "york", "York", active=False),
    "hull": Tenant("3", "hull", "Hull"),
}
DIDS = {"leeds": "+441134960000", "york": "+441904960000", "hull": "+441482960000"}


@pytest.fixture
def snapshot() -> Snapshot:
    agents = {(slug, "main"): StoredAgent(tenant.id, "main", 1, "{}") for slug, tenant in TENANTS.items()}
    numbers = {did: Number(did, TENANTS[slug], agents[slug, "main"]) for slug, did in DIDS.items()}
    return make_snapshot(1, Home.of("44"), TENANTS, agents, numbers)


@pytest.mark.parametrize(
    ("dialled", "running", "expected"),
    [
        ("01134960000", {}, DIDS["leeds"]),
        ("01134960000", {"1": 1, "3": 9}, DIDS["leeds"]),
        ("01134960000", {"1": 2}, Refusal.BUSY),
        ("01904960000", {}, Refusal.INACTIVE),
        ("01482960000", {"3": 500}, DIDS["hull"]),
        ("01482960001", {}, Refusal.UNKNOWN),
        ("alice", {}, Refusal.UNKNOWN),
    ],
)
def test_who_is_let_in(snapshot: Snapshot, dialled: str, running: dict[str, int], expected: str) -> None:
    answer = admit(snapshot, DirectoryHealth("database", None, 1, 3, 3), dialled, running)
    assert (answer.did if isinstance(answer, Number) else answer) == expected


def test_a_number_does_not_cease_to_exist_because_nothing_is_known(snapshot: Snapshot) -> None:
    nothing = DirectoryHealth("nothing", "away", 0, 0, 0)
    assert admit(Snapshot(), nothing, DIDS["leeds"], {}) is Refusal.UNAVAILABLE
    from_file = DirectoryHealth("file", "away", 1, 3, 3)
    assert admit(snapshot, from_file, "999", {}) is Refusal.UNKNOWN


def test_the_dialplan_knows_the_words_for_what_a_trunk_is_to_be_told() -> None:
    dialplan = (Path(__file__).parents[2] / "asterisk" / "extensions.conf").read_text()
    told = set(re.findall(r"^exten => (\w+),1,Hangup\(\d+\)", dialplan, re.MULTILINE))
    assert told == {Refusal.UNKNOWN, Refusal.INACTIVE}
