"""How much speaks for a wish: whether what the caller said begins a form, or asks something.  Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """What speaks for a wish, and against it; chosen on ``bench/tools/seen.toml`` and ``third.toml``."""

    states: float = 1.0
    """What was said asks nothing."""
    likeness: float = 10.0
    kind: float = 1.5
    """For the log-odds that something of its kind is wanted ..."""
    other_kind: float = 0.8
    """... and against it: owners have wishes of their own, which are of no kind quite."""
    value: float = 1.0
    """For each of the tool's values that was said, three at most."""
    fact: float = 0.1
    """Against it, for the log-odds of the best fact."""
    most_fact: float = 8.0
    """They count no further: what can be done is mostly written about, too, and then they are highest."""
    opens: float = 2.0
    """Against it, where a question word was said: "how late can I cancel"."""
    bare: float = 0.3
    """Against it, where none of its values was said."""
    most: float = 1.5
    """What the look of a wish counts at most: chatter looks like one, too."""
    against: float = 0.2


WEIGHTS = Weights()


def score(
    request: float,
    likeness: float,
    values: int,
    fact: float,
    *,
    kind: float = 0.0,
    asks: bool,
    opens: bool,
    weights: Weights = WEIGHTS,
) -> float:
    """How much speaks for a wish, against a question: above 0 its form is begun.

    ``request``: log-odds that something be done is wanted.  ``fact``: the best fact's log-odds.
    ``asks``: it is a question; ``opens``: one that a yes would not answer.  ``kind``: log-odds that something
    of the tool's kind is wanted, 0 where nothing can tell.
    """
    return (
        max(-2.5, min(weights.most, request))
        + (0.0 if asks else weights.states)
        + weights.likeness * likeness
        + (weights.kind if kind > 0 else weights.other_kind) * kind
        + (weights.value * min(values, 3) if values else -weights.bare)
        - weights.fact * min(max(0.0, fact), weights.most_fact)
        - (weights.opens if opens else 0.0)
        - weights.against
    )
