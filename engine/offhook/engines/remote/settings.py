"""A service as ``[stt]`` or ``[tts]`` describe it, checked as a whole."""

from __future__ import annotations

import json

from offhook.config import ServiceSection
from offhook.engines.remote.service import Service, checked_url, key_of, warn_of_plain_key
from offhook.errors import ConfigError

REMOTE_KEYS = ("base_url", "api_key_env", "api_key_file", "ca_file", "connect_timeout_s", "extra")


def service_of(
    section: str,
    settings: ServiceSection,
    model: str,
    *,
    url: str | None,
    key_env: str | None = None,
    key_header: str = "Authorization",
    key_scheme: str = "Bearer",
    schemes: tuple[str, ...] = ("http", "https"),
) -> Service:
    """``url`` is the service's own address, and ``key_env`` what its key is usually called: it is read for
    that address and no other.  Reads the key, contacts nobody.  Raises ConfigError."""
    engine = getattr(settings, "engine", "")
    if settings.base_url is None and url is None:
        raise ConfigError(f"{section}.engine is {engine}: {section}.base_url must say where the server is")
    if schemes == ("tcp",):
        for key in ("api_key_env", "api_key_file", "ca_file", "extra"):
            if getattr(settings, key):
                raise ConfigError(
                    f"{section}.{key} is of no use with {section}.engine {engine}: leave it out"
                )
    try:
        json.dumps(settings.extra, allow_nan=False)
    except (TypeError, ValueError):
        raise ConfigError(f"{section}.extra holds a value that JSON does not have, such as a date") from None
    at = checked_url(section, settings.base_url or url or "", schemes=schemes)
    own = key_env if at == url else None
    service = Service(
        at,
        model,
        key_of(section, settings.api_key_env, settings.api_key_file, own),
        settings.connect_timeout_s,
        section=section,
        ca_file=settings.ca_file,
        key_header=key_header,
        key_scheme=key_scheme,
    )
    warn_of_plain_key(service)
    return service


def check_no_service(section: str, settings: ServiceSection) -> None:
    """Raise ConfigError when ``section`` describes a server although the engine runs here."""
    for key in REMOTE_KEYS:
        if key in settings.model_fields_set:
            engine = getattr(settings, "engine", "")
            raise ConfigError(
                f"{section}.{key} is set, but {section}.engine is {engine}, which runs here:"
                f" set {section}.engine to that of a server, or leave {key} out"
            )
