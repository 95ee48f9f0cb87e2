"""Threads that a person at a message acts on: where one stands, and the incidents that it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from notifier.domain.time import MINUTE, Duration
from notifier.store.compiled import upsert
from notifier.store.database import Tx
from notifier.store.json_rows import json_value
from notifier.store.schema import (
    OPEN,
    answered_callbacks,
    deliveries,
    groups,
    incidents,
    members,
    targets,
    threads,
)

CALLBACKS_KEPT: Duration = 15 * MINUTE
CALLBACK_WINDOW: Duration = CALLBACKS_KEPT // 2
"""How far from now a callback may have been made, to either side: none is taken that could have been forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLocation:
    """A thread, and where its first message stands.

    `labels` are those that its group shares; `present` says that its episode goes on.
    """

    id: str
    channel: str
    ref: str | None
    group: str
    project: str
    labels: Mapping[str, str]
    present: bool


def find(tx: Tx, id_: str) -> ThreadLocation | None:
    """The thread of this id, as long as its group is kept."""
    row = tx.run(
        sa.select(
            threads, targets.c.channel, groups.c.project, groups.c.labels, groups.c.episode.label("now")
        )
        .join(targets, targets.c.id == threads.c.target)
        .join(groups, groups.c.id == threads.c.group_id)
        .where(threads.c.id == id_)
    ).one_or_none()
    if row is None:
        return None
    return ThreadLocation(
        id=row.id,
        channel=row.channel,
        ref=row.ref,
        group=row.group_id,
        project=row.project,
        labels=json_value(row.labels),
        present=row.episode == row.now,
    )


def refs(tx: Tx, thread: str) -> list[str]:
    """Where its messages stand: more than one where a root was deleted and posted anew."""
    query = sa.select(deliveries.c.ref).where(deliveries.c.thread == thread, deliveries.c.ref.is_not(None))
    return list(tx.run(query.distinct()).scalars())


def unresolved(tx: Tx, group: str, *, after: int, most: int) -> list[tuple[int, str]]:
    """The next incidents of a group that were told of and are not resolved, locked in the order of their numbers."""
    told = sa.select(members.c.incident).where(members.c.group_id == group, members.c.told_at.is_not(None))
    rows = tx.run(
        sa.select(incidents.c.number, incidents.c.id)
        .where(incidents.c.number.in_(told), incidents.c.closed == OPEN, incidents.c.number > after)
        .order_by(incidents.c.number)
        .limit(most)
        .with_for_update()
    )
    return [(row.number, row.id) for row in rows]


def first_request(tx: Tx, id_: str) -> bool:
    """Write down that this callback is answered; False where one of this id was answered before."""
    statement = upsert(tx.dialect, answered_callbacks).values(hash=id_, at=tx.now).on_conflict_do_nothing()
    first = tx.run(statement).rowcount == 1
    tx.run(sa.delete(answered_callbacks).where(answered_callbacks.c.at < tx.now - CALLBACKS_KEPT))
    return first
