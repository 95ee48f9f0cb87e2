"""Counters for ever, and the three equations that must balance (RULES.md#accounting)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from notifier.store.compiled import each, upsert
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import rows_from_json
from notifier.store.schema import Big, deliveries, groups, incidents, members
from notifier.store.schema import ledger as table

CounterName = Literal[
    "accepted",
    "duplicates",
    "pruned_events",
    "pruned_deliveries",
    "created_deliveries",
    "shed_samples",
    "shed_deliveries",
    "shed_task_runs",
    "probes",
]


def add(tx: Tx, counts: Mapping[CounterName, int]) -> None:
    """Add to this replica's counters."""
    each(tx, _upsert, [(tx.replica, name, n) for name, n in counts.items() if n])


def _upsert(dialect: Dialect) -> sa.ClauseElement:
    rows = rows_from_json(dialect, "rows", [(column.name, column.type) for column in table.c])
    summed = sa.select(rows.c.replica, rows.c.name, sa.cast(sa.func.sum(rows.c.n), Big)).where(sa.true())
    adding = upsert(dialect, table).from_select(
        [column.name for column in table.c], summed.group_by(rows.c.replica, rows.c.name)
    )
    return adding.on_conflict_do_update(
        index_elements=["replica", "name"], set_={"n": table.c.n + adding.excluded.n}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """The three equations: `accepted == counted + pruned_events`, `untold == 0`, `created == rows + pruned`."""

    accepted: int
    counted: int
    pruned_events: int
    duplicates: int
    untold: int
    unrouted: int
    created: int
    by_state: Mapping[str, int]
    pruned_deliveries: int
    shed_samples: int
    shed_deliveries: int
    shed_task_runs: int

    @property
    def balanced(self) -> bool:
        return (
            self.accepted == self.counted + self.pruned_events
            and self.untold == 0
            and self.created == sum(self.by_state.values()) + self.pruned_deliveries
        )


def by_state(tx: Tx) -> dict[str, int]:
    """How many delivery rows are in each state."""
    counts = sa.select(deliveries.c.state, sa.func.count().label("n")).group_by(deliveries.c.state)
    return {row.state: row.n for row in tx.run(counts)}


def accounting(tx: Tx) -> Accounting:
    """One look at all of it, in one transaction.

    `untold` counts members that are neither told, nor held by a named reason, nor in a group that is due, and incidents
    that were never routed though nothing is going to look at them: both must be zero.
    """
    totals: dict[str, int] = {
        row.name: int(row.n)
        for row in tx.run(sa.select(table.c.name, sa.func.sum(table.c.n).label("n")).group_by(table.c.name))
    }
    counted = tx.run(sa.select(sa.func.coalesce(sa.func.sum(incidents.c.count), 0))).scalar_one()
    lost = tx.run(
        sa.select(sa.func.count())
        .select_from(members.join(groups, groups.c.id == members.c.group_id))
        .where(
            sa.or_(
                sa.and_(members.c.changed_at.is_not(None), groups.c.due_at.is_(None)),
                sa.and_(
                    members.c.changed_at.is_(None), members.c.told_at.is_(None), members.c.held_by.is_(None)
                ),
            )
        )
    ).scalar_one()
    unrouted = tx.run(
        sa.select(sa.func.count())
        .select_from(incidents)
        .where(incidents.c.routed == 0, incidents.c.attention_at.is_(None))
    ).scalar_one()
    return Accounting(
        accepted=totals.get("accepted", 0),
        counted=int(counted),
        pruned_events=totals.get("pruned_events", 0),
        duplicates=totals.get("duplicates", 0),
        untold=lost + unrouted,
        unrouted=unrouted,
        created=totals.get("created_deliveries", 0),
        by_state=by_state(tx),
        pruned_deliveries=totals.get("pruned_deliveries", 0),
        shed_samples=totals.get("shed_samples", 0),
        shed_deliveries=totals.get("shed_deliveries", 0),
        shed_task_runs=totals.get("shed_task_runs", 0),
    )
