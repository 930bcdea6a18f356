"""Wall clocks and moments: a day of a zone may lack an hour, and may have one twice."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from offhook.errors import ConfigError


def zone(name: str) -> ZoneInfo:
    """The time zone ``name`` ("Europe/Vienna").  Raises ConfigError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f'time zone {name!r}: there is none of that name; write it like "Europe/Vienna"'
        ) from error


def moments(day: date, clock: time, tz: ZoneInfo) -> tuple[datetime, ...]:
    """When it is ``clock`` on ``day``: once; never, in the hour that is left out; twice, in the one that
    comes again, the earlier first.
    """
    wall = datetime.combine(day, clock)
    found = {wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1)}
    exact = sorted(one for one in found if one.astimezone(tz).replace(tzinfo=None) == wall)
    return tuple(one.astimezone(tz) for one in exact)


def at_or_after(day: date, clock: time, tz: ZoneInfo) -> datetime:
    """The first moment on ``day`` when it is ``clock`` or later; midnight's own is the day's first."""
    exact = moments(day, clock, tz)
    if exact:
        return exact[0]
    # In the gap: as if the clock had not been put forward, which is the moment after the gap.
    return datetime.combine(day, clock, tz).astimezone(UTC).astimezone(tz)


def end_of(day: date, clock: time, tz: ZoneInfo) -> datetime:
    """The end of a stretch of ``day``; midnight is the end of the day."""
    if clock == time(0):
        return at_or_after(day + timedelta(days=1), clock, tz)
    exact = moments(day, clock, tz)
    return exact[-1] if exact else at_or_after(day, clock, tz)


def local_zone() -> ZoneInfo:
    """This machine's: ``$TZ``, else what /etc/localtime is a link to, else UTC."""
    names = [os.environ.get("TZ", "").lstrip(":")]
    with contextlib.suppress(OSError):
        names.append(str(Path("/etc/localtime").readlink()).rpartition("zoneinfo/")[2])
    for name in names:
        with contextlib.suppress(ConfigError):
            if name:
                return zone(name)
    return zone("UTC")


def now_in(name: str | None) -> datetime:
    """The clock of a time zone, or of this machine's."""
    return datetime.now(local_zone() if name is None else zone(name))
