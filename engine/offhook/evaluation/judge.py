"""Whether an answer is right, and what else is wrong with it.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from offhook.agents.loader import Agent
from offhook.conversation.details import details
from offhook.conversation.grounding import unsupported
from offhook.evaluation.suite import UNKNOWN, Chain, Question, Step
from offhook.languages import language
from offhook.languages.codes import base_language

_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_LONG_NUMBER = re.compile(r"\d(?:[\s().,-]*\d){4,}")
"""A telephone number and its like, in whatever groups it is written."""
_NOUNS_ARE_CAPITAL = frozenset({"de"})
"""Languages whose capitals do not tell names from other nouns: there only figures and days are looked at."""
OVER = "the call was over"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one question."""

    answer: str | None = None
    """What the caller heard; None: nothing."""
    act: str = ""
    ended: bool = False
    """The agent ended the call with it."""
    first_ms: float | None = None
    """In writing: from the caller's words to the answer's first clause."""
    turnaround_ms: float | None = None
    """By telephone: from the caller's last audible sample to the first one of ours after it."""
    premature: bool = False
    """By telephone: we began to speak before the caller had finished."""
    traced_ms: float | None = None
    """The same as the daemon's trace has it."""
    heard: str | None = None
    """By telephone: what was understood of the question."""
    problem: str = ""
    """Why there is no answer, where that is known."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of one answer."""

    right: bool
    invented: tuple[str, ...] = ()
    """Figures, days and names that stand nowhere."""
    ended_wrongly: bool = False
    missed_farewell: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One question with its answer, judged."""

    suite: str
    number: int
    question: Question
    reply: Reply
    judgement: Judgement
    counted: bool = True
    """False: asked only because a later one follows it; it has a part in figures of time alone."""


def judge(question: Question, reply: Reply, sources: Iterable[str], code: str = "en") -> Judgement:
    """``sources``: all that the answer may have its figures, days and names from; ``code``: its language."""
    ended_wrongly = reply.ended and not question.ends
    missed = question.ends and not reply.ended
    if reply.answer is None:
        return Judgement(False, (), ended_wrongly, missed)
    wrong = None if question.wrong is None else re.search(question.wrong, reply.answer, re.IGNORECASE)
    right = wrong is None and re.search(question.right, reply.answer, re.IGNORECASE) is not None
    right = right and not missed and not (question.must_not_end and reply.ended)
    invented = _invented(reply.answer, list(sources), code)
    if wrong is not None and question.kind == UNKNOWN:
        # A figure of something else, given for what nobody knows, is made up as well.
        beside = [each[0] for each in _FIGURE.finditer(reply.answer) if _overlap(each.span(), wrong.span())]
        invented += [figure for figure in beside if figure not in invented]
    return Judgement(right, tuple(invented), ended_wrongly, missed)


def judge_chain(suite: str, chain: Chain, replies: Sequence[Reply], agent: Agent) -> list[Result]:
    """The results of one conversation; questions without a reply were not answered."""
    results: list[Result] = []
    known, said, code = sources_of(agent), list[str](), agent.language
    missing = [Reply(problem=OVER)] * (len(chain) - len(replies))
    for step, reply in zip(chain, [*replies, *missing], strict=True):
        for text in (step.question.say, reply.heard or ""):
            # "four four zero seven one" is 44071 in an answer.
            said += [text, *(detail.value for detail in details(text, language(code)))]
        judgement = judge(step.question, reply, [*known, *said], code)
        results.append(_result(suite, step, reply, judgement))
    return results


def sources_of(agent: Agent) -> list[str]:
    """Every text of the agent's own."""
    examples = [text for each in agent.examples for text in (each.agent, each.note)]
    facts = [text for fact in agent.facts for text in (fact.text, *fact.keywords)]
    phrases = [agent.greeting, agent.goodbye, agent.apology, agent.unclear, agent.still_there, agent.holding]
    phrases += [agent.excuse, agent.take_your_time, agent.unknown, agent.otherwise]
    general = [str(text) for text in astuple(language(agent.language).phrases)]
    return [agent.name, agent.persona, *phrases, *facts, *examples, *general]


def _result(suite: str, step: Step, reply: Reply, judgement: Judgement) -> Result:
    return Result(suite, step.number, step.question, reply, judgement, step.counted)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """An empty span, as of an expression that only looks ahead, overlaps everything."""
    return other[0] == other[1] or (one[0] < other[1] and other[0] < one[1])


def _invented(answer: str, sources: list[str], code: str) -> list[str]:
    """What stands nowhere, not even in another form: "9:00" is 9, "Saturdays" a Saturday, "Ann's" Ann."""
    known = "\n".join(sources).lower()
    figures = {_plain_figure(figure) for figure in _FIGURE.findall(known)}
    numbers = [_digits(number) for source in sources for number in _LONG_NUMBER.findall(source)]
    for number in _LONG_NUMBER.findall(answer):
        if any(_digits(number) in whole for whole in numbers):
            figures.update(map(_plain_figure, _FIGURE.findall(number)))
    found = []
    for each in unsupported(answer, sources, language(code)):
        if _FIGURE.fullmatch(each):
            made_up = _plain_figure(each) not in figures
        else:
            stem = re.sub(r"['\u2019]s$|['\u2019]$|(?<=[^\W\d_]{3})s$", "", each.lower())
            made_up = stem not in known and base_language(code) not in _NOUNS_ARE_CAPITAL
        if made_up:
            found.append(each)
    return list(dict.fromkeys(found))


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)


def _plain_figure(figure: str) -> str:
    return re.sub(r",(?=\d{3}\b)|[.:]00$|^0(?=\d)", "", figure)
