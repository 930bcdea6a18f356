"""Who may be called, and when.  Pure: the moment is an argument.

What is refused here is refused before anybody's telephone rings.  Zones and kinds of numbers are those of the
library phonenumbers, which knows the world's numbering plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers.timezone import time_zones_for_number

from offhook.config import OutboundConfig
from offhook.errors import ConfigError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COSTLY = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)
_DAY = timedelta(days=1)
_LOOK_AHEAD = timedelta(days=8)
_MIDNIGHT = "24:00"


def one_form_of(written: str) -> str:
    """``+`` and digits, whether or not it may be dialled.  Raises ConfigError for what is no number."""
    return phonenumbers.format_number(_parsed(written), phonenumbers.PhoneNumberFormat.E164)


def _parsed(written: str) -> phonenumbers.PhoneNumber:
    try:
        return phonenumbers.parse(written.strip(), None)
    except phonenumbers.NumberParseException:
        raise ConfigError(
            f"{written.strip()[:24]!r} is no number: write + and its country code, such as +12125550123"
        ) from None


def number_of(written: str, config: OutboundConfig) -> str:
    """A number as it is dialled: ``+`` and digits.  Raises ConfigError when it may not be."""
    parsed = _parsed(written)
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if parsed.extension:
        raise ConfigError(
            f"{number} has an extension, which nobody would key in: write the number without it"
        )
    if not phonenumbers.is_possible_number(parsed):
        raise ConfigError(f"{number} has too few digits for its country, or too many")
    if not config.allow:
        raise ConfigError(
            "outbound.allow is empty: name how the numbers begin that may be dialled, such as ['+1']"
        )
    if not number.startswith(config.allow):
        raise ConfigError(f"{number} may not be dialled: outbound.allow has {', '.join(config.allow)}")
    if phonenumbers.number_type(parsed) in _COSTLY:
        raise ConfigError(f"{number} is a number that costs extra: it is not dialled")
    return number


def zones_of(number: str) -> Sequence[str]:
    """Where the callee may be; empty: nobody knows."""
    found = time_zones_for_number(phonenumbers.parse(number, None))
    return [zone for zone in found if zone != "Etc/Unknown"]


def earliest(number: str, now: datetime, config: OutboundConfig) -> datetime:
    """The first moment from ``now`` on at which it may be called, in every zone where the callee may be.

    ``now`` itself when that is allowed.  Raises ConfigError when there is none, or no zone is known.
    """
    zones = [ZoneInfo(zone) for zone in zones_of(number)]
    if not zones:
        raise ConfigError(f"{number}: nobody knows what time it is there, so it is not called")
    at = now
    while at - now <= _LOOK_AHEAD:
        latest = max(_opens(at, zone, config) or now + 2 * _LOOK_AHEAD for zone in zones)
        if latest == at:
            return at
        at = latest
    raise ConfigError(
        f"{number}: outbound.window and outbound.days leave no moment for {', '.join(zones_of(number))}"
    )


def _opens(now: datetime, zone: ZoneInfo, config: OutboundConfig) -> datetime | None:
    """When it is allowed there: ``now`` or later; None: not within a week."""
    begin, _, end = config.window.partition("-")
    today = now.astimezone(zone).date()
    for ahead in range(-1, 9):  # yesterday's window may go on past midnight
        day = today + ahead * _DAY
        if _DAYS[day.weekday()] not in config.days:
            continue
        last = day + _DAY if end <= begin or end == _MIDNIGHT else day
        opens = datetime.combine(day, time.fromisoformat(begin), zone).astimezone(UTC)
        closing = time() if end == _MIDNIGHT else time.fromisoformat(end)
        if now < datetime.combine(last, closing, zone).astimezone(UTC):
            return max(now, opens)
    return None
