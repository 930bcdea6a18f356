"""Who may be called and when, lists, and what came of calls: tables, with the moment as an argument."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from offhook.config import OutboundConfig
from offhook.errors import ConfigError
from offhook.outbound.lists import Row, consent_of, read_list
from offhook.outbound.results import Outcome, of_cause
from offhook.outbound.rules import earliest, number_of, one_form_of
from offhook.outbound.store import Store

CONFIG = OutboundConfig(allow=("+1", "+49"), window="09:00-20:00", days=("mon", "tue", "wed", "thu", "fri"))
FRIDAY = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        (" +1 (212) 555-0123 ", "+12125550123"),
        ("tel:+1-212-555-0123", "+12125550123"),
        ("\uff0b\uff11 212 555 0123", "+12125550123"),
        ("+49 30 123456", "+4930123456"),
        ("+49 (0)30 123456", "+4930123456"),
    ],
)
def test_a_number_is_dialled_in_one_form(written: str, number: str) -> None:
    assert number_of(written, CONFIG) == one_form_of(written) == number


@pytest.mark.parametrize(
    ("written", "config", "why"),
    [
        ("2125550123", CONFIG, "country code"),
        ("+1212", CONFIG, "too few digits"),
        ("+12125550123 ext. 5", CONFIG, "write the number without it"),
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


NIGHTS = CONFIG.model_copy(update={"window": "22:00-02:00"})


@pytest.mark.parametrize(
    ("config", "now", "due"),
    [
        # Berlin, Friday at 13:00, 23:30, Saturday at 01:30 of Friday's window, and behind it, until Monday's.
        (NIGHTS, FRIDAY, FRIDAY.replace(hour=21)),
        (NIGHTS, FRIDAY.replace(hour=22, minute=30), FRIDAY.replace(hour=22, minute=30)),
        (NIGHTS, datetime(2026, 11, 28, 0, 30, tzinfo=UTC), datetime(2026, 11, 28, 0, 30, tzinfo=UTC)),
        (NIGHTS, datetime(2026, 11, 28, 1, 0, tzinfo=UTC), datetime(2026, 11, 30, 21, 0, tzinfo=UTC)),
        # A short one is not stepped over, and a whole day has no minute without a call.
        (CONFIG.model_copy(update={"window": "15:01-15:02"}), FRIDAY, FRIDAY.replace(hour=14, minute=1)),
        (
            CONFIG.model_copy(update={"window": "00:00-24:00"}),
            FRIDAY.replace(hour=22, minute=59, second=59),
            FRIDAY.replace(hour=22, minute=59, second=59),
        ),
        # On 28 March 2027 Berlin has no 02:30: what would have begun then begins at 03:30 of the new time.
        (
            CONFIG.model_copy(update={"window": "02:30-08:00", "days": ("sun",)}),
            datetime(2027, 3, 28, 0, 0, tzinfo=UTC),
            datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_window_is_of_the_day_on_which_it_begins(
    config: OutboundConfig, now: datetime, due: datetime
) -> None:
    assert earliest("+4930123456", now, config) == due


def test_a_window_that_fits_nobody_is_told() -> None:
    narrow = CONFIG.model_copy(update={"days": ()})
    with pytest.raises(ConfigError, match="leave no moment"):
        earliest("+12125550123", FRIDAY, narrow)


@pytest.mark.parametrize(
    "wrong",
    [
        {"allow": ("1212",)},
        {"window": "20:00-20:00"},
        {"window": "9-17"},
        {"endpoint": "PJSIP/trunk"},
        {"caller_id": "5550100"},
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OutboundConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("written", "consent"),
    [("form of 3 May", "form of 3 May"), ("by\nmail", "by mail"), ("Non-profit form", "Non-profit form")]
    + [("opted in", "opted in"), ("nominated herself", "nominated herself")]
    + [(none, "") for none in ("", " - ", "?", "No.", "n/a", "N", "no consent given", "opted out", "Unknown")]
    + [(none, "") for none in ("nein", "keine Angabe", "non", "ninguna", "withdrawn on 3 May")],
)
def test_a_note_that_says_no_is_no_consent(written: str, consent: str) -> None:
    assert consent_of(written) == consent


def test_what_spreadsheets_write_is_read_and_a_line_that_is_none_costs_itself(tmp_path: Path) -> None:
    file = tmp_path / "recall.csv"
    lines = ["sep=;", "Number;Consent;;", "+12125550123;yes;;", ";;;", '+12125550124;"a form', 'of May";;']
    lines += ["+12125550125", f"+12125550126;{'x' * 301}", "+12125550127;yes;;more", "+12125550128;yes"]
    file.write_bytes("\r\n".join(lines).encode())
    found = list(read_list(file))
    assert [(row.line, row.number, row.consent) for row in found if not row.fault] == [
        (3, "+12125550123", "yes"),
        (6, "+12125550124", "a form of May"),
        (10, "+12125550128", "yes"),
    ]
    assert [row.line for row in found if row.fault] == [7, 8, 9]
    file.write_text("number\tconsent\n+12125550123\tyes\n")
    assert list(read_list(file)) == [Row(2, "+12125550123", consent="yes")]


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
        ("number,number\n", "'number' is there twice"),
        # What is not closed would take all that follows into one person's consent.
        ('number,consent\n+12125550123,"yes\n+12125550124,yes\n', "line 2: its quotation marks"),
        ('number,consent\n+12125550123,"yes\n+12125550124,"yes"\n', "line 2: its quotation marks"),
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
    taken = store.take(61.0)
    assert taken is not None
    assert store.block(two.number, "", 62.0) == 0, "it rings"
    assert store.tried(two.id, "busy", "", 63.0, 90.0).state == "done", "and is not tried again"
    again = store.add("+12125550125", "garage", "", "form", "", 10.0)
    assert again is not None
    assert store.take(64.0) == replace(again, state="calling", tries=1, began_s=64.0)
    # A daemon dies in the middle of a call: it is not begun again.
    assert [(each.id, each.result) for each in store.open()] == [(again.id, "failed")]
    assert store.counts() == {"failed": 1, "blocked": 2, "busy": 1}
    assert store.take(1e9) is None
    assert store.forget("+12125550123", "acme") == 0, "another tenant's are not theirs to delete"
    assert store.forget("+12125550123") == 2
    with pytest.raises(ConfigError, match="not to be called"):
        store.add("+12125550123", "garage", "", "form", "", 10.0)
    assert store.purge(10.0) == 0
    assert store.purge(1e9) == 2
