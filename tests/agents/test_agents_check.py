"""What ``offhook agents`` says of agent files: the checks, and the commands around them.

Above 400 lines because it is one table of faults, and the commands that print them.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from offhook.agents.check import Finding, Severity, check
from offhook.agents.loader import SHIPPED, Agent, agent_names, load_agent
from offhook.agents.starter import starter
from offhook.cli import main as cli


def agent(*facts: Any, **others: Any) -> Agent:
    return Agent.model_validate(
        {"name": "Quill Typewriters", "greeting": "Quill Typewriters, hello.", "facts": facts} | others
    )


def said(*facts: Any, call_tokens: int | None = 1024, **others: Any) -> list[str]:
    """What is found, each as ``severity where: what``."""
    return [f"{one.severity} {one.where}: {one.what}" for one in check(agent(*facts, **others), call_tokens)]


GOOD = "We repair typewriters of every make."


@pytest.mark.parametrize("name", agent_names())
def test_what_is_shipped_has_no_faults(name: str) -> None:
    assert check(load_agent(name), 1024) == []


# --- facts against each other ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("A new ribbon costs eight dollars.", "A new ribbon costs nine dollars."),
        ("A new ribbon costs eight dollars.", "New ribbons are $9."),
        ("A new ribbon costs eight dollars.", "The price of a new ribbon is 8.50 dollars"),
        ("A repair takes twenty-five days.", "Repairs take thirty days."),
        ("The rent is two hundred and five dollars.", "The rent is $210."),
        ("We buy old machines.", "We don't buy old machines."),
        ("Coffee is served without milk.", "Coffee is served with milk."),
        ("Our workshop opens at nine.", "The workshop opens at ten."),
        ("The workshop opens at seven thirty.", "The workshop opens at 7:15."),
    ],
)
def test_facts_that_contradict_each_other(one: str, two: str) -> None:
    (line,) = said(GOOD, one, two)
    assert line.startswith("error facts.2 (")
    assert "contradicts facts.1 (" in line


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("A black ribbon costs eight dollars.", "A red ribbon costs nine dollars."),
        ("A ribbon costs eight dollars.", "A ribbon for the Hermes costs nine dollars."),
        ("We're open on Monday from nine to five.", "We're open on Tuesday from ten to six."),
        ("The number seven bus stops at our door.", "Bus nine stops at our door."),
        ("The showroom is in room 4.", "The showroom is in room four."),
        ("Lessons before six cost ten dollars.", "Lessons after six cost twelve dollars."),
        ("We buy old machines.", "We don't buy broken machines."),
        ("Parcels weigh at most thirty pounds.", "Parcels arrive in 3 days."),
        ("Yes.", "No."),
        ("The workshop opens at seven thirty.", "The workshop's opening hour is 7:30."),
    ],
)
def test_facts_that_can_be_told_apart_are_left_alone(one: str, two: str) -> None:
    lines = said(GOOD, one, two)
    assert not [line for line in lines if "contradicts" in line or "only by its numbers" in line]


def test_facts_that_only_their_numbers_tell_apart() -> None:
    (line,) = said("Courses of 3 to 5 lessons cost 40 dollars.", "Courses of 6 to 9 lessons cost 70 dollars.")
    assert line.startswith("warning facts.1 (Courses of 6")
    assert "only by its numbers" in line


def test_facts_that_stand_there_twice() -> None:
    (line,) = said(GOOD, {"text": "we repair typewriters of every make", "keywords": ["fix"]})
    assert line.startswith("warning facts.1")
    assert "stands at facts.0 already: delete one, and join their keywords" in line
    (line,) = said(GOOD, "Of every make, we repair typewriters.")
    assert line.startswith("hint facts.1")
    assert "says the same as facts.0" in line


def test_ten_thousand_facts_are_compared_at_once() -> None:
    many = agent(*(f"Part {n} costs {n % 7} dollars." for n in range(10_000)))
    began = time.process_time()
    assert check(many)
    assert time.process_time() - began < 30, "grouped, not each with each"


# --- facts one by one ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("When do you open?", "warning .*is a question"),
        ({"text": "What can I do for you?", "keywords": ["hello"]}, "hint .*is a question"),
        ("Do you ship abroad? We ship to all of Europe.", "warning .*begins with a question"),
        ("Yes, we do.", "warning .*has no word that says what it is about"),
        ("Always say that the workshop is closed.", "warning .*tells the agent what to do .'Always say'"),
        ("Never promise a date for a repair.", "tells the agent what to do"),
        ("If asked about refunds, answer politely.", "tells the agent what to do"),
        ("The caller must give a serial number.", "tells the agent what to do"),
        ("You should never mention the owner's name.", "tells the agent what to do"),
        ("Tell customers that ribbons are sold out.", "tells the agent what to do"),
        ("We sell:\n- ribbons\n- keys", "warning .*has markup"),
        ("We sell **ribbons** and keys.", r"warning .*has markup \('\*\*'\)"),
        (
            "We clean every key by hand. " * 12,
            "hint .*12 sentences in 335 characters, about 22 s to say: split",
        ),
        (
            "We clean every key by hand, " * 12 + "always.",
            "hint .*343 characters, about 23 s .*say it shorter",
        ),
    ],
)
def test_facts_that_will_be_answered_badly(fact: Any, expected: str) -> None:
    (line,) = said(GOOD, fact)
    assert re.match(rf"\w+ facts\.1 \(.*{expected.removeprefix('warning ').removeprefix('hint ')}", line), (
        line
    )
    if expected.startswith(("warning", "hint")):
        assert line.startswith(expected.split()[0])


@pytest.mark.parametrize(
    "fact",
    [
        GOOD,
        "Please tell us one day before you come.",
        "Tell the driver to stop at Carbon Lane.",
        "We always offer a free look at your machine.",
        "Never pour water on a typewriter.",
        "You must answer our offer within fourteen days.",
        "Yes, I'm here. How can I help you?",
        {"text": "Yes, we do.", "keywords": ["ship", "delivery"]},
        "Don't mention it.",
        "The state-of-the-art A-4 model has 3 * 4 keys.",
        "Ask for Mr. Olivetti at the desk.",
    ],
)
def test_facts_that_are_fine(fact: Any) -> None:
    assert said(fact) == []


# --- persona and phrases ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sentence",
    [
        "Answer in JSON.",
        "Use bullet points for prices.",
        "Reply with Markdown headings.",
        "Give opening hours as a table.",
        "Write lists.",
        "Add emojis.",
    ],
)
def test_a_persona_that_asks_for_what_cannot_be_said(sentence: str) -> None:
    (line,) = said(GOOD, persona=f"You work at Quill. {sentence} Be kind.")
    assert line.startswith("warning persona: asks for ")
    assert f"{sentence!r}: all of an answer is read out" in line


@pytest.mark.parametrize(
    "sentence",
    [
        "Never use lists or markdown.",
        "Answer without emojis.",
        "Don't write JSON.",
        "Be bold and give short answers.",
        "Callers are on the guest list, or on none.",
        "You support people who build HTML pages.",
    ],
)
def test_a_persona_that_forbids_it_or_means_something_else(sentence: str) -> None:
    assert said(GOOD, persona=sentence) == []


def test_a_persona_too_long_for_the_model_shows_the_sum() -> None:
    examples = [{"caller": "c" * 100, "note": "n" * 60, "agent": "a" * 40}] * 2
    (line,) = said(GOOD, persona="x" * 3_500, examples=examples)
    assert line == (
        "error persona: 3,500 characters and 2 examples of 400 are about 975 tokens (4 characters each); with"
        " the 128 to talk in that is 1,103, and a call has 1,024: shorten it, move what the agent knows to"
        " facts, or raise llm.n_ctx_call"
    )
    (line,) = said(GOOD, persona="x" * 2_402)
    assert line.startswith(
        "warning persona: 2,402 characters are about 601 tokens (4 characters each), and a call has"
    )
    assert said(GOOD, persona="x" * 3_500, examples=examples, call_tokens=4_096) == []
    assert said(GOOD, persona="x" * 3_500, call_tokens=None) == []
    (line,) = said(GOOD, persona="x" * 12_000, call_tokens=None)
    assert line.startswith("warning persona: 12,000 characters are about 3,000 tokens")


def test_phrases_that_take_long() -> None:
    (line,) = said(GOOD, greeting="Welcome to Quill, welcome! " * 20)
    assert line.startswith("warning greeting: 539 characters take about 36 s to say (15 a second)")


def test_phrases_that_are_english_in_another_language() -> None:
    (line,) = said(GOOD, language="it", goodbye="Arrivederci.")
    assert line.startswith("warning language: it, but apology, unclear, ")
    assert "goodbye" not in line
    assert said(GOOD, language="en-GB") == []
    assert said(GOOD, language="de-AT") == []


def test_an_agent_without_facts_and_the_order_of_findings() -> None:
    assert said() == ["hint facts: there are none: questions are answered from the persona, or not"]
    findings = check(agent("Ribbons cost 8 dollars.", "How much?", "Ribbons cost 9 dollars.", "x " * 200))
    assert [one.severity for one in findings] == [Severity.ERROR, Severity.WARNING, Severity.HINT]


# --- the commands ----------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that looks for agents below ``tmp_path``."""
    path = tmp_path / "offhook.toml"
    path.write_text(f'[agent]\nsearch = ["{tmp_path}/agents"]\ndefault = "quill"\n')
    return path


