"""Whether words that came while we spoke mean "go on", or are our own come back."""

from __future__ import annotations

import re

from offhook.languages.turns import turn_language

_WORDS = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_LONGEST_BACKCHANNEL = 4


def words_of(text: str) -> list[str]:
    """The words of ``text``, in lower case, with inner hyphens and apostrophes."""
    return _WORDS.findall(text.lower().replace("\u2019", "'"))


def is_backchannel(text: str, language: str) -> bool:
    """Whether ``text``, in ``language``, only says "go on": "mm-hm", "yeah yeah", "okay, I see".

    At most four such words or phrases; more is an answer.  An empty text is no backchannel.
    """
    known = turn_language(language).backchannels
    words = words_of(text)
    parts = 0
    while words:
        taken = next((len(phrase) for phrase in known.phrases if tuple(words[: len(phrase)]) == phrase), 0)
        if not taken:
            taken = int(words[0] in known.words)
        if not taken:
            return False
        words = words[taken:]
        parts += 1
    return 0 < parts <= _LONGEST_BACKCHANNEL


def is_own_words(text: str, said: str, least: int = 3) -> bool:
    """Whether ``text`` is an echo of ``said``, which was in the air while it was heard or just before.

    ``least`` words or more, nine of ten of them found in ``said`` in the same order: recognisers
    mishear an echo, and a caller who repeats two of our words is answering.  Words of ours that were
    not in the air then are no part of ``said``: whoever chooses an option in our words echoes nothing.
    """
    words, ours = words_of(text), words_of(said)
    if len(words) < max(1, least) or not ours:
        return False
    return longest_common(words, ours) >= 0.9 * len(words)


def longest_common(one: list[str], other: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        previous = row
        row = [0]
        for index, candidate in enumerate(other):
            row.append(previous[index] + 1 if word == candidate else max(previous[index + 1], row[index]))
    return row[-1]
