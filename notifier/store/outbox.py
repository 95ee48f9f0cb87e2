"""The outbox: claim what is due, record what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome, RateLimit, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import SHOWN_AT_MOST, Message, Told, leading
from notifier.domain.notification import Reason
from notifier.domain.time import MINUTE, SECOND, Duration, Instant
from notifier.policy import retry
from notifier.policy import targets as pacing
from notifier.policy.targets import Pending, Send
from notifier.store import ledger
from notifier.store.alerting import Plan, deliver
from notifier.store.database import Tx
from notifier.store.schema import attempts, deliveries, notifications, targets, threads

LEASE: Duration = 60 * SECOND
TARGETS_AT_ONCE = 20
PENDING_AT_ONCE = 5_000
SWEPT_AT_ONCE = 200
POLL: Duration = MINUTE

PENDING = DeliveryState.PENDING.value
SENDING = DeliveryState.SENDING.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """What the outbox knows of a channel. `slots` is how many more sends it may start now."""

    name: str
    rate_limit: RateLimit | None
    digest: bool
    pace: Duration
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One claimed delivery: what to send where, and the fence that its outcome must still hold."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The jobs of one claim, those that died in it, and when to claim again (None: on a signal)."""

    jobs: tuple[Job, ...] = ()
    died: tuple[tuple[str, Outcome], ...] = ()
    next_at: Instant | None = None


