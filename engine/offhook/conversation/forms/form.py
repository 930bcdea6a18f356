"""The form of one tool in one call: which values are known, which is asked for, what the caller says to it.

Pure but for what it asks a tool for (the values that are free now, whether those so far can be taken), which
reads only.  A form is a value: what a turn makes of it counts when the turn was heard, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from offhook.conversation.forms.choices import led_to
from offhook.conversation.forms.keyed import entry_of
from offhook.conversation.forms.slots import (
    Found,
    Hearing,
    Open,
    Slot,
    Value,
    corrected,
    question_of,
    refuses,
    stem,
)
from offhook.conversation.forms.values import read
from offhook.conversation.forms.whens import day_value, days, narrowed_time
from offhook.knowledge.words import content_words
from offhook.languages.wording import words
from offhook.moments.wish import Wish
from offhook.tools.base import Option, Tool, ToolSpec
from offhook.tools.executor import Executor
from offhook.tools.schema import value_problem
from offhook.tools.templates import filled

TRIES = 4
"""So often a value is asked for; then the form is left."""
Reply = Literal["asked", "confirming", "left", "run", "unheard"]


@dataclass(frozen=True, slots=True)
class Form:
    """What is known so far."""

    tool: str
    values: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """The values as they are said back."""
    asked: str | None = None
    tries: int = 0
    """How often that was asked for without an answer."""
    confirming: bool = False
    """They were read back, and a yes is waited for."""
    wish: Wish | None = None
    """What was left open about what is asked for."""
    options: tuple[Option, ...] = ()
    """What was offered for it."""
    unheard: bool = False
    """What was read back was cut short before all values were said: a yes to that is none."""

    def heard(self, audible: str) -> Form:
        """The same, where only ``audible`` was heard of what was said."""
        cut = any(label and label not in audible for label in self.labels.values())
        return replace(self, unheard=self.confirming and cut)

    def with_value(self, name: str, found: Value) -> Form:
        labels = {**self.labels, name: found.label}
        form = replace(self, values={**self.values, name: found.value}, labels=labels)
        return replace(form, asked=None, tries=0, wish=None, options=()) if name == self.asked else form

    def without(self, name: str) -> Form:
        values = {key: value for key, value in self.values.items() if key != name}
        return replace(self, values=values, confirming=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn makes of a form."""

    reply: Reply
    say: str = ""
    form: Form | None = None
    """None: there is none any more."""
    arguments: Mapping[str, Any] | None = None
    """What the tool is to be run with."""


