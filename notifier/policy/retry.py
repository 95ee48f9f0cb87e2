"""Retry: the state that follows each outcome, in one table for all channels (RULES.md#outcomes)."""

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
"""The last try comes this long before the expiry: whoever claims it must still find it alive."""
FAILURES_TO_COOL = 3
CLAIMS_AT_MOST = 5
GONE_TO_DISABLE = 2


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
    """The state that follows a failed attempt of a delivery; `attempts` counts this one."""
    if outcome is Outcome.THROTTLED:
        return _until(expires_at, now, now + throttle(retry_after), counts=False)
    if outcome in {Outcome.TRANSIENT, Outcome.AMBIGUOUS}:
        return _until(expires_at, now, now + backoff(attempts, jitter), counts=True)
    if outcome is Outcome.PERMANENT and attempts <= len(PERMANENT_SCHEDULE):
        return _until(expires_at, now, now + PERMANENT_SCHEDULE[max(attempts, 1) - 1], counts=True)
    return Dead(reason=outcome)


def throttle(retry_after: Duration | None) -> Duration:
    """How long a target cools after it said so: what it asked for, within a second and an hour."""
    wanted = THROTTLED_DEFAULT if retry_after is None else retry_after
    return max(SECOND, min(wanted, THROTTLED_AT_MOST))


def _until(expires_at: Instant, now: Instant, at: Instant, *, counts: bool) -> Again | Dead:
    """Again at `at`, or, where that is past the expiry, once more right before it; nothing dies before it expires.

    A receiver that named its moment (`counts` is False) is not asked earlier: its delivery waits for the expiry.
    """
    if now >= expires_at:
        return Dead(reason=Outcome.EXPIRED)
    if at < expires_at:
        return Again(at=at, counts=counts)
    last = expires_at - LAST_TRY
    return Again(at=last if counts and last > now else expires_at, counts=counts)


def disables(gone_in_a_row: int, gone_before_at: Instant | None, now: Instant) -> bool:
    """Whether a target is not to be tried again: its receiver says that it is gone, and has said so before.

    That is the second delivery in a row, `gone_in_a_row` counting this one, or the second within an hour. One answer
    is not enough: mail servers give it for a moment when their directory is away.
    """
    return gone_in_a_row >= GONE_TO_DISABLE or (gone_before_at is not None and now - gone_before_at <= HOUR)


def in_a_row(
    failures: int, *, began: Instant, last_failed: Instant | None, enough: int = FAILURES_TO_COOL
) -> int:
    """How many failures in a row there are with this one, of an attempt that `began` then.

    What began before the last failure was known stands beside it, not after it: such attempts count together up to
    `enough`, where the target cools, and no further. Else one hiccup of a receiver, with sixteen sends in flight, would
    cool it as sixteen failures over hours do.
    """
    if last_failed is not None and began <= last_failed:
        return max(failures, min(failures + 1, enough))
    return failures + 1


def cool(failures: int, jitter: float) -> Duration | None:
    """How long a target cools after `failures` transient ones in a row; None: not yet."""
    if failures < FAILURES_TO_COOL:
        return None
    return backoff(failures - FAILURES_TO_COOL + 1, jitter)
