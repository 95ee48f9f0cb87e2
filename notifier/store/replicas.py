"""Replicas: one row for each process on the database, with its configuration version."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.schema import instance

PREFIX = "replica:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaBeat:
    """The last heartbeat of a replica, and the configuration version it had."""

    name: str
    seen_at: Instant
    version: str


def beat(tx: Tx, version: str, *, forget_before: Instant) -> None:
    """Record a heartbeat, and delete replicas without one since `forget_before`."""
    living = upsert(tx.dialect, instance).values(name=f"{PREFIX}{tx.replica}", value=version, at=tx.now)
    tx.run(
        living.on_conflict_do_update(
            index_elements=["name"], set_={"value": living.excluded.value, "at": living.excluded.at}
        )
    )
    tx.run(sa.delete(instance).where(is_replica(), instance.c.at < forget_before))


def since(tx: Tx, at: Instant) -> tuple[ReplicaBeat, ...]:
    """The replicas with a heartbeat since `at`, by name."""
    rows = tx.run(sa.select(instance).where(is_replica(), instance.c.at >= at).order_by(instance.c.name))
    return tuple(
        ReplicaBeat(name=row.name.removeprefix(PREFIX), seen_at=row.at, version=row.value or "")
        for row in rows
    )


def is_replica() -> sa.ColumnElement[bool]:
    """Whether a row of `instance` belongs to a replica."""
    return instance.c.name.startswith(PREFIX, autoescape=True)
