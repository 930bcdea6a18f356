"""``offhook eval``: how well an agent answers the questions of suites."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from offhook.agents.loader import Agent, load_agent
from offhook.config import Config, load_config
from offhook.errors import ConfigError
from offhook.evaluation.report import SuiteRun, as_json, as_junit, count, everything, failures, tables
from offhook.evaluation.suite import Chain, Suite, chains, load_suite
from offhook.files import unwritable

WentOn = Mapping[int, tuple[str, ...]]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "eval",
        help="ask an agent the questions of suites, and judge the answers",
        description="Asks every question of the suites, in writing or, with --calls, by telephone through a "
        "daemon of its own, and tells by kind how many answers are right, wrong or invented. Exit status 1 "
        "when fewer are right than --min-right, 2 when a file cannot be used.",
    )
    add = parser.add_argument
    add("suites", nargs="+", type=Path, metavar="SUITE", help="a suite's JSON file")
    add("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")
    add("--agent", metavar="FILE|NAME", help="answers instead of the suites' own business")
    add(
        "--policy",
        choices=("auto", "grounded", "chat"),
        help="instead of the configuration's and the agent's",
    )
    add("--kinds", type=_words, default=(), metavar="KIND,...", help="only questions of these kinds")
    add("--calls", action="store_true", help="ask in simulated calls, in real time")
    add("--voice", metavar="VOICE", help="the caller's: flite:NAME, espeak:NAME or piper:FILE.onnx")
    add("--line", default="clean", metavar="LINE", help="clean (default), or noise:DB below the speech")
    add("--show-wrong", action="store_true", help="every question with something wrong, and what was said")
    add("--json", type=Path, metavar="FILE", help="write everything as one JSON object; - is standard output")
    add("--junit", type=Path, metavar="FILE", help="write one test case for each question")
    add("--min-right", type=_percent, metavar="PERCENT", help="exit status 1 below it")


def run(args: argparse.Namespace) -> int:
    config = load_config(args.config)
    if args.policy:
        conversation = config.conversation.model_copy(update={"policy": args.policy})
        config = config.model_copy(update={"conversation": conversation})
    if not args.calls and (args.voice is not None or args.line != "clean"):
        raise ConfigError("--voice and --line belong to calls: add --calls")
    jobs = _jobs(args, config)
    for path in (args.json, args.junit):
        _write(path, "", mode="a")  # what is found out only after an hour of calls is found out too late
    runs = _by_telephone(jobs, config, args) if args.calls else asyncio.run(_in_writing(jobs, config))
    _write(args.json, json.dumps(as_json(runs), ensure_ascii=False, indent=1) + "\n")
    _write(args.junit, as_junit(runs))
    if args.json is None or str(args.json) != "-":
        print(tables(runs))
        if args.show_wrong and (shown := failures(runs)):
            print("\n" + shown)
    right = count(everything(runs))
    return 1 if args.min_right is not None and right.right * 100 < args.min_right * right.n else 0


# --- what is asked of whom -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    """One suite with the agent that answers."""

    suite: Suite
    agent: Agent
    chains: Sequence[Chain]

    @property
    def asked(self) -> int:
        return sum(map(len, self.chains))


def _jobs(args: argparse.Namespace, config: Config) -> list[_Job]:
    own = None if args.agent is None else load_agent(args.agent, config.agent.search)
    jobs: list[_Job] = []
    for path in args.suites:
        suite = load_suite(path, own)
        if any(job.suite.id == suite.id for job in jobs):
            raise ConfigError(f"{path}: id: a suite before it is called {suite.id!r} already")
        agent = own or suite.agent()
        if args.policy:
            agent = agent.model_copy(update={"policy": args.policy})
        jobs.append(_Job(suite, agent, chains(suite.questions, args.kinds)))
    known = {question.kind for job in jobs for question in job.suite.questions}
    unknown = [kind for kind in args.kinds if kind not in known]
    if unknown:
        there = ", ".join(sorted(known))
        raise ConfigError(f"--kinds {unknown[0]}: no question is of this kind; there are: {there}")
    return jobs


async def _in_writing(jobs: Sequence[_Job], config: Config) -> list[SuiteRun]:
    from offhook.evaluation.sessions import Sessions
    from offhook.evaluation.text_run import run_text

    runs: list[SuiteRun] = []
    with _progress() as tell:
        tell("loading the models")
        sessions = Sessions(config, tell)
        try:
            for job in jobs:
                factory = await sessions.agent(job.agent)
                told = _told(job, tell)
                results = await run_text(job.suite.id, job.agent, job.chains, factory, told, factory.tools)
                runs.append(SuiteRun(job.suite.id, job.agent.name, factory.policy.name, results))
        finally:
            sessions.close()
    if not sessions.by_meaning:
        print("note: facts were found by their words only: answers could be better", file=sys.stderr)
    return runs


def _by_telephone(jobs: Sequence[_Job], config: Config, args: argparse.Namespace) -> list[SuiteRun]:
    from offhook.evaluation.call_run import Telephone, check_language, run_calls
    from offhook.evaluation.line import snr_of
    from offhook.evaluation.own_daemon import own_daemon
    from offhook.evaluation.voices import callers_voice

    snr_db = snr_of(args.line)
    words = asyncio.run(_what_callers_go_on_to_say(jobs, config))
    for job in jobs:
        check_language(config.stt.language, job.suite.id, job.suite.language)
    voice = callers_voice(args.voice, jobs[0].suite.language)
    print(f"caller's voice: {voice.name}", file=sys.stderr)
    runs: list[SuiteRun] = []
    with _progress() as tell:
        tell("starting a daemon")
        with own_daemon(config, {job.suite.id: job.agent for job in jobs}) as daemon:
            telephone = Telephone(daemon, voice, snr_db)
            for job in jobs:
                told, (tools, went_on) = _told(job, tell), words.get(job.suite.id, ((), {}))
                results = run_calls(job.suite.id, job.agent, job.chains, telephone, told, tools, went_on)
                policy = job.agent.policy or config.conversation.policy
                how = f"by telephone ({args.line})"
                runs.append(SuiteRun(job.suite.id, job.agent.name, policy, results, how))
    return runs


async def _what_callers_go_on_to_say(
    jobs: Sequence[_Job], config: Config
) -> dict[str, tuple[tuple[str, ...], WentOn]]:
    """By suite: the agent's tools, and what callers who want something done say until it is.

    Found out in writing: a call's words are spoken as recordings, which are made before it begins.
    """
    from offhook.evaluation.sessions import Sessions
    from offhook.evaluation.text_run import converse

    found: dict[str, tuple[tuple[str, ...], WentOn]] = {}
    doing = [job for job in jobs if job.agent.tools]
    if not doing:
        return found
    sessions = await asyncio.to_thread(Sessions, config)
    try:
        for job in doing:
            factory, went_on = await sessions.agent(job.agent), dict[int, tuple[str, ...]]()
            for chain in job.chains:
                if any(step.question.wants for step in chain):
                    replies = await converse(chain, factory(), job.agent, factory.tools)
                    went_on |= {
                        step.number: reply.went_on
                        for step, reply in zip(chain, replies, strict=False)
                        if reply.went_on
                    }
            found[job.suite.id] = factory.tools, went_on
    finally:
        sessions.close()
    return found


# --- around it -----------------------------------------------------------------------------------


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """One line on a terminal that changes; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda line: None
        return
    try:
        yield lambda line: print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _told(job: _Job, tell: Callable[[str], None]) -> Callable[[int], None]:
    return lambda asked: tell(f"{job.suite.id}: {asked} of {job.asked} questions")


def _write(path: Path | None, text: str, *, mode: Literal["a", "w"] = "w") -> None:
    if path is None:
        return
    if str(path) == "-":
        print(text, end="")
        return
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {unwritable(path, error)}") from error


def _words(text: str) -> tuple[str, ...]:
    """An option's value."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _percent(text: str) -> float:
    """An option's value; the name is what argparse complains with."""
    value = float(text.removesuffix("%"))
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 100")
    return value
