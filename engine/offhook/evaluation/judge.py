"""Whether an answer is right, and what else is wrong with it.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from offhook.agents.loader import Agent
from offhook.conversation.details import details
from offhook.conversation.grounding import unsupported
from offhook.evaluation.suite import UNKNOWN, Chain, Question, Step
from offhook.evaluation.wants import Clock, Effect, Wants, problem_of
from offhook.languages import language
from offhook.languages.codes import base_language
from offhook.moments.zones import now_in

_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_LONG_NUMBER = re.compile(r"\d(?:[\s().,-]*\d){4,}")
"""A telephone number and its like, in whatever groups it is written."""
_NOUNS_ARE_CAPITAL = frozenset({"de"})
"""Languages whose capitals do not tell names from other nouns: there only figures and days are looked at."""
OVER = "the call was over"
READBACK = "readback"
"""The kind of a question for what was taken down just before."""
_BY_CODE = ("form", "done")


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
    done: tuple[Effect, ...] = ()
    """What was done for the caller, up to the end of what they went on to say."""
    went_on: tuple[str, ...] = ()
    """What the caller said after the question, until what they want was done."""
    handed_over: bool = False
    """The call is over because it goes on elsewhere."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of one answer."""

    right: bool
    invented: tuple[str, ...] = ()
    """Figures, days and names that stand nowhere."""
    ended_wrongly: bool = False
    missed_farewell: bool = False
    undone: str = ""
    """What is wrong with what was to be done; empty: it was done, or nothing was wanted."""


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


def judge(
    question: Question, reply: Reply, sources: Iterable[str], code: str = "en", undone: str = ""
) -> Judgement:
    """``sources``: all that the answer may have its figures, days and names from; ``code``: its language.

    ``undone``: what is wrong with what was to be done.
    """
    ended_wrongly = reply.ended and not question.ends and not (reply.handed_over and question.wants)
    missed = question.ends and not reply.ended
    if reply.answer is None:
        return Judgement(False, (), ended_wrongly, missed, undone)
    wrong = None if question.wrong is None else re.search(question.wrong, reply.answer, re.IGNORECASE)
    right = wrong is None and re.search(question.right, reply.answer, re.IGNORECASE) is not None
    right = right and not missed and not (question.must_not_end and reply.ended) and not undone
    # What is read back and told of what was done is made by code, of values and of what the tool says.
    invented = [] if reply.act in _BY_CODE else _invented(reply.answer, list(sources), code)
    if wrong is not None and question.kind == UNKNOWN:
        # A figure of something else, given for what nobody knows, is made up as well.
        beside = [each[0] for each in _FIGURE.finditer(reply.answer) if _overlap(each.span(), wrong.span())]
        invented += [figure for figure in beside if figure not in invented]
    return Judgement(right, tuple(invented), ended_wrongly, missed, undone)


def judge_chain(
    suite: str, chain: Chain, replies: Sequence[Reply], agent: Agent, tools: Sequence[str] = ()
) -> list[Result]:
    """The results of one conversation; questions without a reply were not answered.

    ``tools``: what the agent can do; none: what callers want done is not judged.
    """
    clock = Clock(now_in(agent.timezone), agent.language)
    results: list[Result] = []
    known, said, code = sources_of(agent), list[str](), agent.language
    missing = [Reply(problem=OVER)] * (len(chain) - len(replies))
    for step, reply in zip(chain, [*replies, *missing], strict=True):
        for text in (step.question.say, reply.heard or "", *reply.went_on):
            # "four four zero seven one" is 44071 in an answer.
            said += [text, *(detail.value for detail in details(text, language(code)))]
        undone = _undone(step, reply, tools, clock, results[-1:])
        judgement = judge(step.question, reply, [*known, *said], code, undone)
        results.append(_result(suite, step, reply, judgement))
    return results


def _undone(step: Step, reply: Reply, tools: Sequence[str], clock: Clock, before: Sequence[Result]) -> str:
    """A read-back counts only behind what it reads back."""
    if not tools:
        return ""
    if step.question.kind == READBACK:
        missing = [each.judgement.undone for each in before if each.judgement.undone]
        return f"it reads back what was not done: {missing[0]}" if missing else ""
    if step.question.wants is None:
        return ""
    return problem_of(Wants.model_validate(step.question.wants), reply.done, tools, clock)


def sources_of(agent: Agent) -> list[str]:
    """Every text of the agent's own."""
    examples = [text for each in agent.examples for text in (each.agent, each.note)]
    facts = [text for fact in agent.facts for text in (fact.text, *fact.keywords)]
    phrases = [agent.greeting, agent.goodbye, agent.apology, agent.unclear, agent.still_there, agent.holding]
    phrases += [agent.excuse, agent.take_your_time, agent.unknown, agent.unsure, agent.otherwise]
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
