"""Outcome: records whether a claimed delivery was delivered, is pending again, or is dead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from notifier.delivery.jobs import Job, Result, write_attempts
from notifier.domain.delivery import DeliveryState, Outcome, Receipt
from notifier.domain.errors import SendError
from notifier.domain.notification import Reason
from notifier.domain.value import Value
from notifier.policy import retry
from notifier.store.compiled import execute, update
from notifier.store.database import Tx
from notifier.store.dead_letters import coalesce
from notifier.store.json_rows import encode_rows, encode_values
from notifier.store.schema import deliveries, targets
from notifier.store.statements import deliveries as statements
from notifier.store.statements.deliveries import PENDING, SENDING, tries
from notifier.store.statements.targets import (
    TargetFailures,
    cool_channel,
    enable_targets,
    lock_targets,
    mark_healthy,
    target_health,
    wake_waiting_targets,
)
from notifier.store.statements.threads import keep_message_refs


class Ended(Value, frozen=True, kw_only=True):
    """A finished send: its receipt, or an error whose retry is spread by `jitter`."""

    job: Job
    end: Receipt | SendError
    jitter: float = 0.0


def settle(tx: Tx, ended: Sequence[Ended]) -> tuple[Result | None, ...]:
    """Record finished sends in order. The result is None for a send whose lease was lost."""
    if not ended:
        return ()
    results: dict[tuple[str, int], Result | None] = {}
    with _reschedule_targets(tx, [ending.job for ending in ended]):
        for is_well, run in groupby(ended, key=lambda ending: isinstance(ending.end, Receipt)):
            record = _delivered if is_well else _all_failed
            results |= record(tx, list(run))
    return tuple(results[ending.job.id, ending.job.fence] for ending in ended)


def delivered(tx: Tx, job: Job, ref: str | None, detail: str | None) -> Result | None:
    """Record one successful send. A digest's deliveries become `coalesced`."""
    (result,) = settle(tx, [Ended(job=job, end=Receipt(ref=ref, detail=detail))])
    return result


def give_back(tx: Tx, jobs: Sequence[Job]) -> None:
    """Return claims whose send has not begun, without counting an attempt."""
    if jobs:
        with _reschedule_targets(tx, jobs):
            execute(tx, statements.give_back, {"rows": encode_rows((job.id, job.fence) for job in jobs)})


@contextmanager
def _reschedule_targets(tx: Tx, jobs: Sequence[Job]) -> Iterator[None]:
    """Lock the targets of these jobs, and wake those for which deliveries still wait."""
    at = sorted({job.target for job in jobs})
    lock_targets(tx, at)
    yield
    execute(tx, wake_waiting_targets, {"targets": encode_values(at), "now": tx.now})


def _all_failed(tx: Tx, ended: Sequence[Ended]) -> dict[tuple[str, int], Result | None]:
    return {
        (ending.job.id, ending.job.fence): _failed(tx, ending.job, ending.end, ending.jitter)
        for ending in ended
        if isinstance(ending.end, SendError)
    }


def _delivered(tx: Tx, well: Sequence[Ended]) -> dict[tuple[str, int], Result | None]:
    receipts = [(ending.job, ending.end) for ending in well if isinstance(ending.end, Receipt)]
    rows = [(job.id, job.fence, receipt.detail, receipt.ref) for job, receipt in receipts]
    mine = {
        (row.id, row.fence)
        for row in execute(tx, statements.end_delivered, {"rows": encode_rows(rows), "now": tx.now})
    }
    recorded = [(job, receipt) for job, receipt in receipts if (job.id, job.fence) in mine]
    if recorded:
        write_attempts(tx, [(job, Outcome.DELIVERED, receipt.detail) for job, receipt in recorded])
        _record_effects(tx, recorded)
    done = Result(state=DeliveryState.DELIVERED, outcome=Outcome.DELIVERED)
    known = mine if len(mine) == len(well) else mine | _already_recorded(tx, [job for job, _ in receipts])
    return {(job.id, job.fence): done if (job.id, job.fence) in known else None for job, _ in receipts}


def _already_recorded(tx: Tx, jobs: Sequence[Job]) -> set[tuple[str, int]]:
    """The jobs that were already recorded as delivered by a commit whose reply was lost."""
    rows = encode_rows((job.id, job.fence) for job in jobs)
    return {(row.delivery, row.n) for row in execute(tx, statements.already_delivered, {"rows": rows})}


