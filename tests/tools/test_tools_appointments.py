"""Appointments as tools: from an agent's table to the book, and what is said of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from offhook.agents.loader import Agent
from offhook.conversation.forms.filler import FormFiller
from offhook.conversation.forms.form import Form
from offhook.conversation.forms.slots import Hearing
from offhook.conversation.forms.words import form_words
from offhook.languages import language
from offhook.moments.naming import with_day
from offhook.tenants.database import Database
from offhook.tenants.registry import add_tenant
from offhook.tools.base import Context, Option, ToolResult
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import Origin, make_tools
from tests.support.salon import SALON

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=VIENNA)  # a Wednesday
AYO = Context("call-1", "salon", caller="+43 1 2345", now=NOW)
HAIRCUT: dict[str, Any] = {"service": "haircut", "day": "2026-11-27", "time": "14:00", "name": "Ayo"}


def agent(settings: dict[str, Any], language: str = "en") -> Agent:
    # nothing here is about time
    table = {"appointments": {"timeout_s": 60, "settings": {"file": "salon.db", **settings}}}
    return Agent.model_validate({"name": "Salon", "greeting": "Hello.", "language": language, "tools": table})


@pytest.fixture
async def toolbox(tmp_path: Path) -> AsyncIterator[Toolbox]:
    made = make_tools(agent(SALON), Origin(tmp_path))
    assert made.problems == {}
    toolbox = Toolbox(made.tools, Ledger.in_file(None))
    yield toolbox
    await made.close()


async def run(toolbox: Toolbox, tool: str, context: Context = AYO, /, **arguments: Any) -> ToolResult:
    executor = Executor(toolbox, context)
    return await executor.run(tool, arguments, committed=True)


async def test_a_salon_gets_four_tools_and_one_that_allows_no_changes_two(tmp_path: Path) -> None:
    made = make_tools(agent(SALON), Origin(tmp_path))
    assert list(made.tools) == [
        "find_free_times",
        "book_appointment",
        "move_appointment",
        "cancel_appointment",
    ]
    book = made.tools["book_appointment"].spec
    assert book.required == ("service", "day", "time", "name")
    assert book.properties["service"]["enum"] == ["haircut", "colour"]
    assert book.properties["with"]["enum"] == ["Mirela", "Joost"]
    assert book.confirmed
    assert not (tmp_path / "salon.db").exists(), "a file that names a book opens none"
    await made.close()
    few = make_tools(agent({**SALON, "changes": False, "services": [SALON["services"][0]]}), Origin(tmp_path))
    assert list(few.tools) == ["find_free_times", "book_appointment"]
    assert few.tools["book_appointment"].spec.required == ("day", "time", "name")
    assert few.tools["book_appointment"].spec.phrases.confirm.startswith("haircut on {day}")
    await few.close()


async def test_from_the_first_question_to_the_cancellation(toolbox: Toolbox) -> None:
    found = await run(toolbox, "find_free_times", service="haircut", when="Thursday afternoon")
    assert found.say == "There is tomorrow at 1:30 PM, 2 PM or 2:30 PM."
    booked = await run(toolbox, "book_appointment", **HAIRCUT)
    assert booked.say == "Haircut is booked for Friday, November 27 at 2 PM with Mirela."
    reference = booked.value["reference"]
    (mine,) = await toolbox.tools["move_appointment"].options("appointment", {}, AYO) or ()
    assert (mine.value, mine.said) == (reference, "haircut, Friday, November 27 at 2 PM")
    moved = await run(toolbox, "move_appointment", appointment=reference, day="2026-11-27", time="14:30")
    assert moved.say == "Your appointment is now Friday, November 27 at 2:30 PM."
    cancelled = await run(toolbox, "cancel_appointment", appointment=reference)
    assert cancelled.say == "Your appointment for Friday, November 27 at 2:30 PM is cancelled."
    assert await toolbox.tools["cancel_appointment"].options("appointment", {}, AYO) == []


async def test_what_callers_say_is_read_by_the_services_names_and_the_opening_hours(tmp_path: Path) -> None:
    services = [
        {"name": "beard", "minutes": 15},
        {"name": "cut", "also": ["haircut"], "minutes": 30, "resources": []},
    ]
    made = make_tools(agent({**SALON, "services": services}), Origin(tmp_path))
    book = made.tools["book_appointment"]
    assert "I need cut" in book.spec.when, "whoever names a service wants it"
    filler = FormFiller(book, Executor(Toolbox(made.tools, Ledger.in_file(None)), AYO))
    text = "I need a haircut on Friday at five"
    step = await filler.open(Hearing(text, language("en"), form_words("en"), NOW, "en"))
    assert step.reply == "asked"
    assert step.form is not None
    read = [step.form.values[name] for name in ("service", "day", "time")]
    assert read == ["cut", "2026-11-27", "17:00"], "nobody is there at five in the morning"
    await made.close()


@pytest.mark.parametrize(
    "text", ["What do you have free on Friday afternoon?", "Is there anything free for a haircut on Friday?"]
)
async def test_what_is_free_is_looked_up_for_the_day_that_was_said(toolbox: Toolbox, text: str) -> None:
    """A service need not be named for it."""
    filler = FormFiller(toolbox.tools["find_free_times"], Executor(toolbox, AYO))
    step = await filler.open(Hearing(text, language("en"), form_words("en"), NOW, "en"))
    assert step.reply == "run"
    assert step.form is not None
    assert not step.form.labels.get("when"), "it is no value that speaks for a wish"
    found = await run(toolbox, "find_free_times", **step.form.values)
    assert "Friday, November 27" in (found.say or "")


@pytest.mark.parametrize(
    ("code", "text", "day", "time"),
    [
        ("en", "Friday at four", "2026-11-27", "16:00"),
        ("en", "make it Saturday instead", "2026-11-28", None),
        ("de", "dann am Freitag um zehn", "2026-11-27", "10:00"),
        ("es", "mejor el viernes a las diez", "2026-11-27", "10:00"),
    ],
)
async def test_who_is_asked_for_a_time_may_say_another_day(
    tmp_path: Path, code: str, text: str, day: str, time: str | None
) -> None:
    made = make_tools(agent(SALON, code), Origin(tmp_path))
    book = made.tools["book_appointment"]
    filler = FormFiller(book, Executor(Toolbox(made.tools, Ledger.in_file(None)), AYO))
    known = {"service": "colour", "day": "2026-11-26", "name": "Ayo"}
    form = Form(book.spec.name, known, dict.fromkeys(known, "x"), asked="time")
    form = replace(form, options=(Option("14:00", "2 PM"),))
    step = await filler.answer(form, Hearing(text, language(code), form_words(code), NOW, code))
    assert step.form is not None
    assert (step.form.values["day"], step.form.values.get("time")) == (day, time)
    assert step.form.options == ()
    await made.close()


async def test_the_only_appointment_is_meant_and_of_several_they_are_told(toolbox: Toolbox) -> None:
    cancel = toolbox.tools["cancel_appointment"]
    filler = FormFiller(cancel, Executor(toolbox, AYO))
    hearing = Hearing("I have to cancel", language("en"), form_words("en"), NOW, "en")
    nothing = await filler.open(hearing)
    assert (nothing.reply, nothing.say) == ("left", "I find no appointment under your number.")
    assert (await run(toolbox, "book_appointment", **HAIRCUT)).ok
    step = await filler.open(hearing)
    assert step.reply == "confirming"
    assert step.say == "I cancel haircut, Friday, November 27 at 2 PM. Is that right?"
    other = {**HAIRCUT, "day": "2026-11-26", "time": "09:00"}
    assert (await run(toolbox, "book_appointment", replace(AYO, call_id="call-2"), **other)).ok
    step = await filler.open(hearing)
    assert step.reply == "asked"
    assert step.say == (
        "Which appointment do you mean? There is haircut, tomorrow at 9 AM or haircut, Friday,"
        " November 27 at 2 PM."
    )


async def test_a_yes_is_nobodys_name(toolbox: Toolbox) -> None:
    book = toolbox.tools["book_appointment"]
    filler = FormFiller(book, Executor(toolbox, AYO))
    known = {name: HAIRCUT[name] for name in ("service", "day", "time")}
    form = Form(book.spec.name, known, dict.fromkeys(known, "x"), asked="name")
    for text, name in (("Yes, that's right.", None), ("Sure, Ayo.", "Ayo"), ("Fine.", "Fine")):
        step = await filler.answer(form, Hearing(text, language("en"), form_words("en"), NOW, "en"))
        assert step.form is not None
        assert step.form.values.get("name") == name, text


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        ("en", "Haircut on tomorrow at 2 PM", "Haircut tomorrow at 2 PM"),
        ("en", "Haircut on Friday, November 27", "Haircut on Friday, November 27"),
        ("de", "Schnitt am morgen um 10:00", "Schnitt morgen um 10:00"),
        ("de", "Schnitt am Montag, 30. November", "Schnitt am Montag, 30. November"),
        ("es", "Cambio su cita al mañana, el hoy no", "Cambio su cita a mañana, hoy no"),
    ],
)
def test_no_word_for_a_day_stands_before_tomorrow(code: str, text: str, said: str) -> None:
    assert with_day(text, code) == said


async def test_what_is_not_free_is_refused_with_what_is(toolbox: Toolbox) -> None:
    tool = toolbox.tools["book_appointment"]
    assert await tool.check(HAIRCUT, AYO) is None
    for n in (1, 2):
        other = replace(AYO, call_id=f"other-{n}")
        assert (await run(toolbox, "book_appointment", other, **HAIRCUT)).ok
    refusal = await tool.check(HAIRCUT, AYO)
    assert refusal is not None
    assert refusal.parameter == "time"
    assert refusal.say == (
        "2 PM is not free on Friday, November 27. There is 3 PM, 3:30 PM or 4 PM. Which one suits you?"
    )
    assert [one.value for one in refusal.options] == ["15:00", "15:30", "16:00"]
    late = await run(toolbox, "book_appointment", **HAIRCUT)
    assert (late.ok, late.say) == (False, refusal.say), "somebody was quicker between the yes and the book"
    sunday = await tool.check({"service": "haircut", "day": "2026-11-29"}, AYO)
    assert sunday is not None
    assert sunday.say.startswith(
        "On Sunday, November 29 nothing is free. There is Tuesday, December 1 at 9 AM,"
    )
    assert sunday.options[0].value == "2026-12-01"
    past = await tool.check({"day": "2026-11-24"}, AYO)
    assert past is not None
    assert past.parameter == "day"


async def test_the_only_times_are_those_that_are_free(toolbox: Toolbox) -> None:
    tool = toolbox.tools["book_appointment"]
    free = await tool.options("time", {"service": "haircut", "day": "2026-11-26"}, AYO)
    assert free is not None
    assert [one.value for one in free][:3] == ["09:00", "09:30", "10:00"]
    assert await tool.options("name", {}, AYO) is None
    assert await tool.options("time", {"service": "haircut", "day": "2026-11-29"}, AYO) is None


async def test_nobody_changes_what_is_under_another_number(toolbox: Toolbox) -> None:
    reference = (await run(toolbox, "book_appointment", **HAIRCUT)).value["reference"]
    stranger = replace(AYO, call_id="2", caller="+43 1 9999")
    for name, more in (
        ("cancel_appointment", {}),
        ("move_appointment", {"day": "2026-11-27", "time": "16:00"}),
    ):
        refusal = await toolbox.tools[name].check({"appointment": reference, **more}, stranger)
        assert refusal is not None
        assert not (await run(toolbox, name, stranger, appointment=reference, **more)).ok
    withheld = replace(AYO, call_id="3", caller="")
    assert await toolbox.tools["cancel_appointment"].options("appointment", {}, withheld) == []


async def test_the_same_request_books_once_also_behind_a_lost_ledger(tmp_path: Path) -> None:
    """A daemon that died between the effect and its note: the key finds what was booked."""
    made = make_tools(agent(SALON), Origin(tmp_path))
    first = await run(Toolbox(made.tools, Ledger.in_file(None)), "book_appointment", **HAIRCUT)
    again = await run(Toolbox(made.tools, Ledger.in_file(None)), "book_appointment", **HAIRCUT)
    assert first.value == again.value
    await made.close()


async def test_what_was_cancelled_or_moved_may_be_booked_and_moved_once_more(toolbox: Toolbox) -> None:
    executor = Executor(toolbox, AYO)

    async def do(tool: str, **arguments: Any) -> Any:
        result = await executor.run(tool, arguments, committed=True)
        assert result.ok, result.say
        return result.value

    first = (await do("book_appointment", **HAIRCUT))["reference"]
    assert (await do("book_appointment", **HAIRCUT))["reference"] == first, "the same request, twice"
    await do("cancel_appointment", appointment=first)
    second = (await do("book_appointment", **HAIRCUT))["reference"]
    assert second != first
    assert (await do("book_appointment", **HAIRCUT))["reference"] == second
    for time in ("15:00", "14:00", "15:00", "15:00"):
        await do("move_appointment", appointment=second, day="2026-11-27", time=time)
    (mine,) = await toolbox.tools["move_appointment"].options("appointment", {}, AYO) or ()
    assert (mine.value, mine.said) == (second, "haircut, Friday, November 27 at 3 PM")


async def test_in_german_and_for_a_tenant(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/tenants.db")
    database.prepare()
    with database.writing() as connection:
        add_tenant(connection, "salon", "Salon")
    settings = {key: value for key, value in SALON.items() if key != "file"}
    german = Agent.model_validate(
        {
            "name": "Salon",
            "greeting": "Grüß Gott.",
            "language": "de",
            "tools": {"appointments": {"settings": settings}},
        }
    )
    made = make_tools(german, Origin(tenant="salon", database=str(database.url)))
    assert made.problems == {}
    context = replace(AYO, language="de", tenant="salon")
    toolbox = Toolbox(made.tools, Ledger.in_file(None))
    found = await run(toolbox, "find_free_times", context, service="colour", when="am Freitag um halb drei")
    assert found.say == "Frei ist Freitag, 27. November um 14:30 Uhr."
    booked = await run(toolbox, "book_appointment", context, **HAIRCUT)
    assert booked.say == "Haircut ist gebucht für Freitag, 27. November um 14:00 Uhr, bei Mirela."
    await made.close()


@pytest.mark.parametrize(
    ("settings", "tenant", "said"),
    [
        ({}, None, "settings.time_zone: Field required"),
        (
            {**SALON, "hours": {"mon": "late"}},
            None,
            "settings.hours.mon.0: 'late' is not like \"9:00-12:30\"",
        ),
        ({**SALON, "file": "x.db"}, "salon", "a tenant's book is in its database"),
        (
            {
                **SALON,
                "resources": [{"name": "Mirela", "calendar": "a@b.example"}],
                "calendar": {"kind": "google", "secret_env": "HOME"},
            },
            "salon",
            "name things of this machine",
        ),
        (
            {
                **SALON,
                "resources": [{"name": "Mirela", "calendar": "diary.ics"}],
                "calendar": {"kind": "icalendar"},
            },
            "salon",
            "a tenant's calendar is a URL",
        ),
    ],
)
async def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, settings: dict[str, Any], tenant: str | None, said: str
) -> None:
    table = {"appointments": {"settings": settings}}
    wrong = Agent.model_validate({"name": "Salon", "greeting": "Hello.", "tools": table})
    made = make_tools(wrong, Origin(tmp_path, tenant=tenant))
    assert not made.tools
    assert said in made.problems["appointments"]
    await made.close()


async def test_a_calendar_besides_is_heeded_and_gets_a_copy(tmp_path: Path) -> None:
    settings = {
        **SALON,
        "resources": [{"name": "Mirela", "calendar": "mirela.ics"}],
        "calendar": {"kind": "icalendar"},
    }
    made = make_tools(agent(settings), Origin(tmp_path))
    assert made.problems == {}
    await run(Toolbox(made.tools, Ledger.in_file(None)), "book_appointment", **HAIRCUT)
    text = (tmp_path / "mirela.ics").read_text()
    assert "SUMMARY:haircut: Ayo" in text
    assert "DTSTART:20261127T130000Z" in text
    await made.close()
