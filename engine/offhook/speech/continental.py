"""German, Spanish and French text as it is spoken: decimal commas, days first, 24 hours.  Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, lru_cache

from num2words import num2words

from offhook.speech.contacts import TOP
from offhook.speech.rules import Rule, apply, rule
from offhook.speech.vocabulary import Vocabulary

_PASSES = 4
"""As in :mod:`offhook.speech.english`."""
_EVERYDAY = 1_000
"""Numbers below this are kept in words for all calls: they tell of no caller."""
_LONGEST = 15
_HUNDREDS = range(1100, 2000)
"""Years of these are said in hundreds in German, and amounts may be."""
_LARGEST_SHARE = 12
_LONG_RUN = 7
"""Digits from which a run is a number to write down, unless it is round."""
_NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+\.\d{1,2}(?!\d)"
    r"|\d{1,3}(?:(?:\.\d{3})+|(?:'\d{3})+|(?: \d{3})+)(?![\d])(?:,\d+)?|\d+(?:[.,]\d+)?)"
)
_BEGIN = r"(?<![\w.,])(?<!\d[/:-])"
_END = r"(?![\w]|[.,:/-]\d)"
_PARTS = re.compile(r"\d|[^\W\d_]+|[^\w\s]|_")
_ONE_FORM = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u2032\u02bc", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\uff0d", "-"),
        **dict.fromkeys("\u2014\u2015\u2022", " -- "),
        "\u2264": "<",
        "\u2265": ">",
        "\u2044": "/",
        "\u00d7": "x",
        "\u00bd": " 1/2 ",
        "\u00bc": " 1/4 ",
        "\u00be": " 3/4 ",
    }
)


def speaker(words: Vocabulary) -> Callable[[str], str]:
    """What turns written text into ``words``' language."""

    rules = cache(lambda: _Speaker(words).rules)  # made on first use

    def say(text: str) -> str:
        for _ in range(_PASSES):
            before, text = text, _pass(text, rules())
            if text == before:
                break
        return text

    return say


def cardinal(number: int, code: str) -> str:
    """``number``, below 10**15, in words."""
    return _everyday(number, code) if number < _EVERYDAY else str(num2words(number, lang=code))


@lru_cache(maxsize=4 * _EVERYDAY)
def _everyday(number: int, code: str) -> str:
    return str(num2words(number, lang=code))


def _pass(text: str, rules: Iterable[Rule]) -> str:
    text = "".join(_plain(char) for char in text.translate(_ONE_FORM))
    text = apply(rules, text)
    return " ".join(text.split())


def _plain(char: str) -> str:
    """Digits of all scripts as ours; small raised and circled ones, too, but for those of measures."""
    if char in "²³":
        return char
    value = unicodedata.digit(char, None)
    return char if value is None or char.isascii() else str(value)


