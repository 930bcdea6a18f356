"""Who may be called and when, lists, and what came of calls: tables, with the moment as an argument."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from offhook.config import OutboundConfig
from offhook.errors import ConfigError
from offhook.outbound.lists import Row, read_list
from offhook.outbound.results import Outcome, of_cause
from offhook.outbound.rules import earliest, number_of
from offhook.outbound.store import Store

CONFIG = OutboundConfig(allow=("+1", "+49"), window="09:00-20:00", days=("mon", "tue", "wed", "thu", "fri"))
FRIDAY = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "number"),
    [(" +1 (212) 555-0123 ", "+12125550123"), ("+49 30 123456", "+4930123456")],
)
def test_a_number_is_dialled_in_one_form(written: str, number: str) -> None:
    assert number_of(written, CONFIG) == number


@pytest.mark.parametrize(
    ("written", "config", "why"),
    [
        ("2125550123", CONFIG, "country code"),
        ("+1212", CONFIG, "too few digits"),
        ("+442071234567", CONFIG, "may not be dialled"),
        ("+19005550123", CONFIG, "costs extra"),
        ("+12125550123", OutboundConfig(), "outbound.allow is empty"),
    ],
)
def test_a_number_that_may_not_be_dialled_says_why(written: str, config: OutboundConfig, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        number_of(written, config)


@pytest.mark.parametrize(
    ("number", "now", "due"),
    [
        # New York at seven in the morning; Los Angeles at four; Berlin at one in the afternoon.
        ("+12125550123", FRIDAY, datetime(2026, 11, 27, 14, 0, tzinfo=UTC)),
        ("+13105550123", FRIDAY, datetime(2026, 11, 27, 17, 0, tzinfo=UTC)),
        ("+4930123456", FRIDAY, FRIDAY),
        # Eight in the evening is too late there, and the next day is Saturday.
        ("+4930123456", FRIDAY.replace(hour=19), datetime(2026, 11, 30, 8, 0, tzinfo=UTC)),
        # A number that may be in several zones: the window has to be open in all of them.
        ("+18005550123", FRIDAY.replace(hour=15), None),
    ],
)
def test_callees_are_called_by_their_own_clock(number: str, now: datetime, due: datetime | None) -> None:
    found = earliest(number, now, CONFIG)
    assert found == due if due is not None else found > now


def test_a_window_that_fits_nobody_is_told() -> None:
    narrow = CONFIG.model_copy(update={"days": ()})
    with pytest.raises(ConfigError, match="leave no moment"):
        earliest("+12125550123", FRIDAY, narrow)


@pytest.mark.parametrize(
    "wrong",
    [{"allow": ("1212",)}, {"window": "20:00-09:00"}, {"endpoint": "PJSIP/trunk"}, {"caller_id": "5550100"}],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OutboundConfig.model_validate(wrong)


def test_a_list_is_read_with_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "recall.csv"
    file.write_text("\ufeffNumber;Consent;agent\n+12125550123;form of 3 May;garage\n+12125550124;no;\n")
    assert list(read_list(file)) == [
        Row(2, "+12125550123", "garage", consent="form of 3 May"),
        Row(3, "+12125550124", consent=""),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "titles"),
        ("phone,consent\n", "one of them is: number"),
        ("number,consnet\n", "unknown column 'consnet'"),
        ("number,agent\n+12125550123\n", "line 2"),
        ("number,agent\n+12125550123,a,b\n", "line 2"),
    ],
)
def test_a_list_with_a_fault_says_where(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "recall.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=why):
        list(read_list(file))


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        (Outcome(of_cause(17)), True),
        (Outcome(of_cause(19)), True),
        (Outcome(of_cause(34)), True),
        (Outcome(of_cause(1)), False),
        (Outcome(of_cause(21)), False),
        (Outcome("nobody", "network"), True),
        (Outcome("ok", "machine"), False),
        (Outcome("hangup", "human"), False),
    ],
)
def test_who_was_not_reached_is_tried_again(outcome: Outcome, again: bool) -> None:
    assert outcome.may_try_again is again


def test_the_store_keeps_what_is_to_be_done(tmp_path: Path) -> None:
    store = Store(tmp_path / "folder/outbound.db")
    store.open()
    one = store.add("+12125550123", "garage", "", "form", "recall.csv", 10.0)
    two = store.add("+12125550124", "garage", "", "form", "recall.csv", 5.0)
    assert one is not None
    assert two is not None
    assert store.add("+12125550123", "garage", "", "form", "recall.csv", 10.0) is None, "once"
    assert store.add("+12125550123", "garage", "", "asked", "", 99.0) is not None, "by hand at will"
    assert store.take(4.0) is None
    taken = store.take(20.0)
    assert taken is not None
    assert (taken.id, taken.state, taken.tries) == (two.id, "calling", 1)
    assert store.tried(two.id, "busy", "", 25.0, 60.0).state == "waiting"
    assert store.block("+12125550123", "asked us to", 30.0) == 2
    with pytest.raises(ConfigError, match="not to be called"):
        store.add("+12125550123", "garage", "", "form", "", 10.0)
    assert store.take(61.0) is not None
    # A daemon dies in the middle of a call: it is not begun again.
    store.open()
    assert store.counts() == {"failed": 1, "blocked": 2}
    assert store.take(1e9) is None
    assert store.forget("+12125550123", "acme") == 0, "another tenant's are not theirs to delete"
    assert store.forget("+12125550123") == 2
    with pytest.raises(ConfigError, match="not to be called"):
        store.add("+12125550123", "garage", "", "form", "", 10.0)
    assert store.purge(10.0) == 0
    assert store.purge(1e9) == 1
