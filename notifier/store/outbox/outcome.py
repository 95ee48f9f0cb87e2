"""Record what became of a claim: delivered, back to pending, or a dead letter."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from notifier.domain.delivery import DeliveryState, Outcome
from notifier.domain.errors import SendError
from notifier.domain.notification import Reason
from notifier.policy import retry
from notifier.store.compiled import execute, update
from notifier.store.database import Tx
from notifier.store.outbox import statements
from notifier.store.outbox.rows import Job, Result, coalesce, write_attempt
from notifier.store.outbox.statements import PENDING, SENDING
from notifier.store.schema import deliveries, targets


def delivered(tx: Tx, job: Job, ref: str | None, detail: str | None) -> Result | None:
    """The receiver has it: terminal, and what a digest carried is coalesced."""
    target = execute(tx, statements.lock_target, _at(job)).one()
    ended = {"id": job.id, "fence": job.fence, "now": tx.now, "detail": detail, "ref": ref}
    if execute(tx, statements.delivered, ended).rowcount != 1:
        return None
    write_attempt(tx, job.id, job.fence, job.claimed_at, Outcome.DELIVERED, detail)
    if ref is not None:
        execute(tx, statements.anchor, {"id": job.thread.id, "ref": ref})
    if job.reason is Reason.DIGEST:
        coalesce(tx, job.id)
    healthy: dict[str, object] = {
        "failures": 0,
        "cool_until": None,
        "last_ok_at": tx.now,
        "gone_in_a_row": 0,
    }
    if job.reason is Reason.TEST:
        healthy |= {"disabled_at": None, "disabled_why": None, "gone_at": None}
    _wake(tx, target.id, healthy)
    return Result(state=DeliveryState.DELIVERED, outcome=Outcome.DELIVERED)


def failed(tx: Tx, job: Job, error: SendError, jitter: float) -> Result | None:
    """An attempt failed: back to pending, or a dead letter; the target cools as the outcome says."""
    target = execute(tx, statements.lock_target, _at(job)).one()
    row = tx.run(sa.select(deliveries).where(deliveries.c.id == job.id)).one()
    used = row.attempts + (0 if error.outcome is Outcome.THROTTLED else 1)
    follows = retry.after(
        error.outcome,
        attempts=used if error.outcome is not Outcome.PERMANENT else 1 + _permanent(tx, job, row.attempts),
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
    write_attempt(tx, job.id, job.fence, job.claimed_at, error.outcome, error.detail)
    if result.state is DeliveryState.DEAD and job.reason is Reason.DIGEST:
        coalesce(tx, job.id)
    _cool(tx, target, job, error, jitter)
    tx.signal("sweep")
    return result


def _permanent(tx: Tx, job: Job, recent: int) -> int:
    """How many of the `recent` attempts failed for good: only those count against the three tries."""
    if not recent:
        return 0
    last = execute(tx, statements.outcomes, {"id": job.id, "most": recent}).scalars()
    return sum(outcome == Outcome.PERMANENT.value for outcome in last)


def _settle(tx: Tx, job: Job, **values: object) -> bool:
    """End the claim; False where its fence no longer holds."""
    values |= {"lease_until": None, "claims": 0}
    key = {"id": job.id, "fence": job.fence, "state": SENDING}
    return update(tx, deliveries, key, values) == 1


def _cool(tx: Tx, target: sa.Row[Any], job: Job, error: SendError, jitter: float) -> None:
    """What a failure does to its target, or to all of its channel's: but not where other settings are tried by now."""
    if job.settings_hash != target.settings_hash:
        _wake(tx, target.id, {})
        return
    values: dict[str, object] = {
        "last_error": f"{error.outcome.value}: {error.detail}",
        "last_error_at": tx.now,
    }
    if error.outcome is Outcome.THROTTLED:
        values["cool_until"] = tx.now + retry.throttle(error.retry_after)
    elif error.outcome is Outcome.GONE and job.reason is not Reason.TEST:
        in_a_row = int(target.gone_in_a_row) + 1
        values |= {"gone_at": tx.now, "gone_in_a_row": in_a_row}
        if retry.disables(in_a_row, target.gone_at, tx.now):
            values |= {"disabled_at": tx.now, "disabled_why": error.detail}
    elif error.outcome in {Outcome.TRANSIENT, Outcome.AMBIGUOUS}:
        failures = _in_a_row(target, job)
        rest = retry.cool(failures, jitter)
        values |= {"failures": failures, "cool_until": None if rest is None else tx.now + rest}
    elif error.whole_channel:
        values["failures"] = _in_a_row(target, job, enough=1)
    _wake(tx, target.id, values)
    if error.whole_channel and job.reason is not Reason.TEST:
        until = tx.now + retry.backoff(_in_a_row(target, job, enough=1), jitter)
        tx.run(sa.update(targets).where(targets.c.channel == job.channel).values(cool_until=until))


def _in_a_row(target: sa.Row[Any], job: Job, *, enough: int = retry.FAILURES_TO_COOL) -> int:
    failures, last = int(target.failures), target.last_error_at
    return retry.in_a_row(failures, began=job.claimed_at, last_failed=last, enough=enough)


def _at(job: Job) -> dict[str, object]:
    return {"channel": job.channel, "address": job.address}


def _wake(tx: Tx, target: int, values: dict[str, object]) -> None:
    """Write the target's health and, where something waits, let the claim look at it again: it knows best when."""
    due_at = execute(tx, statements.next_pending, {"target": target}).scalar()
    update(tx, targets, {"id": target}, {**values, "due_at": due_at})
    if due_at is not None:
        tx.signal("targets")
