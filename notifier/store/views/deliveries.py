"""Deliveries, their attempts, and dead deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.notification import Reason
from notifier.domain.time import Instant
from notifier.store.database import Tx
from notifier.store.schema import attempts, deliveries, notifications, targets
from notifier.store.views.paging import Page, PageKey, earlier, unindexed
from notifier.store.views.stored_messages import BriefMessage, message_in_brief

DEAD = DeliveryState.DEAD.value
_LIVE = {DeliveryState.PENDING.value, DeliveryState.SENDING.value}
# States with few rows, whose index is the shortest way; the other states have nearly all rows.
_RARE = {*_LIVE, DEAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A row of the outbox.

    `title` is its content in one line; `incidents` are the ids of the (at most 20) incidents it shows. `due_at` is
    its next attempt, None if there is none. `outcome` and `detail` are those of the latest attempt, or the reason why
    it is dead. `carried_by` is the delivery that carries it. `attempts` only includes counted attempts.
    """

    id: str
    project: str
    state: DeliveryState
    reason: Reason
    channel: str
    target: str
    target_id: int
    title: str
    incidents: tuple[str, ...]
    created_at: Instant
    due_at: Instant | None
    expires_at: Instant
    attempts: int
    outcome: Outcome | None
    detail: str | None
    finished_at: Instant | None
    carried_by: str | None
    thread_id: str
    notification_id: str

    @property
    def died_at(self) -> Instant:
        """When a dead delivery died, otherwise None."""
        return self.created_at if self.finished_at is None else self.finished_at


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """An attempt. `n` counts from 1; `started_at` is None if the worker was lost."""

    n: int
    started_at: Instant | None
    finished_at: Instant
    outcome: Outcome
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySearch:
    """A search for deliveries of one project."""

    project: str
    state: DeliveryState | None = None
    channel: str | None = None


