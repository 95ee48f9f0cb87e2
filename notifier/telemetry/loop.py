"""Supervised loops, which survive an unavailable store and stop at a broken one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from notifier.domain.errors import StoreBroken, StoreError
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Duration, Instant
from notifier.telemetry.clock import Clock
from notifier.telemetry.logging import get
from notifier.telemetry.watchdog import LIMIT, Pulse, begin

REST: Duration = SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The result of one step: how much it did, whether more is due now, and when the next is due (None if unknown).

    `told` has each group that was notified, with its reason.
    """

    done: int
    more: bool
    next_at: Instant | None = None
    told: tuple[tuple[str, Reason], ...] = ()


class Loop:
    """Calls `step` until cancelled. A step does its own waiting; `beat` is the time when the last one returned.

    The watchdog considers a step stalled that neither returns nor commits within `limit` milliseconds.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[None]],
        *,
        clock: Clock,
        broken: Callable[[StoreBroken], None],
        limit: Duration = LIMIT,
    ) -> None:
        self.name = name
        self.limit = limit
        self.pulse = Pulse()
        self.stalls = 0
        self.beat: Instant = clock.now()
        self._step = step
        self._clock = clock
        self._broken = broken
        self._log = get("notifier.loop")

    def moves(self, at: float) -> bool:
        """Whether the step has made progress within `limit`. `at` is the monotonic time in seconds."""
        return at - self.pulse.at < self.limit / 1_000

    async def run(self) -> None:
        while True:
            mine = self.pulse = begin()
            try:
                await self._step()
                self.beat = self._clock.now()
            except StoreBroken as error:
                self._broken(error)
                return
            except StoreError as error:
                self._log.error("loop_waits_for_store", loop=self.name, error=str(error))
                await self._rest()
            except Exception:  # noqa: BLE001 - the outermost frame of a loop
                # A bug must not end alerting: it is logged, and the next step reads the state again.
                self._log.exception("loop_failed", loop=self.name)
                await self._rest()
            if self.pulse is not mine:
                return  # The loop did not end when it was stopped, and another one has replaced it.
            self.stalls = 0

    async def _rest(self) -> None:
        await asyncio.sleep(REST / 1000)
