"""Several boxes on a wire of their own."""

from tests.tenants.conftest import cluster

__all__ = ["cluster"]
