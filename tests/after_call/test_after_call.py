"""From a call that is over to what others get of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from offhook.after_call.handlers import Handlers
from offhook.after_call.model_summary import SCHEMA
from offhook.after_call.plan import jobs_of
from offhook.after_call.record import Done, FinishedCall, Turn
from offhook.after_call.runner import Runner
from offhook.after_call.summary import summarise
from offhook.agents.after_call import AfterCall
from offhook.appointments.book import Book, Person
from offhook.appointments.slots import Slot
from offhook.config import MailConfig
from offhook.engines.llm.base import LanguageModel
from offhook.errors import BusyError
from offhook.tenants.jobs import Jobs, NewJob
from offhook.tenants.own import opened
from tests.support.engines.engines import PlainTemplate, ScriptedConversation

START = datetime(2026, 12, 3, 12, tzinfo=UTC)
KEY = "whsec_" + base64.b64encode(b"a key of two and thirty bytes 32").decode()
URL = "https://crm.example/calls"
CALL = FinishedCall(
    id="1717.4",
    agent="inn",
    language="en",
    started_at=START,
    ended_at=START + timedelta(seconds=75),
    result="ok",
    number="+4312345",
    caller="+4366099",
    turns=(
        Turn("Do you have a room for two on Friday?", "Yes, for ninety euros."),
        Turn("Is there a sauna?", "I'm sorry, I don't know that.", answered=False),
    ),
)
BOOKED = Done("book_appointment", ok=True, say="Room is booked for Friday.")


# --- the note by rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "outcome", "intent", "follow_up"),
    [
        ({}, "answered", "question", True),
        ({"turns": CALL.turns[:1]}, "answered", "question", False),
        ({"turns": CALL.turns[1:]}, "unanswered", "question", True),
        ({"turns": CALL.turns[:1], "done": (BOOKED,)}, "done", "book_appointment", False),
        ({"turns": CALL.turns[:1], "done": (Done("message", ok=True),)}, "done", "message", True),
        ({"turns": CALL.turns[:1], "done": (Done("ticket", ok=False),)}, "answered", "ticket", True),
        ({"result": "transfer"}, "transferred", "question", True),
        ({"result": "failed"}, "failed", "question", True),
        ({"turns": ()}, "nobody", "none", False),
    ],
)
def test_what_a_call_came_to(changes: Mapping[str, Any], outcome: str, intent: str, follow_up: bool) -> None:
    note = summarise(replace(CALL, **changes), quote=True)
    assert (note.outcome, note.intent, note.follow_up) == (outcome, intent, follow_up)


@pytest.mark.parametrize(
    ("moods", "sentiment"),
    [
        ((), None),
        (("", ""), None),
        (("neutral", ""), 3),
        (("angry", "neutral"), 2),
        (("angry", "neutral", "angry"), 1),
        (("angry", "angry", "pleased"), 2),
        (("neutral", "pleased"), 4),
        (("pleased", "pleased", "pleased"), 5),
    ],
)
def test_how_the_caller_felt(moods: tuple[str, ...], sentiment: int | None) -> None:
    call = replace(CALL, turns=tuple(Turn("Hm.", "Yes.", mood=mood) for mood in moods))
    assert summarise(FinishedCall.from_json(call.to_json()), quote=True).sentiment == sentiment


def test_words_are_quoted_only_where_they_may_be_kept() -> None:
    call = replace(CALL, done=(BOOKED,))
    assert summarise(call, quote=True).summary == (
        "Asked: \u201cDo you have a room for two on Friday?\u201d."
        " Not answered: \u201cIs there a sauna?\u201d. Done: Room is booked for Friday."
    )
    assert summarise(call, quote=False).summary == "2 turns. Done: Room is booked for Friday."
    german = summarise(replace(CALL, language="de-AT", turns=(), result="nobody"), quote=True)
    assert german.summary == "Es wurde nichts gesagt."
    long = replace(CALL, turns=(Turn("word " * 100, "Yes."),))
    assert len(summarise(long, quote=True).summary) < 180


# --- from the call to its receivers --------------------------------------------------------------------


class Receiver:
    """A server that may be down."""

    def __init__(self) -> None:
        self.down = False
        self.requests: list[httpx.Request] = []
        self.tried = 0

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.tried += 1
        if self.down:
            raise httpx.ConnectError("down", request=request)
        self.requests.append(request)
        return httpx.Response(204)

    def events(self) -> list[dict[str, Any]]:
        return [Webhook(KEY).verify(one.content, dict(one.headers)) for one in self.requests]


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


class Office:
    """Jobs of a box, a runner with its clock, and a receiver of webhooks."""

    def __init__(self, folder: Path, model: LanguageModel | None = None, *, trusted: bool = True) -> None:
        self.database, self.tenant = opened(f"sqlite:///{folder}/box.db", None)
        self.jobs = Jobs(self.database)
        self.receiver = Receiver()
        # A receiver checks that a message is of this hour: by its own clock.
        self.clock = Clock(datetime.now(UTC))
        self.http = self.receiver.client
        handlers = Handlers(
            self.database, self.http, MailConfig(), lambda *_: model, trusted=trusted, clock=self.clock
        )
        self.runner = Runner(self.jobs, handlers.by_kind(), self.clock)

    def put(self, jobs: list[NewJob]) -> int:
        return self.jobs.put(self.tenant, jobs, self.clock.now)


def settings(**changes: Any) -> AfterCall:
    hook = {"url": URL, "secret_env": "HOOK", "events": ["call.completed", "booking.created"]}
    return AfterCall.model_validate({"webhooks": [hook], **changes})


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", KEY)


def plan(call: FinishedCall, after: AfterCall, **changes: Any) -> list[NewJob]:
    return jobs_of(call, after, **{"keep_words": True, "by_model": False, **changes})


async def test_a_call_is_told_once_signed_and_without_its_words(tmp_path: Path) -> None:
    office = Office(tmp_path)
    jobs = plan(replace(CALL, done=(BOOKED,)), settings())
    assert office.put(jobs) == 2
    assert office.put(jobs) == 0, "the call's end comes twice, and is told once"
    await office.runner.run_due()
    first, second = office.receiver.events()
    assert (first["type"], second["type"]) == ("call.completed", "booking.created")
    assert first["data"]["caller"] == "+4366099"
    assert first["data"]["duration_s"] == 75.0
    assert first["data"]["outcome"] == "done"
    assert "turns" not in first["data"]
    identifiers = {one.headers["webhook-id"] for one in office.receiver.requests}
    assert len(identifiers) == 2
    assert office.jobs.count() == {"done": 2}
    await office.http.aclose()


async def test_the_words_go_along_where_they_are_wanted_and_may_be_kept(tmp_path: Path) -> None:
    hook = {"url": URL, "secret_env": "HOOK", "transcript": True}
    after = AfterCall.model_validate({"webhooks": [hook]})
    for keep in (True, False):
        (job,) = plan(CALL, after, keep_words=keep, by_model=True) if not keep else plan(CALL, after)
        assert ("sauna" in json.dumps(job.body)) is keep


async def test_a_receiver_that_is_down_for_an_hour_gets_it_when_it_is_back(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.put(plan(CALL, settings()))
    office.receiver.down = True
    back = office.clock.now + timedelta(hours=1)
    while True:
        await office.runner.run_due()
        due = office.jobs.next_due()
        if due is None:
            break
        office.clock.now = due
        office.receiver.down = due < back
    assert len(office.receiver.requests) == 1
    (request,) = office.receiver.requests
    assert 4 <= office.receiver.tried <= 6
    assert int(request.headers["webhook-timestamp"]) == int(office.clock.now.timestamp()), "of this try"
    assert timedelta(hours=1) <= office.clock.now - (back - timedelta(hours=1)) < timedelta(hours=3)
    await office.http.aclose()


async def test_a_secret_that_is_missing_waits_for_whoever_corrects_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(tmp_path)
    office.put(plan(CALL, settings()))
    monkeypatch.delenv("HOOK")
    await office.runner.run_due()
    assert office.jobs.count() == {"waiting": 1}
    monkeypatch.setenv("HOOK", KEY)
    office.clock.now += timedelta(minutes=1)
    await office.runner.run_due()
    assert len(office.receiver.requests) == 1
    await office.http.aclose()


async def test_a_tenants_secret_is_its_own_and_this_machines_are_not_for_tenants(tmp_path: Path) -> None:
    office = Office(tmp_path, trusted=False)
    own = AfterCall.model_validate({"webhooks": [{"url": URL, "secret": KEY}]})
    assert KEY not in repr(own)
    office.put(plan(CALL, own))
    office.put(plan(replace(CALL, id="2"), settings()))
    await office.runner.run_due()
    assert len(office.receiver.events()) == 1
    assert office.jobs.count() == {"done": 1, "waiting": 1}
    await office.http.aclose()


async def test_mail_only_when_somebody_has_to_do_something(tmp_path: Path) -> None:
    after = AfterCall.model_validate({"mail": {"to": ["desk@inn.example"]}})
    assert plan(replace(CALL, turns=CALL.turns[:1]), after) == []
    (job,) = plan(CALL, after)
    assert job.body["to"] == ["desk@inn.example"]
    assert "Not answered: \u201cIs there a sauna?\u201d" in job.body["text"]
    assert "caller: " not in job.body["text"].replace("caller: +4366099", "")
    office = Office(tmp_path)
    office.put([job])
    await office.runner.run_due()
    assert office.jobs.count() == {"waiting": 1}, "no server is set: it waits for one"
    await office.http.aclose()


# --- the note by a model -------------------------------------------------------------------------------


class NoteModel:
    """Writes ``answers``; busy while there are none."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.template = PlainTemplate()
        self.asked: list[ScriptedConversation] = []

    async def conversation(self, prefix: Any) -> ScriptedConversation:
        if not self.answers:
            raise BusyError("all places are taken")
        made = ScriptedConversation([[self.answers.pop(0)]], text=list(prefix))
        self.asked.append(made)
        return made


