"""A tool that is one HTTP request: its URL and body are templates, its result a path into the answer."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from offhook.agents.tools import ToolEntry
from offhook.errors import ConfigError, ToolError
from offhook.tools.base import BaseTool, Context, ToolResult, ToolSpec
from offhook.tools.outbound import fetch
from offhook.tools.templates import filled_header, filled_json, filled_url, places

KEY_HEADER = "Idempotency-Key"
RESULT_CHARACTERS = 2_000
"""So much of an answer that is a text is kept."""
_OURS = ("caller", "call_id", "agent", "tenant", "language", "now", "key")
"""Placeholders that every template may have, besides the tool's own values."""
_SECRET_HEADERS = re.compile(r"authorization|token|key|secret|cookie", re.IGNORECASE)


class HttpTool(BaseTool):
    """See :mod:`offhook.tools.http`."""

    def __init__(
        self,
        spec: ToolSpec,
        http: httpx.AsyncClient,
        *,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Any = None,
        result: str | None = None,
        secret: str = "",
        query: Mapping[str, str] | None = None,
    ) -> None:
        """``query``: values that go into the query when they are there, with their names there.

        Raises ConfigError for templates that cannot be filled.
        """
        super().__init__(spec)
        self._http = http
        self._method, self._url, self._headers = method, url, dict(headers)
        self._body, self._query = body, dict(query or {})
        self._secret = secret
        self._path = None if result is None else _json_path(spec.name, result)
        _check(spec, url, headers, body, bool(secret))

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        values = {**_of(context), **arguments}
        url = filled_url(self._url, values)
        asked = {there: arguments[name] for name, there in self._query.items() if name in arguments}
        if asked:
            url = str(httpx.URL(url).copy_merge_params(asked))
        headers = {
            name: filled_header(text, {**values, "secret": self._secret})
            for name, text in self._headers.items()
        }
        if self.spec.effect == "writes":
            headers.setdefault(KEY_HEADER, context.key)
        body: Any = None
        if self._method in ("POST", "PUT", "PATCH"):
            body = dict(arguments) if self._body is None else filled_json(self._body, values)
        try:
            request = self._http.build_request(self._method, url, headers=headers, json=body)
        except (httpx.InvalidURL, ValueError) as error:
            raise ToolError(f"{self.spec.name}: not a URL: {error}", sent=False) from error
        status, content, kind = await fetch(self._http, request)
        return self._result(status, content, kind)

    def _result(self, status: int, content: bytes, kind: str) -> ToolResult:
        if status >= 500 or status == 429:
            # These two say that nothing was begun; of the others nobody knows.
            raise ToolError(f"{self.spec.name}: the server says {status}", sent=status not in (429, 503))
        if 300 <= status < 400:
            raise ToolError(f"{self.spec.name}: the server redirects ({status}), which is not followed")
        value = _read(content, kind)
        if status >= 400:
            return ToolResult(value if value not in (None, "") else f"refused ({status})", ok=False)
        if self._path is not None:
            found = self._path.findall(value) if isinstance(value, dict | list) else []
            value = found[0] if len(found) == 1 else found or None
        return ToolResult(value)


def http_tool(entry: ToolEntry, spec: ToolSpec, http: httpx.AsyncClient, folder: Path | None) -> HttpTool:
    """From ``[tools.NAME]`` with ``source = "http"``.  Raises ConfigError."""
    assert entry.url is not None
    method = entry.method or ("POST" if spec.effect == "writes" else "GET")
    return HttpTool(
        spec,
        http,
        method=method,
        url=entry.url,
        headers=entry.headers,
        body=entry.body,
        result=entry.result,
        secret=secret_of(entry, folder),
        query=_unplaced(entry, spec, method),
    )


def _unplaced(entry: ToolEntry, spec: ToolSpec, method: str) -> dict[str, str]:
    """Values of a request without a body that no template names: they go into the query."""
    if method not in ("GET", "DELETE"):
        return {}
    placed = {*places(entry.url), *places(dict(entry.headers))}
    return {name: name for name in spec.properties if name not in placed}


def secret_of(entry: ToolEntry, folder: Path | None) -> str:
    """The secret of an entry; empty for one that has none.  Raises ConfigError, which never shows it."""
    if entry.secret_env is not None:
        secret = os.environ.get(entry.secret_env, "").strip()
        if not secret:
            raise ConfigError(f"the environment variable {entry.secret_env} (secret_env) is not set or empty")
        return secret
    if entry.secret_file is not None:
        path = entry.secret_file.expanduser()
        path = path if path.is_absolute() or folder is None else folder / path
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not a text"
            raise ConfigError(f"secret_file cannot be read: {why}; it holds the secret on one line") from None
        if not secret:
            raise ConfigError("secret_file is empty: write the secret into it, on one line")
        return secret
    return ""


def _check(spec: ToolSpec, url: str, headers: Mapping[str, str], body: Any, has_secret: bool) -> None:
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ConfigError("url begins with https:// (or http://) and a host")
    if "{" in split.netloc:
        raise ConfigError("url: the host is fixed; values may stand behind it")
    if split.username or split.password:
        raise ConfigError("url must not hold a user or password; use headers with {secret}")
    known = {*spec.properties, *_OURS}
    for where, template in (("url", url), ("body", body), ("headers", dict(headers))):
        for name in places(template):
            if name == "secret" and where == "headers":
                if not has_secret:
                    raise ConfigError("headers name {secret}: set secret_env or secret_file")
            elif name == "secret":
                raise ConfigError(f"{where}: {{secret}} may stand in headers only, where no log shows it")
            elif name not in known:
                raise ConfigError(f"{where}: {{{name}}} is none of its values: {', '.join(sorted(known))}")
    for name, text in headers.items():
        if _SECRET_HEADERS.search(name) and "{" not in text and name.lower() != KEY_HEADER.lower():
            raise ConfigError(
                f"headers: {name} holds a secret: write {{secret}} there, and set secret_env or secret_file"
            )


def _of(context: Context) -> dict[str, Any]:
    return {
        "caller": context.caller,
        "call_id": context.call_id,
        "agent": context.agent,
        "tenant": context.tenant,
        "language": context.language,
        "now": context.now.isoformat(timespec="seconds"),
        "key": context.key,
    }


def _read(content: bytes, kind: str) -> Any:
    text = content.decode("utf-8", errors="replace").strip()
    if "json" in kind or text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            if "json" in kind and text:
                raise ToolError("the answer is no JSON") from None
    return text[:RESULT_CHARACTERS]


def _json_path(name: str, path: str) -> Any:
    try:
        import jsonpath
    except ImportError:
        raise ConfigError("result is a JSONPath: pip install 'offhook[tools]' to have them") from None
    try:
        return jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        raise ConfigError(f"result: {path!r} is no JSONPath: {str(error).splitlines()[0]}") from None
