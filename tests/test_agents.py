"""Agent files, and finding the fact that the caller's words are about."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.agents.knowledge import Knowledge, content_words
from offhook.agents.loader import SHIPPED, Agent, Fact, agent_names, load_agent
from offhook.errors import ConfigError

MINIMAL = 'name = "A"\ngreeting = "Hello."\npersona = "You are A."\n'


def write(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["receptionist", "helpdesk"])
def test_shipped_agents_load(name: str) -> None:
    agent = load_agent(name)
    assert agent.greeting
    assert agent.facts
    assert 2 <= len(agent.examples) <= 8
    assert agent.unknown


def test_agent_names_lists_the_shipped_ones() -> None:
    assert {"receptionist", "helpdesk"} <= set(agent_names())


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
        (MINIMAL.replace("You are A.", "x" * 2001), "persona"),
        (MINIMAL + '[[facts]]\ntext = "' + "x" * 301 + '"\n', r"facts\.0\.text"),
        (MINIMAL + '[[examples]]\ncaller = "a"\nagent = "b"\n' * 9, "examples"),
        (MINIMAL + "facts = 3\n", "facts"),
        (MINIMAL + 'language = "xx"\n', "language"),
        ("name = ", "not valid TOML"),
    ],
)
def test_bad_agent_files_are_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_agent(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'receptionist'"):
        load_agent("receptionst")


def test_a_missing_path_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_agent(str(tmp_path / "absent.toml"))


@pytest.fixture(scope="module")
def receptionist() -> Knowledge:
    return Knowledge(load_agent("receptionist").facts)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("What are your opening hours?", "Monday to Friday"),
        ("Where are you located?", "Harbour Street"),
        ("How much does a check up cost?", "forty-five"),
        ("Do you have parking?", "parking"),
        ("Can I book an appointment for Monday?", "appointment"),
        ("Do you take my insurance?", "insurance"),
        ("Do you treat children?", "children"),
        ("What should I do in an emergency?", "same day"),
        ("my tooth HURTS", "same day"),
        ("Hello, is anybody there?", "I'm here"),
        ("Okay, thank you.", "welcome"),
        ("Good morning.", "I'm here"),
    ],
)
def test_the_matching_fact_is_found(receptionist: Knowledge, words: str, part: str) -> None:
    (match,) = receptionist.best(words)
    assert part in match.fact.text


@pytest.mark.parametrize("words", ["", "?!", "What about them?", "Who painted the Mona Lisa?", "asdf qwertz"])
def test_nothing_matches_when_nothing_fits(receptionist: Knowledge, words: str) -> None:
    assert receptionist.best(words) == []


def test_k_and_min_score() -> None:
    facts = [
        Fact(text="Apples are red."),
        Fact(text="Apples and pears."),
        Fact(text="Plums."),
        Fact(text="Figs."),
    ]
    knowledge = Knowledge(facts)
    both = knowledge.best("apples", k=5)
    assert {match.fact.text for match in both} == {facts[0].text, facts[1].text}
    assert both[0].score >= both[1].score
    assert knowledge.best("apples", k=5, min_score=both[0].score + 1) == []


def test_words_are_stemmed_and_keywords_weigh_more() -> None:
    knowledge = Knowledge(
        [Fact(text="The booking desk."), Fact(text="Come in.", keywords=("book",)), Fact(text="X.")]
    )
    assert knowledge.best("I want to book")[0].fact.text == "Come in."
    assert knowledge.best("bookings")[0].fact.text == "Come in."


@given(st.text(max_size=200))
def test_no_text_is_query_syntax(text: str) -> None:
    knowledge = Knowledge([Fact(text="Anything at all", keywords=("near", "and", "or", "not"))])
    knowledge.best(text)
    knowledge.close()


@pytest.mark.parametrize(
    "text", ['"', "a AND b", "NEAR(a b)", "text:*", "x* OR y", "'; DROP TABLE facts; --", "^a", "-a"]
)
def test_fts_syntax_is_harmless(receptionist: Knowledge, text: str) -> None:
    receptionist.best(text)
    assert receptionist.best("parking")


def test_content_words_leave_out_what_says_nothing() -> None:
    assert content_words("Could you please tell me what's the price of parking?") == ["price", "parking"]


def test_an_agent_is_frozen() -> None:
    agent = load_agent("receptionist")
    assert isinstance(agent, Agent)
    with pytest.raises(ValueError, match="frozen"):
        agent.name = "x"  # type: ignore[misc]


def test_shipped_files_lie_beside_the_loader() -> None:
    assert (SHIPPED / "receptionist.toml").is_file()