def _record_effects(tx: Tx, recorded: Sequence[tuple[Job, Receipt]]) -> None:
    """Store what follows from a delivery: message references, coalesced deliveries, and the target's health."""
    refs = [(job.thread.id, receipt.ref) for job, receipt in recorded if receipt.ref is not None]
    if refs:
        execute(tx, keep_message_refs, {"rows": encode_rows(refs)})
    for job, _ in recorded:
        if job.reason is Reason.DIGEST:
            coalesce(tx, job.id)
    execute(
        tx,
        mark_healthy,
        {"targets": encode_values(sorted({job.target for job, _ in recorded})), "now": tx.now},
    )
    tested = sorted({job.target for job, _ in recorded if job.reason is Reason.TEST})
    if tested:
        execute(tx, enable_targets, {"targets": encode_values(tested)})


def failed(tx: Tx, job: Job, error: SendError, jitter: float) -> Result | None:
    """Record one failed send."""
    (result,) = settle(tx, [Ended(job=job, end=error, jitter=jitter)])
    return result


def _failed(tx: Tx, job: Job, error: SendError, jitter: float) -> Result | None:
    (health,) = target_health(tx, id=job.target)
    (tried,) = tries(tx, id=job.id)
    used = tried.attempts + (0 if error.outcome is Outcome.THROTTLED else 1)
    follows = retry.after(
        error.outcome,
        attempts=used
        if error.outcome is not Outcome.PERMANENT
        else 1 + _count_permanent(tx, job, tried.attempts),
        now=tx.now,
        expires_at=tried.expires_at,
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
        if tried.fallback_at is not None:
            values["fallback_at"] = tx.now
        result = Result(state=state, outcome=follows.reason)
    if not _settle(tx, job, **values):
        return None
    write_attempts(tx, [(job, error.outcome, error.detail)])
    if result.state is DeliveryState.DEAD and job.reason is Reason.DIGEST:
        coalesce(tx, job.id)
    _cool(tx, health, job, error, jitter)
    tx.signal("sweep")
    return result


def _count_permanent(tx: Tx, job: Job, recent: int) -> int:
    """How many of the `recent` attempts failed with `permanent`; only these count towards the limit of three."""
    if not recent:
        return 0
    last = execute(tx, statements.latest_outcomes, {"id": job.id, "most": recent}).scalars()
    return sum(outcome == Outcome.PERMANENT.value for outcome in last)


def _settle(tx: Tx, job: Job, **values: object) -> bool:
    """End the claim with these values. Returns False if its fence no longer matches."""
    values |= {"lease_until": None, "claims": 0}
    key = {"id": job.id, "fence": job.fence, "state": SENDING}
    return update(tx, deliveries, key, values) == 1


def _cool(tx: Tx, health: TargetFailures, job: Job, error: SendError, jitter: float) -> None:
    """Apply an error to the health of the target or the whole channel, unless the channel's settings have changed."""
    if job.settings_hash != health.settings_hash:
        return
    values: dict[str, object] = {
        "last_error": f"{error.outcome.value}: {error.detail}",
        "last_error_at": tx.now,
    }
    if error.outcome is Outcome.THROTTLED:
        values["cool_until"] = tx.now + retry.throttle(error.retry_after)
    elif error.outcome is Outcome.GONE and job.reason is not Reason.TEST:
        in_a_row = health.gone_in_a_row + 1
        values |= {"gone_at": tx.now, "gone_in_a_row": in_a_row}
        if retry.disables(in_a_row, health.gone_at, tx.now):
            values |= {"disabled_at": tx.now, "disabled_why": error.detail}
    elif error.outcome in {Outcome.TRANSIENT, Outcome.AMBIGUOUS}:
        failures = _in_a_row(health, job)
        rest = retry.cool(failures, jitter)
        values |= {"failures": failures, "cool_until": None if rest is None else tx.now + rest}
    elif error.whole_channel:
        values["failures"] = _in_a_row(health, job, enough=1)
    update(tx, targets, {"id": health.id}, values)
    if error.whole_channel and job.reason is not Reason.TEST:
        until = tx.now + retry.backoff(_in_a_row(health, job, enough=1), jitter)
        execute(tx, cool_channel, {"channel": job.channel, "until": until})


def _in_a_row(health: TargetFailures, job: Job, *, enough: int = retry.FAILURES_TO_COOL) -> int:
    failures, last = health.failures, health.last_error_at
    return retry.in_a_row(failures, began=job.claimed_at, last_failed=last, enough=enough)
