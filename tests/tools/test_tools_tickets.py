"""Tickets, messages and calls back: written down once, sent by mail, or made in somebody else's system."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from offhook.agents.loader import Agent
from offhook.errors import ConfigError, RegistryError
from offhook.tenants.jobs import Jobs
from offhook.tenants.own import opened
from offhook.tenants.tickets import Tickets
from offhook.tools.base import Context, ToolResult
from offhook.tools.builtin.orders import Order
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.recipes import load_recipe, recipe_names
from offhook.tools.registry import Made, Origin, make_tools
from tests.support.ticket_systems import SECRET, TicketSystem

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=ZoneInfo("Europe/Vienna"))
CONTEXT = Context("call-1", "desk", caller="+43 1 2345", now=NOW)
PROBLEM: dict[str, Any] = {
    "problem": "the lift is stuck on the 3rd floor",
    "name": "Noor",
    "phone": "555 0123",
}
WITH = {
    "zammad": {"customer": "guess:desk@acme.example"},
    "glpi": {"app_token": "app"},
    "osticket": {},
    "jira": {"project": "HELP", "user": "bot@acme.example"},
}
NUMBERS = {"zammad": "10007", "glpi": "15", "osticket": "983127", "jira": "HELP-24"}


def agent(tools: dict[str, Any], language: str = "en") -> Agent:
    return Agent.model_validate({"name": "Desk", "greeting": "Hello.", "language": language, "tools": tools})


async def run(made: Made, tool: str, context: Context = CONTEXT, /, **arguments: Any) -> ToolResult:
    assert made.problems == {}
    executor = Executor(Toolbox(made.tools, Ledger.in_file(None)), context)
    return await executor.run(tool, arguments, committed=True)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The box's own file."""
    return f"sqlite:///{tmp_path}/box.db"


async def test_what_callers_leave_is_written_down_once_with_the_mail_that_tells_of_it(url: str) -> None:
    made = make_tools(
        agent(
            {
                "ticket": {
                    "settings": {
                        "questions": {"floor": {"ask": "Which floor?", "type": "integer"}},
                        "mail": ["lift@acme.example"],
                    }
                },
                "message": {"settings": {"people": ["Tillie", "Duane"]}},
                "callback": {},
            }
        ),
        Origin(database=url),
    )
    assert made.tools["ticket"].spec.required == ("problem", "floor", "name", "phone")
    for _ in range(2):
        done = await run(made, "ticket", floor=3, **PROBLEM)
    assert done.say == "Your ticket has the number 1001."
    told = await run(made, "message", message="the van is running", to="Duane", name="Ida", phone="1")
    assert told.say == "I have passed that on."
    later = replace(CONTEXT, call_id="call-2")
    await run(made, "callback", later, about="a quote", when="tomorrow at 3 p.m.", name="Ida", phone="1")
    store = Tickets(*opened(url, None))
    ticket, message, callback = store.open()
    assert (ticket["reference"], ticket["subject"], ticket["phone"]) == (
        "1001",
        "3: the lift is stuck on the 3rd floor",
        "5550123",
    )
    assert (message["kind"], message["fields"]) == ("message", {"to": "Duane"})
    assert callback["due_at"] == datetime(2026, 11, 26, 14, tzinfo=UTC)
    jobs = Jobs(opened(url, None)[0])
    assert jobs.count() == {"waiting": 1}
    job = jobs.take(NOW, NOW - NOW)
    assert job is not None
    assert (job.kind, job.body["to"]) == ("mail", ["lift@acme.example"])
    assert "floor: 3" in job.body["text"]
    store.close("1002")
    assert [one["reference"] for one in store.open()] == ["1001", "1003"]
    with pytest.raises(RegistryError, match="'77'"):
        store.close("77")
    await made.close()


ARTICLES = [
    {"name": "steel kettle", "also": ["kettle"], "price": 29.5},
    {"name": "gift card"},
]


@pytest.mark.parametrize(
    ("language", "currency", "values", "total", "read"),
    [
        (
            "en",
            "$",
            {"article": "steel kettle", "quantity": 2},
            "$59",
            "I have: steel kettle, quantity 2, $59 in all",
        ),
        ("en", "$", {"article": "steel kettle", "quantity": 3}, "$88.50", "$88.50 in all, Ida, number 1"),
        ("de", "€", {"article": "steel kettle", "quantity": 1}, "29,50 €", "Anzahl 1, zusammen 29,50 €"),
        ("en", "$", {"article": "gift card", "quantity": 1}, "", "I have: gift card, quantity 1, Ida"),
    ],
)
async def test_an_order_comes_to_what_the_file_says_and_is_written_down_once(
    url: str, language: str, currency: str, values: dict[str, Any], total: str, read: str
) -> None:
    settings = {"articles": ARTICLES, "currency": currency, "mail": ["orders@acme.example"]}
    made = make_tools(agent({"order": {"settings": settings}}, language), Origin(database=url))
    assert made.problems == {}
    tool = made.tools["order"]
    assert isinstance(tool, Order)
    labels = {"quantity": str(values["quantity"]), "phone": "number 1"}
    assert read in tool.read_back({**values, "name": "Ida", "phone": "1"}, labels)
    for _ in range(2):
        done = await run(made, "order", name="Ida", phone="1", **values)
    assert "1001" in done.say
    (written,) = Tickets(*opened(url, None)).open()
    assert written["text"] == ", ".join(filter(None, [f"{values['quantity']} x {values['article']}", total]))
    assert written["fields"] == {**values, **({"total": total} if total else {})}
    await made.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "settings.articles: Field required"),
        ({"articles": [{"name": "pan"}, {"name": "pot", "also": ["Pan"]}]}, "two articles are called 'pan'"),
        ({"articles": [{"name": "pan", "price": -1}]}, "settings.articles.0.price: "),
        ({"articles": [{"name": "pan"}], "questions": {"name": {}}}, "name is asked already"),
        ({"articles": [{"name": "pan"}], "mail": ["nobody"]}, "settings.mail: "),
    ],
)
async def test_orders_that_cannot_be_taken_are_one_line(settings: dict[str, Any], message: str) -> None:
    made = make_tools(agent({"order": {"settings": settings}}))
    assert message in made.problems["order"]
    assert "\n" not in made.problems["order"]
    await made.close()


