"""Targets: when they are due, and their health."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from notifier.domain.time import Instant
from notifier.store.compiled import Row, columns_of, each, reads
from notifier.store.database import Dialect, Tx
from notifier.store.json_rows import in_json
from notifier.store.schema import (
    Big,
    deliveries,
    targets,
)
from notifier.store.statements.deliveries import is_waiting

Text = sa.Text()


class DueTarget(Row, frozen=True):
    """A due target. `tokens` is what its bucket held at `tokens_at`."""

    id: int
    channel: str
    address: str
    due_at: Instant | None
    tokens: float | None
    tokens_at: Instant | None
    cool_until: Instant | None
    failures: int
    disabled_at: Instant | None
    last_sent_at: Instant | None
    storm_thread: str | None
    storm_at: Instant | None


class TargetFailures(Row, frozen=True):
    """The recent failures of a target, under the settings with this hash."""

    id: int
    failures: int
    last_error_at: Instant | None
    settings_hash: str | None
    gone_at: Instant | None
    gone_in_a_row: int


def _now() -> sa.BindParameter[int]:
    return sa.bindparam("now", type_=Big)


@reads(DueTarget)
def due_targets(dialect: Dialect) -> sa.ClauseElement:
    """Due targets of the named channels."""
    return (
        sa.select(*columns_of(DueTarget, targets))
        .where(targets.c.channel.in_(in_json(dialect, "channels", Text)), targets.c.due_at <= _now())
        .order_by(targets.c.due_at, targets.c.id)
        .limit(sa.bindparam("most", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=targets)
    )


def next_target_due(dialect: Dialect) -> sa.ClauseElement:
    """When the next target of these channels is due."""
    return sa.select(sa.func.min(targets.c.due_at)).where(
        targets.c.channel.in_(in_json(dialect, "channels", Text))
    )


def lock_targets(tx: Tx, ids: Iterable[int]) -> None:
    """Lock targets in the order of their ids. Does nothing on SQLite, which has a single writer.

    Without the lock, a claim or an outcome would miss concurrent deliveries, and nothing would wake their target.
    """
    if tx.dialect != "sqlite":
        each(tx, _lock_targets, ([id_] for id_ in ids))


def _lock_targets(dialect: Dialect) -> sa.ClauseElement:
    these = targets.c.id.in_(in_json(dialect, "rows", Big))
    return sa.select(targets.c.id).where(these).order_by(targets.c.id).with_for_update(of=targets)


def wake_targets(dialect: Dialect) -> sa.ClauseElement:
    """Make targets due now, unless they are due earlier."""
    return (
        sa.update(targets)
        .where(
            targets.c.id.in_(in_json(dialect, "rows", Big)),
            sa.or_(targets.c.due_at.is_(None), targets.c.due_at > _now()),
        )
        .values(due_at=_now())
    )


def wake_waiting_targets(dialect: Dialect) -> sa.ClauseElement:
    """Make targets due now if deliveries wait for them; the claim decides when they are sent.

    Must run after the targets are locked, as a separate statement: on PostgreSQL it would otherwise not see rows that
    another replica added before releasing its lock.
    """
    waits = sa.exists().where(deliveries.c.target == targets.c.id, is_waiting())
    return (
        sa.update(targets)
        .where(targets.c.id.in_(in_json(dialect, "targets", Big)))
        .values(due_at=sa.case((waits, _now()), else_=sa.null()))
    )


def wake_forgotten_targets(_dialect: Dialect) -> sa.ClauseElement:
    """Make targets due that have pending deliveries and no due time."""
    waits = sa.exists().where(deliveries.c.target == targets.c.id, is_waiting())
    return sa.update(targets).where(targets.c.due_at.is_(None), waits).values(due_at=_now())


def mark_healthy(dialect: Dialect) -> sa.ClauseElement:
    """Record successful deliveries to targets."""
    return (
        sa.update(targets)
        .where(targets.c.id.in_(in_json(dialect, "targets", Big)))
        .values(failures=0, cool_until=None, last_ok_at=_now(), gone_in_a_row=0)
    )


def enable_targets(dialect: Dialect) -> sa.ClauseElement:
    """Enable targets, since a test has arrived."""
    return (
        sa.update(targets)
        .where(targets.c.id.in_(in_json(dialect, "targets", Big)))
        .values(disabled_at=None, disabled_why=None, gone_at=None)
    )


@reads(TargetFailures)
def target_health(_dialect: Dialect) -> sa.ClauseElement:
    """The health of one target."""
    of_target = targets.c.id == sa.bindparam("id", type_=Big)
    return sa.select(*columns_of(TargetFailures, targets)).where(of_target)


def cool_channel(_dialect: Dialect) -> sa.ClauseElement:
    """Cool all targets of a channel until the given time."""
    of_channel = targets.c.channel == sa.bindparam("channel", type_=Text)
    return sa.update(targets).where(of_channel).values(cool_until=sa.bindparam("until", type_=Big))


class TargetAddress(Row, frozen=True):
    """A target's id, channel and address."""

    id: int
    channel: str
    address: str


@reads(TargetAddress)
def target_addresses(_dialect: Dialect) -> sa.ClauseElement:
    """All targets, including removed ones."""
    return sa.select(*columns_of(TargetAddress, targets)).order_by(targets.c.id)


def insert_target(_dialect: Dialect) -> sa.ClauseElement:
    """Insert a target. Returns its id."""
    values = {name: sa.bindparam(name, type_=Text) for name in ("channel", "address")}
    return sa.insert(targets).values(**values).returning(targets.c.id)


def rename_target(_dialect: Dialect) -> sa.ClauseElement:
    """Change the address of a target."""
    of_id = targets.c.id == sa.bindparam("target", type_=Big)
    return sa.update(targets).where(of_id).values(address=sa.bindparam("address", type_=Text))


def clear_due(dialect: Dialect) -> sa.ClauseElement:
    """Clear the due time of targets."""
    return sa.update(targets).where(targets.c.id.in_(in_json(dialect, "targets", Big))).values(due_at=None)


def forget_health(_dialect: Dialect) -> sa.ClauseElement:
    """Reset the health of a channel's targets if its settings have changed. Returns their ids."""
    settings_hash = sa.bindparam("hash", type_=Text)
    others = sa.or_(targets.c.settings_hash.is_(None), targets.c.settings_hash != settings_hash)
    unknown = {
        "failures": 0,
        "cool_until": None,
        "disabled_at": None,
        "disabled_why": None,
        "gone_at": None,
        "gone_in_a_row": 0,
        "last_error": None,
        "last_error_at": None,
    }
    return (
        sa.update(targets)
        .where(targets.c.channel == sa.bindparam("channel", type_=Text), others)
        .values(settings_hash=settings_hash, **unknown)
        .returning(targets.c.id)
    )
