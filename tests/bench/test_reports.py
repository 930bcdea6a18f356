"""What is committed in bench/reports says where it was measured, of what, and how it is measured again."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from bench.about import REPORTS, about

MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
FILES = sorted(REPORTS.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_report_says_where_of_what_and_how(file: Path) -> None:
    said = json.loads(file.read_text(encoding="utf-8"))["about"]
    assert said["processor"]
    assert said["cores"] >= 1
    assert re.fullmatch(r"[0-9a-f]{7,40}", said["commit"])
    assert re.match(r"20\d\d-\d\d-\d\d", said["at"])
    for step in said["repeat"].split(" && "):
        assert exists(step), step


def exists(command: str) -> bool:
    """A target of the Makefile, or a module."""
    target = re.fullmatch(r"make ([a-z-]+)", command)
    if target:
        return re.search(rf"^{target[1]}:", MAKEFILE, re.MULTILINE) is not None
    module = re.match(r"\.venv/bin/python -m (bench[\w.]*)", command)
    return module is not None and importlib.util.find_spec(module[1]) is not None


def test_one_of_today_does() -> None:
    said = about("make evals")
    assert said["repeat"] == "make evals"
    assert said["processor"]
    assert isinstance(said["changed_since"], bool)
