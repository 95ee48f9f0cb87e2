"""Which loops beat, as `/readyz`, the status page and the dead man's switch ask."""

from __future__ import annotations

import pytest

from notifier.domain.time import SECOND
from notifier.runtime.status import loop_status
from notifier.telemetry.loop import Loop
from notifier.telemetry.watchdog import LIMIT, LONG_LIMIT
from notifier.testing import ManualClock


async def step() -> None:
    """Nothing is asked of it here."""


@pytest.mark.parametrize(
    ("limit", "seconds", "beats"),
    [(LIMIT, 30, True), (LIMIT, 31, False), (LONG_LIMIT, 70, True), (LONG_LIMIT, 601, False)],
)
def test_a_loop_that_may_take_long_beats_within_its_own_limit(
    limit: int, seconds: int, *, beats: bool
) -> None:
    """Housekeeping of a large database, or a silence in the midst of it, takes nothing from readiness."""
    clock = ManualClock()
    loop = Loop("housekeeping", step, clock=clock, broken=lambda _: None, limit=limit)
    assert (loop_status(loop, clock.now() + seconds * SECOND).trouble is None) == beats
