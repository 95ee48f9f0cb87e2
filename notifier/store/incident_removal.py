"""Deletion of incidents with everything that refers to them, and the corresponding accounting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from notifier.store import figures as figures_of_events
from notifier.store import ledger
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import (
    decisions,
    deliveries,
    events,
    groups,
    incidents,
    inhibitors,
    members,
    run_incidents,
    tallies,
    threads,
)

LIVE = ("pending", "sending")


def remove(tx: Tx, rows: Sequence[Any]) -> None:
    """Delete incidents, given as rows with `number`, `events` and `labels`, and update the accounting."""
    if not rows:
        return
    numbers = [row.number for row in rows]
    of_group = list(
        tx.run(sa.select(members.c.group_id).distinct().where(members.c.incident.in_(numbers))).scalars()
    )
    of_type: dict[str, list[int]] = {}
    for row in rows:
        of_type.setdefault(json_value(row.labels).get("exception", ""), []).append(row.number)
    figures_of_events.forget_events(tx, of_type.items())
    for table, column in (
        (events, events.c.incident),
        (tallies, tallies.c.incident),
        (members, members.c.incident),
        (decisions, decisions.c.incident),
        (inhibitors, inhibitors.c.incident),
        (run_incidents, run_incidents.c.incident),
    ):
        tx.run(sa.delete(table).where(column.in_(numbers)))
    tx.run(sa.delete(incidents).where(incidents.c.number.in_(numbers)))
    events_gone = sum(row.events for row in rows)
    ledger.add(tx, {"pruned_events": events_gone, "counted": -events_gone})
    _empty_groups(tx, of_group)


def _empty_groups(tx: Tx, ids: Sequence[str]) -> None:
    empty = list(
        tx.run(
            sa.select(groups.c.id).where(
                groups.c.id.in_(ids), ~sa.exists().where(members.c.group_id == groups.c.id)
            )
        ).scalars()
    )
    if empty:
        tx.run(sa.delete(groups).where(groups.c.id.in_(empty)))
        undone = sa.exists().where(deliveries.c.thread == threads.c.id, deliveries.c.state.in_(LIVE))
        tx.run(sa.delete(threads).where(threads.c.group_id.in_(empty), ~undone))
