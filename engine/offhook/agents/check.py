"""What is wrong with an agent, or will be answered badly: advice to whoever writes its file.

Pure, and English: the checks of words compare by content words and their stems.  They look
for what can be said for sure; two facts that merely resemble each other are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from offhook.agents.loader import Agent, Fact
from offhook.config import clipped
from offhook.languages import is_known

CHARACTERS_PER_TOKEN = 4
CHARACTERS_PER_SECOND = 15
_TALK_TOKENS = 128
"""What a call needs beside the prompt, or the model is not started (offhook.engines.llm)."""
_LONG_PROMPT_TOKENS = 2_000
"""Longer than this is long for any model that keeps up with a call on a CPU."""
_LONG_FACT_CHARACTERS = 300
_LONG_PHRASE_S = 30
_PHRASES = ("greeting", "goodbye", "apology", "unclear", "excuse", "still_there", "holding", "take_your_time")
_ANSWERS = ("unknown", "unsure", "otherwise")


class Severity(StrEnum):
    """ERROR: callers will be told something wrong, or no call can begin."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how bad, where in the file, and what to do."""

    severity: Severity
    where: str
    what: str


def check(agent: Agent, call_tokens: int | None = None) -> list[Finding]:
    """Everything that can be said about ``agent``, the worst first.

    ``call_tokens`` is ``llm.n_ctx_call``, None when the configuration leaves it to the model.
    """
    findings = [
        *_check_prompt(agent, call_tokens),
        *_check_persona(agent.persona),
        *_check_phrases(agent),
        *_check_likeness(agent.facts),
    ]
    for number, fact in enumerate(agent.facts):
        findings += (Finding(severity, place(number, fact), what) for severity, what in _check_fact(fact))
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def place(number: int, fact: Fact) -> str:
    """Where a fact stands, with its beginning, as nobody counts to 170."""
    text = " ".join(fact.text.split())
    return f"facts.{number} ({text if len(text) <= 40 else text[:37] + '...'})"


# --- the prompt ----------------------------------------------------------------------------------


