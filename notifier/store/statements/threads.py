"""Threads: the messages of one episode at one target."""

from __future__ import annotations

import sqlalchemy as sa

from notifier.store.compiled import Row, columns_of, reads
from notifier.store.database import Dialect
from notifier.store.json_rows import in_json, rows_from_json
from notifier.store.schema import (
    Big,
    deliveries,
    threads,
)

Text = sa.Text()

# A literal, as in the partial index; with a bound value neither engine would use it.
_LIVE = deliveries.c.state.in_([sa.literal_column("'pending'"), sa.literal_column("'sending'")])


class ThreadRow(Row, frozen=True):
    """A thread at a target."""

    id: str
    target: int
    episode: int


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


def threads_of_episode(_dialect: Dialect) -> sa.ClauseElement:
    """The targets with a thread in an episode."""
    return sa.select(threads.c.target).where(
        threads.c.group_id == sa.bindparam("group", type_=Text),
        threads.c.episode == sa.bindparam("episode", type_=Big),
    )


@reads(ThreadRow)
def episode_threads(_dialect: Dialect) -> sa.ClauseElement:
    """The threads of an episode of a group."""
    of_episode = (
        threads.c.group_id == sa.bindparam("group", type_=Text),
        threads.c.episode == sa.bindparam("episode", type_=Big),
    )
    return sa.select(*columns_of(ThreadRow, threads)).where(*of_episode).order_by(threads.c.id)


@reads(ThreadRow)
def threads_at_targets(dialect: Dialect) -> sa.ClauseElement:
    """The threads of a group at these targets, newest episode last."""
    found = sa.select(*columns_of(ThreadRow, threads)).where(
        threads.c.group_id == sa.bindparam("group", type_=Text),
        threads.c.target.in_(in_json(dialect, "targets", Big)),
    )
    return found.order_by(threads.c.episode)


def is_live(_dialect: Dialect) -> sa.ClauseElement:
    """Whether a thread has deliveries pending or in flight."""
    return (
        sa.select(deliveries.c.id)
        .where(deliveries.c.thread == sa.bindparam("thread", type_=Text), _LIVE)
        .limit(1)
    )


def keep_message_refs(dialect: Dialect) -> sa.ClauseElement:
    """Store the reference of a thread's first receipt."""
    rows = rows_from_json(dialect, "rows", [("id", Text), ("ref", Text)])
    return sa.update(threads).where(threads.c.id == rows.c.id, threads.c.ref.is_(None)).values(ref=rows.c.ref)