class _Speaker:
    """The rules of one language."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._digit = [cardinal(value, words.code) for value in range(10)]
        money = _one_of(words.money)
        units = _one_of(words.units)
        months = _one_of(words.months)
        short_months = _one_of(words.short_months)
        joints = f"(?:{_one_of(words.joints)})"
        names = _one_of(set(words.weekdays.values()))
        days = _one_of(words.weekdays)
        self.rules: tuple[Rule, ...] = (
            rule(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", self._address),
            rule(r"\b(?:https?://|www\.)[^\s<>\"',;]+", self._address, re.IGNORECASE),
            rule(
                rf"(?<![\w.@-])(?:[a-z0-9-]+\.)+(?:{TOP})\b(?!\.\w)(?:/[^\s<>\"',;]*)?",
                self._address,
                re.IGNORECASE,
            ),
            *words.first,
            rule(
                rf"(?P<before>\d\.? ?(?:de )?)(?P<month>{short_months})\b\.?(?!\w)",
                lambda match: (
                    match["before"] + words.short_months[match["month"].lower()] + _full_stop(match)
                ),
                re.IGNORECASE,
            ),
            rule(
                rf"\b({short_months})\b\.? (?=(?:de )?[12]\d{{3}}\b)",
                lambda match: f"{words.short_months[match[1].lower()]} ",
                re.IGNORECASE,
            ),
            rule(rf"\b({days})\b\.?\s?-\s?({days})\b\.?", self._weekdays),
            rule(
                rf"\b({days})\b\.?(?=:?\s?\d|,\s(?:{days})\b|\s?[/+&]\s?(?:{days})\b"
                rf"|,? {joints} (?:{days})\b)",
                lambda match: words.weekdays[match[1]],
            ),
            rule(
                rf"(?P<before>\b(?:{names})(?:, | ?[/+&] ?|,? {joints} ))(?P<day>{days})\b\.?",
                lambda match: match["before"] + words.weekdays[match["day"]] + _full_stop(match),
            ),
            rule(rf"(?<=\w)\s?[/+]\s?(?=(?:{names})\b)|(?<=\S)\s/\s", ", "),
            rule(rf"(?<=: )({days})\b\.?(?=$|[,;.])", lambda match: words.weekdays[match[1]]),
            rule(
                rf"(?<![\w./,])(?P<part>1/2|1/4|3/4) (?P<unit>{units})(?!\w)",
                lambda match: f"{words.abbreviations[match['part']]} {words.units[match['unit']][0]}",
            ),
            rule(
                rf"(?<![\w./])(?<!\d )(?P<short>{_one_of(words.abbreviations)})(?![\w/])",
                lambda match: words.abbreviations[match["short"]] + _full_stop(match),
            ),
            rule(
                rf"(?<=\w)(?P<short>{_one_of(words.suffixes) or '(?!)'})(?!\w)",
                lambda match: words.suffixes[match["short"]] + _full_stop(match),
            ),
            rule(rf"{_BEGIN}(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){_END}", self._date),
            rule(
                rf"(?P<before>\b[^\W\d_]+,? )?{_BEGIN}(?P<day>\d{{1,2}})(?P<sign>[./])(?P<month>\d{{1,2}})("
                rf"?P=sign)"
                r"(?P<year>\d{4}|\d\d)?(?!\w|[.,/:-]\d)",
                self._date,
            ),
            rule(
                rf"(?P<before>\b[^\W\d_]+,? )?{_BEGIN}(?P<day>\d{{1,2}}|1er)\.? (?:de )?(?P<name>{months})"
                r"(?: (?:de |del )?(?P<year>[12]\d{3}))?(?!\w)",
                self._date,
                re.IGNORECASE,
            ),
            rule(
                rf"{_BEGIN}(?P<one>{words.clock_written})\s?-\s?(?=\d)",
                lambda match: f"{match['one']} {words.to} ",
            ),
            rule(
                rf"{_BEGIN}(?P<one>\d{{1,2}})\s?-\s?(?={words.clock_written})",
                lambda match: f"{self.number(match['one'])} {words.to} ",
            ),
            rule(rf"{_BEGIN}(?:{words.clock_written})(?!\w|[.,:]\d)", self._clock),
            rule(rf"(?<=\d)\s?-\s?(?=(?:{money})\s?\d)", f" {words.to} "),
            rule(rf"(?P<sign>{money})\s?(?P<amount>{_NUMBER})(?!\w)", self._money),
            rule(
                rf"{_BEGIN}(?P<amount>{_NUMBER})\s?(?:{money})?\s?-\s?(?P<last>{_NUMBER})\s?(?P<sign>{money})(?!\w"
                rf")",
                self._money,
            ),
            rule(rf"{_BEGIN}(?P<amount>{_NUMBER})\s?(?P<sign>{money})(?!\w)", self._money),
            rule(rf"(?<=\w)\s?/\s?(?P<unit>{units})(?!\w)", self._per),
            rule(rf"(?<=\w)\s?/\s?(?={_one_of(words.each)}\b)", f" {words.per} "),
            rule(
                rf"(?P<per>\b{words.per} )(?P<unit>{units})(?!\w)",
                lambda match: match["per"] + words.units[match["unit"]][0] + _full_stop(match),
            ),
            rule(r"(?<![\w.,/])(\d{1,3}) 1/2(?![\w/]|[.,]\d)", lambda match: words.and_a_half(int(match[1]))),
            rule(
                r"(?<![\w.,])(\d{1,2}) ?x(?=\s[^\W\d]|[.,;:!?)]|$)", lambda match: words.times(int(match[1]))
            ),
            rule(r"(?<=\d)\s?x\s?(?=\d)", f" {words.by} "),
            rule(r"(?<![\w<-])<=?\s?(?=\d)", f"{words.under} "),
            rule(r"(?<![\w>/-])>=?\s?(?=\d)", f"{words.over} "),
            rule(
                rf"(?<![\w.,])(?P<minus>[-+] ?)?(?P<amount>{_NUMBER})(?:\s?-\s?(?P<last>{_NUMBER}))?"
                rf"\s?(?P<unit>{units})(?!\w)",
                self._unit,
            ),
            rule(r"(?<![\w.,])\+\(?\d[\d ()/.-]{5,20}\d(?!\w)", self._telephone),
            rule(r"(?<![\w.,+])\(?0\d[\d()]*(?:[ /-]\(?\d{1,9}\)?)+(?!\w|[.,:]\d)", self._telephone),
            rule(r"(?<![\w.,+])[6-9]\d{1,2}(?: \d{2,3}){2,4}(?!\w|[.,:]\d| ?\d)", self._telephone),
            rule(r"(?<![\w.,+])\d{2,3} \d{3,4} \d{4}(?!\w|[.,:]\d| ?\d)", self._telephone),
            rule(rf"(?<![\w.,])(?:{words.ordinal_written})(?!\w)", self._ordinal),
            rule(
                rf"{_BEGIN}(?P<amount>{_NUMBER})\s?-\s?(?P<last>{_NUMBER}){_END}",
                lambda match: f"{self.number(match['amount'])} {words.to} {self.number(match['last'])}",
            ),
            rule(rf"(?<![\w)])-(?={_NUMBER})", f"{words.minus} "),
            rule(rf"\+(?={_NUMBER})|(?<=\d)\+(?!\w)|(?<!\S)\+(?=\s)", f" {words.plus} "),
            rule(rf"{_BEGIN}(?:1(?= [^\W\d_]{{2}})|\d*[02-9]1(?= [^\W\d_]+s\b))", self._before_noun),
            rule(rf"{_BEGIN}(\d{{1,3}})/(\d{{1,3}}){_END}", self._over),
            rule(rf"{_BEGIN}(?P<amount>{_NUMBER}){_END}", lambda match: self.number(match["amount"])),
            rule(
                r"(?<![\w.,])(\d{1,3})(?=[^\W\d_](?!\w))|(?<=(?<!\w)[A-Z])(\d{1,2})(?!\w|[.,]\d)",
                lambda match: f" {self.number(match.group())} ",
            ),
            rule(r"(?<=\d):(?=\d)", f" {words.ratio} "),
            rule(r"[\d²³]+", lambda match: f" {self.digits(match.group())} "),
            rule(
                rf"(?<=\w )(?:{_one_of(sign for sign in words.money if len(sign) == 1)})(?!\w)",
                lambda match: words.money[match.group()][1],
            ),
            *(
                rule(
                    rf"\s?{re.escape(sign)}\s"
                    rf"?",
                    f" {said} ",
                )
                for sign, said in words.signs.items()
                if sign in "&%="
            ),
        )

    def number(self, written: str) -> str:
        """What matches :data:`_NUMBER`; with a zero in front, or long and not round, digit by digit."""
        whole, comma, decimals = _parts(written)
        run = len(whole) > 1 and whole[0] == "0"
        run |= len(whole) > _LONGEST or (whole == written and len(whole) >= _LONG_RUN and whole[-3:] != "000")
        if whole == written and len(whole) == 4 and int(whole) in _HUNDREDS:
            return self._year(int(whole))
        said = self._grouped(whole) if run else cardinal(int(whole), self._words.code)
        return f"{said} {self._words.point} {self.digits(decimals)}" if comma else said

    def digits(self, written: str) -> str:
        """Digit by digit; what is no digit is left out."""
        values = (unicodedata.digit(char, None) for char in written)
        return " ".join(self._digit[value] for value in values if value is not None)

    def _grouped(self, run: str) -> str:
        """With a pause after every three, of long ones."""
        if len(run) < _LONG_RUN:
            return self.digits(run)
        groups = [run[at : at + 3] for at in range(0, len(run), 3)]
        if len(groups[-1]) == 1:
            groups[-2:] = [groups[-2] + groups[-1]]
        return ", ".join(self.digits(group) for group in groups)

    def _counted(self, written: str, noun: str) -> str:
        whole, comma, _ = _parts(written)
        if comma or len(whole) > _LONGEST:
            return self.number(written)
        return self._words.counted(int(whole), noun)

    def _before_noun(self, match: re.Match[str]) -> str:
        noun = re.compile(r" (\w+)").match(match.string, match.end())
        return self._counted(match.group(), noun[1] if noun else "")

    def _over(self, match: re.Match[str]) -> str:
        """ "9/10", but "buses 43/44": two that follow each other are no fraction."""
        if int(match[1]) + 1 == int(match[2]) > _LARGEST_SHARE:
            return f"{self.number(match[1])}, {self.number(match[2])}"
        return f"{self.number(match[1])} {self._words.out_of} {self.number(match[2])}"

    def _address(self, match: re.Match[str]) -> str:
        """An address, sign by sign; the punctuation of the sentence around it stays."""
        address = match.group()
        bare = address.rstrip(".,;:!?/'-&")
        said = [
            self._words.signs.get(part, part if part.isalpha() else self.digits(part))
            for part in _PARTS.findall(re.sub(r"^\w+://", "", bare))
        ]
        return " ".join(filter(None, said)) + address[len(bare) :].replace("/", "")

    def _telephone(self, match: re.Match[str]) -> str:
        """Digit by digit, a pause where the number is divided."""
        written = match.group()
        groups = re.findall(r"\d+", written.replace("(0)", " "))
        if sum(map(len, groups)) < _LONG_RUN:
            return written
        plus = f"{self._words.plus} " if written.startswith("+") else ""
        return plus + ", ".join(self._grouped(group) for group in groups)

    def _weekdays(self, match: re.Match[str]) -> str:
        first, last = (self._words.weekdays[match[at]] for at in (1, 2))
        return f"{first} {self._words.to} {last}" + _full_stop(match)

    def _clock(self, match: re.Match[str]) -> str:
        hour, minute = int(match["hour"]), int(match["minute"] or 0)
        return self._words.clock(hour, minute) if hour <= 24 and minute < 60 else match.group()

    def _date(self, match: re.Match[str]) -> str:
        words, groups = self._words, match.groupdict()
        before = groups.get("before") or ""
        day = int(re.sub(r"\D", "", match["day"]))
        name = groups.get("name")
        month = 0 if name else int(match["month"])
        if not (0 < day <= 31 and (name or 0 < month <= 12)):
            return match.group()
        name = name or words.months[month - 1]
        written = groups.get("year")
        said = words.day(day, before)
        if written is None:
            return before + words.short_date.format(day=said, month=name)
        year = int(written) + (2000 if len(written) == 2 else 0)
        return before + words.date.format(day=said, month=name, year=self._year(year))

    def _year(self, year: int) -> str:
        return str(num2words(year, lang=self._words.code, to="year"))

    def _money(self, match: re.Match[str]) -> str:
        words, sign = self._words, match["sign"]
        one, several = words.money[sign]
        last = match.groupdict().get("last")
        whole, comma, decimals = _parts(last or match["amount"])
        cents = int(decimals.ljust(2, "0")) if comma and len(decimals) <= 2 else 0
        front = f"{self.number(match['amount'])} {words.to} " if last else ""
        if comma and len(decimals) > 2:
            return f"{front}{self.number(last or match['amount'])} {several}"
        if cents and int(whole) == 0 and sign in words.hundredths and not last:
            names = words.hundredths[sign]
            return f"{words.counted(cents, names[1])} {names[cents != 1]}"
        said = f"{front}{self._counted(whole, several)} {one if whole == '1' and not last else several}"
        return f"{said}{words.cents}{cardinal(cents, words.code)}" if cents else said

    def _per(self, match: re.Match[str]) -> str:
        return f" {self._words.per} {self._words.units[match['unit']][0]}"

    def _unit(self, match: re.Match[str]) -> str:
        words = self._words
        one, several = words.units[match["unit"]]
        amount, last = match["amount"], match["last"]
        sign = (match["minus"] or "").strip()
        minus = f"{words.minus if sign == '-' else words.plus} " if sign else ""
        if last:
            return f"{minus}{self.number(amount)} {words.to} {self._counted(last, several)} {several}"
        said = f"{minus}{self._counted(amount, one)} {one if amount == '1' else several}"
        return said + _full_stop(match)

    def _ordinal(self, match: re.Match[str]) -> str:
        return self._words.ordinal(int(match["number"]), match.group())


def _parts(written: str) -> tuple[str, str, str]:
    """The whole, the comma or nothing, the decimals: a point or a space before three digits only divides."""
    if re.search(r",\d{3}.*\.", written):  # "1,250.00", as it is written elsewhere
        written = written.replace(",", "").replace(".", ",")
    plain = re.sub(r"(?<=\d)[.' ](?=\d{3}(?:\D|$))", "", written).replace(".", ",")
    whole, comma, decimals = plain.partition(",")
    return whole, comma, decimals


def _full_stop(match: re.Match[str]) -> str:
    """The full stop of an abbreviation at the end of the text: before a capital letter it ends nothing."""
    return "." if match.group().endswith(".") and not match.string[match.end() :].strip() else ""


def _one_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
