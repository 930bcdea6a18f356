"""A role for `offhook web`, which changes what owners change there, and no more."""

from __future__ import annotations

from offhook.tenants.migrations import postgresql

revision = "0008"
down_revision = "0007"

_RIGHTS = {
    "tenants": "SELECT, INSERT, UPDATE",
    "phone_numbers": "SELECT, INSERT, UPDATE, DELETE",
    "ai_configurations": "SELECT, INSERT, UPDATE",
    "ai_configuration_versions": "SELECT, INSERT",
    "documents": "SELECT, INSERT, DELETE",
    "chunks": "SELECT, INSERT, DELETE",
    "calls": "SELECT",
    "turns": "SELECT",
}


def upgrade() -> None:
    if postgresql.is_postgresql():
        postgresql.make_web_role(_RIGHTS)
