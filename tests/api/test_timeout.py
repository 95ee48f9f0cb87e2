"""One timer bounds many waits."""

from __future__ import annotations

import asyncio

import pytest

from notifier.api.timeout import SharedTimeout

pytestmark = pytest.mark.anyio


async def test_a_wait_that_ends_in_time_gives_its_value() -> None:
    """Nothing is cancelled, and the task that waited goes on."""
    timeout = SharedTimeout(60)
    assert await timeout.wait(asyncio.sleep(0.01, "done")) == "done"


async def test_a_wait_that_takes_too_long_is_a_timeout() -> None:
    """It ends within a second of its deadline; its neighbours are left alone."""
    timeout = SharedTimeout(0.2)
    neighbour = asyncio.create_task(SharedTimeout(30).wait(asyncio.sleep(1.5, "slow but welcome")))
    with pytest.raises(TimeoutError):
        await timeout.wait(asyncio.sleep(30))
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
    assert await neighbour == "slow but welcome"


async def test_a_cancellation_from_elsewhere_is_passed_on() -> None:
    """Who cancels the task itself is obeyed."""
    task = asyncio.create_task(SharedTimeout(30).wait(asyncio.sleep(30)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
