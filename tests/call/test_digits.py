"""Keys become entries: by length, by terminator, by time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offhook.call.dtmf import MS, DigitCollector


def test_an_entry_of_known_length_is_complete_with_its_last_key() -> None:
    collector = DigitCollector()
    assert [collector.press(key, 0, 4) for key in "4271"] == [None, None, None, "4271"]
    assert collector.tick(10**12) is None


def test_the_terminator_ends_an_entry_and_is_no_part_of_it() -> None:
    collector = DigitCollector()
    assert [collector.press(key, 0) for key in "42#"] == [None, None, "42"]
    assert collector.press("#", 0) is None


def test_nothing_more_comes() -> None:
    collector = DigitCollector(timeout_ms=3_000)
    collector.press("4", 0)
    collector.press("2", 2_000 * MS)
    assert collector.tick(4_999 * MS) is None
    assert collector.tick(5_000 * MS) == "42"
    assert collector.tick(9_000 * MS) is None


def test_a_voice_on_the_line_puts_the_end_off_but_not_for_ever() -> None:
    collector = DigitCollector(timeout_ms=3_000)
    collector.press("4", 0)
    assert collector.tick(5_999 * MS, speaking=True) is None
    assert collector.tick(6_000 * MS, speaking=True) == "4"


@given(st.text("0123456789*#", max_size=200), st.integers(1, 20))
def test_no_key_is_lost_and_none_is_made_up(keys: str, length: int) -> None:
    collector = DigitCollector()
    entries = [entry for key in keys if (entry := collector.press(key, 0, length)) is not None]
    rest = collector.tick(collector.timeout_ms * MS)
    assert "".join(entries) + (rest or "") == keys.replace("#", "")
    assert all(1 <= len(entry) <= length for entry in entries)
