"""``python -m bench.suites``: the ten suites asked in writing, into bench/reports/suites.json.

Method: every question of ``bench/suites/*.json`` is put to its own business through
:mod:`offhook.evaluation`, by the same policy, models and limits as a call, without hearing, turn-taking
and voice.  A question that follows another comes in the same conversation, all others in fresh ones.
Right is what the suite's regular expressions say.
``first_ms`` is from the caller's words to the answer's first clause, one conversation at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.about import about
from offhook.config import Config, load_config
from offhook.errors import OffhookError
from offhook.evaluation.report import SuiteRun, as_json, tables, verdicts
from offhook.evaluation.sessions import Sessions
from offhook.evaluation.suite import chains, load_suite
from offhook.evaluation.text_run import run_text

FOLDER = Path(__file__).parent
REPORT = FOLDER.parent / "reports" / "suites.json"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.suites", description="Asks the suites in writing.")
    parser.add_argument("suites", nargs="*", type=Path, metavar="SUITE", help="default: all beside this file")
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: the embedded models")
    parser.add_argument("--policy", choices=("auto", "grounded", "chat"), default=None)
    parser.add_argument("--report", type=Path, default=REPORT, metavar="FILE", help=f"default: {REPORT.name}")
    return parser.parse_args(words)


async def run(files: Sequence[Path], config: Config, policy: str | None) -> dict[str, Any]:
    """Ask everything, print the tables, and give the report."""
    began, said = time.monotonic(), about(".venv/bin/python -m bench.suites")
    sessions = Sessions(config)
    runs: list[SuiteRun] = []
    try:
        for file in files:
            suite = load_suite(file)
            agent = suite.agent().model_copy(update={"policy": policy})
            factory = await sessions.agent(agent)
            results = await run_text(suite.id, agent, chains(suite.questions), factory)
            runs.append(SuiteRun(suite.id, agent.name, factory.policy.name, results))
        model, by_meaning = sessions.model_name, sessions.by_meaning
    finally:
        sessions.close()
    print(tables(runs))
    report = as_json(runs, answers=False)
    for shown, one in zip(report["suites"], runs, strict=True):
        shown["not_right"] = [
            {
                "number": each.number,
                "say": each.question.say,
                "answer": each.reply.answer,
                "what": verdicts(each),
            }
            for each in one.results
            if each.counted and verdicts(each)
        ]
    return {
        "method": " ".join((__doc__ or "").partition("Method: ")[2].split()),
        "about": said,
        "language_model": model or "none: no answer needed one",
        "facts_found_by": "meaning and words" if by_meaning else "words alone",
        "seconds": round(time.monotonic() - began, 1),
        **report,
    }


def main() -> int:
    """0: written; 2: something cannot be used."""
    args = arguments()
    files = args.suites or sorted(FOLDER.glob("*.json"))
    try:
        config = Config() if args.config is None else load_config(args.config)
        report = asyncio.run(run(files, config, args.policy))
    except OffhookError as error:
        print(f"bench.suites: error: {error}", file=sys.stderr)
        return 2
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\n{args.report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
