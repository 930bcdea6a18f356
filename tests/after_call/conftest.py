"""Both databases, as the tenants' tests have them."""

from __future__ import annotations

from tests.tenants.conftest import cluster, database, empty, migrated_file, postgresql

__all__ = ["cluster", "database", "empty", "migrated_file", "postgresql"]
