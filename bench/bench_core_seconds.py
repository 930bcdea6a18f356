"""Core-seconds a turn: processor time of the daemon's threads by stage, with 1, 4, 8, 16 calls at once.

Calls are simulated ones (the real launcher, real pipes, real time) to the real daemon, with --asterisk SIP
calls through the tests' real Asterisk.  Each caller asks one business of the bench's suites, in a natural
voice where one is pulled: so many questions, taken at even distances from the suite, follow-ups behind what
they follow; none that ends the call or wants something done.  Every business is called at least once in each
row.  ``all`` is the time of every thread of the stage (:mod:`offhook.observe.cpu`) while calls went on,
divided by the turns that were answered; ``heard``, what the answers that were heard took of it (the trace's
``cpu_ms``, the asked thread's clock); what is left was for guesses.  The time between two calls of the daemon
at rest is taken off.  Right answers and turnaround, in the trace and at the caller's ear, stand beside it:
work that is spared at their cost is not spared.  So do answers that began too early, questions without one,
times that audio ran dry and, on Asterisk, packets that were lost.

    python -m bench.bench_core_seconds [--asterisk] [--calls 1 4 8 16] [--questions 6] [--config FILE]
                                       [--report] [--json FILE]

``make curve`` takes 1, 2, 4, 8, 16 and 32 calls; ``--report`` keeps that in bench/reports/curve.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.about import REPORTS, about
from bench.asterisk_calls import AsteriskCalls, Line, asterisk_calls
from offhook.config import load_config
from offhook.evaluation.call_run import Telephone, call
from offhook.evaluation.judge import Result, judge_chain
from offhook.evaluation.own_daemon import OwnDaemon, own_daemon
from offhook.evaluation.suite import Chain, Step, Suite, chains, load_suite
from offhook.evaluation.voices import callers_voice
from offhook.observe.cpu import ThreadTimes
from offhook.observe.trace import TurnTrace, read_traces

SUITES = Path(__file__).parent / "suites"
REPORT = REPORTS / "curve.json"
REST_S = 5.0

SHARES = {"p50": 0.5, "p95": 0.95}


@dataclass
class Row:
    """What some calls at once cost."""

    calls: int
    turns: int
    right: dict[str, tuple[int, int]]
    """By kind of question: right, asked."""
    turnaround_ms: dict[str, float]
    ear_ms: dict[str, float]
    """The turnaround as the caller hears it."""
    premature: int
    """Answers that began before the caller had finished."""
    unanswered: int
    underruns: int
    """Times that an answer's audio ran dry."""
    all_s: dict[str, float]
    """Per turn, by stage."""
    heard_s: dict[str, float] = field(default_factory=dict)
    line: dict[str, Any] = field(default_factory=dict)
    """On Asterisk: what became of the audio."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench_core_seconds", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--questions", type=int, default=6, help="of each caller")
    parser.add_argument("--asterisk", action="store_true", help="by SIP through the tests' real Asterisk")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--voice", help="the caller's: flite:NAME, espeak:NAME or piper:FILE.onnx")
    parser.add_argument("--report", action="store_true", help=f"write {REPORT.name} into bench/reports")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(argv)
    made = about(f".venv/bin/python -m bench.bench_core_seconds {' '.join(argv or sys.argv[1:])}")
    suites = [load_suite(path) for path in sorted(SUITES.glob("*.en.json"))]
    voice, rows = callers_voice(args.voice, "en"), []
    agents = {suite.id: suite.agent() for suite in suites}
    with own_daemon(load_config(args.config), agents, max_calls=max(args.calls)) as daemon:
        print(f"caller's voice: {voice.name}", flush=True)
        telephone = Telephone(daemon, voice)
        with asterisk_calls(list(agents), telephone) if args.asterisk else nullcontext() as asterisk:
            for calls in args.calls:
                rows.append(_measured(suites, calls, args.questions, telephone, asterisk))
                print(_line(rows[-1]), flush=True)
    report = {"about": {**made, "caller": voice.name}, "rows": [vars(row) for row in rows]}
    for file in [REPORT] * args.report + [args.json] * (args.json is not None):
        file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _measured(
    suites: Sequence[Suite],
    calls: int,
    questions: int,
    telephone: Telephone,
    asterisk: AsteriskCalls | None = None,
) -> Row:
    daemon = telephone.daemon
    if asterisk is not None:
        asterisk.line = Line()
    chosen = {suite.id: _some_of(suite, questions) for suite in suites}
    for step in (step for chain in chosen.values() for step in chain):
        telephone.voice(step.question.say)  # no caller speaks with a voice that is still being made
    times = ThreadTimes(Path(f"/proc/{daemon.process.pid}/task"))
    at_rest = times.seconds()
    time.sleep(REST_S)
    rest = _between(at_rest, times.seconds())
    before, began_s, seen = times.seconds(), time.monotonic(), len(_traces(daemon))

    def one(number: int) -> list[Result]:
        suite = suites[number % len(suites)]
        chain = chosen[suite.id]
        replies = call(suite.id, chain, telephone) if asterisk is None else asterisk.call(suite.id, chain)
        return judge_chain(suite.id, chain, replies, suite.agent())

    with ThreadPoolExecutor(calls) as pool:
        results = [result for each in pool.map(one, range(max(calls, len(suites)))) for result in each]
    lasted_s = time.monotonic() - began_s
    used = _between(before, times.seconds())
    traces = _traces(daemon)[seen:]
    turns = max(1, len(traces))
    all_s = {
        stage: max(0.0, seconds - rest.get(stage, 0.0) / REST_S * lasted_s) / turns
        for stage, seconds in used.items()
    }
    heard: dict[str, float] = {}
    for trace in traces:
        for stage, ms in trace.cpu_ms.items():
            heard[stage] = heard.get(stage, 0.0) + ms / 1000 / turns
    right: dict[str, tuple[int, int]] = {}
    for result in results:
        of, asked = right.get(result.question.kind, (0, 0))
        right[result.question.kind] = of + result.judgement.right, asked + 1
    replies = [result.reply for result in results]
    return Row(
        calls,
        len(traces),
        right,
        _quantiles(trace.turnaround_ms() for trace in traces),
        _quantiles(reply.turnaround_ms for reply in replies),
        sum(reply.premature for reply in replies),
        sum(reply.answer is None for reply in replies),
        sum(trace.underruns for trace in traces),
        all_s,
        heard,
        {} if asterisk is None else asdict(asterisk.line),
    )


def _quantiles(times_ms: Iterable[float | None]) -> dict[str, float]:
    took = sorted(each for each in times_ms if each is not None)
    return {name: took[min(len(took) - 1, int(len(took) * share))] for name, share in SHARES.items() if took}


def _some_of(suite: Suite, questions: int) -> Chain:
    """So many of a suite's questions, from all of it alike: what follows another comes with it."""
    asked = [
        chain
        for chain in chains(suite.questions)
        if not any(step.question.ends or step.question.wants for step in chain)
    ]
    every = max(1.0, sum(len(chain) for chain in asked) / questions)
    chosen: list[Step] = []
    passed = 0
    for chain in asked:
        if passed >= len(chosen) * every and len(chosen) < questions:
            chosen += chain
        passed += len(chain)
    return tuple(chosen)


