"""What SQLite has instead: triggers that count changes, row by row."""

from __future__ import annotations

from alembic import op


def count_changes(table: str, *what: str) -> None:
    for one in what or ("INSERT", "UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER directory_changed_{table}_{one.split()[0].lower()} AFTER {one} ON {table}"
            " BEGIN UPDATE directory_state SET version = version + 1; END"
        )
