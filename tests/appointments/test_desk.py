"""The desk: offers, books, moves, cancels, and keeps the calendars besides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from offhook.appointments.book import Book, Person
from offhook.appointments.calendar import CalendarError, Event
from offhook.appointments.desk import Desk
from offhook.appointments.slots import Slot
from offhook.errors import TakenError
from offhook.moments.reader import listen
from offhook.moments.wish import settle
from offhook.tenants.own import opened
from tests.support.calendars import MemoryCalendar
from tests.support.salon import salon

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=VIENNA)  # a Wednesday
FRIDAY_TWO = datetime(2026, 11, 27, 14, 0, tzinfo=VIENNA)
SETTINGS = salon()
CUT = SETTINGS.services[0]
AYO = Person("Ayo", "+4312345")


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(*opened(f"sqlite:///{tmp_path}/box.db", None))


@pytest.fixture
async def desk(book: Book) -> AsyncIterator[Desk]:
    desk = Desk(SETTINGS, book)
    yield desk
    await desk.close()


def said(slots: list[Slot]) -> list[str]:
    return [f"{slot.start.astimezone(VIENNA):%a %H:%M} {slot.resource}" for slot in slots]


async def asked(desk: Desk, text: str) -> list[str]:
    heard = listen(text, "en")
    assert heard is not None
    wish = settle(heard, NOW, "en", SETTINGS.hours_on)
    return said(await desk.offers(CUT, wish.windows, NOW))


async def test_the_next_free_one_on_thursday_afternoon(desk: Desk) -> None:
    text = "the next free one on Thursday afternoon"
    assert await asked(desk, text) == ["Thu 13:30 Mirela", "Thu 14:00 Mirela", "Thu 14:30 Mirela"]
    await desk.book(CUT, FRIDAY_TWO - timedelta(days=1), AYO, "1", NOW)
    assert await asked(desk, text) == ["Thu 15:00 Mirela", "Thu 15:30 Mirela", "Thu 16:00 Mirela"]
    assert await asked(desk, "as soon as possible") == [
        "Wed 10:30 Mirela",
        "Wed 11:00 Mirela",
        "Wed 11:30 Mirela",
    ]
    assert await asked(desk, "on Monday") == []


async def test_a_second_place_is_taken_before_anybody_is_refused(desk: Desk) -> None:
    first = await desk.book(CUT, FRIDAY_TWO, AYO, "1", NOW)
    second = await desk.book(CUT, FRIDAY_TWO, Person("Bea"), "2", NOW)
    assert (first.resource, second.resource) == ("Mirela", "Joost")
    with pytest.raises(TakenError):
        await desk.book(CUT, FRIDAY_TWO, Person("Cem"), "3", NOW)
    near = await desk.near(CUT, FRIDAY_TWO, NOW)
    assert said(near) == ["Fri 15:00 Mirela", "Fri 15:30 Mirela", "Fri 16:00 Mirela"]
    assert (await desk.book(CUT, FRIDAY_TWO, AYO, "1", NOW)).id == first.id, "asked twice, booked once"


async def test_with_whom_they_want(desk: Desk) -> None:
    assert (await desk.book(CUT, FRIDAY_TWO, AYO, "1", NOW, only="joost")).resource == "Joost"
    with pytest.raises(TakenError):
        await desk.book(CUT, FRIDAY_TWO, Person("Bea"), "2", NOW, only="Joost")


@pytest.mark.parametrize("start", [FRIDAY_TWO + timedelta(minutes=10), FRIDAY_TWO + timedelta(hours=10), NOW])
async def test_what_is_no_slot_is_not_booked(desk: Desk, start: datetime) -> None:
    with pytest.raises(TakenError):
        await desk.book(CUT, start, AYO, "1", NOW)


async def test_fifty_calls_at_once_fill_what_there_is_and_no_more(desk: Desk) -> None:
    calls = (desk.book(CUT, FRIDAY_TWO, Person(f"caller {n}"), f"key {n}", NOW) for n in range(50))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    booked = [one for one in answers if not isinstance(one, BaseException)]
    assert sorted(one.resource for one in booked) == ["Joost", "Mirela"]
    assert all(isinstance(one, TakenError) for one in answers if isinstance(one, BaseException))


async def test_move_and_cancel(desk: Desk) -> None:
    made = await desk.book(CUT, FRIDAY_TWO, AYO, "1", NOW)
    half_an_hour_later = FRIDAY_TWO + timedelta(minutes=30)
    moved = await desk.move(made.id, CUT, half_an_hour_later, NOW)
    assert (moved.start, moved.resource) == (half_an_hour_later.astimezone(UTC), "Mirela")
    assert [one.id for one in await desk.of_caller("+4312345", NOW)] == [made.id]
    assert (await desk.cancel(made.id)).cancelled
    assert await desk.of_caller("+4312345", NOW) == []
    with pytest.raises(TakenError):
        await desk.move(made.id, CUT, FRIDAY_TWO, NOW)


class TestWithCalendars:
    """Each stylist has a calendar besides the book."""

    @pytest.fixture
    def calendars(self) -> dict[str, MemoryCalendar]:
        return {"Mirela": MemoryCalendar(), "Joost": MemoryCalendar()}

    @pytest.fixture
    def postponed(self) -> list[tuple[str, str]]:
        return []

    @pytest.fixture
    async def desk(
        self, book: Book, calendars: dict[str, MemoryCalendar], postponed: list[tuple[str, str]]
    ) -> AsyncIterator[Desk]:
        async def later(resource: str, uid: str) -> None:
            postponed.append((resource, uid))

        desk = Desk(SETTINGS, book, calendars, later)
        yield desk
        await desk.close()
        assert all(one.closed for one in calendars.values())

    async def test_what_stands_in_a_calendar_is_not_free_and_what_is_booked_stands_in_it(
        self, desk: Desk, calendars: dict[str, MemoryCalendar]
    ) -> None:
        start = FRIDAY_TWO.astimezone(UTC)
        calendars["Mirela"].events["dentist"] = Event("dentist", start, start + timedelta(hours=1), "x")
        made = await desk.book(CUT, FRIDAY_TWO, AYO, "1", NOW)
        assert made.resource == "Joost"
        assert calendars["Joost"].events[made.id].summary == "haircut: Ayo"
        moved = await desk.move(made.id, CUT, FRIDAY_TWO + timedelta(minutes=30), NOW)
        assert moved.resource == "Joost"
        assert calendars["Joost"].events[made.id].start == moved.start
        await desk.cancel(made.id)
        assert not calendars["Joost"].events

    async def test_a_calendar_that_is_away_books_nothing_and_one_that_goes_away_gets_it_later(
        self, desk: Desk, calendars: dict[str, MemoryCalendar], postponed: list[tuple[str, str]]
    ) -> None:
        calendars["Mirela"].away = True
        with pytest.raises(CalendarError, match="is away"):
            await desk.book(CUT, FRIDAY_TWO, AYO, "1", NOW)
        calendars["Mirela"].away = False
        made = await desk.book(CUT, FRIDAY_TWO, AYO, "1", NOW)
        calendars["Mirela"].away = True
        assert (await desk.cancel(made.id)).cancelled
        assert postponed == [("Mirela", made.id)]
        assert made.id in calendars["Mirela"].events
