"""Agent files: what they may say, what is said of those that cannot be used, where they are found."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from offhook.agents.loader import SHIPPED, Agent, Fact, agent_names, load_agent
from offhook.config import load_config
from offhook.errors import ConfigError
from offhook.languages import ENGLISH, language
from offhook.tools.registry import make_tools

MINIMAL = 'name = "A"\ngreeting = "Hello."\npersona = "You are A."\n'


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "does"), [("receptionist", "book_appointment"), ("helpdesk", "ticket"), ("shop", "order")]
)
def test_shipped_agents_load_and_can_do_something(name: str, does: str) -> None:
    agent = load_agent(name)
    assert agent.greeting
    assert agent.facts
    assert agent.unknown
    made = make_tools(agent)
    assert not made.problems
    assert does in made.tools


def test_agent_names_lists_the_shipped_ones() -> None:
    assert {"receptionist", "helpdesk", "shop"} <= set(agent_names())


def test_a_users_own_agent_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    assert load_agent("mine", [tmp_path]).name == "A"
    assert load_agent(str(path)).name == "A"


def test_a_users_agent_hides_a_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL, "receptionist")
    assert load_agent("receptionist", [tmp_path]).name == "A"


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a b", "a\nb", "-x", "a" * 65, "caf\u00e9"])
def test_names_cannot_leave_the_folders(name: str) -> None:
    with pytest.raises(ConfigError, match="a name has letters"):
        load_agent(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + 'gretting = "x"\n', "did you mean 'greeting'"),
        (MINIMAL + '[[facts]]\ntext = "x"\nkeyword = ["y"]\n', "did you mean 'keywords'"),
        ('name = "A"\n', "greeting"),
        (MINIMAL.replace("Hello.", " "), "greeting"),
        (
            MINIMAL.replace("You are A.", "x" * 20_001),
            r"persona: 20,001 characters; at most 20,000: move what the agent knows to facts$",
        ),
        (MINIMAL.replace("Hello.", "x" * 1_001), r"greeting: 1,001 characters; at most 1,000: .*shorten it$"),
        (
            MINIMAL + "facts = [" + '"x", ' * 17 + f'"{"x" * 5_000}"]\n',
            r"facts\.17: 5,000 characters; at most 2,000: cut it into several facts$",
        ),
        (MINIMAL + '[[facts]]\ntext = "' + "x" * 2_001 + '"\n', r"facts\.0\.text: 2,001 characters"),
        (MINIMAL + f'[[facts]]\ntext = "x"\nkeywords = ["{"k" * 5_000}"]\n', r"facts\.0\.keywords\.0: 5,000"),
        (MINIMAL + 'facts = ["x", " "]\n', r"facts\.1: is empty"),
        (MINIMAL + 'goodbye = "... \U0001f600"\n', "goodbye: holds no letter and no digit"),
        (MINIMAL + 'facts = ["x", 3]\n', r'facts\.1: a fact is "a text" or \{ text = .*, not 3'),
        (MINIMAL + f"facts = [[{'1,' * 3_000}]]\n", r"facts\.0: a fact is"),
        (MINIMAL + "[[facts]]\nkeywords = []\n", r"facts\.0: missing: text; for example: text = "),
        (MINIMAL + "facts = [" + '"x", ' * 10_001 + "]\n", "facts: 10,001 entries; at most 10,000"),
        (MINIMAL + 'facts = ["x"]\n[[facts]]\ntext = "y"\n', "not as both"),
        (
            MINIMAL + '[[examples]]\ncaller = "a"\nagent = "b"\nfacts = ["x"]\n',
            r"move it above the first line",
        ),
        (
            MINIMAL + f'policy = "{"x" * 5_000}"\n',
            "policy: Input should be 'auto', 'grounded' or 'chat', got 'x",
        ),
        ("", r"missing: name, greeting; for example: name = \"Miller's bakery\"$"),
        ('gretting = "x"\n', "did you mean 'greeting'.*and 2 more"),
        ("name = \u201cA\u201d", "typographic"),
        ("x = " + "[" * 5_000, "nested too deeply"),
        (MINIMAL + '[[examples]]\ncaller = "a"\nagent = "b"\n' * 9, "examples"),
        (MINIMAL + "facts = 3\n", "facts: a list is wanted"),
        (MINIMAL + 'language = "english"\n', "language: 'english' is not a code of two letters"),
        ("name = ", "not valid TOML"),
    ],
)
def test_bad_agent_files_are_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_agent(str(path))
    said = str(caught.value).removeprefix(f"{path}: ")
    assert said != str(caught.value)
    assert "\n" not in said
    assert len(said) < 300


def test_a_name_and_a_greeting_are_an_agent(tmp_path: Path) -> None:
    agent = load_agent(
        str(write(tmp_path, "name = \"Miller's {bakery}\"\ngreeting = 'Hello.'\npersona = ' '\n"))
    )
    assert agent.persona == "You answer the telephone of Miller's {bakery}. Be friendly and brief."
    assert agent.policy is None
    assert agent.language == "en"
    assert agent.take_your_time == "Of course, take your time."
    assert agent.unknown == "I'm sorry, I don't know that."
    assert agent.otherwise == "All right. What else can I do for you?"


def test_facts_are_plain_texts_or_tables_or_both(tmp_path: Path) -> None:
    text = MINIMAL + 'facts = [" We bake. ", { text = "We deliver.", keywords = ["bring"] }, "We close."]\n'
    assert load_agent(str(write(tmp_path, text))).facts == (
        Fact(text="We bake."),
        Fact(text="We deliver.", keywords=("bring",)),
        Fact(text="We close."),
    )


def test_what_is_long_but_not_too_long(tmp_path: Path) -> None:
    facts = "facts = [" + ", ".join(f'"{"x" * 2_000}"' if n == 0 else f'"{n}"' for n in range(10_000)) + "]\n"
    text = f'name = "A"\ngreeting = "{"g" * 1_000}"\npersona = "{"p" * 20_000}"\n' + facts
    assert len(load_agent(str(write(tmp_path, text))).facts) == 10_000


@pytest.mark.parametrize(
    ("written", "code", "goodbye"),
    [
        ("en", "en", "Goodbye."),
        ("de", "de", "Auf Wiederhören."),
        ("de-AT", "de-AT", "Auf Wiederhören."),
        ("es_mx", "es-MX", "Hasta luego."),
        ("fr", "fr", "Au revoir."),
        ("xx", "xx", "Goodbye."),
        ("EN", "en", "Goodbye."),
        ("en_us", "en-US", "Goodbye."),
        ("pt-BR", "pt-BR", "Goodbye."),
    ],
)
def test_a_language_is_a_code_known_or_not(tmp_path: Path, written: str, code: str, goodbye: str) -> None:
    agent = load_agent(str(write(tmp_path, MINIMAL + f'language = "{written}"\n')))
    assert agent.language == code
    assert agent.goodbye == goodbye


@pytest.mark.parametrize("code", ["de", "es", "fr"])
def test_phrases_are_in_the_agents_language_unless_its_file_has_them(tmp_path: Path, code: str) -> None:
    text = MINIMAL + f'language = "{code}"\nunknown = ""\nholding = "Hm."\n'
    agent = load_agent(str(write(tmp_path, text)))
    for name, phrase in asdict(language(code).defaults).items():
        assert phrase != getattr(ENGLISH.defaults, name)
        assert getattr(agent, name) == {"unknown": "", "holding": "Hm."}.get(name, phrase)
    assert "goodbye" not in agent.model_fields_set


def test_an_agent_may_choose_its_policy(tmp_path: Path) -> None:
    assert load_agent(str(write(tmp_path, MINIMAL + 'policy = "chat"\n'))).policy == "chat"
    config = load_config(
        write(tmp_path, '[conversation]\npolicy = "grounded"\nknowledge_tokens = 100\n', "offhook")
    )
    assert config.conversation.policy == "grounded"
    assert config.conversation.knowledge_tokens == 100
    assert config.llm.n_ctx_call is None
    with pytest.raises(ConfigError, match=r"conversation\.knowledge_tokens: .* equal to 100, got 99$"):
        load_config(write(tmp_path, "[conversation]\nknowledge_tokens = 99\n", "offhook"))
    with pytest.raises(ConfigError, match=r"llm\.n_ctx_call: .* equal to 256, got 255$"):
        load_config(write(tmp_path, "[llm]\nn_ctx_call = 255\n", "offhook"))


def test_files_as_windows_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = MINIMAL.replace("Hello.", "Caf\u00e9.") + 'facts = [\n  "x",\n]\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert load_agent(str(path)).greeting == "Caf\u00e9."
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(
        ConfigError, match=r"line 2 has the byte 0xE9 \('\u00e9' in Latin-1\?\): save the file as UTF-8$"
    ):
        load_agent(str(path))
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(ConfigError, match="UTF-16 text: save the file as UTF-8"):
        load_agent(str(path))


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, MINIMAL)
    assert load_agent("~/mine.toml").name == "A"
    assert load_agent("mine", [Path("~")]).name == "A"
    assert "mine" in agent_names([Path("~/")])
    write(tmp_path, '[agent]\nsearch = ["~/agents"]\n', "offhook")
    config = load_config(Path("~/offhook.toml"))
    assert config.agent.search == (tmp_path / "agents",)
    write(tmp_path, '[daemon]\ntrace_file = "~no-such-user/x"\n', "offhook")
    for load in (lambda: load_config(Path("~/offhook.toml")), lambda: load_agent("~no-such-user/a.toml")):
        with pytest.raises(ConfigError, match="no home folder is known for '~no-such-user': write the path"):
            load()


# --- what may not be read --------------------------------------------------------------------------


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder with ``mine.toml`` that the user who runs may not enter, not even when that was root."""
    with tempfile.TemporaryDirectory() as name:
        outer, folder = Path(name), Path(name) / "closed"
        outer.chmod(0o755)
        folder.mkdir()
        write(folder, MINIMAL)
        folder.chmod(0)
        if os.geteuid() == 0:
            os.setegid(65534)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(os.getuid())
            os.setegid(os.getgid())
            folder.chmod(0o755)


