"""The daemon's own decisions: whom it takes, what it makes ready for them, when it says that it is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from offhook.call.profile import CallProfile
from offhook.call.tasks import Tasks
from offhook.config import Config, DaemonConfig, load_config
from offhook.daemon.answerer import of_box
from offhook.daemon.daemon import Daemon
from offhook.daemon.pace import ENOUGH
from offhook.daemon.reload import Reloads, Reread
from offhook.errors import BusyError, ConfigError, ModelError
from offhook.observe.bill import Bill
from offhook.observe.load import Speculation
from offhook.observe.metrics import REFUSALS
from tests.support.clock import reached
from tests.support.reception import Offer, Ready, SlowModel, opened
from tests.support.waiting import eventually


class House:
    """A daemon without sockets, sound and models, and the calls that it has begun."""

    def __init__(self, model: SlowModel, search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model, self.ready = model, Ready()
        self.calls: list[CallProfile] = []
        self.hold: asyncio.Event | None = None
        """Calls last until it is set; None: they are over at once."""
        self.settings = "[agent]\ndefault = 'jetty'\n"
        self.search = search
        self.daemon = Daemon(self.read(), read_again=self.read)
        self.reception = opened(self.daemon, model, self.ready)
        house = self

        class Call:
            successor = None

            def __init__(self, wire: Any, profile: CallProfile, *services: Any) -> None:
                assert wire.line.taken, "the door is told before anything takes long"
                house.calls.append(profile)
                self.bill = Bill()

            async def run(self) -> str:
                if house.hold is not None:
                    await house.hold.wait()
                return "ok"

        monkeypatch.setattr("offhook.daemon.relay.Call", Call)

    def read(self) -> Config:
        """The configuration as it is on disk now."""
        path = self.search / "offhook.conf"
        path.write_text(self.settings.replace("[agent]\n", f"[agent]\nsearch = ['{self.search}']\n"))
        return load_config(path)

    async def reload(self) -> None:
        self.daemon.reload()
        await self.warmed()

    async def call(self, *args: str) -> Offer:
        offer = Offer("1.2", *args)
        await self.daemon.take(cast(Any, offer))
        return offer

    async def warmed(self) -> None:
        while self.daemon._tasks._tasks:
            await asyncio.gather(*self.daemon._tasks._tasks)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    path = tmp_path / "jetty.toml"
    path.write_text('name = "Jetty Kayaks"\ngreeting = "Hello."\nfacts = ["We open at nine."]\n')
    return House(SlowModel(), tmp_path, monkeypatch)


def daemon_with(problem: str | None) -> Daemon:
    daemon = Daemon(Config())
    opened(daemon, SlowModel(problem), Ready())
    return daemon


async def test_a_model_that_hangs_makes_new_calls_busy() -> None:
    offer = Offer("1.2")
    with pytest.raises(BusyError, match="one batch for 12 s"):
        await daemon_with("the language model has computed one batch for 12 s").take(cast(Any, offer))
    assert not offer.taken


async def test_a_call_that_the_model_has_no_room_for_is_busy_before_it_is_taken(house: House) -> None:
    house.model.gate.set()
    house.model.places, house.hold = 1, asyncio.Event()
    running = asyncio.create_task(house.call("agent=jetty"))
    await reached(lambda: bool(house.calls), "the first call runs")
    offer = Offer("1.3", "agent=jetty")
    with pytest.raises(BusyError, match="all 1 places of the language model are taken"):
        await house.daemon.take(cast(Any, offer))
    assert not offer.taken
    house.hold.set()
    await running
    assert (await house.call("agent=jetty")).taken


async def test_a_stopping_daemon_and_an_unknown_agent_take_no_call() -> None:
    offer = Offer("1.2", "agent=nobody")
    daemon = daemon_with(None)
    with pytest.raises(ConfigError, match=r"no nobody\.toml"):
        await daemon.take(cast(Any, offer))
    daemon.stop()
    with pytest.raises(BusyError, match="stopping"):
        await daemon.take(cast(Any, offer))
    assert not offer.taken


async def test_whoever_is_not_taken_is_counted_with_the_reason(house: House) -> None:
    """By the door that brings the call, and by one that asks before there is a line."""
    house.model.gate.set()
    house.hold = asyncio.Event()
    daemon, registry = house.daemon, house.reception.services.metrics.registry
    daemon._config = daemon._config.model_copy(update={"daemon": DaemonConfig(max_calls=1)})

    def counted() -> dict[str, float]:
        values = {
            why: registry.get_sample_value("offhook_admission_refused_total", {"reason": why})
            for why in REFUSALS
        }
        assert None not in values.values(), "a first refusal has to be an increase"
        return {why: value for why, value in values.items() if value}

    assert counted() == {}
    running = asyncio.create_task(house.call("agent=jetty"))
    await reached(lambda: bool(house.calls), "the first call runs")
    for asks in (lambda offer: daemon.take(cast(Any, offer)), asked_before(daemon)):
        with pytest.raises(BusyError, match=r"1 calls already \(daemon\.max_calls\)"):
            await asks(Offer("1.3", "agent=jetty"))
    assert counted() == {"busy": 2}
    house.hold.set()
    await running
    house.reception._admitting.pace.limit_ms = 800
    for _ in range(ENOUGH):
        house.reception.services.metrics.on_answer(5000)
    with house.reception._admitting.call(None), pytest.raises(BusyError, match="admission"):
        await house.call("agent=jetty")
    assert counted() == {"busy": 2, "slow": 1}
    with pytest.raises(ConfigError, match=r"no nobody\.toml"):
        await house.call("agent=nobody")
    daemon.stop()
    with pytest.raises(BusyError, match="stopping"):
        await house.call("agent=jetty")
    assert counted() == {"busy": 3, "slow": 1, "failed": 1}
    with pytest.raises(BusyError):
        daemon._check(Offer("1.4", "agent=jetty").offer)
    assert counted()["busy"] == 3, "whoever wants to place a call only asks"


def asked_before(daemon: Daemon) -> Callable[[Offer], Awaitable[None]]:
    """As a door does that is told of calls that are not here yet."""

    async def ask(offer: Offer) -> None:
        daemon._announced(offer.offer)

    return ask


async def test_another_agents_call_is_taken_before_the_agent_is_ready(house: House) -> None:
    offer = await house.call("agent=jetty")
    assert offer.taken
    await house.model.begun.wait()
    assert house.ready.made == ["Jetty Kayaks: greeting"], "the rest is made ready meanwhile"
    house.model.gate.set()
    await house.warmed()
    assert house.ready.made[1:] == ["Jetty Kayaks"]


async def test_two_calls_at_once_make_it_ready_once(house: House) -> None:
    await asyncio.gather(house.call("agent=jetty"), house.call("agent=jetty"))
    house.model.gate.set()
    await house.warmed()
    await house.call("agent=jetty")
    await house.warmed()
    assert (house.model.preloads, house.ready.made) == (1, ["Jetty Kayaks: greeting", "Jetty Kayaks"])
    assert len(house.calls) == 3
    assert len({id(profile.policy) for profile in house.calls}) == 1, "they share what was made"
    assert house.calls[0].policy.name == "grounded"


async def test_what_cannot_be_made_ready_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.model.error = ModelError("out of order")
    house.model.gate.set()
    assert (await house.call("agent=jetty")).taken
    await house.warmed()
    assert "agent=Jetty Kayaks cannot be made ready: out of order" in caplog.text


async def test_a_stopping_daemon_waits_for_nothing_that_is_made_ready(house: House) -> None:
    class Door:
        active_calls = 0

        def stop_accepting(self) -> None:
            pass

        async def close(self) -> None:
            pass

    await house.call("agent=jetty")
    await house.model.begun.wait()
    (task,) = house.daemon._tasks._tasks
    await house.daemon._drain(cast(Any, Door()))
    assert task.cancelled()


# --- reading again ---------------------------------------------------------------------------------


def write_agent(folder: Path, greeting: str, name: str = "jetty") -> None:
    (folder / f"{name}.toml").write_text(f'name = "Jetty Kayaks"\ngreeting = "{greeting}"\n')


@pytest.fixture
async def running(house: House) -> House:
    """A daemon that has had a call for jetty."""
    house.model.gate.set()
    await house.call()
    await house.warmed()
    return house


async def test_a_changed_agent_answers_new_calls_and_running_ones_keep_theirs(
    running: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    write_agent(tmp_path, "Good morning.")
    await running.reload()
    await running.call()
    before, after = (profile.agent.greeting for profile in running.calls)
    assert (before, after) == ("Hello.", "Good morning.")
    assert running.model.preloads == 2, "the new one is made ready"
    assert "reloaded: agent jetty has changed" in caplog.text
    assert "but for" not in caplog.text


async def test_what_has_not_changed_stays_as_it_is(running: House) -> None:
    await running.reload()
    await running.call()
    assert running.calls[0].policy is running.calls[1].policy
    assert running.model.preloads == 1


async def test_a_broken_agent_stays_as_it_was(
    running: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "jetty.toml").write_text("name = \n")
    await running.reload()
    await running.call()
    assert running.calls[0].policy is running.calls[1].policy
    assert "agent jetty stays as it was: " in caplog.text
    assert "not valid TOML" in caplog.text
    assert "reloaded but for 1 (see above)" in caplog.text, "not as if all were well"


async def test_an_agent_that_has_gone_is_refused(
    running: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (tmp_path / "jetty.toml").unlink()
    await running.reload()
    with pytest.raises(ConfigError, match=r"no jetty\.toml"):
        await running.call()
    assert "agent jetty has gone" in caplog.text
    write_agent(tmp_path, "Back again.")
    await running.call()
    assert running.calls[-1].agent.greeting == "Back again."


async def test_a_changed_configuration_is_for_new_calls(running: House) -> None:
    running.settings += (
        "[turn]\nresponsiveness = 'patient'\nspeculation = false\n[llm]\nhistory_turns = 3\nmax_tokens = 7\n"
    )
    await running.reload()
    await running.call()
    before, after = running.calls
    assert (after.turn.responsiveness, after.history_turns, after.limits.max_tokens) == ("patient", 3, 7)
    assert running.reception.services.load.sample() is Speculation.OFF
    assert before.turn.responsiveness == "balanced", "a call that runs holds these"
    assert after.policy is before.policy, "nothing had to be made anew for it"


async def test_another_way_of_answering_is_taken_over(running: House) -> None:
    running.settings += "[conversation]\npolicy = 'chat'\n"
    await running.reload()
    await running.call()
    assert [profile.policy.name for profile in running.calls] == ["grounded", "chat"]


async def test_a_broken_configuration_stays_as_it_was_and_agents_are_read_all_the_same(
    running: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running.settings += "[turn]\nresponsivenes = 'patient'\n"
    write_agent(tmp_path, "Good morning.")
    await running.reload()
    await running.call()
    assert "the configuration stays as it was: " in caplog.text
    assert "did you mean 'responsiveness'" in caplog.text
    assert running.calls[-1].agent.greeting == "Good morning."


async def test_what_cannot_change_while_running_is_said(
    running: House, caplog: pytest.LogCaptureFixture
) -> None:
    running.settings += "[daemon]\nsocket = '/other.sock'\ndrain_s = 1\n[tts]\nrate_wpm = 200\n"
    await running.reload()
    assert "daemon.socket, tts.rate_wpm cannot change while running: restart the daemon" in caplog.text
    assert running.daemon._config.tts.rate_wpm == 165
    assert running.daemon._config.daemon.drain_s == 1


async def test_another_default_is_taken_when_it_is_there(
    running: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running.settings = "[agent]\ndefault = 'harbour'\n"
    await running.reload()
    await running.call()
    assert "the default agent cannot be used: agent 'harbour': no harbour.toml" in caplog.text
    assert running.calls[-1].policy is running.calls[0].policy
    write_agent(tmp_path, "Harbour master.", "harbour")
    await running.reload()
    await running.call()
    assert running.calls[-1].agent.greeting == "Harbour master."


async def test_a_signal_while_it_starts_or_reads_is_not_lost() -> None:
    gate, begun, tasks = asyncio.Event(), 0, Tasks(lambda error, name: None)

    async def read() -> Reread:
        nonlocal begun
        begun += 1
        here = begun
        await gate.wait()
        return Reread(news=[str(here)])

    reloads = Reloads(read, tasks.spawn)
    first = reloads.want()
    await asyncio.sleep(0)
    assert begun == 0, "the daemon has not started"
    reloads.begin()
    await asyncio.sleep(0)
    assert begun == 1
    later = [reloads.want(), reloads.want()]
    await asyncio.sleep(0)
    assert begun == 1, "one at a time"
    gate.set()
    await eventually(lambda: begun == 2, "what was wanted meanwhile is read")
    assert (await first).news == ["1"]
    assert [(await each).news for each in later] == [["2"], ["2"]], "not what was read before they asked"
    await tasks.close()
    assert begun == 2


async def test_a_reading_that_breaks_is_no_silence_for_whoever_waits() -> None:
    failed: list[str] = []
    tasks = Tasks(lambda error, name: failed.append(name))

    async def read() -> Reread:
        raise OSError("the disk has gone")

    reloads = Reloads(read, tasks.spawn)
    reloads.begin()
    with pytest.raises(OSError, match="the disk has gone"):
        await reloads.want()
    await tasks.close()
    assert failed == ["reload"]


async def test_who_answers_in_other_languages_is_made_ready_while_the_call_goes_on(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.model.gate.set()
    (house.search / "muelle.toml").write_text('name = "Kayaks"\nlanguage = "es"\ngreeting = "Hola."\n')
    (house.search / "jetty.toml").write_text(
        'name = "Jetty Kayaks"\ngreeting = "Hello."\nlanguages = { es = "muelle", fr = "quai" }\n'
    )
    house.hold = asyncio.Event()
    running = asyncio.create_task(house.call("agent=jetty"))
    await reached(lambda: bool(house.calls) and "es" in house.calls[0].others, "the other is ready")
    assert house.calls[0].others["es"].agent.greeting == "Hola."
    prepared = house.reception._profiles.get(of_box("muelle"))
    assert prepared is not None
    assert prepared.calls == 1, "it stays as long as the call may need it"
    await reached(lambda: "languages.fr" in caplog.text, "who is not there is named in the log")
    assert "no quai.toml" in caplog.text
    house.hold.set()
    await running
    assert prepared.calls == 0
