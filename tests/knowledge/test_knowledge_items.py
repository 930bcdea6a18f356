"""Which parts of a note are said."""

from __future__ import annotations

import pytest

from offhook.agents.loader import Agent
from offhook.knowledge.items import Item, marks_of_parts, said_of
from offhook.knowledge.marks import marks, telling
from offhook.knowledge.notes import parts
from offhook.knowledge.store import Candidate, Knowledge

CANOES = "Canoe 12 an hour, canoe 40 a day, kayak 55 a day"
TANDEMS = "No tandems. Fells Cycles has them, 555-0133. Helmets are free."
MOTORS = "Keine Motorboote. Die hat Boote Brandt, 555-0134. Westen sind umsonst."


def note(text: str, language: str = "en") -> Item:
    agent = Agent.model_validate(
        {"name": "Quay", "greeting": "Hello.", "language": language, "facts": [text]}
    )
    return Knowledge(agent).items[0]


@pytest.mark.parametrize(
    ("item", "wanted", "named", "said"),
    [
        # What tells the parts apart was said: the nearest alone.  Else those that may be meant as well.
        (note(CANOES), (1.0, 0.5, 0.3), True, "Canoe 12 an hour."),
        (note(CANOES), (1.0, 0.5, 0.3), False, "Canoe 12 an hour, canoe 40 a day."),
        # Behind a no comes what there is instead, and nothing further.
        (note(TANDEMS), (1.0, 0.1, 0.1), True, "No tandems. Fells Cycles has them, 555-0133."),
        (note(TANDEMS), (0.1, 0.1, 1.0), True, "Helmets are free."),
        (note(MOTORS, "de"), (1.0, 0.1, 0.1), True, "Keine Motorboote. Die hat Boote Brandt, 555-0134."),
        (note("Locker no. 9 is broken. Towels cost 2."), (1.0, 0.1), True, "Locker no. 9 is broken."),
    ],
)
def test_the_parts_that_are_said(item: Item, wanted: tuple[float, ...], named: bool, said: str) -> None:
    assert said_of(item, wanted, named=named) == said


def test_two_questions_to_one_note_get_what_either_wants() -> None:
    item = note(CANOES)
    hour = Candidate(item, 3.0, (1.0, 0.5, 0.3), (True, False, False))
    kayak = Candidate(item, 2.0, (0.2, 0.2, 0.4), (False, False, True))
    assert hour.joined(kayak).answer() == "Canoe 12 an hour. Kayak 55 a day."


def test_a_list_s_title_tells_its_items_from_those_of_another_list() -> None:
    text = "Maple: small 4, large 9. Birch: small 3, large 7."
    item = Item(0, text, tuple(parts(text)))
    assert telling(marks("a large birch"), marks_of_parts(item)) == [0, 1, 1, 2]
