"""Names, addresses and callers' own words.  Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from offhook.conversation.details import details
from offhook.conversation.forms.slots import Found, Hearing, Slot, Value, bare
from offhook.moments.reader import listen

_SPELT = re.compile(r"\b[^\W\d_](?:[ .,-]+[^\W\d_]){2,}\b")


_AT = {"at", "@", "arroba", "arobase", "ät", "klammeraffe"}


def email(hearing: Hearing, *, asked: bool) -> Found | None:
    """An address, written or said.  Asked for, all that stands before "at" is its first part."""
    found = [each.value for each in details(hearing.text, hearing.language) if each.kind == "email"]
    said = found[-1] if found else ""
    text = bare(hearing.text, hearing.form)
    if asked and "@" not in said and any(word.lower() in _AT for word in text.split()):
        said = text
    if not said:
        return None
    written = f" {said.lower()} "
    for spoken, sign in _SIGNS.items():
        written = written.replace(f" {spoken} ", sign)
    written = re.sub(r"\s+", "", written).strip(".")
    if not re.fullmatch(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", written):
        return None
    return Value(written, said)


_SIGNS = {
    **dict.fromkeys(_AT, "@"),
    **dict.fromkeys(("dot", "punkt", "punto", "point"), "."),
    **dict.fromkeys(("underscore", "unterstrich", "guion bajo", "tiret bas"), "_"),
    **dict.fromkeys(("dash", "hyphen", "minus", "bindestrich", "guion", "tiret"), "-"),
}


def name(hearing: Hearing, *, asked: bool) -> Found | None:
    text = hearing.text
    spelt = _SPELT.search(text)
    said = text if spelt is None else f"{text[: spelt.start()].rstrip(' ,')}. {text[spelt.end() :]}"
    named = [each.value for each in details(said, hearing.language) if each.kind == "name"]
    name = named[-1] if named else None
    if name is None:
        alone = [sentence.strip() for sentence in re.split(r"[.!?;]\s*|,\s", said)]
        alone = [one for one in alone if _is_name(one, hearing)]
        if asked or len(alone) == 1:
            name = alone[-1] if alone else None
    if name is None and asked:
        rest = bare(said, hearing.form)
        if (
            rest
            and len(rest.split()) <= 5
            and not re.search(r"\d", rest)
            and listen(rest, hearing.code) is None
            and not hearing.language.asks.search(text)
        ):
            name = rest if rest[:1].isupper() else rest.title()
    if name is None and spelt is not None and asked:
        name = ""
    if name is None:
        return None
    name = name.strip(" ,.")
    if spelt is not None:
        name = _spelt_into(name, re.sub(r"[^\w]|[\d_]", "", spelt[0]).title())
    return Value(name, name) if name else None


def _is_name(sentence: str, hearing: Hearing) -> bool:
    """Capital words alone, that the language does not use for anything else."""
    parts = sentence.split()
    if not 1 < len(parts) <= 3 or hearing.language.telling.nouns_are_capital:
        return False
    if not all(re.fullmatch(r"[A-Z][\w'\u2019-]+", part) for part in parts):
        return False
    return listen(sentence, hearing.code) is None and not any(
        part.lower() in hearing.language.fillers for part in parts
    )


def _spelt_into(name: str, letters: str) -> str:
    """The name with the word that the letters spell; letters alone where no word is like them."""
    parts = name.split()
    likeness = [SequenceMatcher(None, part.lower(), letters.lower()).ratio() for part in parts]
    if not parts or max(likeness) < 0.5:
        return f"{name} {letters}".strip() if not parts else name
    parts[likeness.index(max(likeness))] = letters
    return " ".join(parts)


def yes_or_no(hearing: Hearing) -> Found | None:
    said = hearing.text.lower()
    no, yes = hearing.form.no.search(said), hearing.form.yes.search(said)
    if (no is None) == (yes is None):
        return None
    return Value(yes is not None, bare(hearing.text, hearing.form))


def own_words(hearing: Hearing, *, asked: bool) -> Found | None:
    """The caller's own words.  Unasked only where they say what it is about."""
    words_ = hearing.text.split()
    if not asked and not (len(words_) >= 6 and hearing.form.about.search(hearing.text)) and len(words_) < 9:
        return None
    text = " ".join(words_)[:500]
    return Value(text, "") if text else None


def text(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    for kind, named in hearing.language.details:
        if kind == "address" and named.search(slot.name.replace("_", " ")):
            found = [each.value for each in details(hearing.text, hearing.language) if each.kind == "address"]
            if found:
                return Value(found[-1], found[-1])
    if not asked:
        return None
    text = bare(hearing.text, hearing.form)[: int(slot.schema.get("maxLength", 500))]
    return Value(text, text) if text else None
