"""Agents as text: what is written reads back as it was, and what is wrong is found at its line."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.agents.loader import SHIPPED, Agent, agent_names, load_agent
from offhook.agents.writing import as_toml, line_of

LEAVES = (
    st.text()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text().filter(lambda key: key != "facts"), VALUES, max_size=5))
def test_any_body_reads_back_as_it_was(body: dict[str, Any]) -> None:
    assert tomllib.loads(as_toml(body)) == body


@pytest.mark.parametrize("name", agent_names())
def test_a_shipped_agent_is_the_same_after_it_was_written(name: str) -> None:
    agent = load_agent(name)
    body = agent.model_dump(mode="json", exclude_unset=True)
    assert Agent.model_validate(tomllib.loads(as_toml(body))) == agent, SHIPPED / name


FILE = '''\
# Boats.
name = "Kahn Boats"
greeting = "Kahn Boats, hello."
persona = """
You let boats.
"""
facts = [
  "A rowing boat is nine euros.",
  { text = "A sail boat is twenty euros.",
    keywords = ["dinghy"] },

  "We close at dusk.",
]

[turn]
pause_ms = 300

[tools.rent]
source = "http"
[tools.rent.parameters.boat]
type = "string"

[[after_call.webhooks]]
url = "https://one.example"
[[after_call.webhooks]]
url = "https://two.example"
'''.replace('twenty euros.",\n    keywords', 'twenty euros.", keywords')


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("name", 2),
        ("persona", 4),
        ("facts", 7),
        ("facts.0", 8),
        ("facts.1.keywords", 9),
        ("facts.2", 11),
        ("turn.pause_ms", 15),
        ("turn.pause", 14),
        ("tools.rent", 17),
        ("tools.rent.parameters.boat.ask", 19),
        ("after_call.webhooks.1.url", 25),
        ("not valid TOML: Invalid value (at line 3, column 7)", 3),
        ("nowhere", None),
    ],
)
def test_what_is_wrong_stands_at_its_line(where: str, line: int | None) -> None:
    assert line_of(FILE, where) == line
