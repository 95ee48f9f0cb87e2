"""Replicas: one row for each process that works on the database, with the configuration that it follows."""

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
    """When a replica was last heard of, and the version of its configuration then."""

    name: str
    seen_at: Instant
    version: str


def beat(tx: Tx, version: str, *, forget_before: Instant) -> None:
    """Say that this replica lives, and forget those that were not heard of since."""
    living = upsert(tx.dialect, instance).values(name=f"{PREFIX}{tx.replica}", value=version, at=tx.now)
    tx.run(
        living.on_conflict_do_update(
            index_elements=["name"], set_={"value": living.excluded.value, "at": living.excluded.at}
        )
    )
    tx.run(sa.delete(instance).where(is_replica(), instance.c.at < forget_before))


def since(tx: Tx, at: Instant) -> tuple[ReplicaBeat, ...]:
    """The replicas that were heard of since then, by name."""
    rows = tx.run(sa.select(instance).where(is_replica(), instance.c.at >= at).order_by(instance.c.name))
    return tuple(
        ReplicaBeat(name=row.name.removeprefix(PREFIX), seen_at=row.at, version=row.value or "")
        for row in rows
    )


def is_replica() -> sa.ColumnElement[bool]:
    """Whether a row is a replica's."""
    return instance.c.name.startswith(PREFIX, autoescape=True)
