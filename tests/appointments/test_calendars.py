"""Every kind of calendar keeps the same contract: a real CalDAV server, an iCalendar file, and the two big
ones by what their documentation says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from offhook.appointments.caldav import CalDavCalendar
from offhook.appointments.calendar import Calendar, CalendarError, Event
from offhook.appointments.google import GoogleCalendar
from offhook.appointments.icsfile import IcsFile, PublishedCalendar
from offhook.appointments.microsoft import MicrosoftCalendar
from offhook.appointments.remote import Remote
from offhook.appointments.tokens import GOOGLE_TOKENS, MICROSOFT_TOKENS, BearerToken
from offhook.errors import ConfigError
from tests.support.caldav_server import PASSWORD, USER, CalDavServer
from tests.support.calendar_apis import Google, Microsoft

VIENNA = ZoneInfo("Europe/Vienna")
NOON = datetime(2026, 12, 3, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OURS, OTHER = "0b3bdb7e-7c93-4f64-9d0f-5a6fd4f4f2a1", "0b3bdb7e-7c93-4f64-9d0f-5a6fd4f4f2a2"
DIARY = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//somebody//else//EN
{events}END:VCALENDAR
"""
WEEKLY = """BEGIN:VEVENT
UID:weekly
DTSTAMP:20261101T000000Z
DTSTART;TZID=Europe/Vienna:20261015T140000
DTEND;TZID=Europe/Vienna:20261015T150000
RRULE:FREQ=WEEKLY
EXDATE;TZID=Europe/Vienna:20261126T140000
SUMMARY:Team
END:VEVENT
"""
MOVED = """BEGIN:VEVENT
UID:weekly
RECURRENCE-ID;TZID=Europe/Vienna:20261203T140000
DTSTAMP:20261101T000000Z
DTSTART;TZID=Europe/Vienna:20261203T160000
DTEND;TZID=Europe/Vienna:20261203T170000
SUMMARY:Team
END:VEVENT
"""
HOLIDAY = """BEGIN:VEVENT
UID:holiday
DTSTAMP:20261101T000000Z
DTSTART;VALUE=DATE:20261208
DTEND;VALUE=DATE:20261209
SUMMARY:Day off
END:VEVENT
"""
NOTE = """BEGIN:VEVENT
UID:note
DTSTAMP:20261101T000000Z
DTSTART:20261203T120000Z
DURATION:PT1H
TRANSP:TRANSPARENT
SUMMARY:Delivery may come
END:VEVENT
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalDavServer]:
    server = CalDavServer(tmp_path_factory.mktemp("radicale"))
    yield server
    server.close()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture(params=["caldav", "file", "google", "microsoft"])
async def calendar(
    request: pytest.FixtureRequest, tmp_path: Path, http: httpx.AsyncClient
) -> AsyncIterator[Calendar]:
    found: Calendar
    client = None
    if request.param == "caldav":
        server: CalDavServer = request.getfixturevalue("served")
        found = CalDavCalendar(http, server.url, USER, PASSWORD, VIENNA)
    elif request.param == "file":
        found = IcsFile(tmp_path / "diary.ics", VIENNA)
    elif request.param == "google":
        client = Google().client
        found = GoogleCalendar(client, "a@b.example", BearerToken("access", GOOGLE_TOKENS, client), VIENNA)
    else:
        client = Microsoft().client
        token = BearerToken("access", MICROSOFT_TOKENS, client)
        found = MicrosoftCalendar(client, "a@b.example", token)
    yield found
    for uid in (OURS, OTHER):  # the server is everybody's
        await found.remove(uid)
    await found.close()
    if client is not None:
        await client.aclose()


async def taken(calendar: Calendar, start: datetime = NOON, hours: int = 2) -> list[tuple[str | None, int]]:
    """Uid and hour of what is busy."""
    found = await calendar.busy(start, start + hours * HOUR)
    return sorted((one.uid, one.start.hour) for one in found)


def event(start: datetime = NOON, uid: str = OURS) -> Event:
    return Event(uid, start, start + HOUR, "haircut: Zoë; the long one", "+43 1 2345\nby the window")


async def test_what_is_entered_is_taken_however_often_it_is_entered(calendar: Calendar) -> None:
    assert await taken(calendar) == []
    await calendar.put(event())
    await calendar.put(event())
    await calendar.put(event(uid=OTHER))
    assert await taken(calendar) == [(OURS, 12), (OTHER, 12)]
    assert await taken(calendar, NOON + DAY) == []


async def test_what_is_moved_and_taken_out(calendar: Calendar) -> None:
    await calendar.put(event())
    await calendar.put(event(NOON + DAY))
    assert await taken(calendar) == []
    assert await taken(calendar, NOON + DAY) == [(OURS, 12)]
    await calendar.remove(OURS)
    await calendar.remove(OURS)
    assert await taken(calendar, NOON + DAY) == []
    await calendar.put(event())
    assert await taken(calendar) == [(OURS, 12)], "cancelled, and booked again"


# --- what others write ---------------------------------------------------------------------------------


@pytest.fixture(params=["caldav", "file", "published"])
async def diary(
    request: pytest.FixtureRequest, tmp_path: Path, http: httpx.AsyncClient
) -> AsyncIterator[Calendar]:
    """Somebody's own: a weekly meeting, once moved and once left out, a day off, and a note."""
    whole = DIARY.format(events=WEEKLY + MOVED + HOLIDAY + NOTE).replace("\n", "\r\n")
    if request.param == "caldav":
        server = CalDavServer(tmp_path)
        for name, events in (("weekly", WEEKLY + MOVED), ("holiday", HOLIDAY), ("note", NOTE)):
            server.put(name, DIARY.format(events=events).replace("\n", "\r\n"))
        yield CalDavCalendar(http, server.url, USER, PASSWORD, VIENNA)
        server.close()
    elif request.param == "file":
        (tmp_path / "diary.ics").write_text(whole, newline="")
        yield IcsFile(tmp_path / "diary.ics", VIENNA)
    else:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, text=whole))
        async with httpx.AsyncClient(transport=transport) as client:
            yield PublishedCalendar(client, "https://calendar.example/basic.ics", VIENNA)


