"""What a look at the clock shows."""

from __future__ import annotations

import pytest

from notifier.domain.time import HOUR, MINUTE, SECOND, Duration
from notifier.policy.timekeeping import ClockFinding, judge

NOW = 1_800_000_000_000


def test_where_nobody_has_kept_time_it_is_noted() -> None:
    assert judge(None, NOW) is ClockFinding.NOTE


@pytest.mark.parametrize(
    ("passed", "finding"),
    [
        (0, ClockFinding.NOTHING),
        (30 * SECOND - 1, ClockFinding.NOTHING),
        (30 * SECOND, ClockFinding.NOTE),
        (5 * MINUTE - 1, ClockFinding.NOTE),
        (5 * MINUTE, ClockFinding.OUTAGE),
        (48 * HOUR, ClockFinding.OUTAGE),
        (-MINUTE + 1, ClockFinding.NOTHING),
        (-MINUTE, ClockFinding.SET_BACK),
        (-2 * HOUR, ClockFinding.SET_BACK),
    ],
)
def test_what_has_passed_since_says_what_there_is_to_do(passed: Duration, finding: ClockFinding) -> None:
    assert judge(NOW - passed, NOW) is finding
