"""What documents say is found beside the facts, and vectors are computed once."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from offhook.agents.loader import Agent, load_agent
from offhook.documents.passage import Passage
from offhook.knowledge.acts import ActClassifier
from offhook.knowledge.base import Encoded, Floats
from offhook.knowledge.store import Knowledge, Models, Networks
from offhook.knowledge.vectors import VectorCache, pack, unpack
from tests.support.knowledge import Letters

AGENT = Agent(name="Ferry House", greeting="Hello.", facts=("Breakfast is from seven to ten.",))
DOGS = Passage("Small ones, in a basket.", "Ferry House > Rules > Can I bring my dog?", "rules.pdf")


def knowledge(
    matcher: Letters, cache: VectorCache | None, *passages: Passage, agent: Agent = AGENT
) -> Knowledge:
    def none() -> Networks:
        raise AssertionError("no other language is wanted")

    made = Knowledge(agent, Models(Networks(matcher, ActClassifier()), none, cache), lambda: passages)
    made.prepare()
    return made


def test_passages_are_found_by_their_headings_and_said_without_them() -> None:
    found = knowledge(Letters(), None, DOGS).search("Can I bring my dog?").best
    assert found is not None
    assert (found.item.text, found.item.source) == (DOGS.text, "rules.pdf")
    assert found.item.about == "Rules, Can I bring my dog?"
    assert found.answer() == "Small ones, in a basket."


def test_words_alone_find_a_passage_by_its_heading() -> None:
    known = Knowledge(AGENT, None, lambda: [DOGS])
    known.prepare()
    found = known.search("Can I bring my dog?").best
    assert found is not None
    assert found.item.text == DOGS.text


def test_the_same_sentence_in_many_documents_is_one_answer() -> None:
    again = Passage("SMALL ones, in a basket.", "Ferry House > Dogs", "other.pdf")
    fact = Passage("Breakfast is from seven to ten.", "Hours", "menu.pdf")
    items = knowledge(Letters(), None, DOGS, again, fact).items
    assert [item.text for item in items] == ["Breakfast is from seven to ten.", DOGS.text]


def test_what_was_computed_once_is_not_computed_again(tmp_path: Path) -> None:
    cache, first, second = VectorCache(tmp_path / "cache" / "vectors.db"), Letters(), Letters()
    one = knowledge(first, cache, DOGS)
    two = knowledge(second, cache, DOGS, Passage("A new one."))
    assert len(first.encoded) == 2
    assert second.encoded == ["A new one."]
    question = "Is there breakfast?"
    assert [each.log_odds for each in one.search(question).candidates[:2]] == pytest.approx(
        [each.log_odds for each in two.search(question).candidates if each.item.number < 2]
    )
    other = Letters()
    other.key = "letters-2"
    knowledge(other, cache, DOGS)
    assert len(other.encoded) == 2


def test_vectors_that_came_with_a_passage_are_used_where_the_network_is_the_same() -> None:
    matcher = Letters()
    packed = pack(matcher.encode_facts(["anything"], [()])[0])
    matcher.encoded.clear()
    knowledge(matcher, None, Passage("One.", vectors=packed, model="letters-1"))
    assert matcher.encoded == [AGENT.facts[0].text]
    matcher.encoded.clear()
    knowledge(matcher, None, Passage("One.", vectors=packed, model="letters-0"))
    assert len(matcher.encoded) == 2


def test_vectors_of_a_passage_that_is_cut_otherwise_by_now_are_computed_anew() -> None:
    matcher = Letters()
    whole = matcher.encode_facts(["anything"], [()])[0]
    two = pack(replace(whole, parts=np.stack([whole.vector, whole.vector])))
    for text, computed in (("One. Two.", 1), ("One of them.", 2)):
        matcher.encoded.clear()
        knowledge(matcher, None, Passage(text, vectors=two, model="letters-1"))
        assert len(matcher.encoded) == computed, text


def test_a_cache_that_cannot_be_used_costs_time_alone(tmp_path: Path) -> None:
    broken = tmp_path / "vectors.db"
    broken.write_bytes(b"no database, and longer than a hundred bytes " * 9)
    (tmp_path / "file").write_text("")
    for cache in (VectorCache(broken), VectorCache(tmp_path / "file" / "vectors.db")):
        matcher = Letters()
        assert knowledge(matcher, cache, DOGS).search("Can I bring my dog?").best is not None
        assert len(matcher.encoded) == 2


@given(
    arrays(np.float32, 8, elements=st.floats(-1, 1, width=32)),
    arrays(np.float16, (3, 8), elements=st.floats(-1, 1, width=16)),
    st.one_of(st.none(), arrays(np.float32, (2, 8), elements=st.floats(-1, 1, width=32))),
)
def test_what_is_packed_comes_out_again(vector: Floats, tokens: Floats, parts: Floats | None) -> None:
    packed = pack(Encoded(vector, tokens, ((0, 0), (0, 3), (4, 9)), parts))
    found = unpack(packed, "any text")
    assert np.array_equal(found.vector, vector)
    assert np.array_equal(found.tokens, tokens)
    assert found.spans == ((0, 0), (0, 3), (4, 9))
    assert (None if found.parts is None else found.parts.tolist()) == (
        None if parts is None else parts.tolist()
    )
    with pytest.raises(ValueError, match="no vectors"):
        unpack(packed[:-1], "any text")


def test_an_agents_file_names_documents_beside_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "menu.md").write_text("# Menu\n## Soups\nPea soup is $4.50.\n")
    (tmp_path / "docs" / "scan.pdf").write_bytes(b"%PDF-torn")
    file = tmp_path / "inn.toml"
    file.write_text('name = "Inn"\ngreeting = "Hello."\nknowledge = ["docs", "gone.txt"]\n')
    with caplog.at_level(logging.WARNING):
        items = knowledge(Letters(), None, agent=load_agent(str(file))).items
    assert [(item.text, item.about) for item in items] == [("Pea soup is $4.50.", "Soups")]
    assert [record.getMessage().count("\n") for record in caplog.records] == [0, 0]
    assert "scan.pdf" in caplog.records[0].getMessage()
    assert "gone.txt" in caplog.records[1].getMessage()
