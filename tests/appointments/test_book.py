"""The book on both databases: nothing is given twice, one request is one appointment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from offhook.appointments.book import Book, Person
from offhook.appointments.slots import Slot
from offhook.errors import TakenError
from offhook.tenants.database import Database
from offhook.tenants.own import opened, own_tenant
from offhook.tenants.registry import add_tenant, get_tenant

NINE = datetime(2026, 12, 3, 9, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
CALLERS = 50


def slot(start: datetime = NINE, resource: str = "chair", length: timedelta = HOUR) -> Slot:
    return Slot(resource, start, start + length, start + length)


@pytest.fixture
def book(database: Database) -> Book:
    with database.writing() as connection:
        tenant = add_tenant(connection, "salon", "Salon")
        add_tenant(connection, "rival", "Rival")
    return Book(database, tenant.id)


def test_fifty_callers_want_one_time_and_one_gets_it(book: Book, database: Database) -> None:
    """From threads with connections of their own; each wants the same hour, some of it a little later."""

    def call(number: int) -> bool:
        wanted = slot(NINE + (number % 4) * 15 * MINUTE)
        try:
            book.add(wanted, "cut", Person(f"caller {number}"), f"key {number}")
        except TakenError:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        got = list(threads.map(call, range(CALLERS)))
    assert got.count(True) == 1
    (taken,) = book.busy(NINE - HOUR, NINE + 3 * HOUR)["chair"]
    assert taken.end - taken.start == HOUR


def test_one_request_is_one_appointment_however_often_it_comes(book: Book) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: book.add(slot(), "cut", Person("Ayo"), "same"), range(20)))
    assert len({one.id for one in made}) == 1
    again = book.add(slot(NINE + 5 * HOUR), "cut", Person("Ayo"), "same")
    assert again.start == NINE
    book.cancel(again.id)
    assert book.add(slot(), "cut", Person("Ayo"), "same").cancelled


def test_neighbours_do_not_overlap_and_other_resources_and_tenants_do_not_matter(
    book: Book, database: Database
) -> None:
    with database.reading() as connection:
        rival = Book(database, get_tenant(connection, "rival").id)
    for n, (who, wanted) in enumerate(
        (
            (book, slot()),
            (book, slot(NINE + HOUR)),
            (book, slot(NINE - HOUR)),
            (book, slot(resource="room")),
            (rival, slot()),
        )
    ):
        who.add(wanted, "cut", Person(), f"fits {n}")
    for n, minutes in enumerate((-1, 1)):
        with pytest.raises(TakenError):
            book.add(slot(NINE + minutes * MINUTE), "cut", Person(), f"overlaps {n}")
    assert len(book.busy(NINE, NINE + MINUTE)["chair"]) == 1
    assert len(rival.busy(NINE, NINE + MINUTE)["chair"]) == 1


def test_move_and_cancel(book: Book) -> None:
    first = book.add(slot(), "cut", Person("Ayo", "+4312345"), "1")
    other = book.add(slot(NINE + HOUR), "cut", Person("Bea", "+4367890"), "2")
    with pytest.raises(TakenError, match="taken"):
        book.move(first.id, slot(NINE + HOUR / 2))
    assert book.get(first.id).start == NINE, "what cannot be moved stays"
    moved = book.move(first.id, slot(NINE - HOUR / 2, length=1.5 * HOUR))
    assert (moved.start, moved.name) == (NINE - HOUR / 2, "Ayo"), "it may overlap with itself"
    assert [one.id for one in book.of_caller("+4312345", NINE - HOUR)] == [first.id]
    assert book.of_caller("+4312345", NINE) == []
    assert book.of_caller("", NINE - HOUR) == []
    book.cancel(other.id)
    assert book.cancel(other.id).cancelled
    with pytest.raises(TakenError, match="any more"):
        book.move(other.id, slot(NINE + 5 * HOUR))
    with pytest.raises(TakenError, match="no such appointment"):
        book.cancel("00000000-0000-4000-8000-000000000000")
    assert book.add(slot(NINE + HOUR), "cut", Person(), "3").start == NINE + HOUR


def test_a_file_of_ones_own_needs_no_tenants(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/appointments.db")
    made = Book(database, own_tenant(database)).add(slot(), "cut", Person("Zoë"), "1")
    again = Book(*opened(f"sqlite:///{tmp_path}/appointments.db", None))
    assert again.get(made.id) == made
