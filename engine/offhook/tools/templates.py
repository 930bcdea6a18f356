"""Texts with values in them: ``{day}``, ``{result.number}``.  Pure.

A placeholder is a name in braces, with points for what lies inside a result; other braces are themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)*)\}")


def places(template: Any) -> Iterator[str]:
    """The first names of all placeholders of a text, or of the texts in a JSON value."""
    if isinstance(template, str):
        for found in _PLACE.finditer(template):
            yield found[1].split(".")[0]
    elif isinstance(template, Mapping):
        for each in template.values():
            yield from places(each)
    elif isinstance(template, list | tuple):
        for each in template:
            yield from places(each)


def paths(template: str) -> list[str]:
    """All placeholders of a text, in full: ``result.number``."""
    return [found[1] for found in _PLACE.finditer(template)]


def filled(template: str, values: Mapping[str, Any], write: Callable[[Any], str] = str) -> str:
    """``template`` with its values, each as ``write`` gives it; what is not there is left out."""

    def put(found: re.Match[str]) -> str:
        value = value_at(found[1], values)
        return "" if value is None else write(value)

    return _PLACE.sub(put, template)


def filled_url(template: str, values: Mapping[str, Any]) -> str:
    """The same for a URL: no value can leave its place, be it a path's segment or a query's value."""
    return filled(template, values, lambda value: quote(_plain(value), safe=""))


def filled_header(template: str, values: Mapping[str, Any]) -> str:
    """The same for a header: no value begins a line of its own."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", filled(template, values, _plain)).strip()


def filled_json(template: Any, values: Mapping[str, Any]) -> Any:
    """The same for JSON: a text that is one placeholder becomes the value, of whatever type it is.

    What is not there leaves its key out as well.
    """
    if isinstance(template, str):
        alone = _PLACE.fullmatch(template)
        return value_at(alone[1], values) if alone is not None else filled(template, values, _plain)
    if isinstance(template, Mapping):
        found = {key: filled_json(each, values) for key, each in template.items()}
        return {key: each for key, each in found.items() if each is not None or template[key] is None}
    if isinstance(template, list | tuple):
        return [filled_json(each, values) for each in template]
    return template


def value_at(path: str, values: Mapping[str, Any]) -> Any:
    """What stands at ``path`` (with points, and numbers into lists); None: nothing."""
    found: Any = values
    for part in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
