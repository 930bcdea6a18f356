"""What callers say of days and times, as they say it, to the values that they mean.

The words were written down before the grammar was, from grammars and phrase books of each language and
from how recognisers spell; none comes from an agent of ours.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from offhook.moments.reader import Expected, listen
from offhook.moments.wish import Doubt, Wish, settle

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=VIENNA)  # a Wednesday
DAYS = {
    "en": {
        "today": "11-25",
        "tomorrow": "11-26",
        "the day after tomorrow": "11-27",
        "in two weeks": "12-09",
        "in a fortnight": "12-09",
        "three days from now": "11-28",
        "a week from tomorrow": "12-03",
        "in a month": "12-25",
        "friday": "11-27",
        "this Friday": "11-27",
        "Friday week": "12-04",
        "Thursday of next week": "12-03",
        "next week on Monday": "11-30",
        "next Monday": "11-30",
        "the 3rd of March": "03-03",
        "March third": "03-03",
        "march 3": "03-03",
        "the twenty-first of December": "12-21",
        "the twentieth": "12-20",
        "the 31st": "12-31",
        "Thursday the third": "12-03",
        "Thursday, December 10th": "12-10",
        "2026-12-24": "12-24",
        "the second of May": "05-02",
        "I may come on the 3rd of May": "05-03",
        "next Friday": "11-27|12-04",
        "Wednesday": "11-25|12-02",
        "Thursday the ninth": "11-26|12-09",
        "4/3": "03-04|04-03",
        "25/12": "12-25",
        "next week": "11-30..12-06",
        "Monday through Wednesday": "11-30..12-02",
        "the weekend": "11-28..11-29",
        "next month": "12-01..12-31",
        "in January": "01-01..01-31",
        "Friday, no, sorry, Monday": "11-30",
        "Friday I'm away, no wait, make it Monday": "11-30",
        "Friday, sorry, Friday I am in court, Saturday": "11-28",
    },
    "de": {
        "übermorgen": "11-27",
        "in vierzehn Tagen": "12-09",
        "am dritten März": "03-03",
        "am 3. März": "03-03",
        "am 3.3.": "03-03",
        "der einundzwanzigste Dezember": "12-21",
        "kommenden Freitag": "11-27",
        "nächsten Freitag": "11-27|12-04",
        "am Freitag, nee, Freitag geht nicht, am Samstag": "11-28",
        "nächste Woche": "11-30..12-06",
        "Montag bis Mittwoch": "11-30..12-02",
        "am Wochenende": "11-28..11-29",
    },
    "es": {
        "pasado mañana": "11-27",
        "en dos semanas": "12-09",
        "el 3 de marzo": "03-03",
        "el veintiuno de diciembre": "12-21",
        "el viernes que viene": "11-27|12-04",
        "el viernes, no, espere, el sábado": "11-28",
        "la semana que viene": "11-30..12-06",
        "este viernes": "11-27",
    },
    "fr": {
        "aujourd'hui": "11-25",
        "demain": "11-26",
        "après-demain": "11-27",
        "dans deux semaines": "12-09",
        "dans quinze jours": "12-09",
        "dans trois jours": "11-28",
        "vendredi": "11-27",
        "ce vendredi": "11-27",
        "vendredi en huit": "12-04",
        "le 3 mars": "03-03",
        "le premier mars": "03-01",
        "le 1er mars": "03-01",
        "le vingt et un décembre": "12-21",
        "jeudi trois décembre": "12-03",
        "jeudi de la semaine prochaine": "12-03",
        "lundi prochain": "11-30",
        "vendredi prochain": "11-27|12-04",
        "le vingt": "12-20",
        "25/12": "12-25",
        "la semaine prochaine": "11-30..12-06",
        "du lundi au mercredi": "11-30..12-02",
        "le week-end": "11-28..11-29",
        "le mois prochain": "12-01..12-31",
        "en janvier": "01-01..01-31",
        "vendredi, non, pardon, samedi": "11-28",
        "vendredi, ah non, vendredi je ne peux pas, samedi": "11-28",
    },
}
TIMES = {
    "en": {
        "tomorrow at half past two": "02:30|14:30",
        "tomorrow at half two": "02:30|14:30",
        "tomorrow 2:30 p.m.": "14:30",
        "tomorrow at 2:30pm": "14:30",
        "tomorrow at 230 p.m.": "14:30",
        "tomorrow at two thirty in the afternoon": "14:30",
        "tomorrow afternoon at two thirty": "14:30",
        "tomorrow at two oh five pm": "14:05",
        "tomorrow quarter to five p.m.": "16:45",
        "tomorrow at twenty past nine in the morning": "09:20",
        "tomorrow at ten a.m.": "10:00",
        "tomorrow at noon": "12:00",
        "tomorrow at 14:15": "14:15",
        "tomorrow at 3 o'clock in the afternoon": "15:00",
        "tomorrow at seven in the evening": "19:00",
        "three p.m., no, make it four p.m. tomorrow": "16:00",
        "tomorrow morning": "06:00-12:00",
        "tomorrow between two and four p.m.": "14:00-16:00",
        "tomorrow from eleven to one": "11:00-13:00",
        "tomorrow after four p.m.": "16:00-00:00",
        "tomorrow no later than 10 a.m.": "00:00-10:00",
        "tomorrow around 3 p.m.": "14:00-16:00",
    },
    "de": {
        "morgen um halb drei nachmittags": "14:30",
        "morgen um viertel vor fünf am Nachmittag": "16:45",
        "morgen um fünf vor halb drei am Nachmittag": "14:25",
        "morgen um dreiviertel fünf am Nachmittag": "16:45",
        "morgen 14 Uhr 30": "14:30",
        "morgen um 14.30 Uhr": "14:30",
        "morgen früh um acht": "08:00",
        "morgen ab sechzehn Uhr": "16:00-00:00",
        "morgen zwischen vierzehn und sechzehn Uhr": "14:00-16:00",
    },
    "es": {
        "mañana a las dos y media de la tarde": "14:30",
        "mañana a las cinco menos cuarto de la tarde": "16:45",
        "mañana a las ocho de la tarde": "20:00",
        "mañana por la mañana a las diez": "10:00",
        "mañana entre las dos y las cuatro de la tarde": "14:00-16:00",
        "mañana a mediodía": "12:00",
        "mañana a las 17:30": "17:30",
    },
    "fr": {
        "demain à deux heures et demie de l'après-midi": "14:30",
        "demain à cinq heures moins le quart de l'après-midi": "16:45",
        "demain à quatre heures vingt de l'après-midi": "16:20",
        "demain à quatorze heures trente": "14:30",
        "demain à 14h30": "14:30",
        "demain à 14 h 30": "14:30",
        "demain à 14 heures": "14:00",
        "demain à trois heures": "03:00|15:00",
        "demain à neuf heures et quart du matin": "09:15",
        "demain à huit heures du soir": "20:00",
        "demain matin à dix heures": "10:00",
        "demain à midi": "12:00",
        "demain à midi et demi": "12:30",
        "demain matin": "06:00-12:00",
        "demain après-midi": "12:00-18:00",
        "demain après seize heures": "16:00-00:00",
        "demain à partir de seize heures": "16:00-00:00",
        "demain avant dix heures du matin": "00:00-10:00",
        "demain vers quinze heures": "14:00-16:00",
        "demain entre quatorze et seize heures": "14:00-16:00",
        "demain de quatorze à seize heures": "14:00-16:00",
        "à quinze heures, non, plutôt à seize heures demain": "16:00",
    },
}


def wish_of(text: str, language: str, expected: Expected | None = None) -> Wish:
    said = listen(text, language, expected)
    assert said is not None, text
    return settle(said, NOW, language)


def cases(table: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(code, text, meant) for code, rows in table.items() for text, meant in rows.items()]


@pytest.mark.parametrize(("language", "text", "meant"), cases(DAYS))
def test_days(language: str, text: str, meant: str) -> None:
    wish = wish_of(text, language)
    days = sorted({window.start.date() for window in wish.windows})
    found = [day.strftime("%m-%d") for day in days]
    if ".." in meant:
        first, last = meant.split("..")
        assert (found[0], found[-1], wish.doubt) == (first, last, None)
        assert len(days) == (days[-1] - days[0]).days + 1
    else:
        assert found == meant.split("|")
        assert wish.doubt is (Doubt.DAY if "|" in meant else None)


@pytest.mark.parametrize(("language", "text", "meant"), cases(TIMES))
def test_times(language: str, text: str, meant: str) -> None:
    wish = wish_of(text, language)
    assert {window.start.date() for window in wish.windows} == {date(2026, 11, 26)}
    if "-" in meant:
        assert [f"{one.start:%H:%M}-{one.end:%H:%M}" for one in wish.windows] == [meant]
    else:
        assert [f"{one.start:%H:%M}" for one in wish.windows] == meant.split("|")
        assert wish.doubt is (Doubt.TIME if "|" in meant else None)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "five five five oh one seven"),
        ("en", "my number is 01632 960 135"),
        ("en", "we are seven people"),
        ("en", "I am the second owner and I may be late"),
        ("en", "good morning"),
        ("en", "the first one please"),
        ("de", "guten Morgen"),
        ("de", "meine Nummer ist null acht neun neun neun"),
        ("es", "buenos días"),
        ("fr", "bonjour"),
        ("fr", "mon numéro c'est le zéro six douze trente-quatre"),
        ("fr", "je voudrais savoir combien ça coûte"),
        ("it", "domani"),
    ],
)
def test_what_is_no_time(language: str, text: str) -> None:
    assert listen(text, language) is None


def test_a_bare_number_is_a_time_only_where_one_was_asked_for() -> None:
    assert listen("we'd be three then, my wife too", "en") is None
    answer = listen("we thought three, my wife too", "en", expected="time")
    assert answer is not None
    assert [one.clock and one.clock.hour for one in answer.times] == [3]


def test_what_is_not_mentioned_again_stays() -> None:
    first = listen("Thursday at three p.m.", "en")
    second = listen("no, Friday", "en")
    third = listen("half past four p.m. rather", "en")
    assert first is not None
    assert second is not None
    assert third is not None
    wish = settle(third.over(second.over(first)), NOW)
    assert [one.start for one in wish.windows] == [datetime(2026, 11, 27, 16, 30, tzinfo=VIENNA)]


def test_days_that_do_not_suit_are_left_out() -> None:
    said = listen("any day next week but not on Friday", "en")
    assert said is not None
    days = [window.start.day for window in settle(said, NOW).windows]
    assert days == [30, 1, 2, 3, 5, 6]


def test_a_time_from_now_is_counted_in_hours_that_pass() -> None:
    before_the_change = datetime(2027, 3, 28, 1, 30, tzinfo=VIENNA)
    said = listen("in an hour and a half", "en")
    assert said is not None
    wish = settle(said, before_the_change)
    assert wish.windows[0].start == datetime(2027, 3, 28, 4, 0, tzinfo=VIENNA)
    assert said.offset == timedelta(minutes=90)
