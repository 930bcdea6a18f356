"""Forms with the grounded policy: the right tool, the right values, nothing unasked, nothing twice.

    python -m bench.bench_tools [bench/tools/seen.toml] [--suite FOLDER] [--server openai|ollama] [-v]

Each case is a caller who opens with a sentence, answers what is asked, corrects what was read back wrong, and
says yes to what is right; the tools only write down what they are asked for.  ``bench/tools/seen.toml`` was
looked at while forms were made, ``bench/tools/held.toml`` was not.  ``--suite`` adds the ``action`` questions
of a folder of suites, with the tools of ``bench/tools/suite.toml``, and all their other questions, which want
no tool.  ``--server`` asks a model on a server instead, which calls tools as it is scripted
(:mod:`bench.scripted_model`: in pieces, several at once, badly): what is judged then is what is made of its
calls.  A question is answered plainly, or, one of :data:`RASH`, with a call that nobody wanted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.scripted_model import (
    MANNERS,
    PROTOCOLS,
    Called,
    Protocol,
    Reply,
    ScriptedModel,
    made_up,
    replies,
    scripted_model,
)
from offhook.agents.loader import Agent
from offhook.conversation.base import Policy
from offhook.conversation.forms.form import Form
from offhook.conversation.policies.chat import Chat
from offhook.conversation.policies.grounded import Grounded
from offhook.conversation.session import TextSession
from offhook.engines.llm.base import Limits
from offhook.engines.llm.messages import ROLES
from offhook.engines.llm.template import CHATML, chat_template
from offhook.engines.pool import load_knowledge_models
from offhook.errors import ModelError
from offhook.evaluation.wants import Caller, Clock, Wants, same
from offhook.knowledge.store import Knowledge
from offhook.knowledge.store import Models as KnowledgeModels
from offhook.tools.base import BaseTool, Context, ToolResult, ToolSpec
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import make_tools

HERE = Path(__file__).parent / "tools"
RASH = 3
"""One question of so many has a model call a tool for it."""


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


@dataclass
class Subject:
    """What is judged: the grounded policy, or with ``scripted`` the chat policy and a server's model."""

    models: KnowledgeModels | None
    scripted: ScriptedModel | None = None
    requests: int = 0
    questions: int = 0

    def session(self, agent: Agent, toolbox: Toolbox, now: datetime) -> Callable[[], TextSession]:
        """What begins a conversation with the agent.  Blocks while it is made ready."""
        knowledge, scripted = Knowledge(agent, self.models), self.scripted
        policy: Policy
        if scripted is None:
            policy, model = Grounded(agent, chat_template(CHATML), knowledge, None, toolbox), None
        else:
            policy, model = Chat(agent, ROLES, knowledge, toolbox=toolbox), scripted.model
        policy.prepare()
        return lambda: TextSession(policy, model, Limits(), now)

    def script(self, caller: Caller | None, specs: Mapping[str, ToolSpec]) -> str:
        """Tell the model what the case is to be answered with; how it goes about it."""
        if self.scripted is None:
            return ""
        if caller is not None:
            manner = MANNERS[self.requests % len(MANNERS)]
            self.requests += 1
            self.scripted.script = replies(caller.wants, manner, specs, caller.clock)
            return manner
        self.questions += 1
        writes = [each for each in specs.values() if each.effect == "writes" and each.confirmed]
        rash = self.questions % RASH == 0 and bool(writes)
        self.scripted.script = [Reply(calls=(Called(writes[0].name, made_up(writes[0])),))] if rash else []
        return "rash" if rash else "plain"


async def talk(
    session: TextSession, case: Mapping[str, Any], caller: Caller | None, script: list[Reply], manner: str
) -> list[str]:
    """A whole call with a server's model: what was said.

    The caller answers what is asked, says it all again after an answer that failed, and says no to what
    they did not want.
    """
    await session.open()
    said: list[str] = []
    words: str | None = case["say"]
    while words is not None:
        try:
            answer = await session.say(words)
        except ModelError as error:
            said += [f"  caller {words}", f"  failed {error}"]
            assert script, "a model that was told nothing bad failed"
            continue
        said += [f"  caller {words}", f"  agent  {answer.text}  [{answer.act}]"]
        words = None if answer.ends_call else _next(answer.form, caller, script, manner)
    await session.close()
    return said


def _next(form: Form | None, caller: Caller | None, script: list[Reply], manner: str) -> str | None:
    if caller is None:
        return "No." if form is not None else None
    words = caller.says(form)
    # What has been corrected without the model is not left to it any more.
    more = bool(script) and manner in ("asks first", "again after the yes")
    return words or ("Is it in your book now?" if more else None)


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


async def one_business(business: Mapping[str, Any], now: datetime, subject: Subject, tally: Tally) -> None:
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
    calling, runs, clock = Calling(), list[Run](), Clock(now, agent.language)
    toolbox = Toolbox(
        {name: Noting(tool, runs, calling) for name, tool in made.tools.items()}, Ledger.in_file(None)
    )
    specs = {name: tool.spec.shown for name, tool in toolbox.tools.items()}
    session = await asyncio.to_thread(subject.session, agent, toolbox, now)
    for case in business["cases"]:
        runs.clear()
        wants = case.get("wants")
        more = {key: case[key] for key in ("answers", "corrects") if key in case}
        caller = None if wants is None else Caller(Wants.model_validate({**wants, **more}), clock)
        calling.caller = caller
        manner = subject.script(caller, specs)
        if subject.scripted is not None:
            began, said = False, await talk(session(), case, caller, subject.scripted.script, manner)
        else:
            began, said = await converse(session(), case, caller)
        tally.counts["called for nobody"] += manner == "rash"
        tally.note(f"{business['id']} {manner}".rstrip(), {**case, "began": began}, list(runs), said, clock)
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
    parser.add_argument("--server", choices=PROTOCOLS, help="a scripted model that calls tools, instead")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    work: list[tuple[str, list[dict[str, Any]], datetime]] = []
    for path in options.files or ([] if options.suite else [HERE / "seen.toml"]):
        held = tomllib.loads(path.read_text(encoding="utf-8"))
        work.append((path.name, held["business"], _moment(held["now"])))
    if options.suite:
        work.append(("suite", *suites(options.suite)))
    asyncio.run(measure(work, options.server, verbose=options.verbose))


async def measure(
    work: Sequence[tuple[str, list[dict[str, Any]], datetime]], server: Protocol | None, *, verbose: bool
) -> None:
    """Print what came of each set."""
    async with AsyncExitStack() as until:
        scripted = None if server is None else await until.enter_async_context(scripted_model(server))
        subject = Subject(await asyncio.to_thread(load_knowledge_models), scripted)
        for name, businesses, now in work:
            tally = Tally()
            for business in businesses:
                await one_business(business, now, subject, tally)
            _print(name, tally, verbose=verbose)


def _print(name: str, tally: Tally, *, verbose: bool) -> None:
    if verbose:
        print("\n".join(tally.lines))
    counts = tally.counts
    print(f"{name}: " + ", ".join(f"{key} {counts[key]}" for key in sorted(counts)))
    if counts["completed"]:
        right, of_all = (counts["right"] / counts[of] for of in ("completed", "requests"))
        print(f"  right of completed {right:.3f}, of all {of_all:.3f}")


if __name__ == "__main__":
    main()
