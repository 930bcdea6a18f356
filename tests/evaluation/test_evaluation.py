"""Evaluating an agent: suites and what is wrong with them, who judges what, and the commands around it.

Above 400 lines because its suites and what is wrong with them are written out.
"""

from __future__ import annotations

import io
import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from offhook.agents.loader import Agent
from offhook.cli.main import main
from offhook.config import Config
from offhook.conversation.session import Answer
from offhook.errors import ConfigError, ModelError
from offhook.evaluation.call_run import Telephone, run_calls
from offhook.evaluation.judge import OVER, Judgement, Reply, Result, judge, judge_chain, sources_of
from offhook.evaluation.line import NoisyCaller, pink_noise, snr_of
from offhook.evaluation.own_daemon import OwnDaemon, to_toml
from offhook.evaluation.report import SuiteRun, as_json, as_junit, count, failures, percentiles, tables
from offhook.evaluation.suite import Question, chains, load_suite
from offhook.evaluation.text_run import run_text
from offhook.evaluation.voices import callers_voice
from offhook.simulator import After, Say

FILE = Path(__file__).parents[1] / "data" / "suites" / "kites.json"
GOODBYE = "Goodbye."


@pytest.fixture
def kites() -> Agent:
    return load_suite(FILE).agent()


# --- suites --------------------------------------------------------------------------------------


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The suite with something else in it."""
    suite = json.loads(FILE.read_text(encoding="utf-8"))
    change(suite)
    path = tmp_path / "kites.json"
    path.write_text(json.dumps(suite), encoding="utf-8")
    return path


def test_a_suite_is_an_agent(kites: Agent) -> None:
    assert (kites.name, kites.language, len(kites.facts)) == ("Updraft Kites", "en", 3)
    assert kites.greeting == "Updraft Kites, hello."
    assert kites.persona.startswith("You answer")


BAD: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "broken expression": (
        lambda s: s["questions"][1].update(right="(85"),
        "question 1: right: not a regular",
    ),
    "broken counterpart": (
        lambda s: s["questions"][2].update(wrong="[a"),
        "question 2: wrong: not a regular",
    ),
    "misspelt key": (lambda s: s["questions"][4].update(end=True), "'end'; did you mean 'ends'?"),
    "unknown key": (lambda s: s.update(zzzz=1), "unknown key 'zzzz'; known keys: id, language"),
    "forward": (lambda s: s["questions"][0].update(after=3), "question 0: after: 3 does not stand before"),
    "itself": (lambda s: s["questions"][1].update(after=1), "question 1: after: 1 does not stand before"),
    "negative": (lambda s: s["questions"][1].update(after=-1), "question 1: after: "),
    "nothing said": (lambda s: s["questions"][3].update(say=" "), "question 3: say: is empty"),
    "missing": (lambda s: s["questions"][3].pop("right"), "question 3: right: is missing"),
    "two missing": (lambda s: (s.pop("name"), s.pop("greeting")), "name, greeting: are missing; they may"),
    "contradiction": (lambda s: s["questions"][4].update(must_not_end=True), "question 4: ends and must_not"),
    "kind": (lambda s: s["questions"][0].update(kind="A fact"), "question 0: kind: "),
    "no questions": (lambda s: s.update(questions=[]), "questions: "),
    "empty fact": (lambda s: s["facts"].append(" "), "facts: 3: is empty"),
    "language": (lambda s: s.update(language="english"), "language: 'english' is not a code"),
    "id": (lambda s: s.update(id="../kites"), "id: "),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_suite_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    change, expected = BAD[name]
    path = changed(tmp_path, change)
    with pytest.raises(ConfigError) as raised:
        load_suite(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_suite_for_an_agent_of_its_own_file_needs_no_business(tmp_path: Path) -> None:
    bye = {"say": "bye now", "kind": "goodbye", "ends": True}

    def questions_alone(suite: dict[str, Any]) -> None:
        for key in ("name", "greeting", "facts", "persona"):
            suite.pop(key, None)
        suite["questions"].append(bye)

    agent = load_suite(FILE).agent()
    suite = load_suite(changed(tmp_path, questions_alone), agent)
    assert (suite.name, suite.questions[-1].right) == (agent.name, ".*")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "a suite is a JSON object"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_suite(content: bytes | None, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=expected):
        load_suite(path)


def test_conversations_follow_after() -> None:
    questions = load_suite(FILE).questions
    asked = [[(step.number, step.counted) for step in chain] for chain in chains(questions)]
    assert asked == [
        [(0, True), (1, True)],
        [(2, True)],
        [(3, True)],
        [(4, True)],
        [(0, False), (5, True)],  # 0 was asked, but 1 came after it
    ]


def test_questions_of_one_kind_bring_what_they_follow() -> None:
    questions = load_suite(FILE).questions
    asked = [[(step.number, step.counted) for step in chain] for chain in chains(questions, {"followup"})]
    assert asked == [[(0, False), (1, True)]]


# --- judging -------------------------------------------------------------------------------------


def question(**fields: Any) -> Question:
    return Question.model_validate({"say": "How much?", "kind": "fact", "right": "85", **fields})


def test_right_is_what_matches_and_is_not_wrong() -> None:
    asked = question(right="dollars", wrong="euros")
    assert judge(asked, Reply("Eighty-five DOLLARS."), []).right
    assert not judge(asked, Reply("Dollars or euros."), []).right
    assert not judge(asked, Reply("A lot."), []).right


@pytest.mark.parametrize(
    ("fields", "ended", "expected"),
    [
        ({}, False, Judgement(True)),
        ({}, True, Judgement(True, ended_wrongly=True)),
        ({"ends": True}, True, Judgement(True)),
        ({"ends": True}, False, Judgement(False, missed_farewell=True)),
        ({"must_not_end": True}, True, Judgement(False, ended_wrongly=True)),
        ({"must_not_end": True}, False, Judgement(True)),
    ],
)
def test_ends_of_calls(fields: dict[str, bool], ended: bool, expected: Judgement) -> None:
    assert judge(question(**fields), Reply("85 dollars.", ended=ended), ["85"]) == expected


def test_no_answer_is_wrong_even_where_anything_is_right() -> None:
    assert judge(question(right=".*"), Reply(problem="nobody spoke"), []) == Judgement(False)


@pytest.mark.parametrize(
    ("answer", "invented"),
    [
        ("A stunt kite is 85 dollars.", ()),
        ("A stunt kite is 95 dollars.", ("95",)),
        ("It begins at 10:00.", ()),
        ("It begins at 10:30.", ("10:30",)),
        ("We meet Wednesday, says Ottilie's brother.", ()),
        ("We meet on Friday.", ("Friday",)),
        ("You want to talk to Hildegard.", ("Hildegard",)),
        ("I have 212-555-0149.", ()),
        ("I have 212-555-0140.", ("555", "0140")),
    ],
)
def test_what_stands_nowhere_is_invented(answer: str, invented: tuple[str, ...]) -> None:
    sources = ["Wednesdays from 10 on, ask Ottilie.", "85 dollars", "my number is 212 5550149 or so"]
    assert judge(question(), Reply(answer), sources).invented == invented


def test_nouns_are_no_names_where_all_nouns_are_capital() -> None:
    assert judge(question(), Reply("Das ist ein Drachen."), [], "de").invented == ()
    assert judge(question(), Reply("Das kostet 12 Euro."), [], "de-AT").invented == ("12",)


def test_a_figure_for_what_nobody_knows_is_invented() -> None:
    asked = question(kind="unknown", right="don't know", wrong=r"\d+ dollars")
    judged = judge(asked, Reply("It's 85 dollars."), ["85 dollars"])
    assert not judged.right
    assert judged.invented == ("85",)
    part = asked.model_copy(update={"wrong": r"\d dollars"})
    assert judge(part, Reply("It's 85 dollars."), ["85 dollars"]).invented == ("85",)
    assert judge(asked, Reply("I don't know that."), []) == Judgement(True)


def test_the_callers_own_words_are_not_invented_whether_said_or_written(kites: Agent) -> None:
    asked = (
        question(say="It's for Roswitha, four four zero seven one."),
        question(say="What did I say?", after=0, right="Roswitha"),
    )
    replies = [Reply("All right."), Reply("I have Roswitha, 44071.")]
    (chain,) = chains(asked)
    assert judge_chain("kites", chain, replies, kites)[1].judgement == Judgement(True)
    assert judge_chain("kites", chain[1:], replies[1:], kites)[0].judgement.invented == ("44071", "Roswitha")


def test_sources_hold_every_word_of_the_agents(kites: Agent) -> None:
    text = "\n".join(sources_of(kites))
    for part in ("85 dollars", "Updraft Kites, hello", "I don't know that", "take your time", "Be brief"):
        assert part in text


# --- asking in writing ---------------------------------------------------------------------------


class Scripted:
    """A session that answers by a table."""

    def __init__(self, answers: dict[str, str | Exception]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.closed = False

    async def open(self) -> None:
        pass

    async def say(self, caller_text: str, /) -> Answer:
        self.asked.append(caller_text)
        answer = self._answers.get(caller_text, "I don't know that.")
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, "facts", (1,), answer == GOODBYE, 2.0, 3.0)

    async def close(self) -> None:
        self.closed = True


async def ask(kites: Agent, answers: dict[str, str | Exception]) -> tuple[list[Result], list[Scripted]]:
    """The whole suite."""
    sessions: list[Scripted] = []

    def new() -> Scripted:
        sessions.append(Scripted(answers))
        return sessions[-1]

    results = await run_text("kites", kites, chains(load_suite(FILE).questions), new)
    assert all(session.closed for session in sessions)
    return results, sessions


SAID: dict[str, str | Exception] = {
    "How much is a stunt kite?": "A stunt kite costs 85 dollars.",
    "Sorry, could you repeat that?": "A stunt kite costs 85 dollars.",
    "I don't want to say goodbye to my old kite, how much is a stunt kite?": "85 dollars.",
    "Thanks, bye!": GOODBYE,
    "And how long does the flying lesson take?": "It takes 90 minutes.",
}


async def test_everything_right(kites: Agent) -> None:
    results, sessions = await ask(kites, SAID)
    counted = count(results)
    assert (counted.n, counted.right, counted.wrong) == (6, 6, 0)
    assert counted.invented == counted.ended_wrongly == counted.missed_farewell == counted.unanswered == 0
    assert [len(session.asked) for session in sessions] == [2, 1, 1, 1, 2]
    assert [result.number for result in results] == [0, 0, 1, 2, 3, 4, 5]


async def test_nothing_is_lost_behind_an_end_or_an_error(kites: Agent) -> None:
    said = {**SAID, "How much is a stunt kite?": GOODBYE, "Thanks, bye!": ModelError("the model is gone")}
    results, _ = await ask(kites, said)
    counted = count(results)
    assert (counted.n, counted.unanswered, counted.ended_wrongly, counted.missed_farewell) == (6, 3, 1, 1)
    problems = {each.number: each.reply.problem for each in results if each.counted and each.reply.problem}
    assert problems == {1: OVER, 4: "the model is gone", 5: OVER}


async def test_reports(kites: Agent) -> None:
    said = {**SAID, "Sorry, could you repeat that?": "It is 96 dollars.", "Thanks, bye!": "Goodbye? No."}
    results, _ = await ask(kites, said)
    runs = [SuiteRun("kites", kites.name, "grounded", results)]
    shown = tables(runs)
    assert "followup     1    0.0%      1         1" in shown
    assert shown.splitlines()[0] == "kites: Updraft Kites, grounded, in writing"
    assert "p95 2.0, p99 2.0 ms (7 answers)" in shown
    wrong = failures(runs)
    assert "kites 1 (followup): wrong; invented 96 [after 0]" in wrong
    assert "kites 4 (goodbye): wrong; missed farewell" in wrong
    assert "stunt kite?\n" not in wrong
    written = as_json(runs)
    assert written["all"]["all"]["wrong"] == 2
    assert written["suites"][0]["kinds"]["fact"]["right_percent"] == 100.0
    assert len(written["suites"][0]["questions"]) == 7
    assert written["first_ms"] == {"n": 7, "p50": 2.0, "p95": 2.0, "p99": 2.0}
    suite = ElementTree.fromstring(as_junit(runs)).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("6", "2")
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["1: Sorry, could you repeat that?", "4: Thanks, bye!"]


def test_figures_of_turns_that_were_not_answered_are_left_out() -> None:
    assert percentiles([None, 100.0, 300.0]) == {"n": 2, "p50": 200.0, "p95": 290.0, "p99": 298.0}
    assert percentiles([None]) == {"n": 0}


# --- calls ---------------------------------------------------------------------------------------


def test_lines() -> None:
    assert snr_of("clean") is None
    assert snr_of("noise:12.5") == 12.5
    for bad in ("noise", "noise:", "noise:loud", "noise:nan", "noise:99", "rain:10"):
        with pytest.raises(ConfigError, match="use clean or noise:DB"):
            snr_of(bad)


def test_noise_has_its_level_and_goes_on_in_silence() -> None:
    speech = np.full(1_600, 8_000, np.int16)
    noise = pink_noise([speech], 20.0)
    assert np.sqrt(np.mean(noise.astype(np.float64) ** 2)) == pytest.approx(800, rel=0.02)
    caller = NoisyCaller([Say(speech, After(0))], 160, noise)
    frames = [caller.frame(agent_audible=False).audio for _ in range(20)]
    levels = [float(np.sqrt(np.mean(frame.astype(np.float64) ** 2))) for frame in frames if frame is not None]
    assert len(levels) == 20
    assert all(7_500 < level < 8_500 for level in levels[:10])
    assert all(300 < level < 1_500 for level in levels[10:])


def test_a_voice_speaks_once_and_says_what_it_cannot() -> None:
    voice = callers_voice("espeak:en-us")
    audio = voice("How much is a stunt kite?")
    assert len(audio) > 8_000
    assert voice("How much is a stunt kite?") is audio
    with pytest.raises(ModelError, match="makes no sound"):
        voice("...")
    for bad in ("espeak", "espeak:", "opera:singer", "piper:"):
        with pytest.raises(ConfigError, match="not a voice; use flite:NAME"):
            callers_voice(bad)


def test_configuration_and_agent_survive_as_toml() -> None:
    raw = {
        "stt": {"language": "en", "model": '/a b/\u00fc"\\'},
        "llm": {
            "engine": "openai",
            "model": "m",
            "base_url": "http://h/v1",
            "extra": {"a.b": {"c": [1, True]}},
        },
    }
    config = Config.model_validate(raw)
    dumped = config.model_dump(mode="json", exclude_unset=True)
    assert Config.model_validate(tomllib.loads(to_toml(dumped))) == config
    agent = Agent.model_validate(
        {
            "name": "K\u00e4the's",
            "greeting": 'Say "hi"\nor not.',
            "facts": ["one", {"text": "two", "keywords": ["zwei"]}],
            "examples": [{"caller": "a", "agent": "b"}],
        }
    )
    assert (
        Agent.model_validate(tomllib.loads(to_toml(agent.model_dump(mode="json", exclude_unset=True))))
        == agent
    )


def test_no_question_is_lost_with_a_daemon_that_is_gone(kites: Agent, tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"], stdout=subprocess.PIPE, text=True)
    with ended:
        ended.wait()
    files = {name: tmp_path / name for name in ("transcript", "trace", "log")}
    for file in files.values():
        file.write_text("out of memory\n" if file.name == "log" else "")
    daemon = OwnDaemon(tmp_path / "absent.sock", process=ended, **files)
    telephone = Telephone(daemon, callers_voice("espeak:en-us"))
    asked = chains(load_suite(FILE).questions, {"followup", "goodbye"})
    results = run_calls("kites", kites, asked, telephone)
    assert [(each.number, each.counted) for each in results] == [(0, False), (1, True), (4, True)]
    assert all(each.reply.answer is None and each.reply.problem for each in results)
    assert not any(each.judgement.right or each.reply.ended for each in results)
    assert daemon.problem() == "the daemon ended with status 0: out of memory"


def test_a_daemon_that_a_signal_ended_is_said_to_be(tmp_path: Path) -> None:
    """Its last line is an ordinary one, and was taken for the reason."""
    ended = subprocess.Popen(["sh", "-c", "kill -ILL $$"], stdout=subprocess.PIPE, text=True)
    with ended:
        ended.wait()
    log = tmp_path / "log"
    log.write_text("INFO language model: loading\n")
    daemon = OwnDaemon(tmp_path / "s", tmp_path / "t", tmp_path / "r", log, ended)
    problem = daemon.problem()
    assert problem is not None
    assert problem.startswith("the daemon ended by signal 4 (")
    assert "compiled for another processor" in problem
    assert problem.endswith("after: INFO language model: loading")


# --- commands, with the real models --------------------------------------------------------------


def test_eval_in_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written, junit = tmp_path / "out.json", tmp_path / "out.xml"
    status = main(["eval", str(FILE), "--json", str(written), "--junit", str(junit), "--min-right", "50"])
    out = capsys.readouterr().out
    assert status == 0, out
    result = json.loads(written.read_text(encoding="utf-8"))
    assert result["suites"][0]["policy"] == "grounded"
    assert result["all"]["all"]["n"] == 6
    assert result["all"]["fact"]["right"] >= 1, out
    assert result["all"]["all"]["invented"] == 0
    assert result["all"]["goodbye"]["right"] == 1
    assert result["all"]["not_goodbye"]["ended_wrongly"] == 0
    assert ElementTree.parse(junit).getroot().find("testsuite/testcase") is not None
    assert "question to first words" in out
    assert main(["eval", str(FILE), "--kinds", "goodbye", "--min-right", "100"]) == 0


def test_eval_of_an_agent_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = tmp_path / "other.toml"
    agent.write_text('name = "Other"\ngreeting = "Hello."\nunknown = "No idea."\n')
    status = main(["eval", str(FILE), "--agent", str(agent), "--min-right", "100", "--show-wrong"])
    out = capsys.readouterr().out
    assert status == 1
    assert "Other" in out
    assert "A stunt kite costs" not in out
    assert "kites 0 (fact): wrong" in out


@pytest.mark.timeout(900)
def test_eval_by_telephone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "out.json"
    words = ["--calls", "--voice", "espeak:en-us", "--kinds", "goodbye", "--json", str(written)]
    assert main(["eval", str(FILE), *words]) == 0
    out = capsys.readouterr().out
    result = json.loads(written.read_text(encoding="utf-8"))
    assert result["suites"][0]["how"] == "by telephone (clean)"
    (asked,) = result["suites"][0]["questions"]
    assert (result["all"]["all"]["n"], result["all"]["all"]["unanswered"]) == (1, 0), out
    assert asked["heard"]
    assert asked["answer"]
    assert asked["act"]
    assert result["traced_turnaround_ms"]["n"] == 1
    assert "turnaround as the caller hears it: p50" in out
    assert "answers begun before the caller had finished: " in out


BAD_COMMANDS: dict[str, tuple[list[str], str]] = {
    "no such file": (["{folder}/absent.json"], "cannot be read"),
    "twice": ([str(FILE), str(FILE)], "a suite before it is called 'kites' already"),
    "kind": (
        [str(FILE), "--kinds", "facts"],
        "--kinds facts: no question is of this kind; there are: fact, ",
    ),
    "voice without calls": ([str(FILE), "--voice", "espeak:en-us"], "add --calls"),
    "no such agent": ([str(FILE), "--agent", "nobody-at-all"], "no nobody-at-all.toml"),
    "line": ([str(FILE), "--calls", "--line", "wet"], "use clean or noise:DB"),
    "voice": ([str(FILE), "--calls", "--voice", "alto"], "not a voice"),
    "not writable": (
        [str(FILE), "--kinds", "goodbye", "--json", "{folder}/no/out.json"],
        "cannot be written",
    ),
}


@pytest.mark.parametrize("name", BAD_COMMANDS)
def test_eval_says_in_one_line_what_cannot_be_used(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, expected = BAD_COMMANDS[name]
    assert main(["eval", *(word.replace("{folder}", str(tmp_path)) for word in words)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("offhook: error: ")
    assert expected in error


def test_calls_in_a_language_that_is_not_understood_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(tmp_path, lambda suite: suite.update(language="de"))
    assert main(["eval", str(path), "--calls"]) == 2
    assert "stt.language is 'en'" in capsys.readouterr().err


def test_trying_an_agent_in_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = tmp_path / "kites.toml"
    agent.write_text(to_toml(load_suite(FILE).agent().model_dump(mode="json", exclude_unset=True)))
    lines = "How much is a stunt kite?\n\nThanks, bye!\nAnd one more thing\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["agents", "try", str(agent), "-v"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "A stunt kite costs 85 dollars."
    assert out[1].startswith("  facts, ")
    assert any(line.startswith("  * ") and line.endswith("A stunt kite costs 85 dollars.") for line in out)
    goodbye = out.index(GOODBYE)
    assert out[goodbye + 1].startswith("  farewell, ")
    assert all(
        line.startswith("  ") for line in out[goodbye + 1 :]
    )  # the call is over: nothing is read any more
