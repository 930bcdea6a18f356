"""What went wrong at a remote server, in one line that says what to do.

Texts from outside are shortened, made printable and freed of keys before they may
stand in a message.
"""

from __future__ import annotations

import email.utils
import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from offhook.engines.remote.service import Service
from offhook.errors import BusyError, DeadlineError, ModelError, OffhookError

MAX_BODY_BYTES = 64 << 10
"""Of a refusal no more is read."""
_PASSING_REQUESTS = (408, 409, 425, 429)
"""Too slow, in conflict with another, too early, too many."""
_LASTING_TROUBLES = (501, 505)
"""The server cannot do that, and does not speak this HTTP."""
_LASTING_CODES = re.compile(
    r"invalid|not_found|context_length|authentication|permission|quota|billing|unsupported|policy",
    re.IGNORECASE,
)
"""What the codes and types of errors hold that come again."""

_MAX_DETAIL_CHARS = 200
_QUOTA_CODES = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_REFUSES = re.compile(
    r"unsupported|(?:not|n't) (?:support|permit|allow|accept|recogni[sz])|unknown|unrecogni[sz]ed|unexpected"
    r"|extra (?:input|field)|extra_forbidden|additional propert|cannot find field|invalid (?:param|arg)",
    re.IGNORECASE,
)
"""So a server says that it does not take a field; beside it stands the field's name."""
_NO_SYSTEM = re.compile(
    r"system (?:role|message|prompt|instruction)s? (?:is |are )?(?:not|un)"
    r"|role:? .?system\b.{0,3} (?:is )?(?:not|un)|invalid role:? .?system\b|(?:not|n't) support .?system\b"
    r"|developer instruction is not|only user,? (?:and )?assistant|should be 'user' or 'assistant'"
    r"|roles? must alternate",
    re.IGNORECASE,
)
"""So chat templates without a system role say it; ours alternate, but for that role."""
_SECRETS = re.compile(r"\b(?:sk|pk|key|gsk|hf|nvapi|xai)[-_][^\s\"',;]{6,}|\bBearer\s+\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Detail:
    """A refusal in the server's own words; what it does not say is empty."""

    message: str = ""
    code: str = ""
    param: str = ""
    """The field of the request that it is about."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What a person can do about the usual troubles with one kind of server."""

    start: str
    """Nothing listens."""
    path: str
    """There is no such path."""
    model: str
    """There is no such model; ``{model}`` stands for its name."""


def detail_of(body: bytes) -> Detail:
    """The server's reason.

    Understands the forms of OpenAI, vLLM, llama-server, FastAPI, Mistral, LiteLLM, Gemini and Ollama, and
    those of gateways that put another server's refusal into theirs.
    """
    text = body[:MAX_BODY_BYTES].decode("utf-8", "replace").strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Detail("" if text.startswith("<") else text)  # an HTML page says nothing in one line
    if isinstance(value, list) and value:  # Gemini
        value = value[0]
    if not isinstance(value, dict):
        return Detail()
    errors = value.get("errors")
    error = value.get("error", errors[0] if isinstance(errors, list) and errors else value)
    if isinstance(error, str):
        return Detail(error)
    if not isinstance(error, dict):
        return Detail()
    metadata = error.get("metadata")
    inner = metadata.get("raw") if isinstance(metadata, dict) else None
    if isinstance(inner, str) and inner:  # a gateway's own words say only that somebody else refused
        return detail_of(inner.encode())
    message = error.get("message") or error.get("detail") or ""
    return Detail(
        message if isinstance(message, str) else json.dumps(_without_input(message)),
        _word(error.get("code")) or _word(error.get("type")) or _word(error.get("status")),
        _word(error.get("param")) or _location(message) or _violation(error.get("details")),
    )


def passes(status: int) -> bool:
    """Whether a trouble may be gone a moment later: a server that stumbles or just starts, gateways."""
    return status in _PASSING_REQUESTS or (status >= 500 and status not in _LASTING_TROUBLES)


def reported_passes(error: object) -> bool:
    """The same of an error that is told in the stream of an answer, as an object or in words alone."""
    if not isinstance(error, dict):
        return True
    code = error.get("code")
    if isinstance(code, int) and 400 <= code < 600:
        return passes(code)
    return not any(_LASTING_CODES.search(str(error.get(name) or "")) for name in ("code", "type", "status"))


def refused_field(detail: Detail, known: Sequence[str]) -> str:
    """Which of the ``known`` fields of a request the server does not take; '' for other troubles."""
    named = detail.param.split(".")[0]
    if named:
        return named if named in known else ""
    if detail.code not in ("unsupported_parameter", "unsupported_value") and not _REFUSES.search(
        detail.message
    ):
        return ""
    found = {name: _place(name, detail.message) for name in known}
    return min((name for name in known if found[name] >= 0), key=lambda name: found[name], default="")


def refuses_system(detail: Detail) -> bool:
    """True when the server, or the model's chat template, takes no message of the role ``system``."""
    if re.match(r"messages\W*0\W.*role", detail.param):
        return True
    return bool(_NO_SYSTEM.search(detail.message))


def _location(message: object) -> str:
    """The field that FastAPI's list of errors names: ``detail[].loc`` is ("body", field, ...).

    Of several the first that is not taken; else the first.
    """
    errors = message.get("detail") if isinstance(message, dict) else message
    entries = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    entries.sort(key=lambda one: not _REFUSES.search(f"{one.get('type')} {one.get('msg')}"))
    place = entries[0].get("loc") if entries else None
    if not isinstance(place, list):
        return ""
    return ".".join(str(step) for step in place[place[:1] == ["body"] :])


def _without_input(value: Any) -> Any:
    """The same without what was sent: a caller's words are in it, and errors go to logs."""
    if isinstance(value, list):
        return [_without_input(each) for each in value]
    if isinstance(value, dict):
        return {name: _without_input(each) for name, each in value.items() if name not in ("input", "ctx")}
    return value


def _violation(details: object) -> str:
    """The field that Google's ``details[].fieldViolations[].field`` names."""
    for detail in details if isinstance(details, list) else []:
        violations = detail.get("fieldViolations") if isinstance(detail, dict) else None
        for violation in violations if isinstance(violations, list) else []:
            field = violation.get("field") if isinstance(violation, dict) else None
            if isinstance(field, str) and field:
                return field
    return ""


def _place(name: str, message: str) -> int:
    """Where the field's name stands in a text; -1 when it does not, or may be any word."""
    kinds = "param(?:eter)?|field|argument|property|name|key|option"
    told = rf"[\"'`]{name}[\"'`]|(?:{kinds})s?(?:(?: \w+)?:)? {name}\b|\b{name} (?:is not|{kinds})"
    found = re.search(told + (rf"|\b{name}\b" if "_" in name else ""), message)
    return found.start() if found else -1


def refused(
    status: int, headers: Mapping[str, str], detail: Detail, endpoint: Service, hints: Hints
) -> OffhookError:
    """The error for an HTTP status other than 200."""
    at, said = endpoint.url, shown(detail.message, endpoint)
    because = f": {said}" if said else ""
    if status == 401:  # the server's words often hold part of the key
        return ModelError(f"{at} does not accept the API key (401): {_where_the_key_is(endpoint)}")
    if status == 403:
        where = _where_the_key_is(endpoint)
        return ModelError(f"{at} forbids this (403){because}; may the key use {endpoint.model}? {where}")
    if status == 404:
        if "model" in detail.code or "model" in detail.message.lower():
            return ModelError(
                f"{at} has no model {endpoint.model!r} (404): {hints.model.format(model=endpoint.model)}"
            )
        return ModelError(f"{at} answers 404: {hints.path}")
    if status == 429 and detail.code in _QUOTA_CODES:
        return ModelError(f"{at}: the account's quota is used up (429){because}")
    if status in (429, 503, 529):
        wait_s = retry_after_s(headers)
        asks = f"; it asks to wait {wait_s:.0f} s" if wait_s else ""
        what = "allows no more requests at the moment" if status == 429 else "is overloaded or starting"
        busy = BusyError(f"{at} {what} ({status}){asks}{because}")
        busy.asks_s = wait_s or 0.0
        return busy
    if 300 <= status < 400:
        to = shown(headers.get("location", "nowhere"), endpoint)
        return ModelError(
            f"{at} redirects ({status}) to {to}: set {endpoint.section}.base_url to where the server is"
        )
    if status >= 500:
        return ModelError(f"{at} failed ({status}){because or ': look into the logs of the server'}")
    if detail.code == "context_length_exceeded" or status == 413:
        return ModelError(
            f"{at}: the conversation is too long for {endpoint.model} ({status}): lower llm.n_ctx_call"
        )
    return ModelError(f"{at} refuses the request ({status}){because or ': no reason given'}")


def broken(error: httpx.HTTPError, endpoint: Service, hints: Hints, *, begun: bool) -> OffhookError:
    """The error for a connection that failed; ``begun`` when part of the answer had come."""
    at = endpoint.url
    if isinstance(error, httpx.ConnectTimeout):
        return DeadlineError(
            f"{at}: no connection within {endpoint.connect_timeout_s:g} s:"
            f" is the server up, and {endpoint.section}.base_url right?"
        )
    if isinstance(error, httpx.TimeoutException):
        return DeadlineError(f"{at}: no answer in time")
    if isinstance(error, httpx.ProxyError):
        return ModelError(f"{at}: the proxy does not let us through: {shown(str(error), endpoint)}")
    if isinstance(error, httpx.ConnectError):
        return ModelError(f"{at}: {_why_unconnected(error, endpoint, hints)}")
    if isinstance(error, httpx.DecodingError):
        return ModelError(f"{at}: the answer's compression is damaged: is a proxy in between?")
    when = "in the middle of the answer" if begun else "before the answer began"
    if isinstance(error, httpx.RemoteProtocolError | httpx.NetworkError):
        return ModelError(f"{at}: the connection broke {when}: {_reason(error, endpoint)}")
    return ModelError(f"{at}: the request failed {when}: {_reason(error, endpoint)}")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to wait; None when it does not say."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]+)?", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def shown(text: str, endpoint: Service) -> str:
    """Foreign text made fit for a message: no keys, one line, printable, short."""
    if endpoint.key is not None:
        text = endpoint.key.hide(text)
    text = _SECRETS.sub("[key]", text)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= _MAX_DETAIL_CHARS else text[:_MAX_DETAIL_CHARS] + "..."


def _where_the_key_is(endpoint: Service) -> str:
    if endpoint.key is None:
        section = endpoint.section
        return f"none was sent; name one in {section}.api_key_env or {section}.api_key_file"
    return f"check {endpoint.key.source}"


def _why_unconnected(error: httpx.ConnectError, endpoint: Service, hints: Hints) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted: {shown(cause.verify_message, endpoint)}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS connection ({shown(str(cause.reason), endpoint)}): does the server speak https?"
        if isinstance(cause, socket.gaierror):
            return f"the host's name cannot be resolved: check {endpoint.section}.base_url and DNS"
        if isinstance(cause, ConnectionRefusedError):
            return f"nothing listens there (connection refused): {hints.start}"
    return f"no connection: {_reason(error, endpoint)}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what lies behind it, groups included."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        cause = queue.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        queue += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            queue += cause.exceptions


def _reason(error: BaseException, endpoint: Service) -> str:
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return shown(cause.strerror, endpoint)
    return shown(str(error), endpoint) or type(error).__name__


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
