"""What may have been said instead of what was heard is answered where that has an answer and fits the ear."""

from __future__ import annotations

import pytest

from offhook.conversation.forms.form import Form
from offhook.conversation.history import Exchange
from offhook.engines.stt.base import Otherwise
from offhook.knowledge.acts import Act
from tests.conversation.test_conversation_grounded import KNOWN, MAYBE, NOT, Desk, candidate, ranked

HEARD, MEANT = "When do you oaken?", "When do you open?"


def misheard(log_odds: float, meant: float = KNOWN, heard: float = NOT, act: Act = "other") -> Desk:
    """The second reading is so much likelier, and has an answer that is so sure."""
    desk = Desk().finds(HEARD, ranked(candidate(2, heard), act=act)).finds(MEANT, ranked(candidate(1, meant)))
    desk.history.otherwise = lambda: (Otherwise("When do you Oakham?", -0.5), Otherwise(MEANT, log_odds))
    return desk


async def test_the_reading_that_has_an_answer_is_answered() -> None:
    turn = await misheard(-1.0).answer(HEARD)
    assert (turn.act, turn.facts, turn.reading) == ("facts", (1,), 2)
    assert turn.caller_text == MEANT, "what is remembered and shown is what was understood"
    assert turn.words == MEANT.rstrip("?")


@pytest.mark.parametrize(
    ("log_odds", "meant", "heard"),
    [
        (-30.0, KNOWN, NOT),  # no ear allows for it
        (-1.0, MAYBE, NOT),  # nor is its answer one
        (-1.0, KNOWN, KNOWN),  # what was heard has one
    ],
)
async def test_what_was_heard_stays_where_there_is_no_reason_against_it(
    log_odds: float, meant: float, heard: float
) -> None:
    turn = await misheard(log_odds, meant, heard).answer(HEARD)
    assert turn.reading == 0
    assert turn.caller_text == HEARD
    assert 1 not in turn.facts


async def test_a_farewell_is_not_read_otherwise() -> None:
    turn = await misheard(-1.0, act="farewell").answer(HEARD)
    assert turn.reading == 0


async def test_what_fills_in_a_form_is_not_read_otherwise() -> None:
    desk = misheard(-1.0)
    desk.history.add(Exchange("A kayak, please", "For when?", "For when?", form=Form("book")))
    assert (await desk.answer(HEARD)).reading == 0


async def test_where_all_is_plain_nothing_more_is_looked_up() -> None:
    desk = misheard(-1.0, heard=KNOWN)
    told: list[str] = []
    desk.history.otherwise = lambda: told.append("asked") or ()  # type: ignore[func-returns-value]
    await desk.answer(HEARD)
    assert told == [], "nor does anybody tell what else it might have been"
    assert MEANT not in [asked for asked, *_ in desk.knowledge.asked]
