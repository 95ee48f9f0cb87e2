"""A supervised loop: it beats, survives a store that is away, and reports one that is broken."""

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
    """How much one step of a loop did, whether more is due now, and when the next is due (None: nothing is).

    `told` has each group that was told, with its reason.
    """

    done: int
    more: bool
    next_at: Instant | None = None
    told: tuple[tuple[str, Reason], ...] = ()


class Loop:
    """Calls `step` until cancelled. A step waits by itself and returns; `beat` is when the last one returned.

    A step that neither ends nor commits anything for `limit` milliseconds is what the watchdog calls stalled.
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
        """Whether its step moved within the last `limit`, where `at` is now by the monotonic clock in seconds."""
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
            except Exception:  # noqa: BLE001 - the edge of a loop
                # A defect must not end alerting: it is logged, and the next step reads the state anew.
                self._log.exception("loop_failed", loop=self.name)
                await self._rest()
            if self.pulse is not mine:
                return  # it did not let go when it was stopped, and another runs by now
            self.stalls = 0

    async def _rest(self) -> None:
        await asyncio.sleep(REST / 1000)
