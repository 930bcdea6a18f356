"""Which of a form's values are in what the caller says.

Pure but for what it asks the tool for: the values that are free now, which reads only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from offhook.conversation.forms.choices import led_to
from offhook.conversation.forms.form import Form
from offhook.conversation.forms.slots import Found, Hearing, Open, Slot, Value, corrected, stem
from offhook.conversation.forms.values import read
from offhook.conversation.forms.whens import day_value, days, narrowed_time
from offhook.knowledge.words import content_words
from offhook.languages.wording import words
from offhook.tools.base import Context, Option, Tool
from offhook.tools.schema import value_problem


class Intake:
    """One tool's, for one call's turns."""

    def __init__(self, tool: Tool, context: Context) -> None:
        self._tool = tool
        self._spec = tool.spec
        self._context = context
        self._also: Mapping[str, tuple[str, ...]] = getattr(tool, "also", {})

    async def taken(self, form: Form, hearing: Hearing, *, correcting: bool = False) -> Form:
        """Every value in what was said.  ``correcting``: those that are known may be said again."""
        asked, before = form.asked, form
        correcting = correcting or hearing.form.corrects.search(" ".join(words(hearing.text))) is not None
        slots = {slot.name: slot for slot in await self.slots(form)}
        again = self._said_again(slots, asked)
        if form.wish is not None and asked is not None and slots[asked].kind == "time":
            narrowed = narrowed_time(form.wish, hearing)
            if narrowed is not None:
                return form.with_value(asked, narrowed)
        named = None if asked is None else led_to(slots.values(), asked, hearing)
        if named is not None:
            form = form.with_value(*named)
        elif asked is not None:
            found = self._found(slots[asked], hearing, form, asked=True)
            form = self._noted(form, slots[asked], found)
        form = self._stretch(form, slots, hearing)
        taken = {slots[name].kind for name in _new(form, before)}
        for name, slot in slots.items():
            known = name in before.values and not correcting and name != again
            if name == asked or known or name in _new(form, before):
                continue
            # One mention is one value: of two slots of a kind the first one that is open gets it.
            if slot.kind in taken and slot.kind not in ("choice", "number"):
                continue
            if (
                asked is not None
                and slots[asked].kind in ("words", "text", "name")
                and slot.kind in ("words", "name", "choice")
            ):
                continue
            found = self._found(slot, hearing, form, asked=False)
            if isinstance(found, Value) and found.value != form.values.get(name):
                if name in form.values:  # what was offered was for the other one
                    form = replace(form, options=(), wish=None)
                form = form.with_value(name, found)
                taken.add(slot.kind)
            elif isinstance(found, Open) and found.wish is not None and form.wish is None and asked is None:
                if not found.wish.windows:  # a day that is past: nobody books that, they tell a story
                    continue
                form = replace(form, asked=name, wish=found.wish)
                taken.add(slot.kind)
        return form

    @staticmethod
    def _said_again(slots: Mapping[str, Slot], asked: str | None) -> str | None:
        """Who is asked for a time may say another day with it: "Friday at eleven"."""
        dates = [name for name, slot in slots.items() if slot.kind == "date"]
        when = asked is not None and slots[asked].kind == "time"
        return dates[0] if when and len(dates) == 1 else None

    async def instead(self, form: Form, hearing: Hearing) -> Form:
        """ "No, 90217": a value without its name belongs to the only one of its kind."""
        slots = [slot for slot in await self.slots(form) if slot.name in form.values]
        rest = replace(hearing, text=corrected(hearing.text, hearing.form))
        numbers = [slot for slot in slots if slot.kind in ("digits", "phone", "number")]
        single = [slot for slot in slots if slot.kind in ("email", "choice", "time")]
        for slot in [*single, *(numbers if len(numbers) == 1 else ())]:
            found = self._found(slot, rest, form, asked=True)
            if isinstance(found, Value) and found.value != form.values[slot.name]:
                return form.with_value(slot.name, found)
            if isinstance(found, Open) and found.wish is not None:
                return replace(form.without(slot.name), asked=slot.name, wish=found.wish)
        names = [slot for slot in slots if slot.kind == "name"]
        texts = [slot for slot in slots if slot.kind in ("text", "words")]
        for several in (names, texts):
            if len(several) == 1 and rest.text != hearing.text:
                found = self._found(several[0], rest, form, asked=True)
                if isinstance(found, Value) and found.value != form.values[several[0].name]:
                    return form.with_value(several[0].name, found)
        return form

    async def slots(self, form: Form) -> list[Slot]:
        """All of the tool's, with the values that are free now."""
        found = []
        for name, schema in self._spec.properties.items():
            options: tuple[Option, ...] = tuple(Option(value) for value in schema.get("enum") or ())
            free = None
            if name == form.asked or not options:
                free = await self._tool.options(name, form.values, self._context)
            if free is not None:
                options = tuple(free)
            if name == form.asked and form.options:
                options = form.options
            found.append(Slot(name, schema, options, schema.get("x-also") or self._also or None))
        numbers = [slot for slot in found if slot.kind == "number"]
        if len(numbers) == 1:
            # "Two doubles": what is counted may be one of the choices.
            named = frozenset(
                stem(word) for slot in found for option in slot.options for word in content_words(option.said)
            )
            found = [replace(slot, counted=named) if slot is numbers[0] else slot for slot in found]
        return found

    def _found(self, slot: Slot, hearing: Hearing, form: Form, *, asked: bool) -> Found | None:
        wish = form.wish if form.asked == slot.name else None
        begins = self._day_before(slot, form)
        if begins is None:
            found = read(slot, hearing, asked=asked, known=form.values, wish=wish)
        else:
            # The second of two days comes behind the first: "from Saturday", "until Tuesday".
            now = hearing.now.replace(year=begins.year, month=begins.month, day=begins.day, hour=0, minute=0)
            found = read(slot, replace(hearing, now=now), asked=asked, known=form.values, wish=wish)
            if isinstance(found, Value):
                found = day_value(date.fromisoformat(found.value), hearing)
        if isinstance(found, Value) and value_problem(found.value, slot.plain_schema) is not None:
            return None
        if slot.kind == "name" and isinstance(found, Value) and _is_a_yes(str(found.value), hearing):
            return None
        return found

    def _day_before(self, slot: Slot, form: Form) -> date | None:
        """The day of the slot before this one, where both are days."""
        if slot.kind != "date":
            return None
        dates = [name for name, schema in self._spec.properties.items() if schema.get("format") == "date"]
        earlier = [name for name in dates[: dates.index(slot.name)] if name in form.values]
        return date.fromisoformat(form.values[earlier[-1]]) if earlier else None

    def _noted(self, form: Form, slot: Slot, found: Found | None) -> Form:
        if isinstance(found, Value):
            return form.with_value(slot.name, found)
        if isinstance(found, Open) and found.wish is not None:
            return replace(form, wish=found.wish, tries=form.tries + (form.wish is not None))
        return form

    def _stretch(self, form: Form, slots: Mapping[str, Slot], hearing: Hearing) -> Form:
        """ "From Friday until Sunday" gives two days, or one and how many."""
        wanted = [name for name, slot in slots.items() if slot.kind == "date"]
        stretch = days(hearing) if wanted else None
        if stretch is None:
            return self._last_day(form, wanted, hearing)
        first, last = stretch
        form = form.with_value(wanted[0], day_value(first, hearing))
        if len(wanted) > 1:
            return form.with_value(wanted[1], day_value(last, hearing))
        return form

    def _last_day(self, form: Form, wanted: Sequence[str], hearing: Hearing) -> Form:
        """ "Until Tuesday" alone is the second of two days."""
        if len(wanted) < 2 or form.asked in wanted:
            return form
        found = hearing.form.until.search(hearing.text)
        if found is None:
            return form
        before, behind = hearing.text[: found.start()], hearing.text[found.end() :]
        for name, text in zip(wanted, (before, behind), strict=False):
            part = replace(hearing, text=text)
            there = self._found(Slot(name, {"format": "date"}), part, form, asked=False)
            if isinstance(there, Value):
                form = form.with_value(name, there)
        return form


def _is_a_yes(name: str, hearing: Hearing) -> bool:
    """ "Yes, that's right" names nobody; "Klar" may."""
    said = words(hearing.text)
    yes = {word for found in hearing.form.yes.finditer(" ".join(said)) for word in found[0].split()}
    return len(said) > 1 and set(words(name)) <= yes


def _new(form: Form, before: Form) -> set[str]:
    return {name for name, value in form.values.items() if value != before.values.get(name)}
