"""Values are held against schemas, and strangers' schemas are brought to what can be said on the
telephone."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.tools.schema import MAX_LENGTH, MAX_PROPERTIES, clamped, problem_with
from tests.support.tools import schema


@pytest.mark.parametrize(
    ("value", "of", "says"),
    [
        ("trim", {"enum": ["trim", "cut"]}, None),
        ("shave", {"enum": ["trim", "cut"]}, "not one of trim, cut"),
        (3, {"type": "integer", "minimum": 1}, None),
        (0, {"type": "integer", "minimum": 1}, "less than 1"),
        (2.5, {"type": "integer"}, "not a whole number"),
        (True, {"type": "integer"}, "not a number"),
        ("2", {"type": "number"}, "not a number"),
        ("x" * 501, {"type": "string"}, "too long"),
        ("12a", {"type": "string", "pattern": "^[0-9]+$"}, "not the form"),
        ([1, 2], {"type": "array", "items": {"type": "integer"}}, None),
        ([1, "2"], {"type": "array", "items": {"type": "integer"}}, "not a number"),
        (1, {"type": "boolean"}, "true or false"),
    ],
)
def test_values(value: Any, of: dict[str, Any], says: str | None) -> None:
    found = problem_with({"v": value}, schema(v=of))
    assert found is None if says is None else found is not None and says in found


def test_a_strangers_schema_is_clamped() -> None:
    stranger = {
        "$defs": {"Size": {"enum": ["S", "M"]}},
        "type": "object",
        "properties": {
            "note": {"type": "string", "maxLength": 100_000, "pattern": "(a+)+$"},
            "size": {"$ref": "#/$defs/Size"},
            "when": {"anyOf": [{"type": "null"}, {"type": "string", "format": "date"}], "title": "Day"},
            "deep": {"type": "object", "properties": {"x": {"type": "string"}}},
            "loop": {"$ref": "#/properties/loop"},
            **{f"extra{number}": {"type": "string"} for number in range(60)},
            "last": {"type": ["integer", "null"]},
        },
        "required": ["last", "note"],
    }
    found = clamped(stranger)
    properties = found["properties"]
    assert properties["note"] == {"type": "string", "maxLength": MAX_LENGTH}
    assert properties["size"]["enum"] == ["S", "M"]
    assert properties["when"] == {"title": "Day", "type": "string", "format": "date", "maxLength": MAX_LENGTH}
    assert {"deep", "loop"}.isdisjoint(properties)
    assert len(properties) == MAX_PROPERTIES
    assert list(properties)[-1] == "last", "in the stranger's order"
    assert found["required"] == ["last", "note"]


@pytest.mark.parametrize("nothing", [None, [], {"type": "object"}, {"properties": 3}, {"$ref": "#"}])
def test_a_schema_without_values(nothing: Any) -> None:
    assert clamped(nothing)["properties"] == {}


def test_what_must_be_said_and_cannot_be() -> None:
    with pytest.raises(ValueError, match="address is an object"):
        clamped({"properties": {"address": {"type": "object"}}, "required": ["address"]})
