"""Every version of an agent is kept; what there was becomes the first."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from offhook.tenants.migrations import postgresql, sqlite

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "ai_configuration_versions",
        sa.Column(
            "tenant_id",
            sa.Uuid(as_uuid=False),
            sa.ForeignKey("tenants.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("ai_configuration_id", sa.Uuid(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("body", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.ForeignKeyConstraint(
            ["tenant_id", "ai_configuration_id"],
            ["ai_configurations.tenant_id", "ai_configurations.id"],
            ondelete="CASCADE",
        ),
    )
    op.execute(
        "INSERT INTO ai_configuration_versions (tenant_id, ai_configuration_id, version, body, created_at)"
        " SELECT tenant_id, id, 1, body, created_at FROM ai_configurations"
    )
    op.add_column(
        "ai_configurations", sa.Column("current_version", sa.Integer, nullable=False, server_default="1")
    )
    if postgresql.is_postgresql():
        op.execute("DROP FUNCTION dialplan_route(text)")  # it reads the column that goes
    op.drop_column("ai_configurations", "body")
    op.drop_column("ai_configurations", "created_at")
    if not postgresql.is_postgresql():
        sqlite.count_changes("ai_configuration_versions")
        return
    postgresql.protect("ai_configuration_versions", console="SELECT, INSERT")
    postgresql.count_changes("ai_configuration_versions")
    postgresql.make_route("v.body")
