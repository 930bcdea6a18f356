"""Forms with the grounded policy: the right tool, the right values, nothing unasked, nothing twice.

    python -m bench.bench_tools [bench/tools/seen.toml] [--suite FOLDER] [-v]

Each case is a caller who opens with a sentence, answers what is asked, corrects what was read back wrong, and
says yes to what is right; the tools only write down what they are asked for.  ``bench/tools/seen.toml`` was
looked at while forms were made, ``bench/tools/held.toml`` was not.  ``--suite`` adds the ``action`` questions
of a folder of suites, with the tools of ``bench/tools/suite.toml``, and all their other questions, which want
no tool.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from offhook.agents.loader import Agent
from offhook.conversation.base import Policy
from offhook.conversation.policies.grounded import Grounded
from offhook.conversation.session import TextSession
from offhook.engines.llm.base import Limits
from offhook.engines.llm.template import CHATML, chat_template
from offhook.engines.pool import load_knowledge_models
from offhook.evaluation.wants import Caller, Clock, Wants, same
from offhook.knowledge.store import Knowledge
from offhook.knowledge.store import Models as KnowledgeModels
from offhook.tools.base import BaseTool, Context, ToolResult
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import make_tools

HERE = Path(__file__).parent / "tools"


@dataclass(frozen=True, slots=True)
class Run:
    """One request that reached a tool."""

    tool: str
    arguments: Mapping[str, Any]
    confirmed: bool


class Noting(BaseTool):
    """A tool of the file's, which only notes what it is asked for."""

    def __init__(self, inner: Any, runs: list[Run], caller: Calling) -> None:
        super().__init__(inner.spec)
        self._inner, self._runs, self._caller = inner, runs, caller
        for name in ("default", "also"):
            if hasattr(inner, name):
                setattr(self, name, getattr(inner, name))

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        self._runs.append(Run(self.spec.name, dict(arguments), self._caller.said_yes))
        return ToolResult({"ok": True})


@dataclass
class Calling:
    """The case that goes on."""

    caller: Caller | None = None

    @property
    def said_yes(self) -> bool:
        return self.caller is not None and self.caller.said_yes


