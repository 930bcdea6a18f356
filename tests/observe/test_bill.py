"""Money: what engines on servers write on the bill of the call that they work for."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pytest

from offhook.engines.llm.base import Limits
from offhook.engines.llm.remote import Prices
from offhook.engines.tts.backed import BackedVoice
from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.voice import Voice
from offhook.observe.bill import BILL, CHARACTERS, SECONDS, Bill, Ledger, add, billed
from offhook.observe.metrics import Metrics
from tests.support.engines.hearing_servers import hearing_server, speech
from tests.support.engines.model_server import openai_events, stream
from tests.support.engines.remote_models import both, make_model, text_of
from tests.support.engines.speech_servers import speech_server

CLAUSE = "A bicycle for two days."


def test_a_bill_adds_up_and_says_so() -> None:
    with billed() as bill:
        add(SECONDS, 30.0, 0.01)
        add(CHARACTERS, 1_000, 0.0)
        assert bill.since_last() == pytest.approx(0.3)
        add(SECONDS, 10.0, 0.01)
        assert bill.since_last() == pytest.approx(0.1)
        assert bill.since_last() == 0
    assert BILL.get() is None
    add(SECONDS, 10.0, 0.01)
    assert str(bill) == "cost=0.4000 seconds=40 characters=1000"
    page = Metrics()
    page.billed(bill)
    assert b'offhook_billed_units_total{unit="seconds"} 40.0' in page.page()
    assert b"offhook_billed_cost_total 0.4" in page.page()


def test_counts_come_from_any_thread() -> None:
    bill = Bill()

    def work() -> None:
        for _ in range(1_000):
            bill.add(SECONDS, 1, 1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (bill.units, bill.cost) == ({SECONDS: 4_000.0}, 4_000.0)


def test_a_ledger_begins_anew_each_day() -> None:
    ledger, evening = Ledger(), datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    morning = datetime(2026, 3, 2, 0, 1, tzinfo=UTC)
    ledger.add("bikes", 1.5, evening)
    ledger.add(None, 2.0, evening)
    assert (ledger.spent("bikes", evening), ledger.spent(None, evening)) == (1.5, 2.0)
    assert ledger.spent("skis", evening) == 0
    assert ledger.spent("bikes", morning) == 0


def test_a_call_that_goes_on_counts_already_and_is_counted_once() -> None:
    """However it ends: a limit for a day would not hold where calls are long."""
    ledger, bill = Ledger(), Bill()
    with suppress(KeyError), ledger.running("bikes", bill), ledger.running("bikes", Bill()):
        bill.add(SECONDS, 60, 0.01)
        assert ledger.spent("bikes") == pytest.approx(0.6)
        assert set(ledger.today()) == {"bikes"}
        assert ledger.spent("skis") == ledger.spent(None) == 0
        bill.add(SECONDS, 60, 0.01)
        raise KeyError
    bill.add(SECONDS, 60, 0.01)
    assert ledger.spent("bikes") == pytest.approx(1.2)


async def test_what_is_spoken_is_on_the_bill_of_the_call_that_asked() -> None:
    """Each call's, whichever thread does it; what was ready is free, and so is this machine's voice."""
    async with speech_server("piper-http") as server:
        voice = Voice(server.voice(price_per_million_characters=1_000_000.0))

        async def call(clause: str) -> Bill:
            with billed() as bill:
                for _ in range(2):
                    await voice.say(clause, 8_000, known=True)
                return bill

        clauses = CLAUSE, "Two."
        bills = await asyncio.gather(*(call(clause) for clause in clauses))
        for bill, clause in zip(bills, clauses, strict=True):
            sent = next(said.text for said in server.said if said.text[:3] == clause[:3])
            assert bill.units == {CHARACTERS: len(sent)}
            assert bill.cost == len(sent)
        await asyncio.to_thread(voice.close)
        server.mode = "refuse"
        backed = BackedVoice(server.voice(), Espeak(), after_s=60.0)
        with billed() as bill:
            for _ in range(4):
                assert await asyncio.to_thread(lambda: len(list(backed.synthesize(CLAUSE)))) > 0
        assert bill.units[CHARACTERS] == 2 * len(CLAUSE), "the server was asked twice, and left alone then"
        await asyncio.to_thread(backed.close)


async def test_speech_is_on_the_bill_as_it_is_sent() -> None:
    async with hearing_server("wyoming") as server:
        ear = server.recognition(price_per_minute=60.0)
        with billed() as bill:
            session = ear.session(8_000)
            session.push(speech("a table for six", 8_000))
            assert bill.units[SECONDS] == pytest.approx(1.2)
            assert bill.cost == pytest.approx(1.2)
            await session.final(1_000)
            session.cancel()
        await asyncio.to_thread(ear.close)


async def test_tokens_are_on_the_bill_as_the_server_counts_them() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 90},
    }
    async with both("openai") as side:
        side.server.will(stream(*openai_events(["Yes."], usage=usage)))
        model = make_model(side.server.url, "openai")
        model.prices = Prices(new=1e6, cached=1e5, written=2e6)
        with billed() as bill:
            talk = await model.conversation(model.template.prefix("You rent bicycles."))
            await talk.append(*model.template.user("Are you open?"))
            assert await text_of(talk.generate(Limits())) == "Yes."
            await talk.close()
        await model.aclose()
        assert bill.units == {"new_tokens": 10, "cached_tokens": 90, "written_tokens": 7}
        assert bill.cost == pytest.approx(10 + 9 + 14)


def test_an_engine_of_this_machine_costs_nothing() -> None:
    with billed() as bill:
        assert len(np.concatenate(list(Espeak().synthesize(CLAUSE)))) > 0
    assert bill.units == {}
