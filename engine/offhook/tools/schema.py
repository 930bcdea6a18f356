"""JSON schemas of tools: what does not fit one, and what is left of a stranger's.  Pure.

Only what a telephone call can fill is understood: objects of texts, numbers, yes and no, and lists of texts
or numbers.  A stranger's schema is brought to that; what cannot be said on the telephone is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MAX_LENGTH = 500
"""Characters of a text: longer than this nobody says in one value, and grammars of more than 2,000
repetitions cannot be made (llama.cpp #25746)."""
MAX_ITEMS = 20
MAX_ENUM = 200
MAX_PROPERTIES = 24
MAX_DESCRIPTION = 400
FORMATS = ("date", "time", "date-time", "phone", "email", "name", "digits", "words")
_TYPES = ("string", "integer", "number", "boolean", "array")
_EMPTY: dict[str, Any] = {"type": "object", "properties": {}, "required": []}


# --- what does not fit ---------------------------------------------------------------------------


def problem_with(arguments: Any, schema: Mapping[str, Any]) -> str | None:
    """The first thing in ``arguments`` that does not fit ``schema``, in one line; None when they do."""
    if not isinstance(arguments, Mapping):
        return "the arguments are not an object"
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in arguments:
            return f"{name} is missing"
    for name, value in arguments.items():
        if name not in properties:
            return f"{name} is not known; known: {', '.join(properties) or 'none'}"
        problem = value_problem(value, properties[name])
        if problem is not None:
            return f"{name} {problem}"
    return None


def value_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Why one value does not fit its schema; None when it does."""
    choices = schema.get("enum")
    if choices is not None:
        return None if value in choices else f"is not one of {', '.join(map(str, choices))}"
    match kind_of(schema):
        case "string":
            return _text_problem(value, schema)
        case "boolean":
            return None if isinstance(value, bool) else "is not true or false"
        case "array":
            return _list_problem(value, schema)
        case kind:
            return _number_problem(value, schema, kind)


def kind_of(schema: Mapping[str, Any]) -> str:
    """One of string, integer, number, boolean, array."""
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "string")
    return kind if kind in _TYPES else "string"


def _text_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    if not isinstance(value, str):
        return "is not a text"
    if len(value) > min(schema.get("maxLength", MAX_LENGTH), MAX_LENGTH):
        return "is too long"
    if len(value) < schema.get("minLength", 0):
        return "is too short"
    pattern = schema.get("pattern")
    if pattern is not None and re.search(pattern, value) is None:
        return "has not the form that is wanted"
    return None


def _number_problem(value: Any, schema: Mapping[str, Any], kind: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "is not a number"
    if kind == "integer" and not float(value).is_integer():
        return "is not a whole number"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and value < least:
        return f"is less than {least}"
    if most is not None and value > most:
        return f"is more than {most}"
    return None


def _list_problem(value: Any, schema: Mapping[str, Any]) -> str | None:
    if not isinstance(value, list | tuple):
        return "is not a list"
    if len(value) > min(schema.get("maxItems", MAX_ITEMS), MAX_ITEMS):
        return "has too many entries"
    problems = (value_problem(each, schema.get("items") or {}) for each in value)
    return next((problem for problem in problems if problem is not None), None)


# --- strangers' schemas --------------------------------------------------------------------------


def clamped(schema: Any) -> dict[str, Any]:
    """What is left of a stranger's schema.

    References within it are followed, alternatives become their first useful one, what is longer than a limit
    is cut, patterns go (a stranger's can take for ever), and what must be there but cannot be said on the
    telephone makes the whole unusable: raises ValueError with the property's name.
    """
    if not isinstance(schema, Mapping):
        return dict(_EMPTY)
    resolve = _Resolver(schema)
    whole = resolve(schema, 0)
    properties = whole.get("properties")
    if not isinstance(properties, Mapping):
        return dict(_EMPTY)
    required = [name for name in whole.get("required") or () if isinstance(name, str) and name in properties]
    kept: dict[str, Any] = {}
    # Those that have to be there come first: they are never among those left out.
    for name in [*required, *(name for name in properties if name not in required)]:
        value = _value(resolve(properties[name], 0), resolve)
        if value is None:
            if name in required:
                raise ValueError(f"{name} is an object or of no type, which nobody can say on the telephone")
            continue
        if len(kept) < MAX_PROPERTIES or name in required:
            kept[str(name)] = value
    if len(kept) > MAX_PROPERTIES:
        raise ValueError(f"{len(required)} values have to be given; at most {MAX_PROPERTIES}")
    # Back in its own order, which is the order of questions.
    ordered = {str(name): kept[str(name)] for name in properties if str(name) in kept}
    return {"type": "object", "properties": ordered, "required": required}


class _Resolver:
    """Follows ``$ref`` within one document, and takes the first useful alternative."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def __call__(self, schema: Any, depth: int) -> dict[str, Any]:
        if not isinstance(schema, Mapping) or depth > 8:
            return {}
        found = dict(schema)
        reference = found.pop("$ref", None)
        if isinstance(reference, str) and reference.startswith("#/"):
            target: Any = self._root
            for part in reference[2:].split("/"):
                part = part.replace("~1", "/").replace("~0", "~")
                target = target.get(part) if isinstance(target, Mapping) else None
            found = {**self(target, depth + 1), **found}
        for key in ("anyOf", "oneOf"):
            for one in found.pop(key, None) or ():
                chosen = self(one, depth + 1)
                if chosen.get("type") not in (None, "null"):
                    found = {**chosen, **{k: v for k, v in found.items() if k in ("description", "title")}}
                    break
        for one in found.pop("allOf", None) or ():
            found = {**self(one, depth + 1), **found}
        return found


_KEPT = ("description", "title", "default", "minimum", "maximum", "x-ask", "x-from")


def _value(schema: dict[str, Any], resolve: _Resolver) -> dict[str, Any] | None:
    """One value's schema; None when it cannot be said."""
    if "const" in schema:
        schema = {**schema, "enum": [schema["const"]]}
    choices = schema.get("enum")
    kept: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    for key in ("description", "title", "x-ask"):
        if isinstance(kept.get(key), str):
            kept[key] = " ".join(kept[key].split())[:MAX_DESCRIPTION]
    if isinstance(choices, list):
        plain = [each for each in choices if isinstance(each, str | int | float) and len(str(each)) <= 100]
        if not plain:
            return None
        return {**kept, "type": "string" if isinstance(plain[0], str) else "number", "enum": plain[:MAX_ENUM]}
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), None)
    if kind not in _TYPES:
        return None
    kept["type"] = kind
    if kind == "string":
        if schema.get("format") in FORMATS:
            kept["format"] = schema["format"]
        length = schema.get("maxLength")
        kept["maxLength"] = min(length, MAX_LENGTH) if isinstance(length, int) and length > 0 else MAX_LENGTH
    if kind == "array":
        items = _value(resolve(schema.get("items"), 0), resolve)
        if items is None or items["type"] == "array":
            return None
        kept["items"], kept["maxItems"] = items, min(int(schema.get("maxItems") or MAX_ITEMS), MAX_ITEMS)
    for key in ("minimum", "maximum"):
        if key in kept and (isinstance(kept[key], bool) or not isinstance(kept[key], int | float)):
            del kept[key]
    return kept
