"""Telephone numbers: how they are kept, and what a dialled one may mean.

A number is kept in one form, E.164 with its plus (``+4930555123``), or, for an extension of the house, its
two to six digits (``700``).  Trunks deliver the same number in several forms: with and without the plus, with
``00`` or ``011`` for it, as a national number with or without the trunk prefix.  :func:`readings` gives every
number that a dialled one may mean, the likeliest first; :func:`forms` the other way round.  PostgreSQL has
the same rules in SQL (``number_readings``, migrations), because the dialplan asks there; a test holds them
together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from offhook.config import clipped
from offhook.errors import ConfigError

MAX_DIGITS = 15
"""E.164, 6.2.1."""
MAX_EXTENSION_DIGITS = 6
MAX_DIALLED = 32
"""Longer dialled texts are no numbers: 15 digits, the longest prefixes, and separators."""

_SEPARATORS = re.compile(r"[ \u00a0\u202f./()\u2010-\u2015-]")
_TRUNK_ZERO = re.compile(r"^([+][0-9]{1,3}[ \u00a0]?)\(0\)")
"""``+44 (0)20 7946 0000``: a zero that is dialled inside the country only."""
_DIGITS = re.compile(r"[+]?[0-9]+")
_URI = re.compile(r"(?:.*<)?\s*(?:sips?|tel):([^@;>]*)", re.IGNORECASE)
_INTERNATIONAL = re.compile(rf"[+][1-9][0-9]{{3,{MAX_DIGITS - 1}}}")
_EXTENSION = re.compile(rf"[0-9]{{2,{MAX_EXTENSION_DIGITS}}}")
_TRUNK_PREFIXES = {"1": "1", "7": "8", "36": "06"}
"""Where it is not 0 (ITU-T operational bulletin, dialling procedures).  Countries without one do no harm: the
whole number is read as national, too."""


@dataclass(frozen=True, slots=True)
class Home:
    """The country whose national numbers the trunks of this server deliver; empty: unknown, none are read."""

    country_code: str = ""
    """E.164 country code, without the plus."""
    trunk_prefix: str = ""

    @classmethod
    def of(cls, country_code: str, trunk_prefix: str | None = None) -> Home:
        """Raises ConfigError when there can be no such country."""
        code = country_code.strip().removeprefix("+")
        if code and not re.fullmatch(r"[1-9][0-9]{0,2}", code):
            raise ConfigError(
                f"country code {clipped(country_code)}: one to three digits are wanted, such as 44 or 1"
            )
        prefix = _TRUNK_PREFIXES.get(code, "0") if trunk_prefix is None else trunk_prefix.strip()
        if not re.fullmatch(r"[0-9]{0,3}", prefix):
            raise ConfigError(
                f"trunk prefix {clipped(trunk_prefix)}: up to three digits are wanted, such as 0"
            )
        return cls(code, prefix if code else "")


def readings(dialled: str, home: Home) -> tuple[str, ...]:
    """The kept forms that ``dialled`` may mean, the likeliest first; () when it is no number.

    Pure and quick: at most six equality look-ups follow.  Anything but digits, one leading plus and
    separators makes it no number, so that a SIP user like ``alice700`` reaches nobody.
    """
    bare = _bare(dialled)
    if bare is None:
        return ()
    if bare.startswith("+"):
        return (bare,)
    found = [bare]
    if bare.startswith("00"):
        found.append("+" + bare[2:])
    if home.country_code == "1" and bare.startswith("011"):
        found.append("+" + bare[3:])
    if not bare.startswith("0"):
        found.append("+" + bare)
    if home.country_code:
        if home.trunk_prefix and bare.startswith(home.trunk_prefix):
            found.append("+" + home.country_code + bare[len(home.trunk_prefix) :])
        # Countries without a trunk prefix, and those where it is part of the number (Italy).
        found.append("+" + home.country_code + bare)
    return tuple(dict.fromkeys(found))


def canonical(written: str, home: Home) -> str:
    """The form in which the number that a person wrote is kept.

    A whole number has to be clear: with its plus or ``00``, or national with the trunk prefix of a known
    home. Raises ConfigError, in one line with a remedy.
    """
    bare = _bare(written)
    if bare is None:
        raise ConfigError(f"number {clipped(written)}: only digits, spaces and a leading + make a number")
    if not bare.startswith("+"):
        if _EXTENSION.fullmatch(bare) and not bare.startswith("00"):
            return bare
        bare = _international(bare, home, written)
    if not _INTERNATIONAL.fullmatch(bare):
        raise ConfigError(
            f"number {clipped(written)}: {bare} is no telephone number: + and 4 to {MAX_DIGITS} digits that"
            " begin with the country code are wanted"
        )
    return bare


def of_uri(written: str) -> str:
    """Who is named by a SIP or telephone URI, as logs and invoices show them (RFC 3261, 25.1; RFC 3966), with
    or without ``<>`` and a name in front; any other text as it is, without spaces around it.
    """
    found = _URI.match(written)
    return (unquote(found[1]) if found else written).strip()


def forms(did: str, home: Home) -> tuple[str, ...]:
    """How the number ``did``, as it is kept, may be dialled."""
    if not did.startswith("+"):
        return (did,)
    digits = did[1:]
    found = [did, digits, "00" + digits]
    if home.country_code == "1":
        found.append("011" + digits)
    if home.country_code and digits.startswith(home.country_code):
        national = digits.removeprefix(home.country_code)
        found += [home.trunk_prefix + national, national]
    return tuple(dict.fromkeys(found))


def _bare(written: str) -> str | None:
    if len(written) > MAX_DIALLED:
        return None
    text = _SEPARATORS.sub("", _TRUNK_ZERO.sub(r"\1", written.strip()))
    return text if _DIGITS.fullmatch(text) else None


def _international(digits: str, home: Home, written: str) -> str:
    """``digits`` have no plus and are no extension."""
    if digits.startswith("00"):
        return "+" + digits[2:]
    code, prefix = home.country_code, home.trunk_prefix
    if code == "1" and re.fullmatch(
        r"1?[2-9][0-9]{2}[2-9][0-9]{6}", digits
    ):  # all of North America: NXX NXX XXXX
        return "+1" + digits[-10:]
    if prefix and code != "1" and digits.startswith(prefix):
        return f"+{code}{digits[len(prefix) :]}"
    if code:
        remedy = f"write it with + and the country code (+{code}{digits}?)"
    else:
        remedy = (
            "write it with + and the country code, or say once which country national numbers are of:"
            " offhook numbers country CODE"
        )
    raise ConfigError(f"number {clipped(written)} may be of any country: {remedy}")
