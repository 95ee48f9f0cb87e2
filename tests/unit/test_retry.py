"""The outcome table (RULES.md#outcomes), row by row."""

from __future__ import annotations

import pytest

from notifier.domain.delivery import Outcome
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND
from notifier.policy import retry
from notifier.policy.retry import Again, Dead, after, backoff, cool, in_a_row, throttle

NOW = 1_000_000_000
LATER = NOW + DAY


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (1, 5 * SECOND),
        (2, 30 * SECOND),
        (3, 2 * MINUTE),
        (4, 10 * MINUTE),
        (5, 30 * MINUTE),
        (6, HOUR),
        (7, 2 * HOUR),
        (8, 2 * HOUR),
        (1000, 2 * HOUR),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.AMBIGUOUS])
def test_transient_and_ambiguous_follow_the_schedule(outcome: Outcome, attempts: int, wait: int) -> None:
    """5 s, 30 s, 2 m, 10 m, 30 m, 1 h, and then every 2 h; each uses up an attempt."""
    assert after(outcome, attempts=attempts, now=NOW, expires_at=LATER) == Again(at=NOW + wait, counts=True)


@pytest.mark.parametrize(("jitter", "wait"), [(-1.0, 24 * SECOND), (1.0, 36 * SECOND), (9.0, 36 * SECOND)])
def test_jitter_moves_the_wait_by_a_fifth_at_most(jitter: float, wait: int) -> None:
    """20 % to either side; more is clamped."""
    assert backoff(2, jitter) == wait


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.AMBIGUOUS, Outcome.PERMANENT])
def test_the_last_try_comes_right_before_the_expiry(outcome: Outcome) -> None:
    """Tries go on until `expires_after`: a step that would pass it is shortened."""
    expires_at = NOW + 3 * SECOND
    assert after(outcome, attempts=1, now=NOW, expires_at=expires_at) == Again(
        at=expires_at - retry.LAST_TRY, counts=True
    )


def test_after_the_last_try_it_waits_for_its_expiry() -> None:
    """Nothing is `expired` before it has expired, and then it is."""
    expires_at = NOW + retry.LAST_TRY
    assert after(Outcome.TRANSIENT, attempts=9, now=NOW, expires_at=expires_at) == Again(
        at=expires_at, counts=True
    )
    assert after(Outcome.TRANSIENT, attempts=9, now=expires_at, expires_at=expires_at) == Dead(
        reason=Outcome.EXPIRED
    )


@pytest.mark.parametrize(
    ("asked", "wait"),
    [(None, 30 * SECOND), (90 * SECOND, 90 * SECOND), (HOUR, HOUR), (DAY, HOUR), (0, SECOND), (-5, SECOND)],
)
def test_throttled_waits_as_asked_and_uses_no_attempt(asked: int | None, wait: int) -> None:
    """`Retry-After` within a second and an hour; without one, half a minute."""
    assert throttle(asked) == wait
    assert after(Outcome.THROTTLED, attempts=0, now=NOW, expires_at=LATER, retry_after=asked) == Again(
        at=NOW + wait, counts=False
    )


def test_a_throttled_delivery_is_never_asked_earlier_than_the_receiver_said() -> None:
    """An hour's `Retry-After` beyond the expiry: it waits for the expiry instead of knocking before."""
    expires_at = NOW + 10 * MINUTE
    assert after(Outcome.THROTTLED, attempts=0, now=NOW, expires_at=expires_at, retry_after=HOUR) == Again(
        at=expires_at, counts=False
    )


def test_permanent_gets_three_tries_within_ten_minutes() -> None:
    """The first at once, the third at most ten minutes later, and no fourth."""
    second = after(Outcome.PERMANENT, attempts=1, now=NOW, expires_at=LATER)
    assert isinstance(second, Again)
    third = after(Outcome.PERMANENT, attempts=2, now=second.at, expires_at=LATER)
    assert isinstance(third, Again)
    assert NOW < second.at < third.at <= NOW + 10 * MINUTE
    assert after(Outcome.PERMANENT, attempts=3, now=third.at, expires_at=LATER) == Dead(
        reason=Outcome.PERMANENT
    )


@pytest.mark.parametrize(
    "outcome",
    [Outcome.GONE, Outcome.BLOCKED, Outcome.EXPIRED, Outcome.QUARANTINED, Outcome.TARGET_REMOVED],
)
def test_these_are_dead_at_once_under_their_own_name(outcome: Outcome) -> None:
    """No second try, whatever the count."""
    assert after(outcome, attempts=1, now=NOW, expires_at=LATER) == Dead(reason=outcome)


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(0, None), (2, None), (3, 5 * SECOND), (4, 30 * SECOND), (5, 2 * MINUTE), (99, 2 * HOUR)],
)
def test_three_failures_in_a_row_cool_the_target_on_the_schedule(failures: int, wait: int | None) -> None:
    """Two are borne; from the third on the schedule starts."""
    assert cool(failures, 0.0) == wait


@pytest.mark.parametrize(
    ("failures", "began", "last_failed", "row"),
    [
        (0, 5, None, 1),
        (1, 5, 4, 2),
        (6, 5, 4, 7),
        (0, 5, 9, 1),
        (2, 5, 9, 3),
        (3, 5, 9, 3),
        (3, 9, 9, 3),
        (7, 5, 9, 7),
    ],
)
def test_what_failed_side_by_side_counts_no_further_than_to_cool(
    failures: int, began: int, last_failed: int | None, row: int
) -> None:
    """In a row is what began after the failure before it; what was in flight beside it is the same hiccup."""
    assert in_a_row(failures, began=began, last_failed=last_failed) == row
