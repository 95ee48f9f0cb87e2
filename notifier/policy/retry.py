"""What follows an attempt: one table for all channels (DESIGN 5, Outcomes)."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.domain.delivery import Outcome
from notifier.domain.time import HOUR, MINUTE, SECOND, Duration, Instant

SCHEDULE: tuple[Duration, ...] = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR)
JITTER = 0.2
PERMANENT_SCHEDULE: tuple[Duration, ...] = (MINUTE, 8 * MINUTE)
THROTTLED_DEFAULT: Duration = 30 * SECOND
THROTTLED_AT_MOST: Duration = HOUR
FAILURES_TO_COOL = 3
CLAIMS_AT_MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Back to pending, due then. `counts` says whether an attempt was used up."""

    at: Instant
    counts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """A dead letter, for this reason."""

    reason: Outcome


def backoff(attempts: int, jitter: float) -> Duration:
    """The wait after the `attempts`-th failure (from 1); `jitter` in [-1, 1] moves it by up to 20 %."""
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
    """What becomes of a delivery whose attempt failed; `attempts` counts this one."""
    if outcome is Outcome.THROTTLED:
        return _unless_expired(now + throttle(retry_after), expires_at, counts=False)
    if outcome in {Outcome.TRANSIENT, Outcome.AMBIGUOUS}:
        return _unless_expired(now + backoff(attempts, jitter), expires_at, counts=True)
    if outcome is Outcome.PERMANENT and attempts <= len(PERMANENT_SCHEDULE):
        return _unless_expired(now + PERMANENT_SCHEDULE[attempts - 1], expires_at, counts=True)
    return Dead(reason=outcome)


def throttle(retry_after: Duration | None) -> Duration:
    """How long a target cools after it said so: what it asked for, within a second and an hour."""
    wanted = THROTTLED_DEFAULT if retry_after is None else retry_after
    return max(SECOND, min(wanted, THROTTLED_AT_MOST))


def _unless_expired(at: Instant, expires_at: Instant, *, counts: bool) -> Again | Dead:
    """The last try is at the expiry itself; after it there is none."""
    return Again(at=at, counts=counts) if at < expires_at else Dead(reason=Outcome.EXPIRED)


def cool(failures: int, jitter: float) -> Duration | None:
    """How long a target cools after `failures` transient ones in a row; None: not yet."""
    if failures < FAILURES_TO_COOL:
        return None
    return backoff(failures - FAILURES_TO_COOL + 1, jitter)
