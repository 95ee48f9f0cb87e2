"""Every configuration that decisions were made under: its version, and the name and line of each of its routes."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.route import Route
from notifier.domain.time import Instant
from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.json_rows import json_text
from notifier.store.schema import configurations, decisions


def is_newest(tx: Tx, version: str, tree: Route) -> bool:
    """Whether this is the configuration that was loaded last, by this replica or another."""
    newest = sa.select(configurations).order_by(configurations.c.loaded_at.desc()).limit(1)
    row = tx.run(newest).first()
    # A variable can change a matcher, and a new release the defaults, without a change of the file.
    return row is not None and (row.version, row.routes) == (version, _routes(tree))


def remember(tx: Tx, version: str, tree: Route) -> None:
    """Write down that this configuration is in use from now on."""
    adding = upsert(tx.dialect, configurations).values(
        version=version, loaded_at=tx.now, routes=_routes(tree)
    )
    tx.run(
        adding.on_conflict_do_update(
            index_elements=["version"],
            set_={"loaded_at": adding.excluded.loaded_at, "routes": adding.excluded.routes},
        )
    )


def forget(tx: Tx, before: Instant) -> int:
    """Remove versions that were loaded before this and that no decision refers to; the one loaded last stays."""
    newest = sa.select(sa.func.max(configurations.c.loaded_at)).scalar_subquery()
    used = sa.exists().where(decisions.c.version == configurations.c.version)
    old = configurations.c.loaded_at < before, configurations.c.loaded_at < newest
    return tx.run(sa.delete(configurations).where(*old, ~used)).rowcount


def _routes(tree: Route) -> str:
    return json_text({route.key: [route.name, route.line] for route in tree.walk()})
