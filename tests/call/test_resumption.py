"""Callers who come back: the conversation goes on, once, for their own channel and tenant, for some time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.call.resumption import Kept, Resumptions, kept_exchanges
from offhook.conversation.forms.form import Form
from offhook.conversation.history import Exchange
from tests.support.clock import Clock
from tests.support.scripted_call import AGENT, ScriptedCall, scripted_call

SAID = (
    Exchange("Do you have rye bread?", "Yes, every day.", "Yes, every day."),
    Exchange("Can I talk to Ms Weaver?", "One moment, I'll put", "One moment, I'll put you through."),
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class House:
    """Resumptions, with a clock and timers of the test's."""

    def __init__(self, keep_s: float = 600, most: int = 256) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.kept = Resumptions(
            keep_s, most=most, clock=lambda: self.now, later=lambda s, run: self.timers.append((s, run))
        )

    def keep(self, call_id: str, tenant: str | None = None) -> None:
        self.kept.keep(Kept(call_id, "bakery", tenant, SAID))

    def passes(self, seconds: float) -> None:
        self.now += seconds
        for after, run in self.timers:
            if after <= self.now:
                run()


def test_a_conversation_is_taken_once_and_by_its_own_tenant_alone() -> None:
    house = House()
    house.keep("1.2", "acme")
    assert house.kept.take("1.2", None, "busy") is None
    assert house.kept.take("1.2", "other", "busy") is None
    assert house.kept.take("1.3", "acme", "busy") is None
    found = house.kept.take("1.2", "acme", "busy")
    assert found == Kept("1.2", "bakery", "acme", SAID, why="busy")
    assert house.kept.take("1.2", "acme", "busy") is None


@pytest.mark.parametrize(("keep_s", "after_s", "left"), [(600, 599, 1), (600, 600, 0), (0, 0, 0)])
def test_what_nobody_comes_back_for_is_erased(keep_s: float, after_s: float, left: int) -> None:
    house = House(keep_s)
    house.keep("1.2")
    house.passes(after_s)
    assert len(house.kept) == left, "without anybody asking"


@pytest.mark.parametrize(
    ("why", "agent", "says"),
    [
        ("noanswer", "bakery", "returned"),
        ("cut", "bakery", "resumed"),
        ("moved", "bakery", "resumed"),
        ("moved", "cafe", "greeting"),
    ],
)
def test_what_is_said_first_to_who_is_back(why: str, agent: str, says: str) -> None:
    assert Kept("1.2", "bakery", None, SAID, why=why).opening(agent) == says


def test_the_oldest_makes_room() -> None:
    house = House(most=2)
    for call_id in ("1", "2", "1", "3"):
        house.keep(call_id)
    assert [bool(house.kept.take(each, None, "")) for each in ("1", "2", "3")] == [True, False, True]


def test_the_words_go_on_and_what_was_being_filled_in_does_not() -> None:
    exchanges = [Exchange(f"{n}", "a", "a", form=Form("book")) for n in range(100)]
    kept = kept_exchanges(exchanges)
    assert [each.caller_text for each in kept] == [str(n) for n in range(40, 100)]
    assert not any(each.form for each in kept)


@pytest.mark.parametrize(
    ("agent", "why", "first"),
    [
        (AGENT.name, "noanswer", AGENT.returned),
        (AGENT.name, "failed", AGENT.resumed),
        ("Somebody else", "agent", AGENT.greeting),
    ],
)
async def test_the_conversation_goes_on(
    tmp_path: Path, clock: Clock, agent: str, why: str, first: str
) -> None:
    """What is said first tells why they are back; the model knows what was said, as it was audible."""

    def fill(call: ScriptedCall) -> None:
        call.back = Kept(call.line.offer.call_id, agent, None, SAID, why=why)

    async with scripted_call(tmp_path, clock, [["We do."]], fill=fill) as call:
        assert call.line.said == [first]
        await call.says("And on Sundays?")
        assert call.exchanges == [
            *((each.caller_text, each.audible_text) for each in SAID),
            ("And on Sundays?", "We do."),
        ]
        before, _, after = call.remembered.partition("One moment, I'll put")
        assert "rye bread" in before
        assert "you through" not in after, "that was not audible"
        assert "And on Sundays?" in after