def note(**changes: Any) -> str:
    written = {
        "summary": "Wants a room.",
        "intent": "a room",
        "outcome": "answered",
        "sentiment": 4,
        "follow_up": False,
    }
    return json.dumps({**written, **changes})


async def noted(tmp_path: Path, model: NoteModel, call: FinishedCall = CALL) -> dict[str, Any]:
    office = Office(tmp_path, model)  # type: ignore[arg-type]
    office.put(plan(call, settings(), by_model=True))
    while (due := office.jobs.next_due()) is not None:
        office.clock.now = max(office.clock.now, due)
        await office.runner.run_due()
    data: dict[str, Any] = json.loads(office.receiver.requests[0].content)["data"]
    await office.http.aclose()
    return data


async def test_a_model_writes_the_note_in_the_form_that_was_given(tmp_path: Path) -> None:
    model = NoteModel(note())
    data = await noted(tmp_path, model)
    assert (data["summary"], data["intent"], data["by"]) == ("Wants a room.", "a room", "model")
    assert data["sentiment"] == 4
    assert data["follow_up"], "a question was left open, whatever the model thinks"
    (conversation,) = model.asked
    assert conversation.speculative, "calls that go on come first"
    ((_, grammar),) = conversation.asked
    assert grammar is not None
    assert grammar.schema == SCHEMA
    assert "caller: Is there a sauna?" in "".join(conversation.text)