def _check_prompt(agent: Agent, call_tokens: int | None) -> Iterator[Finding]:
    shown = sum(len(one.caller) + len(one.note) + len(one.agent) for one in agent.examples)
    tokens = -(-(len(agent.persona) + shown) // CHARACTERS_PER_TOKEN)
    written = f"{len(agent.persona):,} characters"
    if agent.examples:
        written += f" and {len(agent.examples)} examples of {shown:,}"
    sum_ = f"{written} are about {tokens:,} tokens ({CHARACTERS_PER_TOKEN} characters each)"
    if call_tokens is None:
        if tokens > _LONG_PROMPT_TOKENS:
            yield Finding(
                Severity.WARNING,
                "persona",
                f"{sum_}: small models follow short prompts best; move what the agent knows to facts",
            )
    elif tokens + _TALK_TOKENS > call_tokens:
        yield Finding(
            Severity.ERROR,
            "persona",
            f"{sum_}; with the {_TALK_TOKENS} to talk in that is {tokens + _TALK_TOKENS:,}, and a call has"
            f" {call_tokens:,}: shorten it, move what the agent knows to facts, or raise llm.n_ctx_call",
        )
    elif tokens * 2 > call_tokens:
        yield Finding(
            Severity.WARNING,
            "persona",
            f"{sum_}, and a call has {call_tokens:,} (llm.n_ctx_call): {call_tokens - tokens:,} are left for"
            " the conversation",
        )


_WRITTEN = re.compile(
    r"\b(?:bullet(?:ed)?(?: points?| lists?)|(?:numbered|ordered|itemi[sz]ed) lists?"
    r"|(?:as|use|write|make) (?:a )?lists?|in list form|as (?:a )?tables?|table form(?:at)?|markdown"
    r"|json|ya?ml|xml|html|emojis?|headings|in bold|bold text|italics|code blocks?|hyperlinks?)\b",
    re.IGNORECASE,
)
_WRITES = re.compile(
    r"\b(?:answer|reply|respond|write|use|format|return|output|give|print|produce|present|put|add|make|list)",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|never|no|none|nor|avoid|without|instead of|\w+n['\u2019]?t)\b", re.IGNORECASE
)


def _check_persona(persona: str) -> Iterator[Finding]:
    for sentence in _sentences(persona):
        found = _WRITTEN.search(sentence)
        if found and _WRITES.search(sentence) and not _NEGATED.search(sentence):
            yield Finding(
                Severity.WARNING,
                "persona",
                f"asks for {found[0]!r} in {clipped(sentence)}: all of an answer is read out, signs included",
            )


# --- phrases -------------------------------------------------------------------------------------


def _check_phrases(agent: Agent) -> Iterator[Finding]:
    for name in (*_PHRASES, *_ANSWERS):
        length = len(getattr(agent, name))
        seconds = length / CHARACTERS_PER_SECOND
        if seconds > _LONG_PHRASE_S:
            yield Finding(
                Severity.WARNING,
                name,
                f"{length:,} characters take about {seconds:.0f} s to say ({CHARACTERS_PER_SECOND} a second):"
                " callers wait that long, or hang up",
            )
    missing = [name for name in (*_PHRASES, *_ANSWERS) if name not in agent.model_fields_set]
    if missing and not is_known(agent.language):
        yield Finding(
            Severity.WARNING,
            "language",
            f"{agent.language}, but {', '.join(missing)} are not in the file and are said in English",
        )
    if not agent.facts and not agent.knowledge:
        yield Finding(
            Severity.HINT, "facts", "there are none: questions are answered from the persona, or not"
        )


# --- facts, one by one ---------------------------------------------------------------------------

_INSTRUCTION = re.compile(
    r"(?:^|[.!?;,:] +|\byou (?:should |must )?)(?:always|never|only|don['\u2019]?t|do not)"
    r" (?:say|tell|mention (?!it\b)|promise|answer|reply|respond|offer|apologi[sz]e|speak|quote)\b"
    r"|^(?:say|answer|reply|respond|mention|apologi[sz]e|inform (?:the|callers|customers)"
    r"|tell (?:them|him|her|people|callers|customers)|ask (?:callers|for (?:their|his|her)))\b"
    r"|\bif (?:asked|they ask|someone asks|somebody asks|anyone asks|callers ask|customers ask)\b"
    r"|\b(?:the|every|each|any|a) caller\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\*\*|__|^\s*(?:[-*\u2022]|#+)\s|`|</?[a-z]+/?>|\]\(|\s\|\s", re.MULTILINE)


def _check_fact(fact: Fact) -> Iterator[tuple[Severity, str]]:
    sentences = _sentences(fact.text)
    asked = [sentence for sentence in sentences if sentence.endswith("?")]
    if asked and len(asked) == len(sentences):
        # With keywords it may be meant: "hello" is answered with "How can I help you?"
        yield (
            Severity.HINT if fact.keywords else Severity.WARNING,
            "is a question: write the answer, as it is to be said",
        )
    elif asked and sentences[0].endswith("?"):
        yield (
            Severity.WARNING,
            "begins with a question, which is said too: keep the answer, and put its words into keywords",
        )
    if not fact.keywords and not _content_words(fact.text):
        yield (
            Severity.WARNING,
            "has no word that says what it is about, and is hardly found: write it in full, or add keywords",
        )
    instruction = _INSTRUCTION.search(fact.text)
    if instruction:
        yield (
            Severity.WARNING,
            f"tells the agent what to do ({instruction[0]!r}) but is said to the caller: write what is said,"
            " and put rules into persona",
        )
    markup = _MARKUP.search(fact.text)
    if markup:
        yield (
            Severity.WARNING,
            f"has markup ({markup[0].strip()!r}), which is read out: write plain sentences",
        )
    if len(fact.text) > _LONG_FACT_CHARACTERS:
        seconds = len(fact.text) / CHARACTERS_PER_SECOND
        holds = f"{len(sentences)} sentences in " if len(sentences) > 1 else ""
        remedy = "split it into one fact for each thing" if holds else "say it shorter"
        yield (
            Severity.HINT,
            f"{holds}{len(fact.text):,} characters, about {seconds:.0f} s to say: {remedy}",
        )


def _sentences(text: str) -> list[str]:
    """Roughly; an abbreviation may cut one in two."""
    parts = re.split(r"(?<=[.!?])[\"')\u201d]*\s+(?=[^a-z])|\n+", text.strip())
    return [part.strip() for part in parts if re.search(r"\w", part)]


# --- facts, against each other -------------------------------------------------------------------

_SAME = {
    **dict.fromkeys(
        ("cost", "price", "charge", "fee", "dollar", "euro", "pound", "usd", "eur", "gbp"), "\u00a4"
    ),
    **dict.fromkeys(("opening", "hour"), "open"),
}
"""Words that say the same of a thing, by stem: "costs thirty dollars", "is thirty dollars"."""
_FILLERS = frozenset(
    {"currently", "usually", "normally", "always", "exactly", "today", "available", "offer", "there"}
)
_LABELS = (
    "room|bus|tram|line|number|platform|gate|suite|unit|floor|level|building|size|grade|class|zone|option"
)
_LABEL = re.compile(rf"\b(?:{_LABELS}) (?:number )?(\d+)\b|\b(\d+) (?:bus|tram|line)\b")
"""A number that is a name: bus seven and bus nine are two things, not one thing with two values."""
_NEGATIONS = re.compile(r"\b(?:not|no|never|cannot|without|\w+n't|dont|cant|wont|isnt|arent)\b")
_SIGNS = {"$": " dollars ", "\u20ac": " euros ", "\u00a3": " pounds ", "%": " percent ", "&": " and "}
_STOP_WORDS_TEXT = """
a all also am an and any are aren as at be been both but by can cannot could couldn d did didn do does
doesn don each every for from get had has have he her his how i if in into is isn it its just ll m may me
might more must my need no not of oh ok okay on only or our ours please re s she should shouldn so some
such sure t than that the their them then there these they this those till to until up us ve very was we
well without were what when where which who will with won would wouldn yes yet you your yours between
"""
_STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())
"""Words that say nothing of what a fact is about.  Before and after, over and under are none."""


@dataclass(frozen=True, slots=True)
class _Gist:
    """What a fact is about, apart from what it says of it."""

    words: frozenset[str]
    numbers: tuple[str, ...]
    negated: bool


def _check_likeness(facts: tuple[Fact, ...]) -> Iterator[Finding]:
    by_text: dict[str, int] = {}
    alike: dict[frozenset[str], list[tuple[int, _Gist]]] = {}
    for number, fact in enumerate(facts):
        text = " ".join(re.findall(r"\w+", fact.text.lower()))
        if text in by_text:
            what = f"stands at facts.{by_text[text]} already: delete one, and join their keywords"
            yield Finding(Severity.WARNING, place(number, fact), what)
            continue
        by_text[text] = number
        gist = _gist(fact.text)
        if not gist.words:
            continue
        others = alike.setdefault(gist.words, [])
        # The nearest that says something else: one line a fact, and 10,000 facts stay quick.
        for other, before in reversed(others[-20:]):
            found = _compare(gist, before, f"facts.{other} ({clipped(facts[other].text)})")
            if found is not None:
                yield Finding(found[0], place(number, fact), found[1])
                break
        others.append((number, gist))


def _compare(one: _Gist, two: _Gist, other: str) -> tuple[Severity, str] | None:
    """What to say of two facts with the same words."""
    if one.numbers == two.numbers:
        if one.negated != two.negated:
            return Severity.ERROR, f"contradicts {other}: only one says no; keep the one that is true"
        return Severity.HINT, f"says the same as {other}: keep one"
    if not one.numbers or not two.numbers:
        return None
    # Earlier numbers may be conditions ("children under four"), the last one is what is said.
    if one.numbers[:-1] == two.numbers[:-1]:
        mine, its = one.numbers[-1], two.numbers[-1]
        return Severity.ERROR, (
            f"contradicts {other}: the same words, once with {mine} and once with {its}; keep the one that is"
            " true, or make it one fact that says when each holds"
        )
    return Severity.WARNING, (
        f"differs from {other} only by its numbers, and a question finds either:"
        " say in words what sets them apart, or make it one fact"
    )


def _gist(text: str) -> _Gist:
    plain = text.lower().replace("\u2019", "'")
    for sign, word in _SIGNS.items():
        plain = plain.replace(sign, word)
    negated = bool(_NEGATIONS.search(plain))
    plain = re.sub(r"(?<=\d)(?:,(?=\d{3}\b)|[.:]00\b)", "", plain)
    plain = re.sub(r"(?<=\d)(?: : | )(?=\d)", ".", _figures(plain))
    names = {f"#{found[1] or found[2]}" for found in _LABEL.finditer(plain)}
    plain = _LABEL.sub(" ", plain)
    words = {_SAME.get(stem, stem) for stem in map(_stem, _content_words(plain))} - _FILLERS
    return _Gist(frozenset(words | names), tuple(_NUMBER.findall(plain)), negated)


def _content_words(text: str) -> list[str]:
    plain = re.sub(r"\w+n't\b", " ", text.lower().replace("\u2019", "'"))
    return [word for word in re.findall(r"[^\W\d_]+", plain) if word not in _STOP_WORDS]


_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_TOKEN = re.compile(rf"{_NUMBER.pattern}|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]")
_UNITS = (
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: value for value, word in enumerate(_UNITS)} | {
    word: 10 * ten for ten, word in enumerate(_TENS, start=2)
}
_SCALES = {"hundred": 100, "thousand": 1_000}


def _figures(text: str) -> str:
    """``text`` with its numbers in figures: "two hundred and five" is 205, "seven thirty" 7 30."""
    out: list[str] = []
    number: int | None = None
    room = 0
    """What is worth less is added to ``number``: "five" to 20, not to 7."""
    tokens = _TOKEN.findall(text)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        value = _VALUES.get(token)
        if number is not None:
            if following in _VALUES and (token == "-" or (token == "and" and room >= 100)):
                continue
            if token in _SCALES:
                room = _SCALES[token]
                number *= room
                continue
            if value is not None and 0 < value < room:
                number, room = number + value, 10 if value >= 20 else 0
                continue
            out.append(str(number))
        number, room = value, 10 if value is not None and value >= 20 else 0
        if value is None:
            out.append(token)
    return " ".join(out if number is None else [*out, str(number)])


def _stem(word: str) -> str:
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word.removesuffix(ending) + instead
    return word
