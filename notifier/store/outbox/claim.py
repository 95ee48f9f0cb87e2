"""Claim due targets: mark what goes out as `sending` before any socket is touched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import Outcome, Thread
from notifier.domain.message import FORM, Message
from notifier.domain.notification import Reason
from notifier.policy import targets as pacing
from notifier.policy.merging import union
from notifier.policy.targets import Pending, Send
from notifier.store import hold, tokens
from notifier.store.alerting import Plan
from notifier.store.compiled import execute, update
from notifier.store.database import Tx
from notifier.store.outbox.digest import digest
from notifier.store.outbox.rows import LEASE, WHY, ChannelRules, Claimed, Job, bury, with_messages
from notifier.store.outbox.statements import (
    PENDING,
    SENDING,
    carried_threads,
    due_targets,
    live,
    next_target,
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
    due = execute(tx, due_targets, {"channels": channels_free, "now": tx.now, "most": TARGETS_AT_ONCE}).all()
    held = bool(due) and hold.current(tx) is not None
    jobs: list[Job] = []
    died: list[tuple[str, Outcome]] = []
    for row in due:
        if free[row.channel] <= 0:
            continue
        rules = replace(channels[row.channel], slots=free[row.channel])
        taken, dead = _claim_target(tx, plan, row, rules, held=held)
        free[row.channel] -= len(taken)
        jobs += taken
        died += dead
    left = [name for name, slots in free.items() if slots > 0]
    next_at = execute(tx, next_target, {"channels": pack_each(left)}).scalar()
    return Claimed(jobs=tuple(jobs), died=tuple(died), next_at=next_at)


def _claim_target(
    tx: Tx, plan: Plan, row: sa.Row[Any], rules: ChannelRules, *, held: bool
) -> tuple[list[Job], list[tuple[str, Outcome]]]:
    rows = execute(tx, live, {"target": row.id, "most": PENDING_AT_ONCE}).all()
    in_flight = [one.thread for one in rows if one.state == SENDING]
    # A newer message waits for the digest that carries its thread: the other way round it would seem undone.
    carried = execute(tx, carried_threads, {"target": row.id}).scalars() if row.storm_at is not None else ()
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
        held=held,
    )
    pending = [_pending(one) for one in rows if one.state == PENDING]
    plan_ = pacing.plan(target, pending, busy, tx.now, rules.slots)
    for id_, outcome in plan_.dead:
        bury(tx, id_, outcome, WHY[outcome])
    sends = list(plan_.sends)
    if plan_.digest:
        sends.append(digest(tx, plan, row, plan_.digest, {one.thread for one in rows}))
    jobs = [_start(tx, plan, row, rules, send) for send in sends]
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


def _start(tx: Tx, plan: Plan, target: sa.Row[Any], rules: ChannelRules, send: Send) -> Job:
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
    recipient = target.address
    actions = tokens.links(tx, message, recipient=recipient, url=plan.url) if rules.action_links else ()
    return Job(
        id=row.id,
        fence=fence,
        project=row.project,
        channel=target.channel,
        address=target.address,
        reason=Reason(row.reason),
        message=replace(message, possible_repeat=bool(row.maybe_sent), actions=actions),
        thread=Thread(id=row.thread, ref=row.thread_ref, previous_ref=row.previous_ref),
        created_at=row.created_at,
        claimed_at=tx.now,
        settings_hash=plan.settings_hashes.get(target.channel),
    )


def _frozen(row: sa.Row[Any], older: Sequence[sa.Row[Any]]) -> Message:
    message = Message.from_json(json.loads(row.message or row.base))
    if row.message is None:
        message = replace(message, form=FORM)
    for earlier in sorted(older, key=lambda one: one.id, reverse=True):
        message = union(Message.from_json(json.loads(earlier.message or earlier.base)), message)
    return replace(message, id=row.id, thread_id=row.thread, previous_thread_id=row.previous_thread)
