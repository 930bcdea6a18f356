"""Spoken numbers of a language as a table, by num2words, which says them in the other direction."""

from __future__ import annotations

from collections.abc import Mapping

from num2words import num2words  # cardinals in words; already what speaks them (offhook.speech.numbers)

from offhook.languages.words import words

Table = dict[tuple[str, ...], str]


def spoken_numbers(
    *tags: str, hundreds: tuple[str, ...], joint: str, more: Mapping[str, str] | None = None
) -> Table:
    """Digits by the words for 0 to 999 in the languages ``tags`` of num2words, and by ``more``.

    ``hundreds`` are the words for 100, 200 ...; several for one with "|" between them.  ``joint`` stands
    between them and what follows.  Groups are said as numbers up to there: "novecientos dos" in Spain.
    """
    table: Table = {}
    for tag in tags:
        below = [num2words(value, lang=tag) for value in range(100)]
        for value, said in enumerate(below):
            table[tuple(words(said))] = str(value)
        for hundred, alike in enumerate(hundreds, start=1):
            for prefix in alike.split("|"):
                table[tuple(words(prefix))] = f"{hundred}00"
                for value, said in enumerate(below[1:], start=1):
                    table[tuple(words(prefix + joint + said))] = f"{hundred}{value:02}"
    for said, digits in (more or {}).items():
        table[tuple(words(said))] = digits
    return table


def words_of(table: Table) -> frozenset[str]:
    """Every word in a table of numbers."""
    return frozenset(word for said in table for word in said)
