"""What a form wants, what was heard, and what was found in it.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from offhook.conversation.forms.words import FormWords
from offhook.knowledge.words import content_words
from offhook.languages import Language
from offhook.languages.turns import turn_language
from offhook.languages.wording import words
from offhook.moments.naming import join
from offhook.moments.wish import Wish
from offhook.tools.base import Option
from offhook.tools.schema import kind_of


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that a form wants."""

    name: str
    schema: Mapping[str, Any]
    options: tuple[Option, ...] = ()
    """The only values; empty: any that fits the schema."""
    also: Mapping[str, tuple[str, ...]] | None = None
    """More names of the options, by what they are said as."""
    counted: frozenset[str] = frozenset()
    """The beginnings of words for what a number counts, besides its own name."""

    @property
    def kind(self) -> str:
        """keys, choice, date, time, date-time, phone, email, name, digits, words, number, yes, text."""
        if "x-keys" in self.schema:
            return "keys"
        form = self.schema.get("format")
        if self.options and form not in ("date", "time"):  # those are said in more ways than they are written
            return "choice"
        if form:
            return str(form)
        return {"integer": "number", "number": "number", "boolean": "yes"}.get(kind_of(self.schema), "text")

    @property
    def plain_schema(self) -> Mapping[str, Any]:
        """Its options are checked by the tool: they may be others than the schema's."""
        return {key: value for key, value in self.schema.items() if key != "enum" or not self.options}

    @property
    def cues(self) -> frozenset[str]:
        """The beginnings of words that name it: "nights", "room_number"."""
        said = f"{self.name.replace('_', ' ')} {self.schema.get('title', '')}"
        return self.counted | {stem(word) for word in content_words(said)}


@dataclass(frozen=True, slots=True)
class Value:
    """What was said, and how it is said back."""

    value: Any
    label: str


@dataclass(frozen=True, slots=True)
class Open:
    """What was said leaves something open."""

    question: str
    wish: Wish | None = None
    """Its readings: an answer to the question is held against them."""


Found = Value | Open


@dataclass(frozen=True, slots=True)
class Hearing:
    """One utterance, and what is needed to read it."""

    text: str
    language: Language
    form: FormWords
    now: datetime
    code: str
    """The language's, with its country."""
    keys: str | None = None
    """What was keyed in; None: it was said."""
    near: Callable[[str, Sequence[str]], Sequence[float]] | None = None
    """How like words are to each of a few names, by meaning; None: by their words alone."""


def refuses(slot: Slot, hearing: Hearing) -> bool:
    """Whether "No!", or "that's wrong", is all that was said to a question that wants words: a bare "no" is
    an answer to one like "Is there anything else we should know?".
    """
    said = words(hearing.text)
    if slot.kind not in ("words", "text", "name") or not hearing.form.refuses.fullmatch(" ".join(said)):
        return False
    ask = str(slot.schema.get("x-ask") or "")
    opens = not turn_language(hearing.code).sentences.asking_first.isdisjoint(words(ask))
    closed = slot.kind != "name" and ask.rstrip().endswith("?") and not opens
    return not (closed and len(said) == 1 and "!" not in hearing.text)


def stem(word: str) -> str:
    """Enough of a word to know it again in another form."""
    word = word.lower()
    if word.endswith("ies") and len(word) > 4:
        word = f"{word[:-3]}y"
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return word[: max(5, len(word) - 3)] if len(word) > 7 else word


def bare(text: str, form: FormWords) -> str:
    """Without what stands before and behind a value: "It's Olive, please." is "Olive"."""
    found = form.lead.sub("", text.strip(), count=1)
    return form.trail.sub("", found).strip(" ,.;:!?\u2026\"'")


def corrected(text: str, form: FormWords) -> str:
    """The part behind the last correction, where there is anything behind it."""
    found = list(form.corrects.finditer(text))
    if not found:
        return text
    last = found[-1]
    behind = text[last.end() :].strip(" ,.;:-\u2026")
    return behind or text


LISTED = "x-listed"
"""Of a value's schema: what there is, nobody can know who is not told; and the only one is meant."""
MOST_LISTED = 4


def question_of(slot: Slot, form: FormWords, code: str) -> str:
    """The question by which a value is asked for."""
    ask = slot.schema.get("x-ask")
    if ask and slot.schema.get(LISTED) and 0 < len(slot.options) <= MOST_LISTED:
        return f"{ask} " + form.options.format(options=join([each.said for each in slot.options], code))
    if ask:
        return str(ask)
    name = str(slot.schema.get("title") or slot.schema.get("description") or slot.name.replace("_", " "))
    found = form.ask.format(name=name[:1].lower() + name[1:].rstrip("."))
    if 0 < len(slot.options) <= 5:
        found += " " + form.options.format(options=join([each.said for each in slot.options], code))
    return found
