"""A business that takes appointments: two stylists, four services, one lunch break."""

from __future__ import annotations

from typing import Any

from offhook.appointments.settings import AppointmentSettings

SALON: dict[str, Any] = {
    "time_zone": "Europe/Vienna",
    "hours": {"tue-fri": ["9:00-12:30", "13:30-18:00"], "sat": "9:00-14:00"},
    "closed": ["2026-12-24..2026-12-26"],
    "step_minutes": 30,
    "notice_minutes": 60,
    "ahead_days": 60,
    "services": [
        {"name": "haircut", "also": ["cut", "trim"], "minutes": 45, "buffer_minutes": 15},
        {"name": "colour", "minutes": 120, "resources": ["Mirela"]},
    ],
    "resources": [
        {"name": "Mirela"},
        {"name": "Joost", "hours": {"fri": "13:30-20:00"}},
    ],
}


def salon(**changes: Any) -> AppointmentSettings:
    """The salon, with other settings for some keys."""
    return AppointmentSettings.model_validate({**SALON, **changes})