async def test_repeats_exceptions_days_off_and_notes(diary: Calendar) -> None:
    def at(day: int, hour: int, month: int = 12) -> datetime:
        return datetime(2026, month, day, hour, tzinfo=VIENNA)

    assert await taken(diary, at(22, 12, 10), 4) == [("weekly", 12)], "in summer time"
    assert await taken(diary, at(19, 12, 11), 4) == [("weekly", 13)], "and behind it"
    assert await taken(diary, at(26, 12, 11), 4) == [], "left out"
    assert await taken(diary, at(3, 12), 3) == [], "moved away; and a note takes no time"
    assert await taken(diary, at(3, 16), 1) == [("weekly", 15)], "moved here"
    (off,) = await diary.busy(at(8, 9), at(8, 10))
    assert (off.start, off.end) == (at(8, 0), at(9, 0)), "midnight to midnight where the business is"


async def test_an_own_event_leaves_what_others_wrote(tmp_path: Path) -> None:
    path = tmp_path / "diary.ics"
    path.write_text(DIARY.format(events=WEEKLY + HOLIDAY).replace("\n", "\r\n"), newline="")
    calendar = IcsFile(path, VIENNA)
    await calendar.put(event())
    await calendar.remove(OURS)
    assert path.read_text().count("BEGIN:VEVENT") == 2
    path.write_text("no calendar")
    with pytest.raises(CalendarError, match="no iCalendar text"):
        await calendar.busy(NOON, NOON + HOUR)
    with pytest.raises(CalendarError, match="cannot be written"):
        await IcsFile(tmp_path / "away" / "x.ics", VIENNA).put(event())


