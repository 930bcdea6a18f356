"""The tenants' database: it can be read, and every agent in it can answer."""

from __future__ import annotations

from offhook.cli.checks.finding import Finding, fail, ok, warn
from offhook.config import Config
from offhook.errors import OffhookError


def check_tenants(config: Config) -> Finding | None:
    """None where there are no tenants: then the dialplan names the agents."""
    # A broken SQLAlchemy must not take the doctor with it.
    from offhook.engines.named import faults
    from offhook.tenants.database import DEFAULT_FILE, Database
    from offhook.tenants.loading import read_snapshot

    named = config.tenants.database
    try:
        database = Database(named or f"sqlite:///{DEFAULT_FILE}")
        if named is None and database.is_missing():
            return None
        with database.reading() as connection:
            database.require_schema(connection)
            snapshot = read_snapshot(connection)
    except OffhookError as error:
        return fail(f"tenants: {error}", "callers get what the daemon knew last: correct tenants.database")
    for (slug, name), stored in snapshot.agents.items():
        try:
            agent = stored.read()
            for key, what in faults(config, agent).items():
                return fail(
                    f"tenants: {slug}: agent {name}: {key} = {what}",
                    "no call to it can be answered: correct it",
                )
        except OffhookError as error:
            return fail(f"tenants: {slug}: {error}", f"offhook tenants agent rollback {slug} --agent {name}")
    counts = f"{len(snapshot.tenants)} tenants, {len(snapshot.numbers)} numbers in {database}"
    silent = sorted(set(snapshot.tenants) - {number.tenant.slug for number in snapshot.numbers.values()})
    if silent:
        return warn(f"tenants: {counts}; no number reaches {', '.join(silent[:5])}", "offhook numbers add")
    return ok(f"tenants: {counts}")
