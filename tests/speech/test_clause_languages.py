"""Clauses of other languages than English: their punctuation, their abbreviations, no spaces at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.speech.clauses import ClauseSplitter, split

CASES = [
    ("de", "Das kostet ca. 45 Euro. Am 3. Mai haben wir z. B. offen. Gut.", 3),
    ("es", "Le atiende el Sr. Lopez mañana. Gracias.", 2),
    ("fr", "C'est M. Dupont qui vous rappelle. Merci.", 2),
    ("zh", "我们上午九点到下午六点营业。您想预约什么时间\uff1f", 2),
    ("ja", "かしこまりました。営業時間は午前九時から午後六時までです。", 2),
    ("hi", "हम सोमवार से शुक्रवार तक खुले हैं। आप कब आना चाहेंगे?", 2),
    ("ar", "نحن نفتح كل يوم؟ شكرا لك", 2),
]


@pytest.mark.parametrize(("language", "text", "clauses"), CASES)
def test_sentences_are_cut_and_abbreviations_are_not(language: str, text: str, clauses: int) -> None:
    assert len(split(text, language)) == clauses
    assert "".join("".join(split(text, language)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("language", "text", "most"),
    [
        ("zh", "我可以帮您查一下现在还有没有空位给您安排" * 3, 24),
        ("ja", "かしこまりましたそれでは明日の午前九時にお待ちしております" * 2, 48),
        ("th", "ร้านเปิดทุกวันตั้งแต่เก้าโมงเช้าถึงหกโมงเย็นค่ะ" * 3, 56),
    ],
)
def test_a_first_clause_without_punctuation_ends_all_the_same(language: str, text: str, most: int) -> None:
    first = split(text, language)[0]
    assert 10 < len(first) <= most


@given(st.sampled_from(CASES), st.lists(st.integers(1, 9), min_size=1))
def test_the_cuts_depend_on_the_text_alone(case: tuple[str, str, int], sizes: list[int]) -> None:
    language, text, _ = case
    text *= 3
    splitter, found, at, index = ClauseSplitter(language), list[str](), 0, 0
    while at < len(text):
        size = sizes[index % len(sizes)]
        found += splitter.push(text[at : at + size])
        at, index = at + size, index + 1
    assert [*found, *splitter.flush()] == split(text, language)
