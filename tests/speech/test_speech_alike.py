"""What two recognisers have heard alike, however they write it."""

from __future__ import annotations

import pytest

from offhook.speech.alike import alike


@pytest.mark.parametrize(
    ("one", "other", "language", "same"),
    [
        ("We need two canoes.", "we need 2 canoes", "en", True),
        ("Is the crane free at 7:30 PM?", "is the crane free at seven thirty pm", "en", True),
        ("On the 3rd, for 25 people", "on the third for twenty five people", "en", True),
        ("It was $20", "it was twenty dollars", "en", True),
        ("We need two canoes.", "We need few canoes.", "en", False),
        ("On the 3rd", "On the 13th", "en", False),
        ("I can come", "I can't come", "en", False),
        ("", "yes", "en", False),
        ("Um 9 Uhr", "um neun Uhr", "de", True),
        ("\u00c0 15 heures", "\u00e0 quinze heures", "fr", True),
        ("Somos 12", "somos doce", "es", True),
    ],
)
def test_alike(one: str, other: str, language: str, same: bool) -> None:
    assert alike(one, other, language) is same
    assert alike(other, one, language) is same