@dataclass
class Tally:
    """What came of all cases of one file."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def note(
        self, business: str, case: Mapping[str, Any], runs: Sequence[Run], said: Sequence[str], clock: Clock
    ) -> None:
        wants = case.get("wants")
        counts = self.counts
        problem = ""
        counts["doubles"] += len(runs) - len(
            {json.dumps([r.tool, r.arguments], sort_keys=True) for r in runs}
        )
        counts["unconfirmed writes"] += sum(not each.confirmed for each in runs if each.tool != "transfer")
        if wants is None:
            counts["questions"] += 1
            begun = bool(runs) or case.get("began")
            counts["begun unasked"] += bool(begun)
            counts["run unasked"] += bool(runs)
            problem = "BEGUN UNASKED" if begun else ""
        else:
            counts["requests"] += 1
            if not runs:
                counts["not completed"] += 1
                problem = "NOT COMPLETED"
            else:
                counts["completed"] += 1
                run = runs[0]
                tool = run.tool == wants["tool"]
                wrong = [n for n, v in wants["fields"].items() if not same(run.arguments.get(n), v, clock)]
                counts["right"] += tool and not wrong and len(runs) == 1
                if not tool:
                    problem = f"WRONG TOOL {run.tool}"
                elif wrong:
                    problem = "WRONG VALUES " + ", ".join(f"{n}={run.arguments.get(n)!r}" for n in wrong)
        if problem:
            self.lines.append("\n".join([f"--- {business}: {problem}", *said]))


async def converse(
    session: TextSession, case: Mapping[str, Any], caller: Caller | None
) -> tuple[bool, list[str]]:
    """A whole call in writing: whether its first words began something, and what was said."""
    await session.open()
    said: list[str] = []
    words: str | None = case["say"]
    began = False
    while words is not None:
        answer = await session.say(words)
        began = began or (not said and (answer.form is not None or answer.request is not None))
        said += [f"  caller {words}", f"  agent  {answer.text}  [{answer.act}]"]
        words = None if caller is None else caller.says(answer.form)
    await session.close()
    return began, said


async def one_business(
    business: Mapping[str, Any], now: datetime, models: KnowledgeModels | None, tally: Tally
) -> None:
    agent = Agent.model_validate(
        {
            "name": business["name"],
            "language": business.get("language", "en"),
            "greeting": "Hello, how can I help you?",
            "facts": business["facts"],
            "persona": business.get("persona", ""),
            "tools": {name: _entry(table) for name, table in business["tools"].items()},
        }
    )
    made = make_tools(agent)
    assert not made.problems, made.problems
    knowledge = Knowledge(agent, models)
    calling, runs, clock = Calling(), list[Run](), Clock(now, agent.language)
    toolbox = Toolbox(
        {name: Noting(tool, runs, calling) for name, tool in made.tools.items()}, Ledger.in_file(None)
    )
    policy: Policy = Grounded(agent, chat_template(CHATML), knowledge, None, toolbox)
    await asyncio.to_thread(policy.prepare)
    for case in business["cases"]:
        runs.clear()
        wants = case.get("wants")
        if wants is not None:
            more = {key: case[key] for key in ("answers", "corrects") if key in case}
            calling.caller = Caller(Wants.model_validate({**wants, **more}), clock)
        else:
            calling.caller = None
        began, said = await converse(TextSession(policy, None, Limits(), now), case, calling.caller)
        tally.note(business["id"], {**case, "began": began}, list(runs), said, clock)
    await made.close()


def _entry(table: Mapping[str, Any]) -> dict[str, Any]:
    """Any source will do: the tool is never asked."""
    if table.get("source") == "builtin":
        return dict(table)
    return {"source": "http", "url": "https://tools.example/", **table}


def suites(folder: Path) -> tuple[list[dict[str, Any]], datetime]:
    """The businesses of a folder of suites, with the tools that their ``action`` questions want."""
    tools = tomllib.loads((HERE / "suite.toml").read_text(encoding="utf-8"))
    found = []
    for business in tools["business"]:
        path = folder / f"{business['id']}.{business['language']}.json"
        suite = json.loads(path.read_text(encoding="utf-8"))
        by_say = {case["starts"]: case for case in business.get("cases", ())}
        cases = []
        for question in suite["questions"]:
            extra: Mapping[str, Any] = next(
                (each for start, each in by_say.items() if question["say"].startswith(start)), {}
            )
            case = {"say": question["say"], **{k: v for k, v in extra.items() if k != "starts"}}
            if question["kind"] != "action" and question["after"] is not None:
                continue
            if question["kind"] == "action" and "wants" not in case:
                raise SystemExit(f"{path.name}: no case for {question['say']!r}")
            cases.append(case)
        found.append({**business, **{k: suite[k] for k in ("name", "facts", "persona")}, "cases": cases})
    return found, _moment(tools["now"])


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo("America/New_York"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    models = load_knowledge_models()
    work: list[tuple[str, list[dict[str, Any]], datetime]] = []
    for path in options.files or ([] if options.suite else [HERE / "seen.toml"]):
        held = tomllib.loads(path.read_text(encoding="utf-8"))
        work.append((path.name, held["business"], _moment(held["now"])))
    if options.suite:
        work.append(("suite", *suites(options.suite)))
    for name, businesses, now in work:
        tally = Tally()
        for business in businesses:
            asyncio.run(one_business(business, now, models, tally))
        if options.verbose:
            print("\n".join(tally.lines))
        counts = tally.counts
        print(f"{name}: " + ", ".join(f"{key} {counts[key]}" for key in sorted(counts)))
        if counts["completed"]:
            right, of_all = (counts["right"] / counts[of] for of in ("completed", "requests"))
            print(f"  right of completed {right:.3f}, of all {of_all:.3f}")


if __name__ == "__main__":
    main()
