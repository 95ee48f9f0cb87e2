"""The configurations under which decisions were made: their versions, with the name and line of each route."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.domain.route import Route
from notifier.domain.time import Instant
from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.json_rows import json_text
from notifier.store.schema import configurations, decisions


def is_newest(tx: Tx, version: str, tree: Route) -> bool:
    """Whether this configuration is the one loaded last by any replica."""
    newest = sa.select(configurations).order_by(configurations.c.loaded_at.desc()).limit(1)
    row = tx.run(newest).first()
    # A variable may change a matcher, and a new release the defaults, without a change to the file.
    return row is not None and (row.version, row.routes) == (version, _routes(tree))


def remember(tx: Tx, version: str, tree: Route) -> None:
    """Record that this configuration is in use."""
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
    """Delete versions loaded before `before` to which no decision refers, except for the newest."""
    newest = sa.select(sa.func.max(configurations.c.loaded_at)).scalar_subquery()
    used = sa.exists().where(decisions.c.version == configurations.c.version)
    old = configurations.c.loaded_at < before, configurations.c.loaded_at < newest
    return tx.run(sa.delete(configurations).where(*old, ~used)).rowcount


def _routes(tree: Route) -> str:
    return json_text({route.key: [route.name, route.line] for route in tree.walk()})