READERS: dict[str, Callable[[Path], object]] = {
    "load_agent by path": lambda folder: load_agent(str(folder / "mine.toml")),
    "load_agent by name": lambda folder: load_agent("mine", [folder]),
    "agent_names": lambda folder: agent_names([folder]),
    "agent_names below it": lambda folder: agent_names([folder / "below"]),
    "load_config": lambda folder: load_config(folder / "mine.toml"),
    "load_config by default": lambda folder: load_config(),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_closed_folder_is_one_clear_line(
    reader: str, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OFFHOOK_CONFIG", raising=False)
    monkeypatch.setattr("offhook.config.reading.DEFAULT_PATH", closed / "offhook.toml")
    with pytest.raises(ConfigError) as caught:
        READERS[reader](closed)
    said = str(caught.value)
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert (
        f"user {user!r} may not look into {closed}: open it (chmod o+rx {closed}), or run offhook as" in said
    )
    assert "\n" not in said


def test_a_closed_file_is_one_clear_line(closed: Path) -> None:
    path = closed / "mine.toml"
    os.seteuid(os.getuid())
    path.chmod(0)
    closed.chmod(0o755)
    if os.getuid() == 0:
        os.seteuid(65534)
    for read in (
        lambda: load_agent(str(path)),
        lambda: load_agent("mine", [closed]),
        lambda: load_config(path),
    ):
        with pytest.raises(ConfigError, match=rf"may not read {path}: open it \(chmod o\+r {path}\)"):
            read()
    assert "mine" in agent_names([closed]), "it is there, whoever may read it"


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'receptionist'"):
        load_agent("receptionst")


def test_a_missing_path_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_agent(str(tmp_path / "absent.toml"))


def test_a_key_by_its_old_name_is_understood_and_its_new_one_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, f'{MINIMAL}heard_in_full = ["greeting"]\n')
    assert load_agent("mine", [tmp_path]).played_in_full == ("greeting",)
    assert caplog.messages == [f"{path}: heard_in_full is called played_in_full now"]
    write(tmp_path, f'{MINIMAL}heard_in_full = ["greetin"]\n')
    with pytest.raises(ConfigError, match=r"played_in_full.*greeting"):
        load_agent("mine", [tmp_path])
    write(tmp_path, f'{MINIMAL}heard_in_full = []\nplayed_in_full = ["goodbye"]\n')
    with pytest.raises(
        ConfigError, match=r"heard_in_full is the old name of played_in_full.*leave heard_in_full"
    ):
        load_agent("mine", [tmp_path])


def test_an_agent_is_frozen() -> None:
    agent = load_agent("receptionist")
    assert isinstance(agent, Agent)
    with pytest.raises(ValueError, match="frozen"):
        agent.name = "x"  # type: ignore[misc]


def test_shipped_files_lie_beside_the_loader() -> None:
    assert (SHIPPED / "receptionist.toml").is_file()
