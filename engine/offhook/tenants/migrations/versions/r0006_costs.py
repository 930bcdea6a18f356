"""What each call has cost at others' servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # Calls before this have none: nobody knows what they have cost.
    op.add_column("calls", sa.Column("cost", sa.Float))
    op.add_column("calls", sa.Column("currency", sa.Text))
    op.add_column("calls", sa.Column("units", sa.JSON().with_variant(JSONB(), "postgresql")))
