"""The dashboard and the alerts ask for numbers that the daemon gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from offhook.config import BudgetConfig
from offhook.observe.metrics import Metrics
from tests.support.traces import turn

DEPLOY = Path(__file__).parents[2] / "deploy"


class Model:
    """One whose prompts are computed here."""

    def stats(self) -> dict[str, int]:
        return {"cells": 100, "cells_used": 25, "prefix_hits": 3, "prefix_misses": 1, "prefix_restores": 2}


def expressions(file: Path) -> list[str]:
    if file.suffix == ".json":
        panels = json.loads(file.read_text())["panels"]
        return [target["expr"] for panel in panels for target in panel["targets"]]
    groups = yaml.safe_load(file.read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("file", ["grafana/offhook.json", "prometheus/offhook.rules.yml"])
def test_every_number_that_is_asked_for_exists(file: str) -> None:
    metrics = Metrics()
    metrics.call_ended("ok")
    metrics.call_refused("busy")
    metrics.watch_models([Model()])
    given = {
        sample.name
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }
    asked = {name for each in expressions(DEPLOY / file) for name in re.findall(r"\boffhook_\w+", each)}
    assert asked, "the file asks for something"
    assert asked <= given


def test_guesses_and_caches_are_counted() -> None:
    metrics, trace = Metrics(), turn()
    trace.tokens_drafted, trace.tokens_accepted = 12, 9
    metrics.turn_ended(trace, BudgetConfig())
    metrics.watch_models([Model(), Model(), object()])
    metrics.audio_waiting(0.03)
    page = metrics.page().decode()
    for line in (
        'offhook_draft_tokens_total{outcome="right"} 9.0',
        'offhook_draft_tokens_total{outcome="wrong"} 3.0',
        'offhook_llm_cache_tokens{state="used"} 50.0',
        'offhook_llm_cache_tokens{state="free"} 150.0',
        'offhook_llm_prefixes_total{outcome="hit"} 6.0',
        "offhook_llm_prefixes_restored_total 4.0",
        'offhook_audio_pipe_seconds_bucket{le="0.04"} 1.0',
        'offhook_audio_pipe_seconds_bucket{le="0.02"} 0.0',
    ):
        assert f"{line}\n" in page