def _traces(daemon: OwnDaemon) -> list[TurnTrace]:
    return read_traces(daemon.trace).turns if daemon.trace.exists() else []


def _between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {stage: seconds - before.get(stage, 0.0) for stage, seconds in after.items()}


def _line(row: Row) -> str:
    whole = sum(row.all_s.values())
    stages = ", ".join(
        f"{stage} {seconds:.3f}" + (f" (heard {row.heard_s[stage]:.3f})" if stage in row.heard_s else "")
        for stage, seconds in sorted(row.all_s.items(), key=lambda each: -each[1])
        if seconds >= 0.0005
    )
    right = ", ".join(f"{kind} {of} of {asked}" for kind, (of, asked) in sorted(row.right.items()))
    turnaround = ", ".join(f"{name} {ms:.0f}" for name, ms in row.turnaround_ms.items())
    ear = ", ".join(f"{name} {ms:.0f}" for name, ms in row.ear_ms.items())
    line = "" if not row.line else f" ({', '.join(f'{key} {value}' for key, value in row.line.items())})"
    return (
        f"{row.calls:2} calls: {row.turns} turns, right {right}, turnaround {turnaround} ms, at the ear"
        f" {ear} ms; too early {row.premature}, unanswered {row.unanswered}, underruns {row.underruns}{line};"
        f" {whole:.3f} core-seconds a turn: {stages}"
    )


if __name__ == "__main__":
    main()
