"""What came out of suites: counts by kind of question, times, tables, JSON and JUnit's XML.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np

from offhook.evaluation.judge import Result
from offhook.observe.trace.waterfall import printable

PERCENTS = (50, 95, 99)
_HEAD = (
    "kind",
    "n",
    "right",
    "wrong",
    "invented",
    "ended wrongly",
    "missed farewell",
    "unanswered",
    "not done",
)
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Counts:
    """Questions of one kind, or all."""

    n: int
    right: int
    invented: int
    """Answers with a figure, day or name that stands nowhere; most are wrong as well."""
    ended_wrongly: int
    missed_farewell: int
    unanswered: int
    """Got no answer; wrong as well."""
    undone: int
    """What was wanted was not done, or not so; wrong as well."""

    @property
    def wrong(self) -> int:
        return self.n - self.right

    @property
    def right_percent(self) -> float:
        return round(100 * self.right / self.n, 1) if self.n else 0.0


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """One suite, asked and judged."""

    id: str
    agent: str
    """Name of the business that answered."""
    policy: str
    results: Sequence[Result]
    how: str = "in writing"


def count(results: Iterable[Result]) -> Counts:
    """What is counted of ``results``."""
    judged = [result for result in results if result.counted]
    return Counts(
        len(judged),
        sum(each.judgement.right for each in judged),
        sum(bool(each.judgement.invented) for each in judged),
        sum(each.judgement.ended_wrongly for each in judged),
        sum(each.judgement.missed_farewell for each in judged),
        sum(each.reply.answer is None for each in judged),
        sum(bool(each.judgement.undone) for each in judged),
    )


def by_kind(results: Sequence[Result]) -> dict[str, Counts]:
    """The counts of each kind, in the order in which they come, and of all."""
    kinds = dict.fromkeys(result.question.kind for result in results if result.counted)
    found = {kind: count(each for each in results if each.question.kind == kind) for kind in kinds}
    return {**found, _ALL: count(results)}


def percentiles(values: Iterable[float | None]) -> dict[str, float | int]:
    """``{"n", "p50", "p95", "p99"}`` of the values that are there; ``n`` alone for none."""
    known = [value for value in values if value is not None]
    shown: dict[str, float | int] = {"n": len(known)}
    if known:
        shown |= {f"p{share}": round(float(np.percentile(known, share)), 2) for share in PERCENTS}
    return shown


def everything(runs: Sequence[SuiteRun]) -> list[Result]:
    return [result for run in runs for result in run.results]


# --- for people ----------------------------------------------------------------------------------


def tables(runs: Sequence[SuiteRun]) -> str:
    """A table for each suite, one for all of them when there are several, and the times."""
    blocks = [
        _table(f"{run.id}: {printable(run.agent)}, {run.policy}, {run.how}", run.results) for run in runs
    ]
    whole = everything(runs)
    if len(runs) > 1:
        blocks.append(_table(f"{len(runs)} suites", whole))
    return "\n\n".join([*blocks, "\n".join(_times(whole))])


def _table(title: str, results: Sequence[Result]) -> str:
    rows: list[tuple[str, ...]] = [_HEAD]
    for kind, counts in by_kind(results).items():
        share = f"{counts.right_percent:.1f}%"
        ends = (counts.ended_wrongly, counts.missed_farewell)
        bad = (counts.wrong, counts.invented, *ends, counts.unanswered, counts.undone)
        rows.append((kind, str(counts.n), share, *map(str, bad)))
    first, *rest = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [title]
    for kind, *cells in rows:
        right = (cell.rjust(width) for cell, width in zip(cells, rest, strict=True))
        lines.append("  ".join([kind.ljust(first), *right]))
    return "\n".join(lines)


def _times(results: Sequence[Result]) -> list[str]:
    times = (
        ("question to first words, in writing", [each.reply.first_ms for each in results], "answers"),
        ("turnaround as the caller hears it", [each.reply.turnaround_ms for each in results], "turns"),
        ("turnaround in the daemon's trace", [each.reply.traced_ms for each in results], "turns"),
    )
    lines = []
    for title, values, what in times:
        shown = percentiles(values)
        if shown["n"]:
            figures = ", ".join(f"p{share} {shown[f'p{share}']:.1f}" for share in PERCENTS)
            lines.append(f"{title}: {figures} ms ({shown['n']} {what})")
    spoken = [each.reply for each in results if each.reply.premature or each.reply.turnaround_ms is not None]
    early = sum(reply.premature for reply in spoken)
    if spoken:
        lines.append(f"answers begun before the caller had finished: {early} of {len(spoken)}")
    problems = list(dict.fromkeys(each.reply.problem for each in results if each.reply.problem))
    lines += [f"no answer: {printable(problem)}" for problem in problems[:3]]
    return lines


def failures(runs: Sequence[SuiteRun]) -> str:
    """Every question with something wrong, and what was said."""
    return "\n\n".join(
        _failure(result) for run in runs for result in run.results if result.counted and verdicts(result)
    )


def verdicts(result: Result) -> list[str]:
    """What is wrong, in words; none for a right answer that is nothing else."""
    judgement, found = result.judgement, []
    if result.reply.answer is None:
        found.append("no answer")
    elif judgement.undone:
        found.append(f"not done: {judgement.undone}")
    elif not judgement.right:
        found.append("wrong")
    if judgement.invented:
        found.append(f"invented {', '.join(judgement.invented)}")
    if judgement.ended_wrongly:
        found.append("ended wrongly")
    if judgement.missed_farewell:
        found.append("missed farewell")
    return found


def _failure(result: Result) -> str:
    question, reply = result.question, result.reply
    lines = [f"{result.suite} {result.number} ({question.kind}): {'; '.join(verdicts(result))}"]
    if question.after is not None:
        lines[0] += f" [after {question.after}]"
    lines.append(f"  caller    {printable(question.say)}")
    if reply.heard is not None and reply.heard != question.say:
        lines.append(f"  heard     {printable(reply.heard)}")
    lines += [f"  and       {printable(words)}" for words in reply.went_on]
    act = f"  [{reply.act}]" if reply.act else ""
    said = f"({printable(reply.problem) or 'nothing'})" if reply.answer is None else printable(reply.answer)
    lines.append(f"  agent     {said}{act}")
    if question.expect:
        lines.append(f"  expected  {printable(question.expect)}")
    return "\n".join(lines)


# --- for programs --------------------------------------------------------------------------------


def as_json(runs: Sequence[SuiteRun], *, answers: bool = True) -> dict[str, Any]:
    """Everything, as plain values; ``answers`` False leaves the single questions out."""
    whole = everything(runs)
    shown: dict[str, Any] = {"suites": [], "all": _counts_json(by_kind(whole)), **_times_json(whole)}
    for run in runs:
        one: dict[str, Any] = {"id": run.id, "agent": run.agent, "policy": run.policy, "how": run.how}
        one |= {"kinds": _counts_json(by_kind(run.results)), **_times_json(run.results)}
        if answers:
            one["questions"] = [_question_json(result) for result in run.results]
        shown["suites"].append(one)
    return shown


def _counts_json(kinds: dict[str, Counts]) -> dict[str, Any]:
    return {
        kind: {**asdict(counts), "wrong": counts.wrong, "right_percent": counts.right_percent}
        for kind, counts in kinds.items()
    }


def _times_json(results: Sequence[Result]) -> dict[str, Any]:
    named = {
        "first_ms": percentiles(each.reply.first_ms for each in results),
        "turnaround_ms": percentiles(each.reply.turnaround_ms for each in results),
        "traced_turnaround_ms": percentiles(each.reply.traced_ms for each in results),
    }
    return {name: shown for name, shown in named.items() if shown["n"]}


def _question_json(result: Result) -> dict[str, Any]:
    question, reply = result.question, result.reply
    return {
        "number": result.number,
        "kind": question.kind,
        "say": question.say,
        "expect": question.expect,
        "counted": result.counted,
        **{name: value for name, value in asdict(reply).items() if value is not None and value != ""},
        **asdict(result.judgement),
    }


def as_junit(runs: Sequence[SuiteRun]) -> str:
    """One test case for each question, as CI servers read it."""
    root = ElementTree.Element("testsuites", name="offhook eval")
    for run in runs:
        judged = [result for result in run.results if result.counted]
        bad = sum(bool(verdicts(result)) for result in judged)
        suite = ElementTree.SubElement(
            root, "testsuite", name=run.id, tests=str(len(judged)), failures=str(bad), errors="0"
        )
        for result in judged:
            _case(suite, result)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, result: Result) -> None:
    question, reply = result.question, result.reply
    took_ms = reply.first_ms or reply.turnaround_ms or 0.0
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=f"{result.suite}.{question.kind}",
        name=f"{result.number}: {printable(question.say)}",
        time=f"{took_ms / 1000:.3f}",
    )
    wrong = verdicts(result)
    if wrong:
        failure = ElementTree.SubElement(case, "failure", type=wrong[0], message=printable("; ".join(wrong)))
        failure.text = _failure(result)