async def test_when_to_call_back_is_left_open_where_the_words_leave_it_open(url: str) -> None:
    made = make_tools(agent({"callback": {}}), Origin(database=url))
    for n, words in enumerate(("at three", "whenever you like")):
        context = replace(CONTEXT, call_id=f"call-{n}")
        await run(made, "callback", context, about="x", when=words, name="Ida", phone="1")
    assert [one["due_at"] for one in Tickets(*opened(url, None)).open()] == [None, None]
    await made.close()


def other_system(kind: str, **changes: Any) -> dict[str, Any]:
    settings = {
        "recipe": kind,
        "url": "http://127.0.0.1:9",
        "secret_env": "TICKET_SECRET",
        "with": WITH[kind],
        **changes,
    }
    return {"ticket": {"settings": settings}}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKET_SECRET", SECRET)


@pytest.mark.parametrize("kind", sorted(WITH))
async def test_somebody_elses_system_gets_the_ticket_and_gives_its_number(kind: str) -> None:
    system = TicketSystem(kind)
    made = make_tools(agent(other_system(kind)), network=system.transport)
    email = {"email": "noor@home.example"} if kind == "osticket" else {}
    assert made.tools["ticket"].spec.required[:2] == (("problem", "email") if email else ("problem", "name"))
    done = await run(made, "ticket", **PROBLEM, **email)
    assert done.say == f"Your ticket has the number {NUMBERS[kind]}."
    (ticket,) = system.tickets
    assert "stuck on the 3rd floor" in str(ticket)
    assert "5550123" in str(ticket)
    assert system.sessions in ([], ["open", "ended"])
    await made.close()


@pytest.mark.parametrize("kind", sorted(WITH))
@pytest.mark.parametrize(("status", "unsure"), [(422, False), (500, True)])
async def test_a_refusal_made_no_ticket_and_of_a_failure_nobody_knows(
    kind: str, status: int, unsure: bool
) -> None:
    system = TicketSystem(kind)
    system.fails = status
    made = make_tools(agent(other_system(kind)), network=system.transport)
    email = {"email": "noor@home.example"} if kind == "osticket" else {}
    done = await run(made, "ticket", **PROBLEM, **email)
    assert (done.ok, done.unsure) == (False, unsure)
    assert not system.tickets
    assert system.sessions.count("open") == system.sessions.count("ended")
    await made.close()


async def test_a_wrong_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKET_SECRET", "wr0ng")
    system = TicketSystem("glpi")
    made = make_tools(agent(other_system("glpi")), network=system.transport)
    done = await run(made, "ticket", **PROBLEM)
    assert (done.ok, done.unsure) == (False, False)
    assert "wr0ng" not in str(done)
    await made.close()


@pytest.mark.parametrize(
    ("tools", "tenant", "said"),
    [
        (other_system("jira", recipe="redmine"), None, "there are: glpi, jira, osticket, zammad"),
        (other_system("jira", url=""), None, "the address of your Jira"),
        (other_system("jira", **{"with": {"project": "HELP"}}), None, "Jira wants user"),
        (other_system("glpi", **{"with": {"app": "x"}}), None, "GLPI has no setting 'app'"),
        (other_system("zammad", secret_env=None), None, "wants secret_env or secret_file"),
        (other_system("zammad"), "acme", "name things of this machine"),
        ({"ticket": {"settings": {"mail": ["nobody"]}}}, None, "'nobody' is no mail address"),
        ({"ticket": {"settings": {"questions": {"phone": {}}}}}, None, "phone is asked already"),
    ],
)
async def test_what_cannot_be_used_is_one_line(tools: dict[str, Any], tenant: str | None, said: str) -> None:
    made = make_tools(agent(tools), Origin(tenant=tenant))
    assert not made.tools
    assert said in made.problems["ticket"]
    await made.close()


def test_every_recipe_can_be_read() -> None:
    assert recipe_names() == sorted(WITH)
    for name in recipe_names():
        recipe = load_recipe(name)
        assert any(recipe.reference in step.keep for step in recipe.steps)
    with pytest.raises(ConfigError):
        load_recipe("../config")
