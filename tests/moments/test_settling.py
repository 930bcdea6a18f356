"""From what was said to moments: today's date, opening hours, a change of the clocks."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from offhook.errors import ConfigError
from offhook.moments.naming import name_moment
from offhook.moments.questions import question
from offhook.moments.reader import listen
from offhook.moments.wish import Doubt, Hours, Wish, narrow, settle
from offhook.moments.zones import at_or_after, end_of, moments, zone

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=VIENNA)  # a Wednesday
SPRING, AUTUMN = date(2027, 3, 28), date(2026, 10, 25)


def open_from(first: int, last: int) -> Hours:
    return lambda _day: [(time(first), time(last))]


def wish_of(text: str, now: datetime = NOW, hours: Hours | None = None, language: str = "en") -> Wish:
    said = listen(text, language)
    assert said is not None, text
    return settle(said, now, language, hours)


def starts(wish: Wish) -> list[str]:
    return [f"{window.start:%m-%d %H:%M}" for window in wish.windows]


def test_the_opening_hours_settle_which_half_of_the_day_and_only_they() -> None:
    assert wish_of("tomorrow at three").doubt is Doubt.TIME
    settled = wish_of("tomorrow at three", hours=open_from(8, 18))
    assert (starts(settled), settled.doubt) == (["11-26 15:00"], None)
    both = wish_of("tomorrow at seven", hours=open_from(6, 22))
    assert (starts(both), both.doubt) == (["11-26 07:00", "11-26 19:00"], Doubt.TIME)
    neither = wish_of("tomorrow at eleven", hours=open_from(13, 17))
    assert len(neither.windows) == 2


def test_today_what_has_gone_by_is_not_meant() -> None:
    assert starts(wish_of("today at nine")) == ["11-25 21:00"]
    assert starts(wish_of("Wednesday at 8 a.m.")) == ["12-02 08:00"]
    assert starts(wish_of("this morning")) == ["11-25 09:30"]
    for text in ("yesterday", "today at 8 a.m.", "2025-03-01"):
        assert wish_of(text).doubt is Doubt.PAST


@pytest.mark.parametrize("text", ["the 30th of February", "February 30", "31/11/2027", "12/13/14"])
def test_days_that_do_not_exist(text: str) -> None:
    assert wish_of(text, language="en-GB").doubt is Doubt.NONE


def test_which_number_is_the_month_depends_on_the_country() -> None:
    assert starts(wish_of("4/3", language="en-US")) == ["04-03 00:00"]
    assert starts(wish_of("4/3", language="en-GB")) == ["03-04 00:00"]
    assert starts(wish_of("4/3", language="de")) == ["03-04 00:00"]


def test_a_29th_of_february_is_that_of_the_next_leap_year() -> None:
    assert wish_of("February 29").windows[0].start.date() == date(2028, 2, 29)


def test_the_hour_that_summer_time_leaves_out_is_no_time_and_is_asked() -> None:
    assert moments(SPRING, time(2, 30), VIENNA) == ()
    wish = wish_of("the 28th of March at 2:30 a.m.")
    assert (wish.windows, wish.doubt) == ((), Doubt.NONE)
    assert at_or_after(SPRING, time(2, 30), VIENNA) == datetime(2027, 3, 28, 3, 30, tzinfo=VIENNA)


def test_the_hour_that_comes_twice_is_asked() -> None:
    twice = moments(AUTUMN, time(2, 30), VIENNA)
    assert [one.utcoffset().total_seconds() / 3600 for one in twice if one.utcoffset()] == [2, 1]  # type: ignore[union-attr]
    now = datetime(2026, 10, 24, 12, 0, tzinfo=VIENNA)
    assert wish_of("tomorrow at 2:30 a.m.", now).doubt is Doubt.TIME
    assert (
        end_of(AUTUMN, time(0), VIENNA).timestamp() - at_or_after(AUTUMN, time(0), VIENNA).timestamp()
    ) == (25 * 3600)


def test_tomorrow_at_nine_is_at_nine_on_the_other_side_of_the_change() -> None:
    for day in (SPRING, AUTUMN):
        now = datetime(day.year, day.month, day.day - 1, 12, tzinfo=VIENNA)
        (window,) = wish_of("tomorrow at 9 a.m.", now).windows
        assert window.start == datetime(day.year, day.month, day.day, 9, tzinfo=VIENNA)


def test_a_stretch_across_midnight_ends_with_the_day() -> None:
    (window,) = wish_of("tonight").windows
    assert window.start == datetime(2026, 11, 25, 17, tzinfo=VIENNA)
    (window,) = wish_of("tomorrow after 8 p.m.").windows
    assert window.end == datetime(2026, 11, 27, tzinfo=VIENNA)


@pytest.mark.parametrize(
    ("text", "choices", "answer", "left"),
    [
        ("next Friday", "Friday, November 27 or Friday, December 4", "the fourth", ["12-04 00:00"]),
        ("tomorrow at seven", "tomorrow at 7 AM or tomorrow at 7 PM", "in the evening", ["11-26 19:00"]),
        ("tomorrow at seven", "tomorrow at 7 AM or tomorrow at 7 PM", "7 a.m.", ["11-26 07:00"]),
    ],
)
def test_what_is_open_is_asked_and_the_answer_settles_it(
    text: str, choices: str, answer: str, left: list[str]
) -> None:
    wish = wish_of(text)
    assert question(wish, NOW, "en") == f"Do you mean {choices}?"
    settled = narrow(wish, listen(answer, "en"))
    assert (starts(settled), settled.doubt) == (left, None)
    assert narrow(wish, listen("on the 19th of May", "en")) == wish
    assert narrow(wish, None) == wish


def test_questions_are_in_the_callers_language() -> None:
    now = NOW
    german = wish_of("morgen um sieben", language="de")
    assert question(german, now, "de") == "Meinen Sie morgen um 7:00 Uhr oder morgen um 19:00 Uhr?"
    spanish = wish_of("el viernes que viene", language="es")
    assert question(spanish, now, "es") == "¿Quiere decir viernes 27 de noviembre o viernes 4 de diciembre?"
    assert question(wish_of("tomorrow"), now, "en") is None
    assert question(wish_of("yesterday"), now, "de") == (
        "Das ist schon vorbei. Wann würde es Ihnen sonst passen?"
    )
    far = datetime(2027, 11, 3, 14, 30, tzinfo=VIENNA)
    assert name_moment(far, now, "en") == "Wednesday, November 3, 2027 at 2:30 PM"


def test_a_time_zone_that_does_not_exist_gets_one_line() -> None:
    with pytest.raises(ConfigError, match=r"time zone 'Mars/Base': there is none"):
        zone("Mars/Base")
    assert zone("America/New_York").key == "America/New_York"
