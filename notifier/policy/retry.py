"""Retry: what follows each outcome, in one table for all channels (RULES.md#outcomes)."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.delivery import Outcome
from notifier.domain.time import HOUR, MINUTE, SECOND, Duration, Instant

SCHEDULE: tuple[Duration, ...] = (
    5 * SECOND,
    30 * SECOND,
    2 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
)
JITTER = 0.2
PERMANENT_SCHEDULE: tuple[Duration, ...] = (MINUTE, 8 * MINUTE)
THROTTLED_DEFAULT: Duration = 30 * SECOND
THROTTLED_AT_MOST: Duration = HOUR
LAST_TRY: Duration = SECOND
"""How long before the expiry the last attempt is due, so that it can still be claimed."""
FAILURES_TO_COOL = 3
CLAIMS_AT_MOST = 5
GONE_TO_DISABLE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The delivery is pending again, due at `at`. `counts` says whether the attempt is counted."""

    at: Instant
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """The delivery is dead for this reason."""

    reason: Outcome


def backoff(attempts: int, jitter: float) -> Duration:
    """The wait after the `attempts`-th failure, counted from 1. `jitter` in [-1, 1] varies it by up to 20 %."""
    step = SCHEDULE[min(max(attempts, 1), len(SCHEDULE)) - 1]
    return int(step * (1 + JITTER * max(-1.0, min(1.0, jitter))))


def after(
    outcome: Outcome,
    *,
    attempts: int,
    now: Instant,
    expires_at: Instant,
    retry_after: Duration | None = None,
    jitter: float = 0.0,
) -> Again | Dead:
    """The state after a failed attempt. `attempts` includes this one."""
    if outcome is Outcome.THROTTLED:
        return _until(expires_at, now, now + throttle(retry_after), counts=False)
    if outcome in {Outcome.TRANSIENT, Outcome.AMBIGUOUS}:
        return _until(expires_at, now, now + backoff(attempts, jitter), counts=True)
    if outcome is Outcome.PERMANENT and attempts <= len(PERMANENT_SCHEDULE):
        return _until(expires_at, now, now + PERMANENT_SCHEDULE[max(attempts, 1) - 1], counts=True)
    return Dead(reason=outcome)


def throttle(retry_after: Duration | None) -> Duration:
    """How long a target that has throttled us cools: `retry_after`, bounded by one second and one hour."""
    wanted = THROTTLED_DEFAULT if retry_after is None else retry_after
    return max(SECOND, min(wanted, THROTTLED_AT_MOST))


def _until(expires_at: Instant, now: Instant, at: Instant, *, counts: bool) -> Again | Dead:
    """Retry at `at`. If that is after the expiry, retry once more right before it.

    A time that the receiver asked for (`counts` is False) is never moved earlier: the delivery waits for its expiry.
    """
    if now >= expires_at:
        return Dead(reason=Outcome.EXPIRED)
    if at < expires_at:
        return Again(at=at, counts=counts)
    last = expires_at - LAST_TRY
    return Again(at=last if counts and last > now else expires_at, counts=counts)


def disables(gone_in_a_row: int, gone_before_at: Instant | None, now: Instant) -> bool:
    """Whether a target is disabled because its receiver reports it as gone for the second time.

    The second time is the second delivery in a row, with `gone_in_a_row` including this one, or the second within an
    hour. A single report is not enough: mail servers return it while their directory is briefly unavailable.
    """
    return gone_in_a_row >= GONE_TO_DISABLE or (gone_before_at is not None and now - gone_before_at <= HOUR)


def in_a_row(
    failures: int, *, began: Instant, last_failed: Instant | None, enough: int = FAILURES_TO_COOL
) -> int:
    """The number of consecutive failures, including this one of an attempt that began at `began`.

    Attempts that began before the last failure was known are concurrent with it. They count up to `enough`, at which
    the target cools, and no further: one outage with sixteen sends in flight must not count as sixteen failures.
    """
    if last_failed is not None and began <= last_failed:
        return max(failures, min(failures + 1, enough))
    return failures + 1


def cool(failures: int, jitter: float) -> Duration | None:
    """How long a target cools after `failures` consecutive transient failures, or None if there are too few."""
    if failures < FAILURES_TO_COOL:
        return None
    return backoff(failures - FAILURES_TO_COOL + 1, jitter)
