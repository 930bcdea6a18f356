"""One more call is declined where answers would be slow with it: by what is measured, and by the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from offhook.config import Config
from offhook.daemon.daemon import Daemon
from offhook.daemon.pace import ENOUGH, WINDOW_S, Box, Pace, Row, engines_of, load, reserved_for_others, save
from offhook.errors import BusyError
from tests.support.reception import Offer, Ready, SlowModel, opened

BOX = Box((Row(1, 9, 200, 300), Row(4, 9, 400, 600), Row(8, 9, 900, 2000)), ("a", "b", "c"), "2 x cpu")


class Now:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


@pytest.mark.parametrize(
    ("calls", "p95_ms"), [(0, None), (1, 300), (2, 400), (3, 500), (4, 600), (6, 1300), (8, 2000), (9, None)]
)
def test_between_rows_of_the_table(calls: int, p95_ms: float | None) -> None:
    assert BOX.p95_ms(calls) == p95_ms


def test_how_many_fit() -> None:
    assert [BOX.fits(limit) for limit in (200, 300, 700, 5000)] == [0, 1, 4, 8]
    assert Box((Row(1, 9, 200, 300, 1), *BOX.rows[1:]), (), "").fits(5000) == 0, "somebody was not answered"


@pytest.mark.parametrize(
    ("limit_ms", "box", "took_ms", "calls", "declined"),
    [
        (None, BOX, 9000, 8, False),  # nobody has said what is slow
        (800, None, None, 8, False),  # nothing is known
        (800, BOX, None, 3, False),  # 600 with one more, says the table
        (800, BOX, None, 4, True),  # 950
        (800, BOX, None, 8, False),  # nine calls were not tried: only measuring tells
        (800, None, 500, 2, False),  # 750: half as many calls again
        (800, None, 600, 2, True),  # 900
        (800, None, 600, 3, False),  # 800
        (800, BOX, 500, 4, False),  # the table's growth: 500 * 950 / 600
        (800, BOX, 510, 4, True),
        (800, BOX, 9000, 0, False),  # who comes alone is taken
    ],
)
def test_who_is_declined(
    limit_ms: float | None, box: Box | None, took_ms: float | None, calls: int, declined: bool
) -> None:
    pace = Pace(limit_ms, box, Now())
    for _ in range(ENOUGH if took_ms else 0):
        pace.answered(took_ms or 0)
    assert (pace.problem(calls) is not None) is declined


def test_the_last_minute_counts_and_few_answers_say_nothing() -> None:
    now = Now()
    pace = Pace(800, None, now)
    for _ in range(ENOUGH - 1):
        pace.answered(5000)
    assert pace.problem(4) is None
    pace.answered(5000)
    assert "admission.p95_ms 800" in str(pace.problem(4))
    now.s += WINDOW_S + 1
    assert pace.problem(4) is None, "it is over by itself"


def test_reserved_places_stay_free_for_whom_they_are() -> None:
    reserved = {"clinic": 2, "garage": 1}
    assert reserved_for_others(reserved, {}, None) == 3
    assert reserved_for_others(reserved, {"clinic": 1}, None) == 2
    assert reserved_for_others(reserved, {"clinic": 5, None: 3}, "bakery") == 1
    assert reserved_for_others(reserved, {}, "clinic") == 1


def test_a_table_is_for_the_engines_that_it_was_measured_with(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config.model_validate({"admission": {"table": str(tmp_path / "box.json")}})
    assert load(config) is None
    save(Box(BOX.rows, engines_of(config), "2 x cpu"), tmp_path / "box.json")
    box = load(config)
    assert box is not None
    assert box.rows == BOX.rows
    save(BOX, tmp_path / "box.json")
    assert load(config) is None
    assert "measured with other engines" in caplog.text
    (tmp_path / "box.json").write_text(json.dumps({"rows": 3}))
    assert load(config) is None
    assert "is no table" in caplog.text


async def test_the_daemon_declines_before_anything_is_answered(tmp_path: Path) -> None:
    admission = {"p95_ms": 800, "reserved": {"clinic": 7}, "table": str(tmp_path / "box.json")}
    settings: dict[str, Any] = {"admission": admission, "daemon": {"max_calls": 9}}
    reception = opened(Daemon(Config.model_validate(settings)), SlowModel(), Ready())
    offer = Offer().offer
    assert reception.check(offer) is None
    with reception._admitting.call(None):
        assert reception.check(offer) is None
        for _ in range(ENOUGH):
            reception.services.metrics.on_answer(5000)
        with pytest.raises(BusyError, match=r"more than admission\.p95_ms 800"):
            reception.check(offer)
    assert reception.check(offer) is None, "who comes alone is taken"
    with reception._admitting.call(None), reception._admitting.call(None):
        reception._admitting.pace.limit_ms = None
        with pytest.raises(BusyError, match="are reserved"):
            reception.check(offer)
