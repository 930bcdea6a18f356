"""Somebody else's server: where it is, how we prove who we are, and whom we trust.

The API key is never in the configuration itself and never in anything that can be
printed: an :class:`ApiKey` shows only where it came from.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from offhook.errors import ConfigError
from offhook.files import user_name

logger = logging.getLogger(__name__)


class ApiKey:
    """A secret.  Only :meth:`header` gives it out; text forms say where it was found."""

    __slots__ = ("_secret", "source")

    def __init__(self, secret: str, source: str) -> None:
        self._secret = secret
        self.source = source
        """Such as ``$OPENAI_API_KEY``: where a person would correct it."""

    def header(self, scheme: str = "Bearer") -> str:
        """The value of the header that carries it; ``scheme`` stands in front, if the service wants one."""
        return f"{scheme} {self._secret}" if scheme else self._secret

    def hide(self, text: str) -> str:
        """``text`` without the key, for servers that repeat it in their errors."""
        return text.replace(self._secret, "[key]") if len(self._secret) > 3 else text

    def __repr__(self) -> str:
        return f"ApiKey(from {self.source})"

    def __reduce__(self) -> str:
        raise TypeError("an API key is not pickled")


@dataclass(frozen=True, slots=True)
class Service:
    """One model or voice on one server."""

    url: str
    """Without a slash at the end and without credentials, so it may be shown."""
    model: str
    """What is asked for there: a model's or voice's name."""
    key: ApiKey | None = None
    connect_timeout_s: float = 3.0
    section: str = field(default="llm", kw_only=True)
    """Where it is configured: errors name its keys."""
    ca_file: Path | None = field(default=None, kw_only=True)
    """Certificates that are trusted instead of the system's."""
    key_header: str = field(default="Authorization", kw_only=True)
    key_scheme: str = field(default="Bearer", kw_only=True)
    fixed_headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def is_local(self) -> bool:
        """The server is on this machine: no proxy, and plain transport is no risk."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def headers(self) -> dict[str, str]:
        """What every request carries."""
        own = {self.key_header: self.key.header(self.key_scheme)} if self.key is not None else {}
        return {**self.fixed_headers, **own}


def checked_url(section: str, url: str, *, schemes: tuple[str, ...] = ("http", "https")) -> str:
    """``url`` without a slash at its end.  Raises ConfigError that names ``section``'s key."""
    example = f"{schemes[0]}://192.0.2.7:8000" + ("/v1" if schemes[0] == "http" else "")
    url = url.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{section}.base_url is not a URL: write it like {example}") from None
    if parts.username is not None or parts.password is not None:
        # Not shown: it holds a secret.
        raise ConfigError(f"{section}.base_url must not hold a user or password; use {section}.api_key_file")
    if parts.scheme not in schemes or not host or not url.isascii() or " " in url:
        wanted = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ConfigError(f"{section}.base_url is {url!a}: write it with {wanted}, like {example}")
    if parts.query or parts.fragment:
        raise ConfigError(f"{section}.base_url must end with its path: no ? and no #")
    return url


def key_of(section: str, env: str | None, file: Path | None, default_env: str | None = None) -> ApiKey | None:
    """The key that ``section`` names by environment variable or file; else the one in ``default_env``.

    ``default_env`` None: then no key is sent.  Raises ConfigError; it never shows what may be the key.
    """
    if env is not None and file is not None:
        raise ConfigError(f"{section}.api_key_env and {section}.api_key_file are both set: leave one out")
    if file is not None:
        return _key_from_file(section, file)
    if env is not None or default_env is not None:
        return _key_from_environment(section, env or default_env or "")
    return None


def warn_of_plain_key(service: Service) -> None:
    """Say so in the log when the key travels unencrypted."""
    if service.key is not None and not service.url.startswith(("https:", "wss:")) and not service.is_local:
        logger.warning(
            "%s: the API key travels unencrypted; use https in %s.base_url", service.url, service.section
        )


def is_loopback(host: str) -> bool:
    """``host`` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_near(url: str) -> bool:
    """Whether ``url`` names this machine, an address that only a network of one's own has (RFC 1918 and the
    like), or a name without a dot.  Other names may be anywhere: nobody is asked."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return bool(host) and ("." not in host or host.endswith((".local", ".internal", ".lan")))


def _key_from_environment(section: str, name: str) -> ApiKey:
    # A key pasted where its variable's name belongs must not come back in the message.
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name) and name not in os.environ:
        raise ConfigError(
            f"{section}.api_key_env must be the NAME of an environment variable that is set, such as"
            " OPENAI_API_KEY, and never the key"
        )
    secret = os.environ.get(name, "").strip()
    if not secret:
        raise ConfigError(
            f"the environment variable {name} is not set: put the API key there, name another one in"
            f" {section}.api_key_env, or a file in {section}.api_key_file"
        )
    return _checked(secret, f"${name}")


def _key_from_file(section: str, path: Path) -> ApiKey:
    path = path.expanduser()
    if not path.is_absolute():  # may be the key itself: not shown
        raise ConfigError(f"{section}.api_key_file must be the absolute path of a file that holds the key")
    try:
        with path.open(encoding="utf-8-sig") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(8193).strip()
    except (OSError, UnicodeDecodeError) as error:
        why = str(error.strerror) if isinstance(error, OSError) else "not UTF-8 text"
        if isinstance(error, PermissionError):
            why += f": give it to user {user_name()!r} (chown), and to nobody else (chmod 600)"
        raise ConfigError(f"{section}.api_key_file {path} cannot be read: {why}") from None
    if mode & stat.S_IROTH:
        logger.warning("%s: everybody on this machine can read the API key; chmod 600 it", path)
    if not secret:
        raise ConfigError(f"{section}.api_key_file {path} is empty: write the key into it, on one line")
    return _checked(secret, str(path))


def _checked(secret: str, source: str) -> ApiKey:
    """Only what an HTTP header can carry; otherwise errors further down might show the key."""
    if not re.fullmatch(r"[\x21-\x7e]{1,8192}", secret):
        raise ConfigError(f"the API key in {source} is not one line of plain characters without spaces")
    return ApiKey(secret, source)
