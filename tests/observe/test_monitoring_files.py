"""The dashboard and the alerts ask for numbers that the daemon gives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from offhook.observe.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"


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
    given = {
        sample.name
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }
    asked = {name for each in expressions(DEPLOY / file) for name in re.findall(r"\boffhook_\w+", each)}
    assert asked, "the file asks for something"
    assert asked <= given
