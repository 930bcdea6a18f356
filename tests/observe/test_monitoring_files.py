"""The dashboard and the alerts ask for numbers that the daemon gives."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from offhook.config import BudgetConfig
from offhook.observe.metrics import REFUSALS, Metrics
from tests.support.promtool import promtool
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
    metrics.tool_took("book", 0.3, ok=True)
    metrics.watch_models([Model()])
    given = {
        sample.name
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }
    asked = {name for each in expressions(DEPLOY / file) for name in re.findall(r"\boffhook_\w+", each)}
    assert asked, "the file asks for something"
    assert asked <= given


def test_alerts_ask_for_reasons_that_there_are() -> None:
    """And for the daemon's own faults: a number that nobody has is none."""
    (reasons,) = {
        tuple(found.split("|"))
        for each in expressions(DEPLOY / "prometheus/offhook.rules.yml")
        for found in re.findall(r'reason=~"([^"]+)"', each)
    }
    assert set(reasons) == set(REFUSALS) - {"unknown", "inactive"}


def test_alerts_fire_when_they_should_by_prometheus_itself() -> None:
    folder, program = DEPLOY / "prometheus", promtool()
    for command in (("check", "rules", "offhook.rules.yml"), ("test", "rules", "offhook.rules.test.yml")):
        said = subprocess.run([program, *command], cwd=folder, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stdout + said.stderr


def test_calls_and_turnaround_are_told_by_tenant_where_that_is_wanted() -> None:
    plain, mine = Metrics(), Metrics(by_tenant=True)
    for metrics in (plain, mine):
        for tenant in ("leeds", "york", None, *(f"t{number}" for number in range(600))):
            metrics.call_ended("ok", tenant)
            metrics.turn_ended(turn(), BudgetConfig(), tenant)
    page = mine.page().decode().splitlines()
    for name, label in (("calls_total", 'result="ok",'), ("turnaround_seconds_count", "")):
        for tenant, count in (("leeds", 1), ("", 1), ("other", 103)):
            assert f'offhook_{name}{{{label}tenant="{tenant}"}} {count}.0' in page
    text = plain.page().decode()
    assert 'offhook_calls_total{result="ok"} 603.0\n' in text
    assert "offhook_turnaround_seconds_count 603.0\n" in text


def test_tools_have_names_of_their_own_up_to_a_limit() -> None:
    metrics = Metrics()
    metrics.tool_took("book", 0.3, ok=True)
    for number in range(200):
        metrics.tool_took(f"tool{number}", 0.1, ok=False)
    metrics.tool_took("book", 0.3, ok=True)
    counted = [each for each in metrics.page().decode().splitlines() if "offhook_tool_seconds_count" in each]
    assert 'offhook_tool_seconds_count{outcome="ok",tool="book"} 2.0' in counted
    assert 'offhook_tool_seconds_count{outcome="failed",tool="other"} 137.0' in counted
    assert len(counted) == 65


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