async def test_what_is_known_for_certain_no_model_changes(tmp_path: Path) -> None:
    call = replace(CALL, done=(BOOKED,))
    assert (await noted(tmp_path, NoteModel(note(outcome="unanswered")), call))["outcome"] == "done"


@pytest.mark.parametrize("answers", [("{",), (note(sentiment=None),), ()])
async def test_a_model_that_cannot_leaves_the_note_by_rules(tmp_path: Path, answers: tuple[str, ...]) -> None:
    data = await noted(tmp_path, NoteModel(*answers))
    assert data["by"] == "rules"
    assert "sauna" in data["summary"]


# --- calendars that were away --------------------------------------------------------------------------


async def test_a_calendar_gets_what_the_book_says_when_it_is_back(tmp_path: Path) -> None:
    office = Office(tmp_path)
    book = Book(office.database, office.tenant)
    hours = [START + timedelta(hours=n) for n in range(4)]
    first = book.add(Slot("Ida", hours[0], hours[1], hours[1]), "cut", Person("Zoë"), "1")
    second = book.add(Slot("Ida", hours[2], hours[3], hours[3]), "cut", Person("Ben"), "2")
    table = {
        "time_zone": "Europe/Vienna",
        "hours": {"mon-sun": "0:00-24:00"},
        "services": [{"name": "cut", "minutes": 60}],
        "resources": [{"name": "Ida", "calendar": "ida.ics"}],
        "calendar": {"kind": "icalendar"},
    }
    body = {"settings": table, "folder": str(tmp_path), "resource": "Ida"}
    office.put([NewJob(f"calendar {one.id}", "calendar", {**body, "uid": one.id}) for one in (first, second)])
    book.cancel(second.id)
    await office.runner.run_due()
    text = (tmp_path / "ida.ics").read_text()
    assert (first.id in text, second.id in text) == (True, False)
    assert office.jobs.count() == {"done": 2}
    await office.http.aclose()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"webhooks": [{"url": "crm.example", "secret_env": "X"}]}, "is not a URL"),
        ({"webhooks": [{"url": URL}]}, "a webhook is signed"),
        ({"webhooks": [{"url": URL, "secret_env": "X", "events": ["call.began"]}]}, "call.completed"),
        ({"mail": {"to": ["desk"]}}, "no mail address"),
        ({"summary": "poem"}, "'auto', 'rules' or 'model'"),
    ],
)
def test_wrong_settings_get_one_line(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AfterCall.model_validate(table)


def test_where_nobody_is_told_nothing_follows() -> None:
    assert plan(CALL, AfterCall()) == []
