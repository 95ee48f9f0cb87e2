"""The values of the outbox, and what several of its transactions do to a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome, RateLimit, Thread
from notifier.domain.message import Message
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration, Instant
from notifier.store.compiled import execute, insert
from notifier.store.database import Tx
from notifier.store.outbox.statements import PENDING, with_base
from notifier.store.rows import pack_each
from notifier.store.schema import attempts, deliveries

LEASE: Duration = 60 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """What the outbox knows of a channel. `slots` is how many more sends it may start now."""

    name: str
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    slots: int
    action_links: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One claimed delivery: what to send where, and the fence that its outcome must still hold.

    `settings_hash` is of the settings that it is sent with.
    """

    id: str
    fence: int
    project: str
    channel: str
    address: str
    reason: Reason
    message: Message
    thread: Thread
    created_at: Instant
    claimed_at: Instant
    settings_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The jobs of one claim, those that died in it, and when to claim again (None: on a signal)."""

    jobs: tuple[Job, ...] = ()
    died: tuple[tuple[str, Outcome], ...] = ()
    next_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was recorded: the row's new state and why; None where the lease had passed to somebody else."""

    state: DeliveryState
    outcome: Outcome
    again_at: Instant | None = None


WHY = {
    Outcome.QUARANTINED: "claimed five times without an outcome: sending it may end the worker",
    Outcome.EXPIRED: "not delivered before delivery.expires_after",
    Outcome.GONE: "its target is disabled, for the receiver is gone: a successful test or other settings enable it",
    Outcome.TARGET_REMOVED: "the configuration no longer has this target",
}


def with_messages(tx: Tx, ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
    return {row.id: row for row in execute(tx, with_base, {"ids": pack_each(ids)})}


def write_attempt(
    tx: Tx, delivery: str, n: int, started_at: Instant | None, outcome: Outcome, detail: str | None
) -> None:
    row = {
        "delivery": delivery,
        "n": n,
        "started_at": started_at,
        "finished_at": tx.now,
        "outcome": outcome.value,
        "detail": detail,
        "replica": tx.replica,
    }
    insert(tx, attempts, [row])


def coalesce(tx: Tx, digest: str) -> None:
    tx.run(
        sa.update(deliveries)
        .where(deliveries.c.carried_by == digest, deliveries.c.state == PENDING)
        .values(state=DeliveryState.COALESCED.value, finished_at=tx.now)
    )


def bury(tx: Tx, id_: str, outcome: Outcome, detail: str) -> None:
    """Make a pending delivery a dead letter without an attempt."""
    row = tx.run(sa.select(deliveries.c.fallback_at, deliveries.c.reason).where(deliveries.c.id == id_)).one()
    state = DeliveryState.DISCARDED if row.reason == Reason.TEST.value else DeliveryState.DEAD
    tx.run(
        sa.update(deliveries)
        .where(deliveries.c.id == id_, deliveries.c.state == PENDING)
        .values(
            state=state.value,
            finished_at=tx.now,
            outcome=outcome.value,
            detail=detail,
            fallback_at=None if row.fallback_at is None else tx.now,
        )
    )
    if row.reason == Reason.DIGEST.value:
        coalesce(tx, id_)
    tx.signal("sweep")