def claim(tx: Tx, plan: Plan, channels: Mapping[str, ChannelRules]) -> Claimed:
    """Claim due targets of channels with free slots, and mark what goes out as `sending` before any socket is touched."""
    free = {name: rules.slots for name, rules in channels.items() if rules.slots > 0}
    if not free:
        return Claimed()
    query = (
        sa.select(targets)
        .where(targets.c.channel.in_(sorted(free)), targets.c.due_at <= tx.now)
        .order_by(targets.c.due_at)
        .limit(TARGETS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    jobs: list[Job] = []
    died: list[tuple[str, Outcome]] = []
    for row in tx.run(query).all():
        if free[row.channel] <= 0:
            continue
        taken, dead = _claim_target(tx, plan, row, channels[row.channel], free[row.channel])
        free[row.channel] -= len(taken)
        jobs += taken
        died += dead
    left = [name for name, slots in free.items() if slots > 0]
    next_at = tx.run(sa.select(sa.func.min(targets.c.due_at)).where(targets.c.channel.in_(left))).scalar()
    return Claimed(jobs=tuple(jobs), died=tuple(died), next_at=next_at)


def _claim_target(
    tx: Tx, plan: Plan, row: sa.Row[Any], rules: ChannelRules, slots: int
) -> tuple[list[Job], list[tuple[str, Outcome]]]:
    busy = list(
        tx.run(
            sa.select(deliveries.c.thread).where(deliveries.c.target == row.id, deliveries.c.state == SENDING)
        ).scalars()
    )
    target = pacing.Target(
        tokens=row.tokens,
        tokens_at=row.tokens_at,
        cool_until=row.cool_until,
        failures=row.failures,
        disabled=row.disabled_at is not None,
        last_sent_at=row.last_sent_at,
        in_flight=len(busy),
        rate_limit=rules.rate_limit,
        digest=rules.digest,
        pace=rules.pace,
    )
    pending = _pending(tx, row.id)
    plan_ = pacing.plan(target, pending, frozenset(busy), tx.now, slots)
    for id_, outcome in plan_.dead:
        bury(tx, id_, outcome, _WHY[outcome])
    sends = list(plan_.sends)
    if plan_.digest:
        sends.append(_digest(tx, plan, row.id, rules.name, plan_.digest))
    jobs = [_start(tx, plan, row, send) for send in sends]
    sent = any(job.reason is not Reason.TEST for job in jobs)
    tx.run(
        sa.update(targets)
        .where(targets.c.id == row.id)
        .values(
            due_at=plan_.next_at,
            tokens=plan_.tokens,
            tokens_at=tx.now,
            last_sent_at=tx.now if sent else row.last_sent_at,
        )
    )
    return jobs, list(plan_.dead)


_WHY = {
    Outcome.QUARANTINED: "claimed five times without an outcome: sending it may end the worker",
    Outcome.EXPIRED: "not delivered before delivery.expires_after",
    Outcome.GONE: "the target is disabled because its receiver said that it is gone: a successful test enables it again",
    Outcome.TARGET_REMOVED: "the configuration no longer has this target",
}


def _pending(tx: Tx, target: int) -> list[Pending]:
    query = (
        sa.select(
            deliveries.c.id, deliveries.c.thread, deliveries.c.created_at, deliveries.c.due_at, deliveries.c.expires_at,
            deliveries.c.claims, deliveries.c.reason,
        )
        .where(deliveries.c.target == target, deliveries.c.state == PENDING, deliveries.c.carried_by.is_(None))
        .order_by(deliveries.c.id)
        .limit(PENDING_AT_ONCE)
    )  # fmt: skip
    return [
        Pending(
            id=row.id,
            thread=row.thread,
            created_at=row.created_at,
            due_at=row.due_at,
            expires_at=row.expires_at,
            claims=row.claims,
            is_test=row.reason == Reason.TEST.value,
            alone=row.reason == Reason.DIGEST.value,
        )
        for row in tx.run(query)
    ]


def _start(tx: Tx, plan: Plan, target: sa.Row[Any], send: Send) -> Job:
    """Freeze the message, supersede what it carries, and mark it as being sent."""
    found = _with_messages(tx, [send.newest, *send.older])
    row = found[send.newest]
    thread = _thread(tx, row.thread)
    message = _frozen(row, [found[id_] for id_ in send.older if id_ in found], thread)
    fence = row.fence + 1
    if send.older:
        soonest = min(
            (found[id_].fallback_at for id_ in send.older if found[id_].fallback_at is not None), default=None
        )
        tx.run(
            sa.update(deliveries)
            .where(deliveries.c.id.in_(send.older))
            .values(
                state=DeliveryState.SUPERSEDED.value,
                carried_by=row.id,
                finished_at=tx.now,
                fallback_at=None,
                claims=0,
            )
        )
    else:
        soonest = None
    tx.run(
        sa.update(deliveries)
        .where(deliveries.c.id == row.id)
        .values(
            state=SENDING,
            fence=fence,
            claims=deliveries.c.claims + 1,
            lease_until=tx.now + LEASE,
            message=json.dumps(message.as_json(), ensure_ascii=False),
            fallback_at=row.fallback_at if soonest is None else soonest,
        )
    )
    tx.signal("sweep")
    return Job(
        id=row.id,
        fence=fence,
        project=row.project,
        channel=target.channel,
        address=target.address,
        reason=Reason(row.reason),
        message=replace(message, possible_repeat=bool(row.maybe_sent)),
        thread=Thread(id=row.thread, ref=thread.ref if thread else None, previous_ref=None),
        created_at=row.created_at,
        claimed_at=tx.now,
    )


def _with_messages(tx: Tx, ids: Sequence[str]) -> dict[str, sa.Row[Any]]:
    query = (
        sa.select(deliveries, notifications.c.message.label("base"))
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .where(deliveries.c.id.in_(ids))
    )
    return {row.id: row for row in tx.run(query)}


def _thread(tx: Tx, id_: str) -> sa.Row[Any] | None:
    return tx.run(sa.select(threads).where(threads.c.id == id_)).one_or_none()


def _frozen(row: sa.Row[Any], older: Sequence[sa.Row[Any]], thread: sa.Row[Any] | None) -> Message:
    own = Message.from_json(json.loads(row.message or row.base))
    message = own
    for earlier in sorted(older, key=lambda one: one.id, reverse=True):
        message = union(Message.from_json(json.loads(earlier.message or earlier.base)), message)
    return replace(
        message,
        id=row.id,
        thread_id=row.thread,
        previous_thread_id=thread.previous_id if thread else None,
    )


def union(older: Message, newer: Message) -> Message:
    """`newer`, carrying what `older` would have told: each incident as it is now, for the first of its reasons."""
    told = {one.incident.id: one for one in newer.told}
    for one in older.told:
        known = told.get(one.incident.id)
        if known is None:
            told[one.incident.id] = one
        else:
            told[one.incident.id] = Told(
                incident=known.incident, reason=leading({one.reason, known.reason}) or known.reason
            )
    both = sum(1 for one in older.told if any(one.incident.id == two.incident.id for two in newer.told))
    totals = dict(newer.totals)
    for reason, count in older.totals.items():
        totals[reason] = totals.get(reason, 0) + count
    shown = tuple(told.values())[:SHOWN_AT_MOST]
    return replace(
        newer,
        reason=leading({older.reason, newer.reason}) or newer.reason,
        told=shown,
        more=max(0, older.more + newer.more + len(older.told) + len(newer.told) - both - len(shown)),
        totals=totals,
        suppressed=older.suppressed + newer.suppressed,
    )


def _digest(tx: Tx, plan: Plan, target: int, channel: str, sends: Sequence[Send]) -> Send:
    """One delivery that tells what many threads wait to say; they stay pending until it has arrived."""
    members = [send.newest for send in sends]
    carried = [id_ for send in sends for id_ in (*send.older, send.newest)]
    rows = tx.run(
        sa.select(
            deliveries.c.id,
            deliveries.c.reason,
            deliveries.c.fallback_at,
            notifications.c.rank,
            deliveries.c.project,
        )
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .where(deliveries.c.id.in_(carried))
        .order_by(notifications.c.rank.desc(), deliveries.c.id.desc())
    ).all()
    shown = _with_messages(tx, [row.id for row in rows if row.id in set(members)][:SHOWN_AT_MOST])
    message = _digest_message(tx.now, list(rows), list(shown.values()), len(members))
    notification, id_ = plan.new_id(), plan.new_id()
    tx.run(
        sa.insert(notifications).values(
            id=notification,
            project=message.project,
            group_id=None,
            reason=Reason.DIGEST.value,
            at=tx.now,
            rank=rows[0].rank,
            message=json.dumps(message.as_json(), ensure_ascii=False),
        )  # fmt: skip
    )
    soonest = min((row.fallback_at for row in rows if row.fallback_at is not None), default=None)
    tx.run(
        sa.insert(deliveries).values(
            id=id_,
            project=message.project,
            notification=notification,
            target=target,
            channel=channel,
            thread=id_,
            reason=Reason.DIGEST.value,
            state=PENDING,
            created_at=tx.now,
            due_at=tx.now,
            expires_at=tx.now + plan.expires_after,
            fallback_at=soonest,
        )  # fmt: skip
    )
    tx.run(sa.update(deliveries).where(deliveries.c.id.in_(carried)).values(carried_by=id_, fallback_at=None))
    ledger.add(tx, {"created_deliveries": 1})
    return Send(newest=id_, older=())


def _digest_message(
    now: Instant, rows: Sequence[sa.Row[Any]], shown: Sequence[sa.Row[Any]], alerts: int
) -> Message:
    parts = [Message.from_json(json.loads(row.message or row.base)) for row in shown]
    told = [one for part in parts for one in part.told[:3]]
    told.sort(key=lambda one: (-one.incident.severity.rank, -one.incident.count))
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.reason] = totals.get(row.reason, 0) + 1
    projects = sorted({row.project for row in rows})
    return Message(
        id="",
        reason=Reason.DIGEST,
        at=now,
        project=projects[0],
        group=None,
        labels={},
        told=tuple(told[:SHOWN_AT_MOST]),
        more=max(0, alerts - min(len(told), SHOWN_AT_MOST)),
        totals=totals,
        suppressed=sum(part.suppressed for part in parts),
        note=f"digest of {alerts} alerts that waited for this target",
        thread_id="",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was recorded: the row's new state and why; None where the lease had passed to somebody else."""

    state: DeliveryState
    outcome: Outcome
    again_at: Instant | None = None


def delivered(tx: Tx, job: Job, ref: str | None, detail: str | None) -> Result | None:
    """The receiver has it: terminal, and what a digest carried is coalesced."""
    if not _settle(
        tx, job, state=DeliveryState.DELIVERED.value, finished_at=tx.now, outcome=Outcome.DELIVERED.value,
        detail=detail, ref=ref, fallback_at=None, attempts=deliveries.c.attempts + 1,
    ):  # fmt: skip
        return None
    _attempt(tx, job.id, job.fence, job.claimed_at, Outcome.DELIVERED, detail)
    if ref is not None:
        tx.run(
            sa.update(threads).where(threads.c.id == job.thread.id, threads.c.ref.is_(None)).values(ref=ref)
        )
    if job.reason is Reason.DIGEST:
        _coalesce(tx, job.id)
    healthy: dict[str, object] = {"failures": 0, "cool_until": None, "last_ok_at": tx.now}
    if job.reason is Reason.TEST:
        healthy |= {"disabled_at": None, "disabled_why": None}
    _wake(tx, job, **healthy)
    return Result(state=DeliveryState.DELIVERED, outcome=Outcome.DELIVERED)


def failed(tx: Tx, job: Job, error: SendError, jitter: float) -> Result | None:
    """An attempt failed: back to pending, or a dead letter; the target cools as the outcome says."""
    row = tx.run(sa.select(deliveries).where(deliveries.c.id == job.id)).one()
    used = row.attempts + (0 if error.outcome is Outcome.THROTTLED else 1)
    follows = retry.after(
        error.outcome,
        attempts=used,
        now=tx.now,
        expires_at=row.expires_at,
        retry_after=error.retry_after,
        jitter=jitter,
    )
    if job.reason is Reason.TEST:
        follows = retry.Dead(reason=error.outcome)
    values: dict[str, object] = {"attempts": used, "outcome": error.outcome.value, "detail": error.detail}
    if error.outcome is Outcome.AMBIGUOUS:
        values["maybe_sent"] = 1
    if isinstance(follows, retry.Again):
        values |= {"state": PENDING, "due_at": follows.at}
        result = Result(state=DeliveryState.PENDING, outcome=error.outcome, again_at=follows.at)
    else:
        state = DeliveryState.DISCARDED if job.reason is Reason.TEST else DeliveryState.DEAD
        values |= {"state": state.value, "finished_at": tx.now, "outcome": follows.reason.value}
        if row.fallback_at is not None:
            values["fallback_at"] = tx.now
        result = Result(state=state, outcome=follows.reason)
    if not _settle(tx, job, **values):
        return None
    _attempt(tx, job.id, job.fence, job.claimed_at, error.outcome, error.detail)
    if result.state is DeliveryState.DEAD and job.reason is Reason.DIGEST:
        _coalesce(tx, job.id)
    _cool(tx, job, error, jitter)
    tx.signal("sweep")
    return result


def _settle(tx: Tx, job: Job, **values: object) -> bool:
    """End the claim; False where its fence no longer holds."""
    values |= {"lease_until": None, "claims": 0}
    statement = (
        sa.update(deliveries)
        .where(deliveries.c.id == job.id, deliveries.c.fence == job.fence, deliveries.c.state == SENDING)
        .values(**values)
    )
    return tx.run(statement).rowcount == 1


def _attempt(
    tx: Tx, delivery: str, n: int, started_at: Instant | None, outcome: Outcome, detail: str | None
) -> None:
    tx.run(
        sa.insert(attempts).values(
            delivery=delivery,
            n=n,
            started_at=started_at,
            finished_at=tx.now,
            outcome=outcome.value,
            detail=detail,
            replica=tx.replica,
        )  # fmt: skip
    )


def _coalesce(tx: Tx, digest: str) -> None:
    tx.run(
        sa.update(deliveries)
        .where(deliveries.c.carried_by == digest, deliveries.c.state == PENDING)
        .values(state=DeliveryState.COALESCED.value, finished_at=tx.now)
    )


def _cool(tx: Tx, job: Job, error: SendError, jitter: float) -> None:
    """What a failure does to its target, or to all of its channel's."""
    row = tx.run(sa.select(targets).where(_target_of(job)).with_for_update()).one()
    values: dict[str, object] = {
        "last_error": f"{error.outcome.value}: {error.detail}",
        "last_error_at": tx.now,
    }
    if error.outcome is Outcome.THROTTLED:
        values["cool_until"] = tx.now + retry.throttle(error.retry_after)
    elif error.outcome is Outcome.GONE and job.reason is not Reason.TEST:
        values |= {"disabled_at": tx.now, "disabled_why": error.detail}
    elif error.outcome in {Outcome.TRANSIENT, Outcome.AMBIGUOUS}:
        failures = row.failures + 1
        rest = retry.cool(failures, jitter)
        values |= {"failures": failures, "cool_until": None if rest is None else tx.now + rest}
    elif error.whole_channel:
        values["failures"] = row.failures + 1
    _wake(tx, job, **values)
    if error.whole_channel and job.reason is not Reason.TEST:
        until = tx.now + retry.backoff(int(row.failures) + 1, jitter)
        tx.run(sa.update(targets).where(targets.c.channel == job.channel).values(cool_until=until))


def _target_of(job: Job) -> sa.ColumnElement[bool]:
    return sa.and_(targets.c.channel == job.channel, targets.c.address == job.address)


def _wake(tx: Tx, job: Job, **values: object) -> None:
    """Write the target's health and let the claim look at it again: it knows best when."""
    waiting = (
        sa.select(sa.func.min(deliveries.c.due_at))
        .where(
            deliveries.c.target == targets.c.id,
            deliveries.c.state == PENDING,
            deliveries.c.carried_by.is_(None),
        )
        .correlate(targets)
        .scalar_subquery()
    )
    tx.run(sa.update(targets).where(_target_of(job)).values(due_at=waiting, **values))
    tx.signal("targets")


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
        )  # fmt: skip
    )
    if row.reason == Reason.DIGEST.value:
        _coalesce(tx, id_)
    tx.signal("sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Leases that ended without an outcome, fallbacks told, and failures of the fallback itself (delivery ids)."""

    lost: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    next_at: Instant | None = None


def sweep(tx: Tx, plan: Plan, fallback: str | None, *, restarted: bool = False) -> Swept:
    """Return lost claims, bury what has expired, and tell the fallback what the others could not.

    `restarted`: this is the only process, and it has just started: nobody else can be sending.
    """
    lost = _lost(tx, restarted=restarted)
    expired = list(
        tx.run(
            sa.select(deliveries.c.id)
            .where(
                deliveries.c.state == PENDING,
                deliveries.c.expires_at <= tx.now,
                deliveries.c.carried_by.is_(None),
            )
            .limit(SWEPT_AT_ONCE)
        ).scalars()
    )
    for id_ in expired:
        bury(tx, id_, Outcome.EXPIRED, _WHY[Outcome.EXPIRED])
    due = tx.run(
        sa.select(deliveries, notifications.c.message.label("base"), targets.c.address)
        .join(notifications, notifications.c.id == deliveries.c.notification)
        .join(targets, targets.c.id == deliveries.c.target)
        .where(deliveries.c.fallback_at <= tx.now)
        .order_by(deliveries.c.fallback_at)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True, of=deliveries)
    ).all()
    told, unheard = [], []
    for row in due:
        if fallback is not None and row.channel != fallback:
            if _tell_fallback(tx, plan, fallback, row):
                told.append(row.id)
        else:
            unheard.append(row.id)
    if due:
        tx.run(
            sa.update(deliveries).where(deliveries.c.id.in_([row.id for row in due])).values(fallback_at=None)
        )
    moments = [
        tx.run(sa.select(sa.func.min(column)).where(column.is_not(None))).scalar()
        for column in (deliveries.c.fallback_at, deliveries.c.lease_until)
    ]
    next_at = (
        tx.now if len(due) == SWEPT_AT_ONCE else min((at for at in moments if at is not None), default=None)
    )
    return Swept(
        lost=tuple(lost), told=tuple(told), unheard=tuple(unheard), expired=tuple(expired), next_at=next_at
    )


