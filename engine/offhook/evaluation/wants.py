"""What a caller of a suite wants done: how they go on until it is, and whether it was the right thing.  Pure.

``"wants": {"tool": "book", "fields": {"day": "Friday", "name": "Pruitt"}}``: the tool's name and the values
that it is to be run with, as its schema calls them.  ``answers`` are words for what is asked, where others
than the value itself are to be said; ``corrects`` for what was read back wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from pydantic import ConfigDict, Field

from offhook.config import Section
from offhook.conversation.forms.form import Form
from offhook.languages.codes import base_language
from offhook.moments.naming import name_day, name_time
from offhook.moments.reader import listen
from offhook.moments.wish import settle

MOST_TURNS = 16
_YES = {"en": "Yes, that's right.", "de": "Ja, das stimmt.", "es": "Sí, es correcto.", "fr": "Oui, c'est ça."}
_NO = {"en": "No, {0}.", "de": "Nein, {0}.", "es": "No, {0}.", "fr": "Non, {0}."}
_LEAVE = {"en": "Never mind.", "de": "Vergessen Sie es.", "es": "Déjelo.", "fr": "Laissez tomber."}
_NOTHING = {"en": "I don't know.", "de": "Weiß ich nicht.", "es": "No lo sé.", "fr": "Je ne sais pas."}


class Wants(Section):
    """One wish."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    tool: str = Field(min_length=1)
    fields: dict[str, Any] = Field({})
    answers: dict[str, str] = Field({})
    corrects: dict[str, str] = Field({})


@dataclass(frozen=True, slots=True)
class Effect:
    """A tool that was run for the caller, and did it."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """When and in which language a suite is asked: "Friday" is understood by it."""

    now: datetime
    language: str = "en"


@dataclass(slots=True)
class Caller:
    """Answers what is asked, corrects what is read back wrong, and says yes to what is right."""

    wants: Wants
    clock: Clock
    said_yes: bool = False
    turns: int = 0

    def says(self, form: Form | None) -> str | None:
        """The next words; None: nothing is left to say."""
        self.turns += 1
        if form is None or self.turns >= MOST_TURNS:
            return None
        wants, code = self.wants, base_language(self.clock.language)
        if form.confirming:
            if form.tool != wants.tool:
                return _of(_LEAVE, code)
            wrong = [
                n for n, value in wants.fields.items() if not same(form.values.get(n), value, self.clock)
            ]
            if not wrong:
                self.said_yes = True
                return _of(_YES, code)
            name = wrong[0]
            right = wants.answers.get(name) or self._spoken(wants.fields[name])
            return wants.corrects.get(name) or _of(_NO, code).format(right.rstrip("."))
        if form.asked is None:
            return None
        if form.asked in wants.corrects and self.turns > 2 and form.wish is not None:
            return wants.corrects[form.asked]
        return wants.answers.get(form.asked) or self._spoken(wants.fields.get(form.asked))

    def _spoken(self, value: Any) -> str:
        """As somebody may say it who was asked for it."""
        code = self.clock.language
        if value is None or value == "":
            return _of(_NOTHING, base_language(code))
        text = str(value)
        if re.fullmatch(r"\d\d:\d\d", text):
            return f"{name_time(datetime.combine(self.clock.now, time.fromisoformat(text)), code)}."
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return f"{name_day(date.fromisoformat(text), date.min, code)}."
        return f"{text}."


def problem_of(wants: Wants, effects: Sequence[Effect], tools: Sequence[str], clock: Clock) -> str:
    """What is wrong with what was done; empty: it was the right thing, once."""
    if wants.tool not in tools:
        return f"the agent has no tool {wants.tool}"
    if not effects:
        return f"{wants.tool} was not run"
    others = [each.tool for each in effects if each.tool != wants.tool]
    if others:
        return f"{others[0]} was run instead of {wants.tool}"
    done = effects[0].arguments
    wrong = [name for name, value in wants.fields.items() if not same(done.get(name), value, clock)]
    if wrong:
        got = ", ".join(f"{name}={json.dumps(done.get(name), ensure_ascii=False)}" for name in wrong)
        return f"{wants.tool} was run with {got}"
    return f"{wants.tool} was run {len(effects)} times" if len(effects) > 1 else ""


def same(got: Any, wanted: Any, clock: Clock) -> bool:
    """Values as their owner would take them: free texts by what they hold, days and times however written."""
    if isinstance(wanted, bool | int | float):
        return bool(got == wanted)
    if got is None:
        return False
    if isinstance(got, str) and got != wanted and re.fullmatch(r"\d{4}-\d\d-\d\d|\d\d:\d\d", got):
        return _moment(str(wanted), clock, day="-" in got) == got
    plain = re.sub(r"[^\w]+", " ", str(got).lower()).strip()
    want = re.sub(r"[^\w]+", " ", str(wanted).lower()).strip()
    return (
        plain == want
        or plain.replace(" ", "") == want.replace(" ", "")
        or (len(want) > 2 and not re.fullmatch(r"[\d ]+", want) and want in plain)
    )


def _moment(written: str, clock: Clock, *, day: bool) -> str:
    """ "Friday" or "half past nine" as values are; empty: they leave something open."""
    written = written.strip()
    if not day and re.fullmatch(r"\d{1,2}:\d\d", written):
        return written.zfill(5)  # as a suite's writer writes it, of twenty-four hours
    said = listen(written, clock.language, None if day else "time")
    if said is None:
        return ""
    windows = settle(said, clock.now, clock.language).windows
    found = {f"{each.start:%Y-%m-%d}" if day else f"{each.start:%H:%M}" for each in windows}
    return found.pop() if len(found) == 1 else ""


def _of(words: Mapping[str, str], code: str) -> str:
    return words.get(code, words["en"])