def find_deliveries(
    tx: Tx, search: DeliverySearch, *, after: PageKey | None, limit: int
) -> Page[DeliveryView]:
    """Deliveries, newest first (ids are ordered by time)."""
    rare = search.state is not None and search.state.value in _RARE
    # The index of a channel's deliveries begins with the project and is only useful with a channel: without one, an
    # engine would sort the whole project. In a channel with many deliveries, rare states are found by their own
    # index.
    by_channel = search.channel is not None and not rare
    project, channel, state = (
        column if wanted else unindexed(column)
        for column, wanted in (
            (deliveries.c.project, by_channel), (deliveries.c.channel, by_channel), (deliveries.c.state, rare)
        )
    )  # fmt: skip
    query = sa.select(deliveries.c.id).where(project == search.project, earlier([deliveries.c.id], after))
    if search.state is not None:
        query = query.where(state == search.state.value)
    if search.channel is not None:
        query = query.where(channel == search.channel)
    return _page(tx, query.order_by(deliveries.c.id.desc()), limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredRow:
    """A delivery that is pending or in flight."""

    id: str
    project: str
    channel: str
    created_at: Instant


def oldest_undelivered(tx: Tx) -> UndeliveredRow | None:
    """The delivery that has waited longest, in any project; carried deliveries count as well."""
    columns = [deliveries.c.id, deliveries.c.project, deliveries.c.channel, deliveries.c.created_at]
    # One state at a time, so that each query walks its index.
    firsts = [
        tx.run(
            sa.select(*columns).where(deliveries.c.state == state).order_by(deliveries.c.created_at).limit(1)
        ).one_or_none()
        for state in sorted(_LIVE)
    ]
    rows = [UndeliveredRow(**row._asdict()) for row in firsts if row is not None]
    return min(rows, key=lambda row: row.created_at, default=None)


def dead_delivery_keys(
    tx: Tx,
    *,
    project: str,
    channel: str | None,
    outcome: Outcome | None,
    after: PageKey | None,
    limit: int,
) -> Sequence[tuple[Instant, str]]:
    """The keys (time and id) of dead deliveries, latest death first."""
    order = [deliveries.c.finished_at, deliveries.c.id]
    query = sa.select(*order).where(_dead(project, channel, outcome), earlier(order, after))
    rows = tx.run(query.order_by(*(column.desc() for column in order)).limit(limit))
    return [(row.finished_at, row.id) for row in rows]


def deliveries_named(tx: Tx, ids: Sequence[str]) -> dict[str, DeliveryView]:
    """The deliveries with these ids."""
    return {row.id: _view(row) for row in tx.run(_views().where(deliveries.c.id.in_(ids)))}


def _page(tx: Tx, chosen: sa.Select[Any], limit: int) -> Page[DeliveryView]:
    """Read narrow rows first (`chosen` yields keys that end in the id), then complete rows of the page only."""
    keys = tx.run(chosen.limit(limit + 1)).all()
    ids = [key.id for key in keys[:limit]]
    views = deliveries_named(tx, ids)
    return Page(
        # On PostgreSQL a row may have been deleted between the two queries.
        items=tuple(views[id_] for id_ in ids if id_ in views),
        next_key=tuple(keys[limit - 1]) if len(keys) > limit else None,
    )


def delivery(tx: Tx, id_: str, *, project: str | None) -> DeliveryView | None:
    """The delivery with this id, in this project or in any if that is None."""
    query = _views().where(deliveries.c.id == id_)
    if project is not None:
        query = query.where(deliveries.c.project == project)
    row = tx.run(query).one_or_none()
    return None if row is None else _view(row)


def stored_message(tx: Tx, id_: str) -> str:
    """The message of a delivery as JSON: its own once it was claimed, before that the notification's."""
    query = (
        sa.select(sa.func.coalesce(deliveries.c.message, notifications.c.message))
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .where(deliveries.c.id == id_)
    )
    return str(tx.run(query).scalar_one())


def attempts_of(tx: Tx, id_: str) -> tuple[DeliveryAttempt, ...]:
    """The attempts of a delivery, oldest first."""
    rows = tx.run(sa.select(attempts).where(attempts.c.delivery == id_).order_by(attempts.c.n))
    return tuple(
        DeliveryAttempt(
            n=n,
            started_at=row.started_at,
            finished_at=row.finished_at,
            outcome=Outcome(row.outcome),
            detail=row.detail,
        )
        for n, row in enumerate(rows, 1)
    )


def states(tx: Tx, ids: Sequence[str], *, project: str | None) -> dict[str, tuple[DeliveryState, int]]:
    """State and target row of those deliveries that exist."""
    query = sa.select(deliveries.c.id, deliveries.c.state, deliveries.c.target).where(
        deliveries.c.id.in_(ids)
    )
    if project is not None:
        query = query.where(deliveries.c.project == project)
    return {row.id: (DeliveryState(row.state), row.target) for row in tx.run(query)}


def dead_ids(
    tx: Tx,
    *,
    project: str,
    channel: str | None,
    outcome: Outcome | None,
    died_by: Instant,
    after: str | None,
    limit: int,
) -> tuple[str, ...]:
    """Ids of deliveries of a channel or with an outcome that had died by `died_by`, in order of their deaths."""
    query = sa.select(deliveries.c.id).where(
        _dead(project, channel, outcome), deliveries.c.finished_at <= died_by
    )
    if after is not None:
        query = query.where(deliveries.c.id > after)
    return tuple(tx.run(query.order_by(deliveries.c.id).limit(limit)).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadDeliveries:
    """The number of a channel's dead deliveries with one outcome."""

    channel: str
    outcome: Outcome | None
    count: int


def count_dead(tx: Tx, *, project: str, most: int) -> tuple[DeadDeliveries, ...]:
    """Dead deliveries of a project by channel and outcome, most first; an excerpt if there are more than `most`."""
    some = (
        sa.select(deliveries.c.channel, deliveries.c.outcome)
        .where(_dead(project, None, None))
        .limit(most)
        .subquery()
    )
    n = sa.func.count().label("n")
    rows = tx.run(
        sa.select(some.c.channel, some.c.outcome, n)
        .group_by(some.c.channel, some.c.outcome)
        .order_by(n.desc(), some.c.channel, some.c.outcome)
    )
    return tuple(
        DeadDeliveries(
            channel=row.channel, outcome=None if row.outcome is None else Outcome(row.outcome), count=row.n
        )
        for row in rows
    )


def _dead(project: str, channel: str | None, outcome: Outcome | None) -> sa.ColumnElement[bool]:
    # The index of states has the few dead deliveries; that of a channel has everything it ever sent.
    conditions = [unindexed(deliveries.c.project) == project, deliveries.c.state == DEAD]
    if channel is not None:
        conditions.append(unindexed(deliveries.c.channel) == channel)
    if outcome is not None:
        conditions.append(deliveries.c.outcome == outcome.value)
    return sa.and_(*conditions)


def _views() -> sa.Select:  # type: ignore[type-arg]
    columns = [column for column in deliveries.c if column is not deliveries.c.message]
    told = sa.func.coalesce(deliveries.c.message, notifications.c.message)
    return (
        sa.select(*columns, targets.c.address, told.label("told"))
        .join(targets, targets.c.id == deliveries.c.target)
        .join(notifications, notifications.c.id == deliveries.c.notification)
    )


def _view(row: sa.Row) -> DeliveryView:  # type: ignore[type-arg]
    told = message_in_brief(row.told)
    return DeliveryView(
        id=row.id,
        project=row.project,
        state=DeliveryState(row.state),
        reason=Reason(row.reason),
        channel=row.channel,
        target=row.address,
        target_id=row.target,
        title=_title(told),
        # The incident of a test is not real.
        incidents=()
        if row.reason == Reason.TEST.value
        else tuple(relevant_exception.incident.id for relevant_exception in told.told),
        created_at=row.created_at,
        due_at=row.due_at if row.state in _LIVE else None,
        expires_at=row.expires_at,
        attempts=row.attempts,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        detail=row.detail,
        finished_at=row.finished_at,
        carried_by=row.carried_by,
        thread_id=row.thread,
        notification_id=row.notification,
    )


def _title(told: BriefMessage) -> str:
    if not told.told:
        return told.note or ""
    others = len(told.told) + told.more - 1
    first = told.told[0].incident.title
    return f"{first} (and {others} more)" if others else first