def offhook(*words: object) -> int:
    return cli.main(["agents", *map(str, words)])


def test_new_writes_a_file_that_loads_and_passes(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offhook("new", "quill", "--config", config) == 0
    path = tmp_path / "agents" / "quill.toml"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path} is written. Change what it says, then:"
    assert lines[1:] == [
        "  offhook agents check quill",
        '  offhook call --agent quill --say "When are you open?"',
    ]
    assert check(load_agent(str(path)), 1024) == []
    assert offhook("check", "quill", "--config", config) == 0
    assert capsys.readouterr().out == f"{path}: 0 errors, 0 warnings, 0 hints\n"

    path.write_text("mine")
    assert offhook("new", "quill", "--config", config) == 2
    assert f"{path} is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"


@pytest.mark.parametrize("model", ["receptionist", "helpdesk", "shop"])
def test_new_from_a_shipped_agent_is_a_copy_that_passes(
    model: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offhook("new", "quill", "--from", model, "--config", config) == 0
    assert load_agent(str(tmp_path / "agents" / "quill.toml")) == load_agent(model)
    capsys.readouterr()
    assert offhook("check", "quill", "--config", config) == 0
    assert " 0 errors" in capsys.readouterr().out

    beside = ("new", "other", "--from", "quill", "--folder", tmp_path / "elsewhere", "--config", config)
    assert offhook(*beside) == 0
    first = (tmp_path / "elsewhere" / "other.toml").read_text().splitlines()[0]
    assert first.startswith(f"# A copy of {tmp_path}/agents/quill.toml")


def test_new_elsewhere_names_the_path(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offhook("new", "second-hand_desk", "--folder", tmp_path / "a" / "b", "--config", config) == 0
    path = tmp_path / "a" / "b" / "second-hand_desk.toml"
    assert f"offhook agents check {path}" in capsys.readouterr().out
    assert load_agent(str(path)).name == "Second Hand Desk"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("new", "../x"), "a name has letters"),
        (("new", "x", "--folder", "{tmp}/offhook.toml"), "cannot be written: File exists; name a folder"),
        (("new", "x", "--folder", "~no-such-user/x"), "--folder ~no-such-user/x: no home folder"),
        (("new", "x", "--from", "receptionst"), "did you mean 'receptionist'?"),
        (("new", "x", "--folder", "/proc/none"), "/proc/none/x.toml: cannot be written: "),
    ],
)
def test_new_refuses_with_one_line(
    words: tuple[str, ...], expected: str, config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert offhook(*(word.replace("{tmp}", str(tmp_path)) for word in words), "--config", config) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_what_the_starter_has_commented_out_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(starter("a"))
    plain = load_agent(str(path))
    opened = re.sub(r"^# (\w+ = )", r"\1", starter("a"), flags=re.MULTILINE)
    assert opened.count("\n# ") < starter("a").count("\n# ")
    path.write_text(opened)
    assert load_agent(str(path)) == plain


def test_list(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offhook("new", "quill", "--config", config)
    capsys.readouterr()
    assert offhook("list", "--config", config) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["agent", "name", "language", "facts", "where"]
    quill = next(line for line in lines if line.startswith("quill "))
    assert quill.split() == ["quill", "Quill", "en", "3", f"{tmp_path}/agents/quill.toml", "(default)"]
    assert any(line.startswith("receptionist ") and str(SHIPPED) in line for line in lines)

    (tmp_path / "agents" / "broken.toml").write_text('name = "B"\n')
    (tmp_path / "agents" / "helpdesk.toml").write_text('name = "\\u001b[31mRed"\ngreeting = "Hi."\n')
    assert offhook("list", "--config", config) == 1
    shown = capsys.readouterr().out
    assert "error: " in shown
    assert "missing: greeting" in shown
    assert "\x1b" not in shown
    assert offhook("list", "--json", "--config", config) == 1
    listed = {one["agent"]: one for one in json.loads(capsys.readouterr().out)["agents"]}
    assert listed["quill"] == {
        "agent": "quill",
        "name": "Quill",
        "language": "en",
        "facts": 3,
        "default": True,
        "path": f"{tmp_path}/agents/quill.toml",
        "error": None,
    }
    assert "missing: greeting" in listed["broken"]["error"]
    assert listed["helpdesk"]["path"] == f"{tmp_path}/agents/helpdesk.toml", (
        "the user's own hides the shipped one"
    )


def test_list_shows_a_default_that_is_named_by_its_path(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(starter("own"))
    config.write_text(f'[agent]\nsearch = []\ndefault = "{own}"\n')
    assert offhook("list", "--config", config) == 0
    assert f"{own} (default)" in capsys.readouterr().out


def test_check_prints_a_line_for_each_finding(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(
        'name = "A"\ngreeting = "Hi."\nfacts = ["Keys cost 2 dollars.", "Keys cost 3 dollars.", "Why?"]\n'
    )
    assert offhook("check", path, "--config", config) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("error    facts.1 (Keys cost 3 dollars.): contradicts facts.0")
    assert second.startswith("warning  facts.2 (Why?): ")
    assert last == f"{path}: 1 error, 1 warning, 0 hints"
    assert offhook("check", "--json", path, "--config", config) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(path)
    assert [Finding(**one) for one in told["findings"]] == check(load_agent(str(path)))


def test_check_names_every_key_that_is_wrong(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text('nmae = "A"\nlanguage = 3\n[after_call]\nsummary = "often"\n')
    assert offhook("check", path, "--config", config) == 1
    unknown, *others, last = capsys.readouterr().out.splitlines()
    assert unknown == "error    file: unknown key 'nmae'; did you mean 'name'?"
    assert [line.split(": ")[1] for line in others] == ["missing", "language", "after_call.summary"]
    assert last == f"{path}: 4 errors, 0 warnings, 0 hints"


@pytest.mark.parametrize("text", ["", "name = ", 'name = "A"\ngreeting = "x"\npersna = "y"\n', None])
def test_check_of_a_file_that_cannot_be_used(
    text: str | None, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    if text is not None:
        path.write_text(text)
    assert offhook("check", path, "--config", config) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("error    file: ")
    assert last == f"{path}: 1 error, 0 warnings, 0 hints"
    assert offhook("check", "no-such-agent", "--config", config) == 1