def _lost(tx: Tx, *, restarted: bool) -> list[str]:
    ended = deliveries.c.state == SENDING
    if not restarted:
        ended = sa.and_(ended, deliveries.c.lease_until <= tx.now)
    rows = tx.run(
        sa.select(deliveries.c.id, deliveries.c.fence, deliveries.c.target, deliveries.c.reason)
        .where(ended)
        .limit(SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        _attempt(
            tx,
            row.id,
            row.fence,
            None,
            Outcome.AMBIGUOUS,
            "the worker was lost before it recorded an outcome",
        )
        # `claims` stays: five of these in a row are what quarantines a delivery that ends its worker.
        tx.run(
            sa.update(deliveries)
            .where(deliveries.c.id == row.id)
            .values(
                state=PENDING,
                due_at=tx.now,
                lease_until=None,
                maybe_sent=1,
                attempts=deliveries.c.attempts + 1,
                fence=deliveries.c.fence + 1,
                outcome=Outcome.AMBIGUOUS.value,
            )  # fmt: skip
        )
        tx.run(sa.update(targets).where(targets.c.id == row.target).values(due_at=tx.now))
        tx.signal("targets")
    return [row.id for row in rows]


def _tell_fallback(tx: Tx, plan: Plan, fallback: str, row: sa.Row[Any]) -> bool:
    """Tell the alert itself through the fallback, under a line that says what failed: once per notification."""
    exists = sa.select(notifications.c.id).where(notifications.c.fallback_of == row.notification)
    if tx.run(exists).first() is not None:
        return False
    state = (
        "is dead" if row.state == DeliveryState.DEAD.value else "has not arrived yet and goes on being tried"
    )
    why = f" ({row.outcome}: {row.detail})" if row.outcome else ""
    note = f"Delivery through {row.channel} to {row.address} {state}{why}. What it had to tell:"
    message = replace(
        Message.from_json(json.loads(row.message or row.base)),
        reason=Reason.FALLBACK,
        note=note[:500],
        at=tx.now,
    )
    id_ = plan.new_id()
    tx.run(
        sa.insert(notifications).values(
            id=id_,
            project=row.project,
            group_id=None,
            reason=Reason.FALLBACK.value,
            at=tx.now,
            message=json.dumps(message.as_json(), ensure_ascii=False),
            fallback_of=row.notification,
        )  # fmt: skip
    )
    deliver(
        tx, plan, notification=id_, project=row.project, reason=Reason.FALLBACK, group_id=f"fallback:{row.notification}",
        episode=0, chosen=plan.targets.get(fallback, ()),
    )  # fmt: skip
    return True


def enqueue_test(tx: Tx, plan: Plan, *, project: str, channel: str, message: Message) -> tuple[str, ...]:
    """A real delivery to every target of a channel, with reason `test`; returns the delivery ids."""
    id_ = plan.new_id()
    tx.run(
        sa.insert(notifications).values(
            id=id_,
            project=project,
            group_id=None,
            reason=Reason.TEST.value,
            at=tx.now,
            message=json.dumps(message.as_json(), ensure_ascii=False),
        )  # fmt: skip
    )
    chosen = plan.targets.get(channel, ())
    deliver(
        tx, replace(plan, fallback_after=None), notification=id_, project=project, reason=Reason.TEST,
        group_id=f"test:{id_}", episode=0, chosen=chosen,
    )  # fmt: skip
    return tuple(
        tx.run(
            sa.select(deliveries.c.id).where(deliveries.c.notification == id_).order_by(deliveries.c.id)
        ).scalars()
    )


def sync_targets(tx: Tx, wanted: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, ...]]:
    """Make the target rows agree with the configuration; what waits for a target that is gone becomes a dead letter."""
    known = {(row.channel, row.address): row.id for row in tx.run(sa.select(targets).order_by(targets.c.id))}
    for channel, addresses in sorted(wanted.items()):
        for address in addresses:
            if (channel, address) not in known:
                row = tx.run(
                    sa.insert(targets).values(channel=channel, address=address).returning(targets.c.id)
                )
                known[channel, address] = row.scalar_one()
    kept = {known[channel, address] for channel, addresses in wanted.items() for address in addresses}
    removed = sorted(set(known.values()) - kept)
    if removed:
        orphans = tx.run(
            sa.select(deliveries.c.id).where(deliveries.c.target.in_(removed), deliveries.c.state == PENDING)
        ).scalars()
        for id_ in orphans.all():
            tx.run(sa.update(deliveries).where(deliveries.c.id == id_).values(carried_by=None))
            bury(tx, id_, Outcome.TARGET_REMOVED, _WHY[Outcome.TARGET_REMOVED])
        tx.run(sa.update(targets).where(targets.c.id.in_(removed)).values(due_at=None))
    return {
        channel: tuple(known[channel, address] for address in addresses)
        for channel, addresses in wanted.items()
    }


def redeliver(tx: Tx, plan: Plan, ids: Sequence[str]) -> tuple[str, ...]:
    """Return dead letters to pending, with their ids; a person asks, so a disabled target is tried again. Those returned."""
    rows = tx.run(
        sa.select(deliveries.c.id, deliveries.c.target)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.DEAD.value)
        .order_by(deliveries.c.target, deliveries.c.id)
        .with_for_update()
    ).all()
    if rows:
        tx.run(
            sa.update(deliveries)
            .where(deliveries.c.id.in_([row.id for row in rows]))
            .values(
                state=PENDING,
                due_at=tx.now,
                expires_at=tx.now + plan.expires_after,
                attempts=0,
                claims=0,
                finished_at=None,
                fallback_at=None,
            )  # fmt: skip
        )
        tx.run(
            sa.update(targets)
            .where(targets.c.id.in_([row.target for row in rows]))
            .values(due_at=tx.now, disabled_at=None, disabled_why=None, cool_until=None)
        )
        tx.signal("targets")
    return tuple(row.id for row in rows)


def discard(tx: Tx, ids: Sequence[str]) -> tuple[str, ...]:
    """End dead letters by a person's word. Those that were ended."""
    found = tx.run(
        sa.update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.DEAD.value)
        .values(state=DeliveryState.DISCARDED.value, finished_at=tx.now)
        .returning(deliveries.c.id)
    )
    return tuple(sorted(found.scalars()))
