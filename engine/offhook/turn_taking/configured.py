"""The configuration as turn-taking sees it."""

from __future__ import annotations

from dataclasses import replace

from offhook.config import TurnConfig
from offhook.end_of_turn.wait import DIAL
from offhook.turn_taking.settings import UNSPECULATED_MS, TurnSettings


def configured(config: TurnConfig, *, language: str, barge_in: bool = True) -> TurnSettings:
    """``[turn]`` as settings; ``language`` and ``barge_in`` are the agent's; the latter can only
    close it.
    """
    curve = DIAL[config.responsiveness]
    longest = curve.longest_ms if config.endpointing_max_ms is None else config.endpointing_max_ms
    shortest = curve.shortest_ms if config.endpointing_min_ms is None else config.endpointing_min_ms
    curve = replace(
        curve,
        longest_ms=longest,
        shortest_ms=min(shortest, longest),
        asked_ms=min(curve.asked_ms, longest),
    )
    return TurnSettings(
        endpointing=curve,
        language=language,
        speculate=config.speculation,
        unspeculated_ms=min(UNSPECULATED_MS, longest),
        barge_in=config.barge_in and barge_in,
        max_silence_ms=round(config.max_silence_s * 1000),
        holding_ms=config.holding_ms or None,
    )
