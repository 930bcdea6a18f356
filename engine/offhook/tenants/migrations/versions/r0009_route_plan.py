"""The dialplan's look-up is planned once for each connection."""

from __future__ import annotations

from offhook.tenants.migrations import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    if postgresql.is_postgresql():
        postgresql.plan_route_once()
