"""Threads that people act on from a message: their location and their incidents."""

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
"""How far the time of a callback may differ from now. Older ones are refused, since their ids may have been
deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLocation:
    """A thread and the location of its first message.

    `labels` are those shared by its group; `current` says whether its episode is the group's latest.
    """

    id: str
    channel: str
    ref: str | None
    group: str
    project: str
    labels: Mapping[str, str]
    current: bool


def find(tx: Tx, id_: str) -> ThreadLocation | None:
    """The thread with this id, if its group still exists."""
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
        current=row.episode == row.now,
    )


def refs(tx: Tx, thread: str) -> list[str]:
    """The references of its messages; several if the first message was deleted and posted again."""
    query = sa.select(deliveries.c.ref).where(deliveries.c.thread == thread, deliveries.c.ref.is_not(None))
    return list(tx.run(query.distinct()).scalars())


def unresolved(tx: Tx, group: str, *, after: int, most: int) -> list[tuple[int, str]]:
    """The next unresolved incidents of a group that were notified, locked in the order of their numbers."""
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
    """Record the id of a callback. Returns False if it was recorded before."""
    statement = upsert(tx.dialect, answered_callbacks).values(hash=id_, at=tx.now).on_conflict_do_nothing()
    first = tx.run(statement).rowcount == 1
    tx.run(sa.delete(answered_callbacks).where(answered_callbacks.c.at < tx.now - CALLBACKS_KEPT))
    return first