class FormFiller:
    """One tool's, for one call's turns."""

    def __init__(self, tool: Tool, executor: Executor) -> None:
        self._tool = tool
        self._spec: ToolSpec = tool.spec
        self._context = executor.context
        self._also: Mapping[str, tuple[str, ...]] = getattr(tool, "also", {})
        self._default: str | None = getattr(tool, "default", None)

    # --- turns -----------------------------------------------------------------------------------

    async def open(self, hearing: Hearing, *, person: bool = False) -> Step:
        """Begin with what opens it.  ``person``: whoever there is, is wanted."""
        form = Form(self._spec.name)
        form = await self._take(form, hearing)
        if person and self._default is not None and "to" in self._spec.properties and "to" not in form.values:
            form = form.with_value("to", Value(self._default, self._default))
        return await self._next(form, hearing)

    async def answer(self, form: Form, hearing: Hearing) -> Step:
        """What the caller says while it is open.  ``unheard``: nothing in it belongs to the form."""
        said = " ".join(words(hearing.text))
        if hearing.form.never_mind.search(said):
            return Step("left", hearing.form.left)
        if form.confirming:
            return await self._confirmed(form, hearing, said)
        if any(slot.name == form.asked and refuses(slot, hearing) for slot in await self._slots(form)):
            # What is wrong may be any value so far; where there is none, they are asked again.
            return self._change(form, hearing) if form.values else Step("unheard", form=form)
        before, form = form, await self._take(form, hearing)
        if form.tries >= self._tries(form):
            return Step("left", hearing.form.give_up)
        if form != before:
            return await self._next(form, hearing)
        if form.asked is not None and self._skips(form, hearing, said):
            return await self._next(replace(form, asked=None), hearing, skip=form.asked)
        return Step("unheard", form=form)

    async def again(self, form: Form, hearing: Hearing, *, counts: bool) -> Step:
        """Ask once more; ``counts``: the answer was not understood, and not everybody has patience."""
        tries = form.tries + counts
        if tries >= self._tries(form):
            return Step("left", hearing.form.give_up)
        if form.confirming:
            return Step("confirming", self._read_back(form, hearing), replace(form, tries=tries))
        return await self._next(replace(form, tries=tries), hearing)

    def _tries(self, form: Form) -> int:
        entry = entry_of(self._spec.properties.get(form.asked or "", {})) or {}
        return int(entry.get("tries", TRIES))

    def ask_first(self, step: Step, hearing: Hearing) -> Step:
        """Have the caller say yes to what was only guessed from their words."""
        assert step.form is not None
        return Step("confirming", self._guess(hearing), replace(step.form, confirming=True))

    def _guess(self, hearing: Hearing) -> str:
        """Whether the caller wants what the tool does."""
        what = self._default
        if what is None:
            what = (self._spec.description or self._spec.name.replace("_", " ")).rstrip(".")
            what = what[:1].lower() + what[1:]
        return hearing.form.confirm_guess.format(what=what)

    def anyway(self, step: Step) -> Step:
        """Whoever wants a person and says no more gets the first one there is."""
        if step.form is None:
            return step
        schema = self._spec.properties.get("to") or {}
        to = self._default or next(iter(schema.get("enum") or ()), None)
        form = step.form if to is None else step.form.with_value("to", Value(to, str(to)))
        return Step("run", form=form, arguments=dict(form.values))

    async def _confirmed(self, form: Form, hearing: Hearing, said: str) -> Step:
        no, yes = hearing.form.no.search(said), hearing.form.yes.search(said)
        if hearing.language.asks.search(hearing.text) and not (
            no or yes or hearing.form.corrects.search(said)
        ):
            return Step("unheard", form=form)  # a question of theirs changes nothing
        changed = await self._take(replace(form, asked=None), hearing, correcting=True)
        if no is not None and changed.values == form.values:
            changed = await self._instead(changed, hearing)
        if changed.values != form.values or changed.wish is not None:
            return await self._next(replace(changed, confirming=False), hearing)
        if yes is not None and no is None and form.unheard:
            return Step("confirming", self._read_back(form, hearing), replace(form, unheard=False))
        if yes is not None and no is None:
            if set(self._spec.required) - form.values.keys():
                return await self._next(replace(form, confirming=False), hearing)
            return Step("run", form=form, arguments=dict(form.values))
        return Step("unheard", form=form) if no is None else self._change(form, hearing)

    def _change(self, form: Form, hearing: Hearing) -> Step:
        """Ask which value is another one."""
        if form.tries + 1 >= TRIES:
            return Step("left", hearing.form.give_up)
        form = replace(form, asked=None, wish=None, options=(), confirming=True, tries=form.tries + 1)
        return Step("asked", hearing.form.change, form)

    async def _instead(self, form: Form, hearing: Hearing) -> Form:
        """ "No, 90217": a value without its name belongs to the only one of its kind."""
        slots = [slot for slot in await self._slots(form) if slot.name in form.values]
        rest = replace(hearing, text=corrected(hearing.text, hearing.form))
        numbers = [slot for slot in slots if slot.kind in ("digits", "phone", "number")]
        single = [slot for slot in slots if slot.kind in ("email", "choice", "time")]
        for slot in [*single, *(numbers if len(numbers) == 1 else ())]:
            found = self._read(slot, rest, form, asked=True)
            if isinstance(found, Value) and found.value != form.values[slot.name]:
                return form.with_value(slot.name, found)
            if isinstance(found, Open) and found.wish is not None:
                return replace(form.without(slot.name), asked=slot.name, wish=found.wish)
        names = [slot for slot in slots if slot.kind == "name"]
        texts = [slot for slot in slots if slot.kind in ("text", "words")]
        for several in (names, texts):
            if len(several) == 1 and rest.text != hearing.text:
                found = self._read(several[0], rest, form, asked=True)
                if isinstance(found, Value) and found.value != form.values[several[0].name]:
                    return form.with_value(several[0].name, found)
        return form

    # --- values ----------------------------------------------------------------------------------

    async def _take(self, form: Form, hearing: Hearing, *, correcting: bool = False) -> Form:
        """Every value in what was said.  ``correcting``: those that are known may be said again."""
        asked, before = form.asked, form
        slots = {slot.name: slot for slot in await self._slots(form)}
        if form.wish is not None and asked is not None and slots[asked].kind == "time":
            narrowed = narrowed_time(form.wish, hearing)
            if narrowed is not None:
                return form.with_value(asked, narrowed)
        named = None if asked is None else led_to(slots.values(), asked, hearing)
        if named is not None:
            form = form.with_value(*named)
        elif asked is not None:
            found = self._read(slots[asked], hearing, form, asked=True)
            form = self._noted(form, slots[asked], found)
        form = self._stretch(form, slots, hearing)
        taken = {slots[name].kind for name in _new(form, before)}
        for name, slot in slots.items():
            if name == asked or (name in before.values and not correcting) or name in _new(form, before):
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
            found = self._read(slot, hearing, form, asked=False)
            if isinstance(found, Value) and found.value != form.values.get(name):
                form = form.with_value(name, found)
                taken.add(slot.kind)
            elif isinstance(found, Open) and found.wish is not None and form.wish is None and asked is None:
                if not found.wish.windows:  # a day that is past: nobody books that, they tell a story
                    continue
                form = replace(form, asked=name, wish=found.wish)
                taken.add(slot.kind)
        return form

    def _read(self, slot: Slot, hearing: Hearing, form: Form, *, asked: bool) -> Found | None:
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
            there = self._read(Slot(name, {"format": "date"}), replace(hearing, text=text), form, asked=False)
            if isinstance(there, Value):
                form = form.with_value(name, there)
        return form

    def _skips(self, form: Form, hearing: Hearing, said: str) -> bool:
        """A value that need not be given, and the caller has none."""
        optional = form.asked not in self._spec.required
        return optional and hearing.form.nothing.search(said) is not None

    async def _slots(self, form: Form) -> list[Slot]:
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

    # --- what comes next -------------------------------------------------------------------------

    async def _next(self, form: Form, hearing: Hearing, skip: str | None = None) -> Step:
        """Check what is known, ask for what is not, read back, or run."""
        refusal = await self._tool.check(form.values, self._context)
        if refusal is not None and refusal.final:
            return Step("left", refusal.say)
        if refusal is not None and refusal.parameter in self._spec.properties:
            form = replace(
                form.without(refusal.parameter), asked=refusal.parameter, options=refusal.options, tries=0
            )
            return Step("asked", refusal.say, form)
        if form.asked is None or form.asked in form.values:
            form = self._filled_in(form)
            missing = [name for name in self._spec.required if name not in form.values and name != skip]
            form = replace(
                form,
                asked=missing[0] if missing else None,
                wish=None if not missing or form.asked != missing[0] else form.wish,
            )
        if form.asked is not None:
            slot = next(slot for slot in await self._slots(form) if slot.name == form.asked)
            return Step("asked", self._question(form, slot, hearing), form)
        if self._spec.confirmed and form.values:
            form = replace(form, confirming=True, unheard=False)
            return Step("confirming", self._read_back(form, hearing), form)
        return Step("run", form=form, arguments=dict(form.values))

    def _filled_in(self, form: Form) -> Form:
        """What need not be asked: the caller's number, the only option."""
        for name, schema in self._spec.properties.items():
            if name not in form.values and schema.get("x-from") == "caller" and self._context.caller:
                number = self._context.caller
                form = form.with_value(name, Value(number, number))
        return form

    def _question(self, form: Form, slot: Slot, hearing: Hearing) -> str:
        if form.wish is not None:
            found = read(slot, hearing, asked=True, known=form.values)
            if isinstance(found, Open):
                return found.question
        return question_of(slot, hearing.form, hearing.code)

    def _read_back(self, form: Form, hearing: Hearing) -> str:
        template = self._spec.phrases.confirm
        own = getattr(self._tool, "read_back", None)
        if own is not None:
            return str(own(form.values, form.labels))
        if template:
            values = self._spec.unmasked(form.values)
            read = filled(template, {**values, **{n: form.labels[n] or v for n, v in values.items()}})
            return read[:1].upper() + read[1:]
        said = [
            label
            for name in self._spec.properties
            if name in form.values and (label := form.labels.get(name))
        ]
        if not said and form.values:
            # Their own words alone: those are read back as they are.
            said = [str(value).rstrip(".") for value in self._spec.unmasked(form.values).values()]
        if not said:
            return self._guess(hearing)
        return hearing.form.confirm.format(values=", ".join(said))


def _new(form: Form, before: Form) -> set[str]:
    return {name for name, value in form.values.items() if value != before.values.get(name)}
