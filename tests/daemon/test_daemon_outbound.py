"""Placed calls in the daemon, with a scripted telephone network and a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from offhook.call.placed import ANSWERED_BY
from offhook.cli.main import main
from offhook.config import Config
from offhook.control.commands import Commands
from offhook.control.feed import Event, Feed, Reader
from offhook.daemon.outbound import Outbound
from offhook.doors.ari.door import Dialled
from offhook.doors.base import RESULT_VARIABLE, CallOffer
from offhook.errors import AriError, BusyError, ConfigError
from tests.support.controlled import controlled
from tests.support.outbound import NOON, Network, no_line, outbound_of
from tests.support.waiting import eventually


class World:
    """One daemon's outbound side; :meth:`until` lets it work."""

    def __init__(
        self, folder: Path, network: Network, check: Callable[[CallOffer], str | None], **more: object
    ):
        self.now = NOON
        self.network = network
        outbound = {
            "allow": ["+1"],
            "database": str(folder / "outbound.db"),
            "caller_id": "+12125550100",
            **more,
        }

        async def sleep(seconds: float) -> None:
            self.now += timedelta(seconds=seconds)
            await asyncio.sleep(0)

        config = Config.model_validate({"outbound": outbound})
        self.commands = Commands()
        self.events: Reader[Event] = Reader(asyncio.get_running_loop())
        feed = Feed()
        feed.add(self.events, lambda event: event)
        self.outbound = Outbound(
            config, no_line, check, self.commands, feed, clock=lambda: self.now, sleep=sleep
        )

    async def tell(self, name: str, **arguments: object) -> dict[str, object]:
        return dict(await self.commands.carry_out(self.commands.find(name, of_call=False), arguments))

    async def run_until_done(self, count: int = 1) -> list[dict[str, object]]:
        running = asyncio.create_task(self.outbound.run(self.network, None, lambda: None))  # type: ignore[arg-type]
        calls: list[dict[str, object]] = []
        try:
            await asyncio.sleep(0)

            async def done() -> bool:
                nonlocal calls
                calls = (await self.tell("dialled"))["calls"]  # type: ignore[assignment]
                return sum(call["state"] == "done" for call in calls) == count

            for _ in range(6_000):
                if await done():
                    break
                await asyncio.sleep(0.01)
            else:
                raise AssertionError(f"not done within a minute: {calls}")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return calls


def fine(offer: CallOffer) -> str | None:
    return None


ANSWERED = Dialled(True, 0, {RESULT_VARIABLE: "ok", ANSWERED_BY: "human"})


async def test_a_call_is_placed_and_what_came_of_it_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path, Network(ANSWERED), fine)
    world.outbound._door = world.network  # type: ignore[assignment]
    told = await world.tell("dial", number="+1 212 555 0123", agent="garage", consent="asked us to")
    assert told["due"] == "2026-11-27T17:00:00+00:00"
    (call,) = await world.run_until_done()
    assert (call["result"], call["answered_by"], call["tries"]) == ("ok", "human", 1)
    ((endpoint, offer, caller_id),) = world.network.dialled
    assert endpoint == "PJSIP/+12125550123@trunk"
    assert (offer.caller, offer.dialled, offer.arguments) == (
        "+12125550123",
        "+12125550100",
        ("agent=garage",),
    )
    assert offer.is_placed
    assert caller_id == "+12125550100"


async def test_who_is_not_reached_is_called_again_later_and_not_for_ever(tmp_path: Path) -> None:
    network = Network(Dialled(False, 17), Dialled(False, 19), Dialled(False, 17))
    world = World(tmp_path, network, fine, retries=2, retry_after_min=30)
    world.outbound._door = network  # type: ignore[assignment]
    await world.tell("dial", number="+12125550123", consent="yes")
    (call,) = await world.run_until_done()
    assert (call["result"], call["tries"]) == ("busy", 3)
    assert world.now - NOON >= timedelta(minutes=60)
    told, _ = await world.events.take()
    assert [(event["type"], event["placed"], event["state"], event["result"]) for event in told] == [
        ("placed", 1, state, result)
        for state, result in (
            ("waiting", ""), ("calling", ""), ("waiting", "busy"), ("calling", "busy"),
            ("waiting", "no_answer"), ("calling", "no_answer"), ("done", "busy"),
        )
    ]  # fmt: skip
    assert "+12125550123" not in str(told)


