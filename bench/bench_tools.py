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
import re
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
from offhook.conversation.session import Answer, TextSession
from offhook.engines.llm.base import Limits
from offhook.engines.llm.template import CHATML, chat_template
from offhook.engines.pool import load_knowledge_models
from offhook.knowledge.store import Knowledge
from offhook.knowledge.store import Models as KnowledgeModels
from offhook.tools.base import BaseTool, Context, ToolResult
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import make_tools

HERE = Path(__file__).parent / "tools"
MOST_TURNS = 16


@dataclass(frozen=True, slots=True)
class Run:
    """One request that reached a tool."""

    tool: str
    arguments: Mapping[str, Any]
    confirmed: bool


class Noting(BaseTool):
    """A tool of the file's, which only notes what it is asked for."""

    def __init__(self, inner: Any, runs: list[Run], caller: Caller) -> None:
        super().__init__(inner.spec)
        self._inner, self._runs, self._caller = inner, runs, caller
        for name in ("default", "also"):
            if hasattr(inner, name):
                setattr(self, name, getattr(inner, name))

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        self._runs.append(Run(self.spec.name, dict(arguments), self._caller.said_yes))
        return ToolResult({"ok": True})


_YES = {"en": "Yes, that's right.", "de": "Ja, das stimmt.", "es": "Sí, es correcto."}


@dataclass
class Caller:
    """What one case says."""

    case: Mapping[str, Any]
    said_yes: bool = False
    language: str = "en"

    def says(self, answer: Answer, form: Any, turn: int) -> str | None:
        """The next words; None: nothing is left to say."""
        wants = self.case.get("wants")
        if wants is None or form is None:
            return None
        fields, answers = wants["fields"], self.case.get("answers", {})
        if form.confirming:
            if form.tool != wants["tool"]:
                return "Never mind."
            wrong = [name for name, value in fields.items() if not same(form.values.get(name), value)]
            if not wrong:
                self.said_yes = True
                return _YES[self.language]
            corrects = self.case.get("corrects", {})
            name = wrong[0]
            return corrects.get(name) or f"No, {answers.get(name) or spoken(fields.get(name))}"
        if form.asked is None:
            return None
        if form.asked in self.case.get("corrects", {}) and turn > 2 and form.wish is not None:
            return str(self.case["corrects"][form.asked])
        found = answers.get(form.asked)
        return str(found) if found is not None else spoken(fields.get(form.asked))


def spoken(value: Any) -> str:
    """A value as somebody may say it who was asked for it."""
    if value is None:
        return "I don't know."
    text = str(value)
    if re.fullmatch(r"\d\d:\d\d", text):
        hour, minute = int(text[:2]), text[3:]
        half = "in the morning" if hour < 12 else "p.m."
        return f"{(hour - 1) % 12 + 1}{'' if minute == '00' else ':' + minute} {half}."
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return f"{datetime.fromisoformat(text):%A, %B %d}."
    return f"{text}."


def same(got: Any, wanted: Any) -> bool:
    """Values as their owner would take them: free texts by what they hold."""
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return bool(got == wanted)
    if got is None:
        return False
    plain = re.sub(r"[^\w]+", " ", str(got).lower()).strip()
    want = re.sub(r"[^\w]+", " ", str(wanted).lower()).strip()
    return (
        plain == want
        or plain.replace(" ", "") == want.replace(" ", "")
        or (len(want) > 2 and not re.fullmatch(r"[\d ]+", want) and want in plain)
    )


@dataclass
class Tally:
    """What came of all cases of one file."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def note(self, business: str, case: Mapping[str, Any], runs: Sequence[Run], said: Sequence[str]) -> None:
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
                wrong = [n for n, v in wants["fields"].items() if not same(run.arguments.get(n), v)]
                counts["right"] += tool and not wrong and len(runs) == 1
                if not tool:
                    problem = f"WRONG TOOL {run.tool}"
                elif wrong:
                    problem = "WRONG VALUES " + ", ".join(f"{n}={run.arguments.get(n)!r}" for n in wrong)
        if problem:
            self.lines.append("\n".join([f"--- {business}: {problem}", *said]))


async def converse(session: TextSession, caller: Caller) -> list[str]:
    """A whole call in writing."""
    await session.open()
    said: list[str] = []
    words: str | None = caller.case["say"]
    turn = 0
    while words is not None and turn < MOST_TURNS:
        answer = await session.say(words)
        said += [f"  caller {words}", f"  agent  {answer.text}  [{answer.act}]"]
        if turn == 0:
            caller.case = {
                **caller.case,
                "began": session.history.form is not None or answer.request is not None,
            }
        turn += 1
        words = caller.says(answer, session.history.form, turn)
    await session.close()
    return said


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
    caller, runs = Caller({}, language=agent.language), list[Run]()
    toolbox = Toolbox(
        {name: Noting(tool, runs, caller) for name, tool in made.tools.items()}, Ledger.in_file(None)
    )
    policy: Policy = Grounded(agent, chat_template(CHATML), knowledge, None, toolbox)
    await asyncio.to_thread(policy.prepare)
    for case in business["cases"]:
        runs.clear()
        caller.case, caller.said_yes = dict(case), False
        said = await converse(TextSession(policy, None, Limits(), now), caller)
        tally.note(business["id"], caller.case, list(runs), said)
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
