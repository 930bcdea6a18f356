"""What is free: opening hours, breaks, closed days, what is taken, the change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from offhook.appointments.settings import AppointmentSettings
from offhook.appointments.slots import WHOLE_HOUSE, Busy, free_slots
from offhook.moments.wish import Window
from tests.support.salon import SALON, salon

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=VIENNA)  # a Wednesday


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=VIENNA)


def free(
    settings: AppointmentSettings,
    service: str,
    start: datetime,
    end: datetime,
    busy: dict[str, list[Busy]] | None = None,
    only: str | None = None,
    now: datetime = NOW,
) -> list[str]:
    found = settings.service(service)
    assert found is not None
    slots = free_slots(settings, found, [Window(start, end)], busy or {}, now, only)
    return [f"{slot.start.astimezone(VIENNA):%d %H:%M} {slot.resource}" for slot in slots]


def test_a_day_has_what_fits_between_its_hours() -> None:
    assert free(salon(), "haircut", at(26, 0), at(27, 0)) == [
        *(f"26 {clock} Mirela" for clock in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30")),
        *(f"26 {clock} Mirela" for clock in ("13:30", "14:00", "14:30", "15:00", "15:30", "16:00")),
        *(f"26 {clock} Mirela" for clock in ("16:30", "17:00")),
    ]
    assert free(salon(), "colour", at(28, 0), at(29, 0))[-1] == "28 12:00 Mirela"


def test_each_beginning_is_offered_once_and_by_whoever_has_time() -> None:
    friday = at(27, 17), at(27, 23)
    assert free(salon(), "trim", *friday)[:3] == ["27 17:00 Mirela", "27 17:30 Joost", "27 18:00 Joost"]
    assert free(salon(), "haircut", *friday, only="joost")[0] == "27 17:00 Joost"
    taken = {"Mirela": [Busy(at(27, 16, 50).astimezone(UTC), at(27, 17, 10).astimezone(UTC))]}
    assert free(salon(), "haircut", *friday, busy=taken)[0] == "27 17:00 Joost"


@pytest.mark.parametrize(
    ("start", "end", "gone"),
    [
        ((10, 0), (10, 30), {"09:30", "10:00"}),  # 9:30 ends at 10:15, and 9:00 with its buffer at 10:00
        ((9, 45), (10, 0), {"09:00", "09:30"}),
        ((12, 30), (13, 30), set()),
    ],
)
def test_what_is_taken_is_not_free_with_the_time_behind_it(
    start: tuple[int, int], end: tuple[int, int], gone: set[str]
) -> None:
    taken = {"Mirela": [Busy(at(26, *start).astimezone(UTC), at(26, *end).astimezone(UTC))]}
    all_of_it = free(salon(), "haircut", at(26, 0), at(27, 0))
    left = free(salon(), "haircut", at(26, 0), at(27, 0), busy=taken)
    assert {slot[3:8] for slot in set(all_of_it) - set(left)} == gone


def test_not_in_the_past_not_at_once_not_too_far_ahead_and_not_when_closed() -> None:
    assert free(salon(), "haircut", at(25, 0), at(26, 0))[0] == "25 10:30 Mirela"
    assert free(salon(notice_minutes=0), "haircut", at(25, 0), at(26, 0))[0] == "25 09:30 Mirela"
    assert free(salon(), "haircut", at(24, 0, month=12), at(27, 0, month=12)) == []
    assert free(salon(), "haircut", at(29, 0), at(30, 0)) == []  # a Sunday
    assert free(salon(ahead_days=1), "haircut", at(27, 0), at(28, 0)) == []


def test_five_tables_are_five_places_and_no_resource_is_one() -> None:
    tables = salon(resources=[{"name": "table", "count": 2}], services=[{"name": "dinner", "minutes": 60}])
    taken = {"table 1": [Busy(at(26, 9).astimezone(UTC), at(26, 12).astimezone(UTC))]}
    found = free(tables, "dinner", at(26, 9), at(26, 10), busy=taken)
    assert found == [
        "26 09:00 table 2",
        "26 09:30 table 2",
    ]
    house = salon(resources=[], services=[{"name": "visit", "minutes": 60}])
    assert free(house, "visit", at(26, 9), at(26, 9, 1)) == [f"26 09:00 {WHOLE_HOUSE}"]


def test_a_night_with_an_hour_twice_has_more_slots_and_one_without_has_fewer() -> None:
    nights = salon(
        hours={"mon-sun": "0:00-6:00"}, resources=[], services=[{"name": "watch", "minutes": 60}],
        step_minutes=60, ahead_days=366,
    )  # fmt: skip
    day = timedelta(days=1)
    for midnight, count in (
        (datetime(2026, 10, 25, tzinfo=VIENNA), 7),
        (datetime(2027, 3, 28, tzinfo=VIENNA), 5),
        (datetime(2027, 3, 29, tzinfo=VIENNA), 6),
    ):
        found = free(nights, "watch", midnight, midnight + day, now=midnight - 2 * day)
        assert len(found) == count


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time_zone": "Vienna"}, "there is none of that name"),
        ({"hours": {"mon": "9-17"}}, 'is not like "9:00-12:30"'),
        ({"hours": {"mon": "18:00-9:00"}}, "ends before it begins"),
        ({"hours": {"monday": "9:00-17:00"}}, "is no day"),
        ({"hours": {"mon-fri": "9:00-17:00", "fri": "9:00-12:00"}}, "fri has hours twice"),
        ({"closed": ["Christmas"]}, "is not like"),
        ({"services": [{"name": "cut", "minutes": 30, "resources": ["Max"]}]}, "there is no resource 'Max'"),
        ({"services": [{"name": "cut", "minutes": 30}, {"name": "Cut", "minutes": 60}]}, "the same name"),
        ({"services": []}, "at least 1"),
        ({"calendar": {"kind": "google"}}, "give each resource its calendar"),
    ],
)
def test_wrong_settings_get_one_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AppointmentSettings.model_validate({**SALON, **changes})