async def test_a_full_daemon_puts_calls_off_and_a_refusal_of_asterisk_ends_one(tmp_path: Path) -> None:
    def busy_once(offer: CallOffer) -> str | None:
        asked.append(1)
        if len(asked) == 2:
            raise BusyError("all places are taken")
        return None

    asked: list[int] = []
    network = Network(AriError("POST channels: Asterisk says 400 no such endpoint", 400))
    world = World(tmp_path, network, busy_once)
    world.outbound._door = network  # type: ignore[assignment]
    await world.tell("dial", number="+12125550123", consent="yes")
    (call,) = await world.run_until_done()
    assert (call["result"], call["tries"]) == ("failed", 1)
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"number": "+12125550123"}, "no consent is noted"),
        ({"number": "+12125550123", "consent": "no"}, "no consent is noted"),
        ({"number": "+4930123456", "consent": "yes"}, "may not be dialled"),
        ({"number": "+12125550123", "consent": "yes", "tenant": "acme"}, "has no number to call from"),
        ({"number": "+12125550123", "consent": "yes", "agnet": "x"}, "agnet"),
    ],
)
async def test_what_may_not_be_called_is_refused_in_one_line(
    tmp_path: Path, arguments: dict[str, str], why: str
) -> None:
    network = Network()
    world = World(tmp_path, network, fine)
    world.outbound._door = network  # type: ignore[assignment]
    with pytest.raises(ConfigError, match=why):
        await world.tell("dial", **arguments)
    assert (await world.tell("dialled"))["calls"] == []


async def test_without_a_door_nothing_is_dialled_and_the_line_says_what_to_set(tmp_path: Path) -> None:
    world = World(tmp_path, Network(), fine)
    with pytest.raises(ConfigError, match=r"set doors\.ari"):
        await world.tell("dial", number="+12125550123", consent="yes")


async def test_blocked_numbers_are_dropped_from_what_waits(tmp_path: Path) -> None:
    network = Network()
    world = World(tmp_path, network, fine)
    world.outbound._door = network  # type: ignore[assignment]
    await world.tell("dial", number="+12125550123", consent="yes", list="recall.csv")
    assert (await world.tell("dial-block", number="+12125550123"))["dropped"] == 1
    with pytest.raises(ConfigError, match="not to be called"):
        await world.tell("dial", number="+12125550123", consent="yes")
    await eventually(lambda: not network.dialled, "nobody was rung")


@pytest.mark.parametrize(
    ("command", "of"), [("dial-stop", {}), ("dial-block", {"number": "+1-212-555-0123"})]
)
async def test_who_is_stopped_or_blocked_while_it_rings_is_not_called_again(
    tmp_path: Path, command: str, of: dict[str, str]
) -> None:
    network = Network()
    world = World(tmp_path, network, fine)
    world.outbound._door = network  # type: ignore[assignment]

    async def rings(*_: object, **__: object) -> Dialled:
        await world.tell(command, **of)
        return Dialled(False, 17)

    network.dial = rings  # type: ignore[method-assign]
    await world.tell("dial", number="+12125550123", consent="yes")
    (call,) = await world.run_until_done()
    assert (call["result"], call["tries"]) == ("busy", 1)


async def test_whoever_may_not_be_dialled_can_be_blocked(tmp_path: Path) -> None:
    world = World(tmp_path, Network(), fine)
    world.outbound._door = world.network  # type: ignore[assignment]
    assert await world.tell("dial-block", number="+44 (0)20 7946 0000") == {
        "number": "+442079460000",
        "dropped": 0,
    }


@pytest.mark.parametrize("ends", ["over", "dropped", "stopped"])
async def test_who_waits_for_a_call_is_told_by_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ends: str
) -> None:
    command = ["dial", "+12125550123", "--consent", "yes", "--wait", "--json", "--control"]
    async with controlled(tmp_path) as daemon:
        outbound = outbound_of(tmp_path, Network(Dialled(False, 17)), daemon.commands, daemon.calls.feed)
        outbound._settings = outbound._settings.model_copy(update={"retries": 0})
        events: Reader[Event] = Reader(asyncio.get_running_loop())
        daemon.calls.feed.add(events, lambda event: event)
        waiting = asyncio.create_task(asyncio.to_thread(main, [*command, str(daemon.path)]))
        await asyncio.wait_for(events.take(), 60)
        if ends == "over":
            assert await outbound._next()
        elif ends == "dropped":
            await daemon.commands.carry_out(daemon.commands.find("dial-stop", of_call=False), {})
        if ends != "stopped":
            assert await asyncio.wait_for(waiting, 60) == 0
    if ends == "stopped":
        assert await asyncio.wait_for(waiting, 60) == 2
        assert "the daemon has stopped" in capsys.readouterr().err
        return
    (call,) = json.loads(capsys.readouterr().out)["calls"]
    assert call["result"] == {"over": "busy", "dropped": "stopped"}[ends]
