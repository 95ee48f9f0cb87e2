"""Claim due targets: mark what goes out as `sending` before any socket is touched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import Outcome, Thread
from notifier.domain.message import SHOWN_AT_MOST, Message
from notifier.domain.notification import Reason
from notifier.domain.time import Instant
from notifier.policy import targets as pacing
from notifier.policy.merging import union
from notifier.policy.targets import Pending, Send
from notifier.store import ledger
from notifier.store.alerting import Plan, announce
from notifier.store.compiled import execute, insert, update
from notifier.store.database import Tx
from notifier.store.outbox.rows import LEASE, WHY, ChannelRules, Claimed, Job, bury, with_messages
from notifier.store.outbox.statements import (
    PENDING,
    SENDING,
    carry,
    due_targets,
    live,
    next_target,
    ranked,
    supersede,
)
from notifier.store.rows import pack_each, text
from notifier.store.schema import deliveries, targets

TARGETS_AT_ONCE = 20
PENDING_AT_ONCE = 5_000


def claim(tx: Tx, plan: Plan, channels: Mapping[str, ChannelRules]) -> Claimed:
    """Claim due targets of channels with free slots, and mark as `sending` what goes out."""
    free = {name: rules.slots for name, rules in channels.items() if rules.slots > 0}
    if not free:
        return Claimed()
    channels_free = pack_each(sorted(free))
    due = execute(tx, due_targets, {"channels": channels_free, "now": tx.now, "most": TARGETS_AT_ONCE})
    jobs: list[Job] = []
    died: list[tuple[str, Outcome]] = []
    for row in due.all():
        if free[row.channel] <= 0:
            continue
        taken, dead = _claim_target(tx, plan, row, channels[row.channel], free[row.channel])
        free[row.channel] -= len(taken)
        jobs += taken
        died += dead
    left = [name for name, slots in free.items() if slots > 0]
    next_at = execute(tx, next_target, {"channels": pack_each(left)}).scalar()
    return Claimed(jobs=tuple(jobs), died=tuple(died), next_at=next_at)


def _claim_target(
    tx: Tx, plan: Plan, row: sa.Row[Any], rules: ChannelRules, slots: int
) -> tuple[list[Job], list[tuple[str, Outcome]]]:
    rows = execute(tx, live, {"target": row.id, "most": PENDING_AT_ONCE}).all()
    in_flight = [one.thread for one in rows if one.state == SENDING]
    # A newer message waits for the digest that carries its thread: the other way round it would seem undone.
    carried = [one.thread for one in rows if one.state == PENDING and one.carried_by is not None]
    busy = frozenset({*in_flight, *carried})
    target = pacing.Target(
        tokens=row.tokens,
        tokens_at=row.tokens_at,
        cool_until=row.cool_until,
        failures=row.failures,
        disabled=row.disabled_at is not None,
        last_sent_at=row.last_sent_at,
        in_flight=len(in_flight),
        rate_limit=rules.rate_limit,
        digest=rules.digest,
        pace=rules.pace,
    )
    pending = [_pending(one) for one in rows if one.state == PENDING and one.carried_by is None]
    plan_ = pacing.plan(target, pending, busy, tx.now, slots)
    for id_, outcome in plan_.dead:
        bury(tx, id_, outcome, WHY[outcome])
    sends = list(plan_.sends)
    if plan_.digest:
        sends.append(_digest(tx, plan, row.id, rules.name, plan_.digest))
    jobs = [_start(tx, row, send) for send in sends]
    sent = any(job.reason is not Reason.TEST for job in jobs)
    changes = {
        # What died may have been a digest that others waited for.
        "due_at": tx.now if plan_.dead else plan_.next_at,
        "tokens": plan_.tokens,
        "tokens_at": tx.now,
        "last_sent_at": tx.now if sent else row.last_sent_at,
    }
    update(tx, targets, {"id": row.id}, changes)
    return jobs, list(plan_.dead)


def _pending(row: sa.Row[Any]) -> Pending:
    return Pending(
        id=row.id,
        thread=row.thread,
        created_at=row.created_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        claims=row.claims,
        is_test=row.reason == Reason.TEST.value,
        alone=row.reason == Reason.DIGEST.value,
        frozen=bool(row.frozen),
    )


def _start(tx: Tx, target: sa.Row[Any], send: Send) -> Job:
    """Freeze the message, supersede what it carries, and mark it as being sent."""
    found = with_messages(tx, [send.newest, *send.older])
    row = found[send.newest]
    older = [found[id_] for id_ in send.older if id_ in found]
    message = _frozen(row, older)
    fence = row.fence + 1
    waited = [one.fallback_at for one in older if one.fallback_at is not None]
    if older:
        execute(tx, supersede, {"ids": pack_each(send.older), "id": row.id, "now": tx.now})
    changes = {
        "state": SENDING,
        "fence": fence,
        "claims": row.claims + 1,
        "lease_until": tx.now + LEASE,
        "message": text(message.as_json()),
        "fallback_at": min(waited) if waited else row.fallback_at,
    }
    update(tx, deliveries, {"id": row.id}, changes)
    return Job(
        id=row.id,
        fence=fence,
        project=row.project,
        channel=target.channel,
        address=target.address,
        reason=Reason(row.reason),
        message=replace(message, possible_repeat=bool(row.maybe_sent)),
        thread=Thread(id=row.thread, ref=row.thread_ref),
        created_at=row.created_at,
        claimed_at=tx.now,
    )


def _frozen(row: sa.Row[Any], older: Sequence[sa.Row[Any]]) -> Message:
    message = Message.from_json(json.loads(row.message or row.base))
    for earlier in sorted(older, key=lambda one: one.id, reverse=True):
        message = union(Message.from_json(json.loads(earlier.message or earlier.base)), message)
    return replace(message, id=row.id, thread_id=row.thread, previous_thread_id=row.previous_thread)


def _digest(tx: Tx, plan: Plan, target: int, channel: str, sends: Sequence[Send]) -> Send:
    """One delivery that tells what many threads wait to say; they stay pending until it has arrived."""
    members = [send.newest for send in sends]
    carried = [id_ for send in sends for id_ in (*send.older, send.newest)]
    rows = execute(tx, ranked, {"ids": pack_each(carried)}).all()
    shown = with_messages(tx, [row.id for row in rows if row.id in set(members)][:SHOWN_AT_MOST])
    message = _digest_message(tx.now, list(rows), list(shown.values()), len(members))
    notification = announce(tx, plan, project=message.project, message=message, rank=rows[0].rank)
    id_ = plan.new_id()
    row = {
        "id": id_,
        "project": message.project,
        "notification": notification,
        "target": target,
        "channel": channel,
        "thread": id_,
        "reason": Reason.DIGEST.value,
        "state": PENDING,
        "created_at": tx.now,
        "due_at": tx.now,
        "expires_at": tx.now + plan.expires_after,
        "fallback_at": min((one.fallback_at for one in rows if one.fallback_at is not None), default=None),
    }
    insert(tx, deliveries, [row])
    execute(tx, carry, {"ids": pack_each(carried), "id": id_})
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