async def test_google_reads_all_pages_and_leaves_out_what_takes_no_time() -> None:
    api = Google()
    declined = {"attendees": [{"self": True, "responseStatus": "declined"}]}
    others: tuple[dict[str, Any], ...] = ({}, {"transparency": "transparent"}, {}, declined)
    for n, extra in enumerate(others):
        start, end = ({"dateTime": f"2026-12-03T13:{minute}:00+01:00"} for minute in ("00", "30"))
        api.events[f"e{n}"] = {"id": f"e{n}", "start": start, "end": end, **extra}
    api.events["off"] = {"id": "off", "start": {"date": "2026-12-03"}, "end": {"date": "2026-12-04"}}
    async with api.client as client:
        calendar = GoogleCalendar(client, "a@b.example", BearerToken("access", GOOGLE_TOKENS, client), VIENNA)
        assert await taken(calendar) == [("e0", 12), ("e2", 12), ("off", 23)]
    assert len(api.requests) == 3
    assert api.requests[0].url.raw_path.startswith(b"/calendar/v3/calendars/a%40b.example/events?")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "the secret is not taken"),
        (403, "share the calendar"),
        (404, "no such calendar"),
        (500, "answers 500"),
        (302, "answers 302"),
    ],
)
async def test_refusals_are_one_line_that_says_what_to_do(status: int, said: str) -> None:
    api = Microsoft()
    api.status = status
    async with api.client as client:
        calendar = MicrosoftCalendar(client, "a@b.example", BearerToken("access", MICROSOFT_TOKENS, client))
        with pytest.raises(CalendarError, match=said) as caught:
            await calendar.put(event())
    assert "\n" not in str(caught.value)


async def test_tokens_are_fetched_when_needed_renewed_in_time_and_when_they_are_refused() -> None:
    api, now = Microsoft(token="none yet"), [0.0]
    secret = '{"tenant": "acme", "client_id": "i", "client_secret": "s"}'
    async with api.client as client:
        token = BearerToken(secret, MICROSOFT_TOKENS, client, lambda: now[0])
        calendar = MicrosoftCalendar(client, "a@b.example", token)
        await calendar.put(event())
        assert api.tokens_given == 1
        now[0] = 3600 - 61
        await calendar.put(event())
        assert api.tokens_given == 1
        now[0] = 3600 - 59
        await calendar.put(event())
        assert api.tokens_given == 2
        api.token = "revoked early"
        await calendar.put(event())
        assert api.tokens_given == 3
    asked = next(one for one in api.requests if "token" in one.url.path)
    assert asked.url == "https://login.microsoftonline.com/acme/oauth2/v2.0/token"
    assert b"grant_type=client_credentials" in asked.content
    assert "secret" not in repr(token)


@pytest.mark.parametrize("secret", ["{", "{}", '{"client_id": "i", "client_secret": "s"}'])
async def test_a_secret_that_gives_no_token_is_told_at_once_and_not_shown(secret: str) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(ConfigError, match="wants client_id, client_secret") as caught:
            BearerToken(secret, GOOGLE_TOKENS, client)
    assert "'s'" not in str(caught.value)


async def test_servers_lead_nowhere_else_fill_no_memory_and_expand_no_entities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[httpx.Response] = []
    transport = httpx.MockTransport(lambda _: answers.pop())
    async with httpx.AsyncClient(transport=transport) as client:
        graph = MicrosoftCalendar(client, "a", httpx.Auth())
        answers.append(httpx.Response(200, json={"value": [], "@odata.nextLink": "https://evil.example/"}))
        with pytest.raises(CalendarError, match="another server"):
            await graph.busy(NOON, NOON + HOUR)
        dav = CalDavCalendar(client, "https://dav.example/a", "", "", VIENNA)
        answers.append(httpx.Response(207, text='<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'))
        with pytest.raises(CalendarError, match="document type"):
            await dav.busy(NOON, NOON + HOUR)
        answers.append(httpx.Response(207, text="<unclosed>"))
        with pytest.raises(CalendarError, match="no XML"):
            await dav.busy(NOON, NOON + HOUR)
        monkeypatch.setattr("offhook.appointments.remote.MAX_BYTES", 10)
        answers.append(httpx.Response(200, text="x" * 11))
        with pytest.raises(CalendarError, match="larger than 10"):
            await Remote(client, "https://a.example").ask("GET", "/")


async def test_a_server_that_cannot_be_reached_has_certainly_done_nothing(http: httpx.AsyncClient) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request)

    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    for handler, sent in ((refuse, False), (hang, True)):
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            with pytest.raises(CalendarError) as caught:
                await CalDavCalendar(client, "https://dav.example/a", "", "", VIENNA).put(event())
        assert caught.value.sent is sent
