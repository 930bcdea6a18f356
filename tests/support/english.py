"""The functions that take the caller's language, for the tests whose callers speak English."""

from __future__ import annotations

from functools import partial

from offhook.barge_in import words as barge_in_words
from offhook.end_of_turn import completeness as completeness_
from offhook.end_of_turn import dictation, wait
from offhook.languages import wording
from offhook.languages.turns import ENGLISH
from offhook.speech import clauses

completeness = partial(completeness_.completeness, language="en")
expectation = partial(wait.expectation, language="en")
gives_time = partial(wait.gives_time, language="en")
wait_ms = partial(wait.wait_ms, language="en")
is_backchannel = partial(barge_in_words.is_backchannel, language="en")

missing_digits = partial(dictation.missing_digits, language=ENGLISH)
missing_letters = partial(dictation.missing_letters, language=ENGLISH)
missing_of_email = partial(dictation.missing_of_email, language=ENGLISH)
missing_of_birth = partial(dictation.missing_of_birth, language=ENGLISH)
missing_unasked = partial(dictation.missing_unasked, language=ENGLISH)
ClauseSplitter = partial(clauses.ClauseSplitter, language="en")
split = partial(clauses.split, language="en")
runs = partial(dictation.runs, language=ENGLISH)

count_digits = partial(wording.count_digits, language=ENGLISH)
ends_in_digits = partial(wording.ends_in_digits, language=ENGLISH)
ends_in_time = partial(wording.ends_in_time, language=ENGLISH)
is_preface = partial(wording.is_preface, language=ENGLISH)
is_question = partial(wording.is_question, language=ENGLISH)
is_statement = partial(wording.is_statement, language=ENGLISH)
is_yes_or_no = partial(wording.is_yes_or_no, language=ENGLISH)
leans = partial(wording.leans, language=ENGLISH)
