"""What is said over a form: what the caller's words change in it, what is asked for next, what is read back.

Pure but for what it asks a tool for (whether the values so far can be taken), which reads only.
"""

from __future__ import annotations

from dataclasses import replace

from offhook.conversation.forms.form import Form, Step
from offhook.conversation.forms.intake import Intake
from offhook.conversation.forms.keyed import entry_of
from offhook.conversation.forms.slots import (
    LISTED,
    Hearing,
    Open,
    Slot,
    Value,
    question_of,
    refuses,
)
from offhook.conversation.forms.values import read
from offhook.languages.wording import words
from offhook.moments.naming import with_day
from offhook.tools.base import Tool, ToolSpec
from offhook.tools.executor import Executor
from offhook.tools.templates import filled

TRIES = 4
"""So often a value is asked for; then the form is left."""


class FormFiller:
    """One tool's, for one call's turns."""

    def __init__(self, tool: Tool, executor: Executor) -> None:
        self._tool = tool
        self._spec: ToolSpec = tool.spec
        self._context = executor.context
        self._intake = Intake(tool, executor.context)
        self._default: str | None = getattr(tool, "default", None)

    # --- turns -----------------------------------------------------------------------------------

    async def open(self, hearing: Hearing, *, person: bool = False) -> Step:
        """Begin with what opens it.  ``person``: whoever there is, is wanted."""
        form = Form(self._spec.name)
        form = await self._intake.taken(form, hearing)
        if person and self._default is not None and "to" in self._spec.properties and "to" not in form.values:
            form = form.with_value("to", Value(self._default, self._default))
        return await self._next(self._looked_up(form, hearing), hearing)

    def _looked_up(self, form: Form, hearing: Hearing) -> Form:
        """What is only looked up, by words that nobody need be asked for, is looked up by those it was asked
        for with: "what is free on Friday morning"."""
        if self._spec.effect != "reads":
            return form
        required = self._spec.parameters.get("required") or ()
        for name, schema in self._spec.properties.items():
            if schema.get("format") == "words" and name not in required and name not in form.values:
                form = form.with_value(name, Value(hearing.text, ""))  # which is no sign of a wish
        return form

    async def answer(self, form: Form, hearing: Hearing) -> Step:
        """What the caller says while it is open.  ``none``: nothing in it belongs to the form."""
        said = " ".join(words(hearing.text))
        if hearing.form.never_mind.search(said):
            return Step("left", hearing.form.left)
        if form.confirming:
            return await self._confirmed(form, hearing, said)
        if any(slot.name == form.asked and refuses(slot, hearing) for slot in await self._intake.slots(form)):
            # What is wrong may be any value so far; where there is none, they are asked again.
            return self._change(form, hearing) if form.values else Step("none", form=form)
        before, form = form, await self._intake.taken(form, hearing)
        if form.tries >= self._tries(form):
            return Step("left", hearing.form.give_up)
        if form != before:
            return await self._next(form, hearing)
        if form.asked is not None and self._skips(form, hearing, said):
            return await self._next(replace(form, asked=None), hearing, skip=form.asked)
        return Step("none", form=form)

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
            return Step("none", form=form)  # a question of theirs changes nothing
        changed = await self._intake.taken(replace(form, asked=None), hearing, correcting=True)
        if no is not None and changed.values == form.values:
            changed = await self._intake.instead(changed, hearing)
        if changed.values != form.values or changed.wish is not None:
            return await self._next(replace(changed, confirming=False), hearing)
        if yes is not None and no is None and form.cut_short:
            return Step("confirming", self._read_back(form, hearing), replace(form, cut_short=False))
        if yes is not None and no is None:
            if set(self._spec.required) - form.values.keys():
                return await self._next(replace(form, confirming=False), hearing)
            return Step("run", form=form, arguments=dict(form.values))
        return Step("none", form=form) if no is None else self._change(form, hearing)

    def _change(self, form: Form, hearing: Hearing) -> Step:
        """Ask which value is another one."""
        if form.tries + 1 >= TRIES:
            return Step("left", hearing.form.give_up)
        form = replace(form, asked=None, wish=None, options=(), confirming=True, tries=form.tries + 1)
        return Step("asked", hearing.form.change, form)

    def _skips(self, form: Form, hearing: Hearing, said: str) -> bool:
        """A value that need not be given, and the caller has none."""
        optional = form.asked not in self._spec.required
        return optional and hearing.form.nothing.search(said) is not None

    # --- what comes next -------------------------------------------------------------------------

    async def _next(self, form: Form, hearing: Hearing, skip: str | None = None) -> Step:
        """Check what is known, ask for what is not, read back, or run."""
        refusal = await self._tool.check(form.values, self._context)
        if refusal is not None and refusal.final:
            return Step("left", refusal.say, form)
        if refusal is not None and refusal.parameter in self._spec.properties:
            form = replace(
                form.without(refusal.parameter), asked=refusal.parameter, options=refusal.options, tries=0
            )
            return Step("asked", refusal.say, form)
        if form.asked is None or form.asked in form.values:
            form = await self._filled_in(form)
            missing = [name for name in self._spec.required if name not in form.values and name != skip]
            form = replace(
                form,
                asked=missing[0] if missing else None,
                wish=None if not missing or form.asked != missing[0] else form.wish,
            )
        if form.asked is not None:
            slot = next(slot for slot in await self._intake.slots(form) if slot.name == form.asked)
            return Step("asked", self._question(form, slot, hearing), form)
        if self._spec.confirmed and form.values:
            form = replace(form, confirming=True, cut_short=False)
            return Step("confirming", self._read_back(form, hearing), form)
        return Step("run", form=form, arguments=dict(form.values))

    async def _filled_in(self, form: Form) -> Form:
        """What need not be asked: the caller's number, the only option."""
        for name, schema in self._spec.properties.items():
            if name not in form.values and schema.get("x-from") == "caller" and self._context.caller:
                number = self._context.caller
                form = form.with_value(name, Value(number, number))
            elif name not in form.values and schema.get(LISTED):
                only = await self._tool.options(name, form.values, self._context)
                if only is not None and len(only) == 1:
                    form = form.with_value(name, Value(only[0].value, only[0].said))
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
            read = with_day(read, hearing.code)
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
