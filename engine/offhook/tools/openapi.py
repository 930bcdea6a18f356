"""Operations of a server that describes itself with OpenAPI 3, by their operationId.

The document is read once.  An operation's parameters and the fields of its JSON body become one flat list of
values; what cannot be said on the telephone is left out, or refused where the server wants it.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx

from offhook.agents.tools import ToolEntry
from offhook.errors import ConfigError
from offhook.tools.base import ToolSpec
from offhook.tools.http import HttpTool, secret_of
from offhook.tools.schema import clamped

_METHODS = ("get", "post", "put", "patch", "delete")
MOST_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, flattened."""

    method: str
    url: str
    description: str
    schema: dict[str, Any]
    """Of all values."""
    query: dict[str, str]
    """Values of the query, with their names there."""
    headers: dict[str, str]
    body: dict[str, str]
    """Names of the body's fields, with their values as placeholders."""


def openapi_tool(entry: ToolEntry, spec: ToolSpec, http: httpx.AsyncClient, folder: Path | None) -> HttpTool:
    """From ``[tools.NAME]`` with ``source = "openapi"``; what the file says goes before the document.

    Raises ConfigError.
    """
    assert entry.document is not None
    assert entry.operation is not None
    document, base = read_document(entry.document, folder)
    operation = find_operation(document, entry.operation, entry.url or base)
    spec = replace(
        spec,
        description=spec.description or operation.description,
        parameters=spec.parameters if entry.parameters else operation.schema,
        effect=entry.effect or ("reads" if operation.method == "GET" else "writes"),
    )
    return HttpTool(
        spec,
        http,
        method=operation.method,
        url=operation.url,
        headers={**operation.headers, **entry.headers},
        body=operation.body,
        result=entry.result,
        secret=secret_of(entry, folder),
        query=operation.query,
    )


def read_document(written: Path, folder: Path | None) -> tuple[dict[str, Any], str]:
    """The document, and the URL that its servers are relative to.  Raises ConfigError."""
    if re.search(r"(?:^|/)https?:/", str(written)):
        raise ConfigError(
            f"document = {written.name!r}: fetch it and name the file: what an agent can do must not"
            " change by itself"
        )
    path = written.expanduser()
    path = path if path.is_absolute() or folder is None else folder / path
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path} is larger than {MOST_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or 'not a text'}") from None
    document = _parse(path, text)
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise ConfigError(f"{path} is no OpenAPI 3 document")
    return document, ""


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        if path.suffix == ".json":
            raise ConfigError(f"{path} is no JSON: {error}") from None
    try:
        import yaml
    except ImportError:
        raise ConfigError(f"{path} is YAML: pip install 'offhook[tools]' to read it") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {str(error).splitlines()[0]}") from None


def find_operation(document: Mapping[str, Any], wanted: str, base: str) -> Operation:
    """One operation by its id.  Raises ConfigError, with the nearest ids."""
    found: dict[str, tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = {}
    paths = document.get("paths")
    for path, item in (paths if isinstance(paths, Mapping) else {}).items():
        for method in _METHODS:
            operation = item.get(method) if isinstance(item, Mapping) else None
            if isinstance(operation, Mapping) and operation.get("operationId"):
                found[str(operation["operationId"])] = (method, str(path), operation, item)
    if wanted not in found:
        near = difflib.get_close_matches(wanted, found, n=3)
        there = ", ".join(near or sorted(found)[:8])
        raise ConfigError(f"operation {wanted!r} is not in the document; there is: {there or 'none'}")
    method, path, operation, item = found[wanted]
    try:
        return _flatten(document, method, path, operation, item, base)
    except ValueError as error:
        raise ConfigError(f"operation {wanted!r}: {error}") from None


def _flatten(
    document: Mapping[str, Any],
    method: str,
    path: str,
    operation: Mapping[str, Any],
    item: Mapping[str, Any],
    base: str,
) -> Operation:
    properties: dict[str, Any] = {}
    required: list[str] = []
    places: dict[str, str] = {}
    renamed: dict[str, str] = {}
    for written in [*(item.get("parameters") or ()), *(operation.get("parameters") or ())]:
        parameter = _followed(document, written)
        name, place = str(parameter.get("name", "")), parameter.get("in")
        if place == "cookie" or not name:
            continue
        key = _key(name)
        renamed[key], places[key] = name, str(place)
        properties[key] = {**_followed(document, parameter.get("schema") or {}), **_described(parameter)}
        if parameter.get("required") and key not in required:
            required.append(key)
    body = _body_schema(document, operation)
    fields: dict[str, str] = {}
    for name, schema in (body.get("properties") or {}).items():
        key = _key(str(name))
        properties.setdefault(key, schema)
        fields[str(name)] = key
    required += [fields[name] for name in body.get("required") or () if name in fields]
    required = list(dict.fromkeys(required))
    schema = clamped({**document, "type": "object", "properties": properties, "required": required})
    kept = schema["properties"]
    url = _server(document, base).rstrip("/") + path
    for key, place in places.items():
        if place == "path":
            url = url.replace(f"{{{renamed[key]}}}", f"{{{key}}}")
    return Operation(
        method.upper(),
        url,
        " ".join(str(operation.get("summary") or operation.get("description") or "").split())[:400],
        schema,
        {key: renamed[key] for key, place in places.items() if place == "query" and key in kept},
        {renamed[key]: f"{{{key}}}" for key, place in places.items() if place == "header" and key in kept},
        {name: f"{{{key}}}" for name, key in fields.items() if key in kept},
    )


def _body_schema(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    body = _followed(document, operation.get("requestBody") or {})
    content = body.get("content") or {}
    for kind, media in content.items():
        if "json" in kind:
            return _followed(document, media.get("schema") or {})
    if content and body.get("required"):
        raise ValueError(f"its body is {', '.join(content)}, and only JSON is sent")
    return {}


def _followed(document: Mapping[str, Any], schema: Any, depth: int = 0) -> dict[str, Any]:
    """``schema`` with what it refers to, and what all of it has to be."""
    if not isinstance(schema, Mapping) or depth > 8:
        return {}
    found = dict(schema)
    reference = found.pop("$ref", None)
    if isinstance(reference, str):
        if not reference.startswith("#/"):
            raise ValueError(f"it refers to another file ({reference})")
        target: Any = document
        for part in reference[2:].split("/"):
            target = (
                target.get(part.replace("~1", "/").replace("~0", "~"))
                if isinstance(target, Mapping)
                else None
            )
        found = {**_followed(document, target, depth + 1), **found}
    for one in found.pop("allOf", None) or ():
        more = _followed(document, one, depth + 1)
        found["properties"] = {**(more.get("properties") or {}), **(found.get("properties") or {})}
        found["required"] = [*(more.get("required") or ()), *(found.get("required") or ())]
        found = {**more, **found}
    return found


def _described(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": parameter["description"]} if parameter.get("description") else {}


def _key(name: str) -> str:
    """A name that a placeholder and every model can write."""
    return "".join(char if char.isalnum() else "_" for char in name).lower().strip("_") or "value"


def _server(document: Mapping[str, Any], base: str) -> str:
    servers = document.get("servers") or [{}]
    first = servers[0] if isinstance(servers, list) and isinstance(servers[0], Mapping) else {}
    url = str(first.get("url") or "")
    for name, variable in (first.get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", quote(str(variable.get("default", "")), safe=""))
    found = urljoin(base, url) if base and not url.startswith("http") else (base or url)
    if not found.startswith(("http://", "https://")):
        raise ValueError("the document names no server: set url to where it is")
    return found
